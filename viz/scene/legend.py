"""The top of a picture: title, a sentence on how to read it, and a legend whose samples are real lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from viz.layout.arrowheads import arrowhead, head_size
from viz.scene.marks import Node, Path, Scene, Span, text_from
from viz.style import fonts
from viz.style.stroke import Stroke
from viz.style.theme import Colour

SAMPLE, GAP, LINE = 34, 26, 22  # points: a sample, between two items, between two rows
SIZE = 11  # of the words


@dataclass(frozen=True)
class LegendItem:
    """One item of the legend: words beside a sample of a line, or of a bar of these parts; or words alone."""

    text: str
    stroke: Stroke | None = None
    bar: tuple[tuple[Colour, float], ...] = ()

    @property
    def width(self) -> float:
        """How much room it takes, the gap to the next one included."""
        return (SAMPLE + 8 if self.stroke or self.bar else 0) + Span(self.text, SIZE).width + GAP


def draw_header(
    scene: Scene, left: float, right: float, title: str, guide: str, legend: Sequence[Sequence[LegendItem]]
) -> None:
    """Put a header above all that is there, between left and right; a row of the legend that is too long is broken."""
    places: list[tuple[LegendItem, float, int]] = []
    row = -1
    for item, first in ((item, k == 0) for items in legend for k, item in enumerate(items)):
        if first:
            x, row = left, row + 1
        if x > left and x + item.width > right:
            x, row = left, row + 1
        places.append((item, x, row))
        x += item.width
    base, drawn, lines_before = scene.extent()[3] + 26, {*scene.nodes}, len(scene.paths)
    lines = wrap(guide, right - left, 13)
    top = base + row * LINE + 27 + 18 * len(lines)
    scene.add(_words("title", left, top + 10, Span(title, 20, bold=True)))
    for number, text in enumerate(lines):
        scene.add(_words(f"guide_{number}", left, top - 18 * (number + 1), Span(text, 13, scene.theme.quiet)))
    for number, (item, x, line) in enumerate(places):
        y = base + (row - line) * LINE
        if item.stroke:
            _sample(scene, x, y, item.stroke)
        for k, (hue, part) in enumerate(item.bar):
            begin = x + SAMPLE * sum(before for _, before in item.bar[:k])
            bar = (begin + SAMPLE * part / 2, y), (SAMPLE * part, 5.0)
            scene.add(Node(f"legend_{number}_bar_{k}", *bar, fill=hue))
        x += SAMPLE + 8 if item.stroke or item.bar else 0
        scene.add(_words(f"legend_{number}", x, y, Span(item.text, SIZE)))
    scene.header = frozenset(scene.nodes) - drawn, tuple(scene.paths[lines_before:])


def _words(name: str, left: float, y: float, span: Span) -> Node:
    return text_from(name, (left, y), span, high=1.4 * span.size)


def _sample(scene: Scene, x: float, y: float, stroke: Stroke) -> None:
    """A line as it is drawn in the picture, though no edge of it."""
    ends = ((x + SAMPLE, y), (x, y)) if stroke.backward else ((x, y), (x + SAMPLE, y))
    length, _ = head_size(stroke.width)
    one, tip, other = arrowhead(ends, stroke.width)
    neck = (x + length, y) if stroke.backward else (x + SAMPLE - length, y)
    stroke = replace(stroke, kind="")  # it stands for others, and is none of them
    scene.add(Path((ends[0], tip if stroke.open else neck), stroke))
    solid = replace(stroke, width=1, dashed=False, dotted=False)
    scene.add(Path((one, tip, other), solid, closed=not stroke.open))


def wrap(text: str, room: float, size: float) -> list[str]:
    """The text in lines that are no wider than this.

    >>> wrap("values run left to right", 66, 12)
    ['values run', 'left to right']
    """
    lines = [""]
    for word in text.split():
        if lines[-1] and fonts.width(f"{lines[-1]} {word}", size) > room:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
