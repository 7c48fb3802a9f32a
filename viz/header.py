"""The top of a pinned picture: title, a sentence on how to read it, and a legend whose samples are real lines."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

import graphviz

from viz.pinned import left_aligned, node, width_of_text
from viz.style import Colour, Theme

SAMPLE, GAP, LINE = 34, 26, 22  # points: a sample line, between two entries, between two rows


@dataclass(frozen=True)
class Entry:
    """One entry of the legend; style "none" is text alone."""

    text: str
    colour: Colour
    style: str
    width: float
    forward: bool = False  # the arrow points right, with the values


def header(
    dot: graphviz.Digraph, theme: Theme, left: float, right: float, bottom: float, title: str, guide: str,
    legend: Sequence[Sequence[Entry]],
) -> None:  # fmt: skip
    """Put a header above ``bottom``, between left and right; a row of the legend that is too long is broken."""
    places: list[tuple[Entry, float, int]] = []
    row = -1
    for entry, first in ((entry, k == 0) for entries in legend for k, entry in enumerate(entries)):
        if first:
            x, row = left, row + 1
        wide = (0 if entry.style == "none" else SAMPLE + 8) + width_of_text(entry.text, 10.5) + GAP
        if x > left and x + wide > right:
            x, row = left, row + 1
        places.append((entry, x, row))
        x += wide
    base = bottom + 26
    for number, (entry, x, line) in enumerate(places):
        y = base + (row - line) * LINE
        if entry.style != "none":
            _sample(dot, f"legend_{number}", x, y, entry)
            x += SAMPLE + 8
        text = f'<FONT POINT-SIZE="11" COLOR="{theme.ink}">{html.escape(entry.text)}</FONT>'
        left_aligned(dot, f"legend_{number}", x, y, width_of_text(entry.text, 11), text)
    words = _wrapped(guide, (right - left) / (0.6 * 13))
    y = base + row * LINE + 27
    for number, text in reversed(list(enumerate(words))):
        markup = f'<FONT POINT-SIZE="13" COLOR="{theme.quiet}">{html.escape(text)}</FONT>'
        left_aligned(dot, f"guide_{number}", left, y, width_of_text(text, 13), markup)
        y += 18
    y += 10
    markup = f'<FONT POINT-SIZE="20"><B>{html.escape(title)}</B></FONT>'
    left_aligned(dot, "title", left, y, width_of_text(title, 21), markup)


def _sample(dot: graphviz.Digraph, name: str, x: float, y: float, entry: Entry) -> None:
    """A line as it is drawn in the picture."""
    for end, place in (("a", x), ("b", x + SAMPLE)):
        node(dot, f"{name}{end}", (place, y), (0.7, 0.7), "", shape="point", style="invis")
    arrow = {"dir": "forward", "arrowhead": "vee"} if entry.forward else {"dir": "back", "arrowtail": "normal"}
    dot.edge(
        f"{name}a", f"{name}b", color=entry.colour, style=entry.style, penwidth=f"{entry.width:.2f}",
        arrowsize=f"{0.95 / max(entry.width, 1) ** 0.5:.2f}", id=name + "-line", **{"class": "legend"}, **arrow,
    )  # fmt: skip


def _wrapped(text: str, columns: float) -> list[str]:
    """The text in lines of at most so many letters."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > columns:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
