"""The top of a pinned picture: title, a sentence on how to read it, and a legend whose samples are real lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from viz.geometry import head, head_size
from viz.scene.marks import Curve, Node, Scene, Span
from viz.style.text import width_of_text
from viz.style.theme import Colour

SAMPLE, GAP, LINE = 34, 26, 22  # points: a sample line, between two entries, between two rows


@dataclass(frozen=True)
class Entry:
    """One entry of the legend; without a width it is text alone."""

    text: str
    colour: Colour
    width: float
    dashed: bool = False
    forward: bool = False  # the arrow points right, with the values
    filled: bool = False  # and is no value's but a flow's


def draw_header(
    scene: Scene, left: float, right: float, bottom: float, title: str, guide: str, legend: Sequence[Sequence[Entry]]
) -> None:
    """Put a header above ``bottom``, between left and right; a row of the legend that is too long is broken."""
    places: list[tuple[Entry, float, int]] = []
    row = -1
    for entry, first in ((entry, k == 0) for entries in legend for k, entry in enumerate(entries)):
        if first:
            x, row = left, row + 1
        wide = (SAMPLE + 8 if entry.width else 0) + width_of_text(entry.text, 10.5) + GAP
        if x > left and x + wide > right:
            x, row = left, row + 1
        places.append((entry, x, row))
        x += wide
    base = bottom + 26
    lines = wrap(guide, (right - left) / (0.55 * 13))
    top = base + row * LINE + 27 + 18 * len(lines)
    _words(scene, "title", left, top + 10, Span(title, 20, bold=True))
    for number, text in enumerate(lines):
        _words(scene, f"guide_{number}", left, top - 18 * (number + 1), Span(text, 13, scene.theme.quiet))
    for number, (entry, x, line) in enumerate(places):
        y = base + (row - line) * LINE
        if entry.width:
            _sample(scene, x, y, entry)
            x += SAMPLE + 8
        _words(scene, f"legend_{number}", x, y, Span(entry.text, 11))


def _words(scene: Scene, name: str, left: float, y: float, span: Span) -> None:
    """A line of text that begins at the left."""
    width = width_of_text(span.text, span.size)
    scene.add(Node(name, (left + width / 2, y), (width, 1.4 * span.size), ((span,),), shape="text", left=True))


def _sample(scene: Scene, x: float, y: float, entry: Entry) -> None:
    """A line as it is drawn in the picture, though no edge of it."""
    ends = ((x, y), (x + SAMPLE, y)) if entry.forward else ((x + SAMPLE, y), (x, y))
    length, half = head_size(entry.width)
    one, tip, other = head(ends, length, half)
    closed = entry.filled or not entry.forward
    neck = (x + SAMPLE - length, y) if entry.forward else (x + length, y)
    scene.add(Curve((ends[0], neck if closed else tip), entry.colour, entry.width, entry.dashed))
    scene.add(Curve((one, tip, other), entry.colour, 1, closed=closed))


def wrap(text: str, columns: float) -> list[str]:
    """The text in lines of at most so many letters.

    >>> wrap("values run left to right", 12)
    ['values run', 'left to', 'right']
    """
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > columns:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
