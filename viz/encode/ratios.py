"""Two gradients on the same places: each line by the ratio of the norms along it, in another run to those in one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from viz.diagram.cellgraph import CellGraph, Link, NodeKey
from viz.encode.encoding import Encoding, KeyOfLines, Scale
from viz.encode.legend_words import of_two_runs
from viz.measure.gradient import ChainGradient
from viz.style.stroke import Stroke
from viz.style.text import number
from viz.style.theme import Theme
from viz.style.width_scales import RatioWidth

SAME, MUCH = 1.1, 3.0  # up to this ratio about as much as before; from this one on the full hue
Pair = tuple[float | None, float | None]
NOTHING: Pair = (None, None)


class RatioEncoding(Encoding):
    """What became of the gradient of one run in another that computes the same."""

    def __init__(self, one: ChainGradient, other: ChainGradient, theme: Theme, names: tuple[str, str]) -> None:
        ends = {(link.source, link.reader) for link in one.cells.links}
        self.added = tuple(link for link in other.cells.links if (link.source, link.reader) not in ends)
        super().__init__(replace(one.cells, links=(*one.cells.links, *self.added)), theme)
        self.one, self.other, self.names, self.scale = one, other, names, RatioWidth(*names)
        self.norms = [{(link.source, link.reader): size for link, size in each.norms.items()} for each in (one, other)]

    @property
    def runs(self) -> tuple[CellGraph, ...]:
        """Both."""
        return self.one.cells, self.other.cells

    @property
    def guide(self) -> str:
        """How to read the picture."""
        before, after = self.names
        said = f"On every line the norm of the gradient, “{after}” divided by “{before}”: "
        return said + "orange, wide and solid where it is more, blue, thin and dashed where it is less."

    def sizes(self, link: Link) -> Pair:
        """The norms along a link; none where no gradient went along it."""
        ends = link.source, link.reader
        return self.norms[0].get(ends), self.norms[1].get(ends)

    def cells_of(self, link: Link) -> CellGraph:
        """The other run, of what only that one has."""
        return self.other.cells if link in self.added else self.cells

    def stroke(self, link: Link) -> Stroke:
        """How a line is drawn."""
        one, other = self.sizes(link)
        if (one, other) == NOTHING:
            return self.key["none"][1]
        data = {name: f"{size:.9g}" for name, size in (("before", one), ("after", other)) if size is not None}
        ratio = ratio_of(one, other)
        if ratio is None:
            return replace(self.key["after" if other else "before"][1], data=data)
        return replace(self.sample(ratio), data={**data, "ratio": f"{ratio:.9g}"})

    def amount(self, link: Link) -> str:
        """Both norms, and their ratio."""
        sizes = self.sizes(link)
        if sizes == NOTHING:
            return ""
        ratio = ratio_of(*sizes)
        return self.write(*sizes) + (f", × {number(ratio)}" if ratio is not None else "")

    def widths(self) -> Scale:
        """The scale of widths."""
        return self.scale

    def sample(self, size: float) -> Stroke:
        """A line of this ratio."""
        theme, much = self.theme, max(size, 1 / size)
        hue = theme.carry if size > 1 else theme.crossing
        hue = theme.weight if much < SAME else theme.half_of(hue) if much < MUCH else hue
        return Stroke(hue, self.scale.width(size), "ratio", dashed=size <= 1 / SAME, backward=True)

    @cached_property
    def key(self) -> KeyOfLines:
        """What is not on the scale."""
        words, only = of_two_runs(*self.names), Stroke(self.theme.candidate, 3, "after", backward=True)
        none = Stroke(self.theme.forward, 1.1, "none", open=True)
        strokes = [replace(only, kind="before", dashed=True), only, none]
        return {stroke.kind: (words[stroke.kind], stroke) for stroke in strokes}

    def write(self, one: float | None, other: float | None) -> str:
        """Two norms; "none" is no gradient."""
        return " → ".join("none" if size is None else number(size) for size in (one, other))

    def states(self, name: str, t: int) -> Pair:
        """The norms of a state's gradient."""
        node: NodeKey = (name, t)
        return self.one.states.get(node), self.other.states.get(node)

    def note(self, name: str, t: int) -> str:
        """Both norms of the state's gradient."""
        sizes = self.states(name, t)
        if sizes == NOTHING:
            real = self.cells.every((name, t))[0]
            return "no gradient" if any(run.state(*real).requires_grad for run in self.runs) else "constant"
        return self.write(*sizes)

    def data(self, name: str, t: int) -> dict[str, str]:
        """Both norms, to all their digits."""
        sizes = zip(("before", "after"), self.states(name, t), strict=True)
        return {word: f"{size:.9g}" for word, size in sizes if size is not None}

    def step_notes(self, t: int) -> Sequence[str]:
        """What the step adds to the gradient of the weights, in both runs."""
        one, other = (each.added.get(t, {}).get("") for each in (self.one, self.other))
        return (f"adds ‖∇‖ {self.write(one, other)}",) if one is not None or other is not None else ()

    def series(self, name: str) -> Mapping[int, float]:
        """The ratio at each step that has one."""
        ratios = {t: ratio_of(*self.states(name, t)) for t in self.cells.order}
        return {t: ratio for t, ratio in ratios.items() if ratio is not None}

    def measured(self, name: str, index: str) -> str:
        """What the numbers of a state are."""
        return f"{super().measured(name, index)} ×"

    def fold_stroke(self, name: str, size: float | None) -> Stroke:
        """By the ratio at the step."""
        return self.sample(1.0 if size is None else size)

    def loss(self) -> str:
        """Both losses."""
        one, other = self.one.loss, self.other.loss
        return "L" if one is None or other is None else f"L {self.write(one, other)}"


def ratio_of(one: float | None, other: float | None) -> float | None:
    """The other norm divided by the one; nothing where one is missing, zero or not finite, and 1 for two zeros.

    >>> ratio_of(0.5, 2.0), ratio_of(0.0, 0.0), ratio_of(0.0, 1.0), ratio_of(None, 1.0)
    (4.0, 1.0, None, None)
    """
    if one is None or other is None:
        return None
    if one == other == 0:
        return 1.0
    ratio = other / one if one else 0.0
    return ratio if ratio and math.isfinite(ratio) else None
