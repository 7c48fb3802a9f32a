"""The gradient as a flow: how much of a change in the loss comes along each line, with its sign.

``tg.paths.flow`` finds it on every edge of the graph; here each line of the cell view is as wide as what its edges
carry together. What comes into a box goes out of it again, and the lines between any two steps sum to the whole.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from numpy.typing import ArrayLike

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.arguments import ARRAY, LOSS, TENSOR, TRAJECTORY, one_of, takes
from viz.diagram.cellgraph import Line, Unrolled
from viz.diagram.folding import LONGEST, Fold
from viz.encode.encoding import Coarser, Paint, Stroke
from viz.figures.selection import View, arrange, find, layers_of, title_of
from viz.measure.flow import Stream, passed_parts, stream_of
from viz.output.picture import Picture
from viz.scene.legend import Entry
from viz.style.scales import FINEST
from viz.style.text import letter, number, quantity
from viz.style.theme import THEME, Theme, ThemeName, theme_of
from viz.views.cells import cell_view
from viz.views.tooltips import describe_line

WIDEST = 16  # points, of the largest flow


@takes(
    loss=LOSS, trajectory=TRAJECTORY, source=TENSOR.or_none(), direction=ARRAY.or_none(),
    view=one_of("auto", "cell", "strip"), theme=THEME,
)  # fmt: skip
def flow(
    loss: tg.Tensor,
    trajectory: nn.Trajectory,
    source: tg.Tensor | None = None,
    direction: tg.Tensor | ArrayLike | None = None,
    *,
    view: View = "auto",
    fold: Fold = "auto",
    theme: ThemeName = "light",
) -> Picture:
    """The conserved flow from a tensor to a loss (``tg.paths.flow``), every line as wide as what flows along it.

    The source moves in a direction, by default along its gradient; a line carries the part of the loss's change that
    comes along it, positive or negative. By default the source is what the belt of the lowest layer starts with, or h,
    if it requires a gradient, else that state at t = 1. Views: "auto", "cell" and "strip".

    Raises the errors of ``tg.paths.flow`` and ArgumentError for another view.

    >>> tg.manual_seed(0)
    >>> trajectory = nn.LSTM(2, 3).unroll(tg.randn(3, 1, 2))
    >>> print(flow((trajectory.steps[-1].h ** 2).sum(), trajectory))
    The flow from C₁ to L = ... in one LSTM, three time steps: in all ... = ‖∂L/∂C₁‖². The belt is the path
    along the cell state C. A crossing leads through h into a gate. From t = 1 to 2: ...
    """
    colours, found = theme_of(theme), find(trajectory, None, loss)
    start = _start(found[0]) if source is None else source
    stream = stream_of(loss, found, start, direction)
    how = arrange(found, [], view, fold)
    coarse = [how.coarser(one) for one in found]
    whole = stream.total if stream.relative else 1.0
    drawn = [amount for one in coarse for line in one.lines if (amount := stream.along(one, line))]
    stream.unit = whole * unit_for([amount / whole for amount in drawn])
    layers = layers_of([Sankey(one, colours, stream) for one in found], trajectory, how)
    what = title_of(found[-1], trajectory, None)
    for one, layer in zip(found, layers, strict=True):
        if layer.caption and start.source.node in [one.state(*part).source.node for part in one.states()]:
            stream.where = f" ({layer.caption})"
    title = f"The flow from {stream.source}{stream.where} to L: {what}"
    scene = cell_view(layers, how.hidden, colours, title, " ".join(filter(None, [stream.check_sentence(), how.note])))
    return Picture(scene, title, " ".join(filter(None, [_describe(stream, found, what), how.note])))


def _start(unrolled: Unrolled) -> tg.Tensor:
    """What the belt starts with, if it requires a gradient, else its first state."""
    name = unrolled.template.belt_state
    start = unrolled.state(name, unrolled.start)
    return start if start.requires_grad else unrolled.state(name, unrolled.order[0])


class Sankey(Paint):
    """Each line as wide as what flows along it, negative flow in another hue and dashed."""

    scale = "linear"

    def __init__(self, unrolled: Unrolled, theme: Theme, stream: Stream) -> None:
        super().__init__(unrolled, theme)
        self.stream = stream

    def on(self, coarser: Coarser) -> Paint:
        """The same paint for coarser parts of the chain."""
        return type(self)(coarser(self.unrolled), self.theme, self.stream)

    @property
    def guide(self) -> str:
        """How to read the picture."""
        how = "along its gradient" if self.stream.squared else "in the direction asked for"
        said = f"{self.stream.source}{self.stream.where} moves a little {how}: a line is as wide as the part of L's"
        said += f" change that comes along it, in all {self.stream.in_all}."
        return f"{said} {self.unrolled.template.definitions}"

    def stroke(self, line: Line) -> Stroke:
        """Towards the reader, as values and changes go."""
        amount = self.stream.along(self.unrolled, line)
        if amount is None:
            return Stroke(self.theme.forward, 1.1, open=True, tooltip=describe_line(self.unrolled, line, ""))
        ends, *reads = describe_line(self.unrolled, line, "")
        return self.look(amount, (f"{ends}: {number(amount)} of {number(self.stream.total)}", *reads))

    def look(self, amount: float, tooltip: tuple[str, ...] = ()) -> Stroke:
        """A line that carries so much."""
        hue = self.theme.carry if amount > 0 else self.theme.crossing if amount < 0 else self.theme.weight
        hue = hue if math.isfinite(amount) else self.theme.candidate
        width = max(FINEST, WIDEST * abs(amount) / self.stream.unit) if math.isfinite(amount) else 3.0
        return Stroke(hue, width, dashed=amount < 0, tooltip=tooltip, data={"flow": f"{amount:.15g}"})

    def belt(self, name: str, size: float) -> Stroke:
        """How a state's line through a fold is drawn where so much flows through it."""
        return self.look(size)

    def level(self, size: float) -> float | None:
        """Where a number is on the scale that it is plotted on: a part of the whole."""
        return size / (abs(self.stream.total) or 1.0) if math.isfinite(size) else None

    def figure(self, size: float) -> str:
        """A flow in figures."""
        return self.stream.format_amount(size)

    def measured(self, name: str, index: str) -> str:
        """What the numbers of a state are."""
        return f"flow through {letter(name, self.unrolled.template.is_lstm)}{index}"

    def series(self, name: str) -> dict[int, float]:
        """What flows through the state at each step."""
        flows = {t: self.stream.through(self.unrolled, name, t) for t in self.unrolled.order}
        return {t: amount for t, amount in flows.items() if amount is not None}

    def note(self, name: str, t: int) -> str:
        """What flows through the state."""
        amount = self.stream.through(self.unrolled, name, t)
        if amount is not None:
            tensor = self.unrolled.state(name, t)
            value = self.unrolled.graph.id_of(tensor), tensor.source.index
            return "source" if value == self.stream.value else f"flow {self.stream.format_amount(amount)}"
        if self.is_cut(name, t):
            return "✂ detached"
        return "no flow" if self.unrolled.state(name, t).requires_grad else "constant"

    def data(self, name: str, t: int) -> dict[str, str]:
        """What flows through the state, to all its digits."""
        amount = self.stream.through(self.unrolled, name, t)
        return {} if amount is None else {"flow": f"{amount:.15g}"}

    def adds(self, t: int) -> str:
        """What passes on from the step, by each route."""
        cut = next((cuts for cuts in self.stream.cuts if cuts), {}).get(t)
        if not cut or len(self.stream.cuts) > 1:
            return ""
        parts = passed_parts(self.stream, cut)
        total = f"{self.stream.format_amount(math.fsum(cut.values()))}: " if len(parts) > 1 else ""
        return f"passes on {total}{', '.join(parts)}"

    def loss(self) -> str:
        """The value of the loss."""
        return "L" if self.stream.loss is None else f"L = {number(self.stream.loss)}"

    def legend(self, deep: bool = False) -> list[Sequence[Entry]]:
        """The two signs, and the scale of widths."""
        theme, unit = self.theme, self.stream.unit
        signs = [
            Entry("raises L, as the source moves", theme.carry, 6, forward=True, filled=True),
            Entry("lowers it", theme.crossing, 6, dashed=True, forward=True, filled=True),
            Entry("no flow", theme.forward, 1.1, forward=True),
        ]
        parts = [unit / 8, unit / 4, unit / 2, unit]
        widths = [(self.stream.format_amount(part), WIDEST * part / unit) for part in parts]
        scale = [Entry(part, theme.ink, width, forward=True, filled=True) for part, width in widths]
        words = f"width {WIDEST} points · |flow| / {self.stream.format_amount(unit)}, at least {FINEST}"
        return [signs, [*scale, Entry(words, theme.ink, 0)]]


def unit_for(amounts: Sequence[float]) -> float:
    """A round number that no flow is much larger than: 1, 2 or 5 times a power of ten.

    >>> unit_for([0.03, -0.42]), unit_for([1.1]), unit_for([])
    (0.5, 1.0, 1.0)
    """
    largest = max((abs(amount) for amount in amounts if math.isfinite(amount)), default=0.0)
    if not largest:
        return 1.0
    power = math.floor(math.log10(largest))
    return next(unit for k in (1, 2, 5, 10) if (unit := float(f"{k}e{power}")) >= 0.8 * largest)


def _describe(stream: Stream, found: Sequence[Unrolled], what: str) -> str:
    """The flow in words."""
    loss = f"L = {number(stream.loss)}" if stream.loss is not None else "the loss"
    said = [f"The flow from {stream.source}{stream.where} to {loss} in {what}: in all {stream.in_all}."]
    cuts = stream.sums_by_step()
    pairs = list(pairwise(cuts))
    pairs = pairs if len(pairs) <= LONGEST else [*pairs[:2], *pairs[2:-2:5], *pairs[-2:]]
    passed = [f"from t = {t} to {after}: {', '.join(passed_parts(stream, cuts[t]))}" for t, after in pairs]
    said += [found[-1].template.definitions, f"F{'; '.join(passed)[1:]}."] if passed else []
    amounts = [amount for one in found for line in one.lines if (amount := stream.along(one, line)) is not None]
    against = sum(amount < 0 for amount in amounts)
    said.append(f"Of {quantity(len(amounts), 'line')} {against} carry a negative flow, which works against the others.")
    return " ".join([*said, stream.check_sentence()])
