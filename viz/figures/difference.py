"""Two runs of one structure on the same places: on every line, what became of the gradient's norm.

Before and after training, with and without clipping, one seed and another: nothing moves but the numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.arguments import NAMES, RUN, takes
from tinygrad_lstm.errors import ArgumentError
from viz.diagram.cellgraph import WEIGHTS, Line, Part, Unrolled
from viz.diagram.folding import LONGEST, Fold
from viz.diagram.names import brief
from viz.encode.encoding import Coarser, Paint, Stroke
from viz.figures.compare import VIEW, Trial, runs_of, stretch
from viz.figures.selection import View, arrange, layers_of, title_of
from viz.measure.gradient import Flow
from viz.output.picture import Picture
from viz.scene.legend import Entry
from viz.style.scales import FINEST, THICKEST
from viz.style.text import letter, number, quantity
from viz.style.theme import THEME, Theme, ThemeName, theme_of
from viz.views.cells import cell_view
from viz.views.tooltips import describe_line, in_words

SAME, MUCH = 1.1, 3.0  # up to this ratio about as much as before; from this one on the full hue
SAMPLES = (0.1, 0.5, 1.0, 2.0, 10.0)
NOTHING = (None, None)
PILL, ROOM = 96, 1.22  # a state's pill has two numbers: points, and how much wider a step is for it


@takes(one=RUN, other=RUN, names=NAMES, view=VIEW, theme=THEME)
def difference(
    one: tuple[tg.Tensor, nn.Trajectory],
    other: tuple[tg.Tensor, nn.Trajectory],
    *,
    names: tuple[str, str] = ("before", "after"),
    view: View = "auto",
    fold: Fold = "auto",
    theme: ThemeName = "light",
) -> Picture:
    """What became of the gradient from one run ``(loss, trajectory)`` to another: each line by the ratio of its norms.

    More is orange, wide and solid, less is blue, thin and dashed; what has a gradient in one of them only is named
    apart. Views, folds and themes as in ``gradient_paths``, but for the op view. Both gradients are computed here, so
    for the run before training keep a copy of the layer: an optimizer changes the weights that the graph has kept.

    Raises ArgumentError where the two do not compute the same, step by step, and the errors of ``gradient_paths``.

    >>> import copy
    >>> tg.manual_seed(0)
    >>> x, before = tg.randn(2, 1, 2), nn.LSTM(2, 3)
    >>> after = copy.deepcopy(before)
    >>> after.layers[0].b.data += [4, 4, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]  # the forget gates open
    >>> def run(layer):
    ...     trajectory = layer.unroll(x)
    ...     return (trajectory.steps[-1].h ** 2).sum(), trajectory
    >>> print(difference(run(before), run(after)))
    The gradient, “before” and “after”, in one LSTM, two time steps: L = ... The norm of ∂L/∂C: ... → ... at t = 2, ...
    """
    colours, called = theme_of(theme), _names(names)
    runs = runs_of(zip(called, (one, other), strict=True))
    _check_same(*runs)
    pairs = list(zip(runs[0].flows, runs[1].flows, strict=True))
    norms = [run.norms(name) for run in runs for name in run.top.unrolled.template.made_in]
    how = arrange([flow.unrolled for pair in pairs for flow in pair], norms, view, fold)
    paints = [Difference(colours, *pair, called) for pair in pairs]
    layers = layers_of(paints, runs[0].trajectory, how)
    layers = [replace(layer, paint=layer.paint.on(_roomier)) for layer in layers]
    what = title_of(paints[-1].unrolled, runs[0].trajectory, None)
    title = f"Where the gradient changed, {called[0]} → {called[1]}: {what}"
    scene = cell_view(layers, how.hidden, colours, title, how.note)
    changes = [
        f"{f'{layer.caption}: ' if layer.caption else ''}{_describe(paint)}"
        for layer, paint in zip(reversed(layers), reversed(paints), strict=True)
    ]
    losses = paints[-1].loss().replace("L ", "L = ", 1)
    said = f"The gradient, “{called[0]}” and “{called[1]}”, in {what}: {losses}."
    return Picture(scene, title, " ".join(filter(None, [said, *changes, how.note])))


def _names(names: Sequence[str]) -> tuple[str, str]:
    if len(names) != 2:
        raise ArgumentError(f"names are two, one for each run, not {names!r}")
    first, second = (brief(str(name), 24) for name in names)
    return first, second


def _check_same(one: Trial, other: Trial) -> None:
    """ArgumentError where two runs do not compute the same, with the first thing that differs."""
    whats = [title_of(run.top.unrolled, run.trajectory, None) for run in (one, other)]
    said = f"{one.name!r} is {whats[0]}, {other.name!r} is {whats[1]}"
    if whats[0] == whats[1]:
        for a, b in zip(one.found, other.found, strict=True):
            shapes = [run.output.shape[1:] for run in (a.chain, b.chain)]
            if shapes[0] != shapes[1]:
                said = f"{a.chain.cell.states[0]} is {shapes[0]} in {one.name!r} and {shapes[1]} in {other.name!r}"
                break
            differing = [t for t in a.order if _operations(a, t) != _operations(b, t)]
            if differing or a.template != b.template:
                t = (differing or a.order)[0]
                said = f"step t={t} records other operations in {one.name!r} than in {other.name!r}"
                break
        else:
            return
    raise ArgumentError(f"a difference is drawn of two runs that compute the same, step by step; {said}")


def _operations(unrolled: Unrolled, t: int) -> object:
    """What a step computes, without the weights that it reads: one run may freeze some of them."""
    structure = unrolled.structure[t]
    assert isinstance(structure, tuple)
    return [(box, op, [read for read in reads if read[0] != WEIGHTS]) for box, op, reads in structure]


def _roomier(unrolled: Unrolled) -> Unrolled:
    """The chain with room for two numbers in a pill."""
    wider = stretch(unrolled, unrolled.template.pitch * (ROOM if unrolled.template.pitch > 250 else ROOM + 0.14))
    boxes = wider.template.boxes
    wide = {name: replace(box, wide=PILL) for name, box in boxes.items() if box.look == "state"}
    return replace(wider, template=replace(wider.template, boxes={**boxes, **wide}))


class Difference(Paint):
    """Each line by the ratio of the norms along it, in another run to those in one."""

    scale = "logarithmic"

    def __init__(self, theme: Theme, one: Flow, other: Flow, names: tuple[str, str]) -> None:
        ends = {(line.source, line.reader) for line in one.unrolled.lines}
        self.added = tuple(line for line in other.unrolled.lines if (line.source, line.reader) not in ends)
        super().__init__(replace(one.unrolled, lines=(*one.unrolled.lines, *self.added)), theme)
        self.one, self.other, self.names = one, other, names
        self.norms = [{(line.source, line.reader): size for line, size in flow.norms.items()} for flow in (one, other)]

    @property
    def runs(self) -> tuple[Unrolled, ...]:
        """Both."""
        return self.one.unrolled, self.other.unrolled

    def on(self, coarser: Coarser) -> Paint:
        """The same paint for coarser parts of the chain."""
        one, other = (flow.of(coarser(flow.unrolled)) for flow in (self.one, self.other))
        return type(self)(self.theme, one, other, self.names)

    @property
    def guide(self) -> str:
        """How to read the picture."""
        before, after = self.names
        said = f"On every line the norm of the gradient, “{after}” divided by “{before}”: "
        return said + "orange, wide and solid where it is more, blue, thin and dashed where it is less."

    def sizes(self, line: Line) -> tuple[float | None, float | None]:
        """The norms along a line; none where no gradient went along it."""
        ends = line.source, line.reader
        return self.norms[0].get(ends), self.norms[1].get(ends)

    def stroke(self, line: Line) -> Stroke:
        """How a line is drawn."""
        one, other = self.sizes(line)
        of = self.other.unrolled if line in self.added else self.unrolled
        if (one, other) == NOTHING:
            return Stroke(self.theme.forward, 1.1, open=True, tooltip=describe_line(of, line, ""))
        data = {name: f"{size:.9g}" for name, size in (("before", one), ("after", other)) if size is not None}
        ratio = ratio_of(one, other)
        if ratio is None:
            looks = Stroke(self.theme.candidate, 3, dashed=not other, head="source")
            return replace(looks, tooltip=describe_line(of, line, self.pair(one, other)), data=data)
        tooltip = describe_line(of, line, f"{self.pair(one, other)}, × {number(ratio)}")
        return replace(self.look(ratio), tooltip=tooltip, data={**data, "ratio": f"{ratio:.9g}"})

    def look(self, ratio: float) -> Stroke:
        """A line of this ratio."""
        theme, size = self.theme, max(ratio, 1 / ratio)
        hue = theme.carry if ratio > 1 else theme.crossing
        hue = theme.weight if size < SAME else theme.half_of(hue) if size < MUCH else hue
        return Stroke(hue, width_of_ratio(ratio), dashed=ratio <= 1 / SAME, head="source")

    def belt(self, name: str, size: float) -> Stroke:
        """How a state's line through a fold is drawn where its ratio is this."""
        return self.look(size)

    def pair(self, one: float | None, other: float | None) -> str:
        """Two norms; "none" is no gradient."""
        return " → ".join("none" if size is None else number(size) for size in (one, other))

    def states(self, name: str, t: int) -> tuple[float | None, float | None]:
        """The norms of a state's gradient."""
        part: Part = (name, t)
        return self.one.states.get(part), self.other.states.get(part)

    def note(self, name: str, t: int) -> str:
        """Both norms of the state's gradient."""
        one, other = self.states(name, t)
        if (one, other) == NOTHING:
            real = self.unrolled.every((name, t))[0]
            return "no gradient" if any(run.state(*real).requires_grad for run in self.runs) else "constant"
        return self.pair(one, other)

    def data(self, name: str, t: int) -> dict[str, str]:
        """Both norms, to all their digits."""
        sizes = zip(("before", "after"), self.states(name, t), strict=True)
        return {word: f"{size:.9g}" for word, size in sizes if size is not None}

    def adds(self, t: int) -> str:
        """What the step adds to the gradient of the weights."""
        one, other = self.one.weights.get(t), self.other.weights.get(t)
        return f"adds ‖{self.one.summed}‖ {self.pair(one, other)}" if one is not None or other is not None else ""

    def series(self, name: str) -> dict[int, float]:
        """The ratio at each step that has one."""
        ratios = {t: ratio_of(*self.states(name, t)) for t in self.unrolled.order}
        return {t: ratio for t, ratio in ratios.items() if ratio is not None}

    def measured(self, name: str, index: str) -> str:
        """What the numbers of a state are."""
        return f"{super().measured(name, index)} ×"

    def loss(self) -> str:
        """Both losses."""
        values = self.one.loss, self.other.loss
        return f"L {self.pair(*values)}" if None not in values else "L"

    def legend(self, deep: bool = False) -> list[Sequence[Entry]]:
        """The scale, and what is not on it."""
        samples = [(ratio, self.look(ratio)) for ratio in SAMPLES]
        scale = [Entry(f"× {ratio:g}", look.colour, look.width, look.dashed) for ratio, look in samples]
        before, after = self.names
        words = f"width 3 + 1.5·log₁₀({after} / {before}) points, within {FINEST} to {THICKEST}"
        words += f"; full hue from × {MUCH:g}"
        only = [
            Entry(f"only “{before}” has a gradient", self.theme.candidate, 3, dashed=True),
            Entry(f"only “{after}”, or not finite", self.theme.candidate, 3),
        ]
        off = any(ratio_of(*sizes) is None for line in self.unrolled.lines if (sizes := self.sizes(line)) != NOTHING)
        none = Entry("no gradient", self.theme.forward, 1.1, forward=True)
        return [[*scale, Entry(words, self.theme.ink, 0)], [*(only if off else []), none]]


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


def width_of_ratio(ratio: float) -> float:
    """The line width, in points, for a gradient so many times as large: ten times is 1.5 points more.

    >>> [width_of_ratio(ratio) for ratio in (1e-9, 0.1, 1.0, 10.0, 1e9)]
    [0.8, 1.5, 3.0, 4.5, 6.5]
    """
    return min(max(3 + 1.5 * math.log10(ratio), FINEST), THICKEST)


def _describe(paint: Difference) -> str:
    """What changed in one chain: the states, the weights, and what only one run has."""
    template, order = paint.unrolled.template, paint.unrolled.order[::-1]
    said = []
    order = order if len(order) <= LONGEST else [*order[:2], *order[2:-2:5], *order[-2:]]
    for name in dict.fromkeys([template.belt_state, *template.made_in]):
        pairs = [(t, paint.states(name, t)) for t in order]
        sizes = [f"{paint.pair(*pair)} at t = {t}" for t, pair in pairs if pair != (None, None)]
        if sizes:
            said.append(f"The norm of ∂L/∂{letter(name, template.is_lstm)}: {', '.join(sizes)}.")
    lines = [(line, paint.sizes(line)) for line in paint.unrolled.lines if paint.sizes(line) != NOTHING]
    ratios = [ratio for _, sizes in lines if (ratio := ratio_of(*sizes)) is not None]
    more, less = sum(ratio > SAME for ratio in ratios), sum(ratio < 1 / SAME for ratio in ratios)
    alike = len(ratios) - more - less
    changes = f"“{paint.names[1]}” has more on {more}, less on {less}, about as much on {alike}"
    said.append(f"Of {quantity(len(lines), 'line')} {changes}.")
    for k, name in enumerate(paint.names):
        only = [line for line, sizes in lines if sizes[k] and not sizes[1 - k] and math.isfinite(sizes[k] or 0.0)]
        if only:
            ends = [(in_words(paint.unrolled, part) for part in (line.reader, line.source)) for line in only[:3]]
            examples = ", ".join(f"from {reader} to {source}" for reader, source in ends)
            said.append(f"Only “{name}” has a gradient on {quantity(len(only), 'line')}, as {examples}.")
    if lost := sum(not all(math.isfinite(size or 0.0) for size in sizes) for _, sizes in lines):
        said.append(f"On {quantity(lost, 'line')} it is not finite.")
    return " ".join(said)
