"""A plot below the runs that are compared: how much gradient there is at each step, on one logarithmic axis.

Its steps are below those of the pictures, where these show all of them. A run has a hue, a shape of its points, and a
name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from viz.layout import ports
from viz.layout.geometry import Box, Place
from viz.scene.marks import Cluster, Node, Path, Scene, Shape, Span, text_from
from viz.style import fonts
from viz.style.steps import at_step
from viz.style.stroke import Stroke
from viz.style.text import number, power_of_ten
from viz.style.theme import Colour, Theme
from viz.views.time_axis import TimeAxis

APART, HEIGHT, ABOVE, BELOW = 30, 190, 46, 30  # points: to the runs above, the plot, room for its caption and the steps
LABELS = 52  # points at the right of the plot, for the labels of its axis
CAPTION = 30  # the line with a run's name
LINE = 16  # from one label to the next
POINTS: tuple[Shape, ...] = "disc", "box", "hexagon", "flag"  # of the runs; then the same, hollow


@dataclass(frozen=True)
class Series:
    """A norm at each step; ``run`` numbers the runs, ``share`` is what is left of it at the first step."""

    id: str
    label: str
    share: str
    tooltip: str
    norms: Mapping[int, float]
    run: int
    dashed: bool

    @property
    def name(self) -> str:
        """What stands before the line."""
        return f"{self.label} {self.share}"

    @property
    def levels(self) -> dict[int, float]:
        """Their logarithms; zeros and what is not finite have none."""
        return {t: math.log10(norm) for t, norm in sorted(self.norms.items()) if norm > 0 and math.isfinite(norm)}


@dataclass(frozen=True)
class Axes:
    """Steps across, where the pictures above have them if they show all, and decades upwards."""

    box: Box
    low: int
    high: int
    axis: TimeAxis
    pitch: float
    T: int
    room: float  # for the names of the lines

    def at(self, t: int, level: float) -> Place:
        """The place of a number in the scene."""
        _, bottom, _, top = self.box
        return self.across(t), bottom + (top - bottom) * (level - self.low) / (self.high - self.low)

    def across(self, t: int) -> float:
        """Where a step is: in the middle of its panel; where not all have one, all share the room."""
        if self.aligned:
            return self.axis.lefts[t] + self.pitch / 2 - 4
        left, _, right, _ = self.box
        return left + self.room + (right - left - self.room - 30 - LABELS) * (t - 1) / max(self.T - 1, 1)

    @property
    def aligned(self) -> bool:
        """Whether every step has a panel above."""
        return len(self.axis.shown) == self.T

    @property
    def marked(self) -> list[int]:
        """All steps, or every few of them and the last."""
        each = next(each for k in range(9) for each in (10**k, 2 * 10**k, 5 * 10**k) if 12 * each >= self.T)
        few = [t for t in range(each, self.T, each) if t + each / 2 <= self.T and t > 1]
        return [1, *few, *([self.T] if self.T > 1 else [])] if not self.aligned else [*range(1, self.T + 1)]


def plot_norms(scene: Scene, axis: TimeAxis, pitch: float, T: int, series: Sequence[Series]) -> None:
    """Put the plot below all that is in the scene."""
    theme, lowest = scene.theme, scene.extent()[1] - APART
    panel = (8.0, lowest - ABOVE - HEIGHT - BELOW, axis.right - axis.gaps.spare - 16, lowest)
    title, more = "‖∂L/∂state‖ at each step", ", one logarithmic axis for all runs"
    title += more if fonts.width(title + more, 14, bold=True) < panel[2] - panel[0] - 28 else ""
    caption = (Span(title, 14, theme.quiet, bold=True),)
    scene.add(Cluster("norms", panel, theme.panel, theme.frame, caption))
    levels = [level for one in series for level in one.levels.values()]
    if not levels:
        words = Span("no norm that is neither 0 nor NaN nor infinite")
        scene.add(text_from("norms_none", (panel[0] + 14, lowest - ABOVE - 20), words))
        return
    low = math.floor(min(levels))
    ground = (panel[0], panel[1] + BELOW, panel[2], lowest - ABOVE)
    room = max(fonts.width(one.name, 12) for one in series) + 44
    axes = Axes(ground, low, max(math.ceil(max(levels)), low + 1), axis, pitch, T, room)
    _grid(scene, axes)
    for one in series:
        _line(scene, axes, one)
    _labels(scene, axes, [one for one in series if one.levels])


def _grid(scene: Scene, axes: Axes) -> None:
    """A line for every decade, or every few; the steps below."""
    theme, (left, bottom, right, _) = scene.theme, axes.box
    each = math.ceil((axes.high - axes.low) / 5)
    for level in (level for level in range(axes.low, axes.high + 1) if level % each == 0):
        _, y = axes.at(1, level)
        scene.add(Path(((left + 1, y), (right - LABELS, y)), Stroke(theme.faint, 1)))
        words = Span(power_of_ten(level), 12, theme.quiet)
        scene.add(text_from(f"norms_{level}".replace("-", "minus_"), (right - LABELS + 10, y), words))
    for t in axes.marked:
        words = Span(at_step(t), 12, theme.quiet)
        place = axes.across(t), bottom - BELOW / 2
        scene.add(Node(f"norms_t_{t}", place, (words.width, 15), ((words,),), shape="text"))


def _line(scene: Scene, axes: Axes, one: Series) -> None:
    """The norms of one state of a run, and a point at each step that has a panel."""
    hue, levels = hue_of(scene.theme, one.run), one.levels
    piece: list[Place] = []
    for t in range(1, axes.T + 2):
        if t in levels:
            piece.append(axes.at(t, levels[t]))
            continue
        if len(piece) > 1:
            stroke = Stroke(hue, 1.6 if one.dashed else 2.6, dashed=one.dashed)
            scene.add(Path(tuple(piece), stroke, tooltip=(one.tooltip,)))
        piece = []
    for t in axes.marked:
        if t in levels:
            tooltip, data = (f"{one.tooltip} at {at_step(t)}: {number(one.norms[t])}",), {"norm": f"{one.norms[t]:.9g}"}
            size = (7.0, 7.0) if one.dashed else (10.0, 10.0)
            fill = hue if one.run % 8 < len(POINTS) else scene.theme.paper
            shape = POINTS[one.run % len(POINTS)]
            scene.add(
                Node(f"{one.id}_{t}", axes.at(t, levels[t]), size, (), shape, hue, fill, tooltip=tooltip, data=data)
            )


def _labels(scene: Scene, axes: Axes, series: Sequence[Series]) -> None:
    """The name of each line before its beginning, none on top of another."""
    theme = scene.theme
    begins = [axes.at(min(one.levels), one.levels[min(one.levels)]) for one in series]
    right = min(x for x, _ in begins) - 26
    left = right - max(fonts.width(one.name, 12) for one in series)
    order = sorted(range(len(begins)), key=lambda k: begins[k][1])
    spread = ports.spread([begins[k][1] for k in order], [LINE] * (len(begins) - 1), -math.inf, math.inf)
    heights = dict(zip(order, spread, strict=True))
    for k, (one, (x, y)) in enumerate(zip(series, begins, strict=True)):
        hue = hue_of(theme, one.run)
        row = Span(one.label, 12, theme.text_of(hue), bold=True), Span(f"\u00a0{one.share}", 12, theme.quiet)
        node = text_from(f"norms_label_{k}", (left, heights[k]), *row)
        scene.add(node, Path(((right + 2, heights[k]), (right + 14, y), (x - 5, y)), Stroke(hue, 0.8)))


def hue_of(theme: Theme, run: int) -> Colour:
    """The hue of a run, none of a route's; of more than five the first come again, with other points."""
    hues = theme.indigo, theme.wine, theme.olive, theme.ink, theme.weight
    return hues[run % len(hues)]


def draw_caption(scene: Scene, name: str, run: str, words: str, left: float = -96.0) -> float:
    """The name of a run above all that is there, with some words beside it; returns how high it reaches."""
    middle = scene.extent()[3] + CAPTION / 2 + 2
    row = Span(run, 17, bold=True), Span(f"\u00a0\u00a0\u00a0{words}", 13, scene.theme.quiet)
    scene.add(text_from(name, (left, middle), *row, high=CAPTION - 4))
    return middle + CAPTION / 2
