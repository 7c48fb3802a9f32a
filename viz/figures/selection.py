"""A trajectory's chains as one picture: which of them, in which view, and what is said above it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.errors import ArgumentError
from viz.diagram.cellgraph import ABOVE, OUTSIDE, WEIGHTS, NoCellViewError, Unrolled
from viz.diagram.folding import LONGEST, Fold, Run, describe_runs, fold_steps, roll_up, runs, strip
from viz.diagram.matching import find_parts
from viz.encode.encoding import Paint
from viz.measure.gradient import Flow
from viz.output.picture import Picture
from viz.style.text import in_words
from viz.style.theme import Theme
from viz.views.cells import Layer, cell_view
from viz.views.words import in_words_of, values_in_words

View: TypeAlias = Literal["auto", "op", "cell", "strip", "rolled"]


def find(trajectory: nn.Trajectory, chain: int | None = None, *also: tg.Tensor) -> list[Unrolled]:
    """The parts of a trajectory's chains (or of one), in the graph of all its tensors and of those given beside.

    Raises ValueError where there is no such chain; NoCellViewError, which is one too, where the steps do not compute
    the same, or there are none; NothingRecordedError where a step was made under no_grad.
    """
    chains = trajectory.chains
    if chain is not None:
        try:
            chains = (chains[chain],)
        except IndexError:
            raise ArgumentError(f"no chain {chain}: this trajectory has {len(chains)}") from None
    for one in chains:
        if not one.steps or not one.output.size:
            raise NoCellViewError("no numbers in this trajectory: its batch, or its number of steps, is 0")
        if taken := {WEIGHTS, OUTSIDE, ABOVE, "x"}.intersection(one.cell.states):
            raise NoCellViewError(f"a state called {taken.pop()!r} would be taken for another part of the cell view")
    steps = [step for one in chains for step in (one.initial, *one.steps)]
    named = [tensor for step in steps for tensor in step.named.values()]
    graph = tg.graph_of([*also, *named, *(p for one in chains for p in one.cell.parameters())])
    layers = layer_numbers(trajectory)
    number = {id(one): layers[k] for k, one in enumerate(trajectory.chains)}
    return [
        find_parts(graph, one, [other for other in chains if number[id(other)] > number[id(one)]]) for one in chains
    ]


def draw_chains(
    paints: Sequence[Paint], trajectory: nn.Trajectory, view: View, fold: Fold, theme: Theme, chain: int | None = None,
    flows: Sequence[Flow] = (),
) -> Picture:  # fmt: skip
    """The picture of some chains, in the view asked for or, for "auto", the one that can be read."""
    norms = [series for paint in paints for name in paint.unrolled.template.made_in if (series := paint.series(name))]
    how = arrange([paint.unrolled for paint in paints], norms, view, fold)
    what = title_of(paints[-1].unrolled, trajectory, chain)
    title = f"Where the gradient of L flows: {what}" if flows else what[0].upper() + what[1:]
    scene = cell_view(layers_of(paints, trajectory, how, chain), how.hidden, theme, title, how.note)
    words = story([paint.unrolled for paint in paints], flows, trajectory, chain)
    return Picture(scene, title, " ".join(filter(None, [words, how.note])))


def story(found: Sequence[Unrolled], flows: Sequence[Flow], trajectory: nn.Trajectory, chain: int | None = None) -> str:
    """The chains in words, from the top down: the gradient, or the values where there are no flows."""
    captions = [f" ({caption})" if caption else "" for caption in _captions(found, trajectory, chain)]
    if flows:
        return " ".join(map(in_words_of, reversed(flows), reversed(captions)))
    return " ".join(map(values_in_words, reversed(found), reversed(captions)))


@dataclass(frozen=True)
class Arrangement:
    """Which steps are drawn and how coarsely: decided once for all that is in a picture."""

    view: View
    hidden: list[Run]
    note: str

    def coarser(self, unrolled: Unrolled) -> Unrolled:
        """A chain as it is drawn."""
        if self.view == "rolled":
            return roll_up(unrolled)
        return fold_steps(strip(unrolled) if self.view == "strip" else unrolled, self.hidden)


def arrange(
    found: Sequence[Unrolled], norms: Sequence[Mapping[int, float]], view: View, fold: Fold, most: int = LONGEST
) -> Arrangement:
    """For chains of as many steps: what all of them compute again is folded; "auto" is a strip of more than so many."""
    structure = {t: tuple(one.structure[t] for one in found) for t in found[-1].structure}
    hidden, note = runs(structure, fold, norms), ""
    shown = found[-1].last - sum(last - first for first, last in hidden)
    if view == "auto" and shown > most:
        view, note = "strip", f"Shown as a strip of states: the gates of {shown} steps side by side could not be read."
    if view == "rolled":
        hidden = []
    return Arrangement(view, hidden, note or describe_runs(hidden))


def layers_of(
    paints: Sequence[Paint], trajectory: nn.Trajectory, how: Arrangement, chain: int | None = None
) -> list[Layer]:
    """The bands of a trajectory, each with its paint, as coarse as they are drawn."""
    numbers = _numbers(trajectory, chain)
    captions = _captions([paint.unrolled for paint in paints], trajectory, chain)
    painted = [paint.on(how.coarser) for paint in paints]
    return [Layer(*each) for each in zip(painted, numbers, captions, strict=True)]


def layer_numbers(trajectory: nn.Trajectory) -> list[int]:
    """The layer that each chain is: with two directions two chains are one layer."""
    chains = trajectory.chains
    directions = 2 if len(chains) > 1 and chains[1].reverse and not chains[0].reverse else 1
    return [k // directions for k in range(len(chains))]


def _numbers(trajectory: nn.Trajectory, chain: int | None) -> list[int]:
    numbers = layer_numbers(trajectory)
    return numbers if chain is None else [numbers[chain]]


def _captions(found: Sequence[Unrolled], trajectory: nn.Trajectory, chain: int | None) -> list[str]:
    """What each band is called; nothing where there is only one."""
    numbers = _numbers(trajectory, chain)
    if len(numbers) == 1:
        return [""]
    both = len(numbers) > len(set(numbers))
    directions = ["reverse" if one.chain.reverse else "forward" for one in found]
    layers = [f"layer {number + 1}" for number in numbers]
    if len(set(numbers)) == 1:
        return directions
    return [f"{layer}, {direction}" if both else layer for layer, direction in zip(layers, directions, strict=True)]


def title_of(top: Unrolled, trajectory: nn.Trajectory, chain: int | None) -> str:
    """What is drawn, in a few words."""
    steps = f"{in_words(top.last)} time step{'s' * (top.last > 1)}"
    numbers = layer_numbers(trajectory)
    layers = len(set(numbers))
    if chain is not None and layers > 1:
        return f"{top.name}, layer {numbers[chain] + 1} of {layers}, {steps}"
    both = chain is None and len(numbers) > layers
    kind = f"bidirectional {top.name}" if both else top.name
    return f"one {kind}, {steps}" if layers == 1 else f"{kind} of {in_words(layers)} layers, {steps}"
