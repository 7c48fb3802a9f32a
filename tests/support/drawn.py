"""A run with its pictures, read back, and with what the engine says of them: computed here, apart from ``viz``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cache, cached_property
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
import viz
from tests.support import svg
from tests.support.runs import RUNS
from viz.diagram.cellgraph import ABOVE, OUTSIDE, WEIGHTS, Line, Unrolled
from viz.diagram.folding import fold_steps, roll_up, strip
from viz.figures.selection import find
from viz.style.scales import width_of
from viz.style.text import number

Value = tuple[int, int]


class Drawn:
    """One run in all its views; ``options`` as of ``viz.gradient_paths``."""

    def __init__(
        self, trajectory: tg.nn.Trajectory, loss: tg.Tensor, hidden: Sequence[tuple[int, int]] = (), **options: Any
    ) -> None:
        self.trajectory, self.loss, self.hidden, self.options = trajectory, loss, hidden, options

    @cache  # noqa: B019  # runs live as long as the tests
    def view(self, view: str, gradients: bool = True) -> svg.Svg:
        """The picture of that view, read back."""
        options: dict[str, Any] = {"view": view, "fold": None, **self.options}
        if gradients:
            return svg.read(viz.gradient_paths(self.loss, self.trajectory, **options).svg)
        return svg.read(viz.draw(self.trajectory, **options).svg)

    @cached_property
    def chains(self) -> list[Unrolled]:
        return find(self.trajectory, self.options.get("chain"), self.loss)

    @cache  # noqa: B019
    def parts(self, view: str) -> list[Unrolled]:
        """The chains as that view has them."""
        coarser = {"strip": strip, "rolled": roll_up}.get(view, lambda one: one)
        return [fold_steps(coarser(one), self.hidden) for one in self.chains]

    def prefix(self, k: int) -> str:
        """What the ids of a chain begin with."""
        return "" if k == len(self.chains) - 1 else f"chain{k}_"

    @cached_property
    def contributions(self) -> dict[tuple[int, int], Any]:
        """What one backward pass delivers along each edge of the graph, by reader and position."""
        graph = self.chains[0].graph
        return {
            (graph.id_of(event.node), part.edge.position): np.asarray(part.array, np.float64)
            for event in tg.backward_events(self.loss, retain_graph=True, accumulate=False)
            for part in event.contributions
        }

    def along(self, line: Line) -> dict[Value, Any]:
        """What is delivered along a line, for each value that it reads."""
        sums: dict[Value, Any] = {}
        for edge in line.edges:
            part = self.contributions.get((edge.reader, edge.position))
            if part is not None:
                sums[edge.source, edge.index] = sums.get((edge.source, edge.index), 0.0) + part
        return sums

    def gradient(self, tensor: tg.Tensor) -> Any:
        """∂L/∂tensor, or None."""
        if not tensor.requires_grad:
            return None
        (found,) = tg.grad(self.loss, tensor, retain_graph=True, allow_unused=True)
        return None if found is None else np.asarray(found.data, np.float64)

    def norm(self, line: Line, chain: Unrolled) -> float | None:
        """The norm of what is delivered along a line; None where nothing is."""
        if not line.edges:  # from what makes a state to its pill: all that comes to the state
            totals = [self.gradient(chain.state(*part)) for part in chain.every(line.reader)]
            parts = [total for total in totals if total is not None]
        else:
            parts = list(self.along(line).values())
        return math.hypot(*(float(np.linalg.norm(part)) for part in parts)) if parts else None

    def lines(self, view: str) -> Iterator[tuple[Line, Unrolled, tuple[str, str]]]:
        """Every line that a view has to draw, its chain and the ids of its ends."""
        chains = self.parts(view)
        there = {end for edge in self.view(view).edges for end in (edge.source, edge.reader)}
        for k, chain in enumerate(chains):
            for line in chain.lines:
                (source, t), (reader, u) = line.source, line.reader
                prefix = self.prefix(k)
                start = f"{prefix}{source}_{t}" if source != WEIGHTS else f"{prefix}weights_{reader}_{u}"
                stop = f"{prefix}{reader}_{u}"
                if reader == OUTSIDE:
                    stop = (
                        f"{prefix}loss_{t}"
                        if f"{prefix}loss_{source}_{t}" not in there
                        else f"{prefix}loss_{source}_{t}"
                    )
                if reader == ABOVE:
                    yield from ((line, chain, (start, end)) for end in self.above(chains, k, u, there))
                else:
                    yield line, chain, (start, stop)

    def above(self, chains: list[Unrolled], k: int, t: int, there: set[str]) -> list[str]:
        """The inputs of the layer above, one for each of its directions."""
        layers = {id(one): number for number, one in enumerate(self.trajectory.chains)}
        both = 2 if len(layers) > 1 and self.trajectory.chains[1].reverse else 1
        number = [layers[id(one.chain)] // both for one in chains]
        prefixes = [self.prefix(j) for j in range(len(chains)) if number[j] == number[k] + 1]
        ends = [[f"{prefix}{role}_{t}" for role in ("x", "cell", "fold_in")] for prefix in prefixes]
        return [next(end for end in each if end in there) for each in ends]


def check_lines(case: Drawn, view: str) -> None:
    """Assert that a view draws every line once, as wide as the engine says."""
    found = {(edge.source, edge.reader): edge for edge in case.view(view).edges}
    assert len(found) == len(case.view(view).edges)
    expected = set()
    for line, chain, ends in case.lines(view):
        expected.add(ends)
        edge, norm = found[ends], case.norm(line, chain)
        assert edge.backward == (norm is not None), ends
        assert edge.open == (norm is None), ends
        if norm is None:
            assert "norm" not in edge.data
            assert edge.data["route"] in ("forward", "cut")
            continue
        assert float(edge.data["norm"]) == pytest.approx(norm, rel=1e-6, abs=1e-12)
        assert edge.width == pytest.approx(width_of(norm), abs=0.006), ends
        assert f"‖∇‖ {number(norm)}" in edge.tooltip or abs(norm) < 1e-12
        assert edge.dashed == (edge.data["route"] == "crossing" or norm == 0)
    assert expected == set(found)


@cache
def drawn(name: str) -> Drawn:
    """The run of that name, drawn once for all tests."""
    return Drawn(*RUNS[name]())
