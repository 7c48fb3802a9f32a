"""Which chains of a trajectory a picture is of, and the tensors of whose graph it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.errors import ArgumentError, DtypeError
from viz.diagram.cellgraph import LOSS, NEXT_LAYER, PARAMETERS, CellGraph, NoCellViewError
from viz.diagram.matching import match_chain
from viz.diagram.surroundings import layer_numbers
from viz.figures.options import Options
from viz.views.words import captions_of, title_of

TAKES = "tensors and trajectories, or lists, tuples and dicts of them"


@dataclass(frozen=True)
class Selection:
    """The chains of a trajectory that are drawn, from the lowest layer up, all in one graph."""

    trajectory: nn.Trajectory
    chain: int | None  # the only one that was asked for
    chains: list[CellGraph]

    @property
    def graph(self) -> tg.Graph:
        """The graph of all of them."""
        return self.chains[0].graph

    @cached_property
    def layers(self) -> list[int]:
        """The number of each chain's layer."""
        numbers = layer_numbers(self.trajectory)
        return numbers if self.chain is None else [numbers[self.chain]]

    @cached_property
    def captions(self) -> list[str]:
        """What each chain is called."""
        return captions_of(self.chains, self.layers)

    @property
    def title(self) -> str:
        """What they are, in a few words."""
        return title_of(self.chains[-1], self.trajectory, self.chain)


def select(trajectory: nn.Trajectory, chain: int | None = None, *also: tg.Tensor) -> Selection:
    """A trajectory's chains (or one of them), in the graph of all its tensors and of those given beside.

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
        if taken := {PARAMETERS, LOSS, NEXT_LAYER, "x"}.intersection(one.cell.states):
            raise NoCellViewError(f"a state called {taken.pop()!r} would be taken for another part of the cell view")
    steps = [step for one in chains for step in (one.initial, *one.steps)]
    named = [tensor for step in steps for tensor in step.named.values()]
    graph = tg.graph_of([*also, *named, *(p for one in chains for p in one.cell.parameters())])
    layers = layer_numbers(trajectory)
    number = {id(one): layers[k] for k, one in enumerate(trajectory.chains)}
    several = len({number[id(one)] for one in chains}) > 1
    beside = max(layers.count(k) for k in layers) if several else 0
    found = [
        match_chain(graph, one, [other for other in chains if number[id(other)] > number[id(one)]], beside)
        for one in chains
    ]
    return Selection(trajectory, chain, found)


def select_for(
    trajectory: nn.Trajectory, options: Options, *also: tg.Tensor,
    without: tuple[type[Exception], ...] = (NoCellViewError,),
) -> tuple[Selection | None, str]:  # fmt: skip
    """The chains of a cell view; None where every operation is drawn, and in a sentence why, unless that was asked for.

    ``without`` are the errors for which "auto" is the op view; they are raised where another view was asked for.
    """
    if options.of_operations:
        return None, ""
    try:
        return select(trajectory, options.chain, *also), ""
    except without as reason:
        if options.view != "auto" or options.lit is not None:
            raise
        return None, f"Every operation is drawn, since there is no cell view: {reason}."


def tensors_in(what: Any) -> Iterator[tg.Tensor]:
    """Every tensor in nested lists, tuples and dicts; of a trajectory the last states, which all else leads to."""
    if isinstance(what, tg.Tensor):
        yield what
    elif isinstance(what, nn.Trajectory):
        for chain in what.chains:
            yield from tensors_in(chain.state)
    elif isinstance(what, Mapping):
        yield from tensors_in(list(what.values()))
    elif isinstance(what, Iterable) and not isinstance(what, str | bytes | np.ndarray):
        for part in what:
            yield from tensors_in(part)
    else:
        came = "None" if what is None else "a NumPy array" if isinstance(what, np.ndarray) else type(what).__name__
        raise DtypeError(f"draw takes {TAKES}, not {came}")
