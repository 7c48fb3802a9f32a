"""A run with its pictures, read back, and with what the engine says of them: computed here, apart from ``viz``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache, cached_property
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
import viz
from tests.support import scales, svg
from tests.support.runs import RUNS
from viz.diagram.cellgraph import NEXT_LAYER, CellGraph, Link
from viz.diagram.projection import fold, roll, strip
from viz.figures.selection import select
from viz.style.text import number

Value = tuple[int, int]


class Drawn:
    """One run in all its views; ``options`` as of ``viz.gradient_paths``."""

    def __init__(
        self, trajectory: tg.nn.Trajectory, loss: tg.Tensor, hidden: Sequence[tuple[int, int]] = (), **options: Any
    ) -> None:
        self.trajectory, self.loss, self.hidden, self.options = trajectory, loss, hidden, options

    @cache  # noqa: B019  # runs live as long as the tests
    def picture(self, view: str, gradients: bool = True) -> viz.Picture:
        """The picture of that view."""
        options: dict[str, Any] = {"view": view, "fold": None, **self.options}
        if gradients:
            return viz.gradient_paths(self.loss, self.trajectory, **options)
        return viz.draw(self.trajectory, **options)

    @cache  # noqa: B019
    def view(self, view: str, gradients: bool = True) -> svg.Svg:
        """The picture of that view, read back."""
        return svg.read(self.picture(view, gradients).svg)

    @cached_property
    def chains(self) -> list[CellGraph]:
        return select(self.trajectory, self.options.get("chain"), self.loss).chains

    @cache  # noqa: B019
    def parts(self, view: str) -> list[CellGraph]:
        """The chains as that view has them."""
        coarser = {"strip": strip, "rolled": roll}.get(view, lambda one: one)
        return [fold(coarser(one), self.hidden) for one in self.chains]

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

    def along(self, link: Link) -> dict[Value, Any]:
        """What is delivered along a line, for each value that it reads."""
        sums: dict[Value, Any] = {}
        for edge in link.edges:
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

    def norm(self, link: Link, chain: CellGraph) -> float | None:
        """The norm of what is delivered along a line; None where nothing is."""
        if not link.edges:  # from what makes a state to its pill: all that comes to the state
            totals = [self.gradient(chain.state(*part)) for part in chain.every(link.reader)]
            parts = [total for total in totals if total is not None]
        else:
            parts = list(self.along(link).values())
        return math.hypot(*(float(np.linalg.norm(part)) for part in parts)) if parts else None

    def lines(self, view: str) -> Iterator[tuple[Link, CellGraph, list[svg.Edge]]]:
        """Every line that a view has to draw, its chain, and the elements that stand for it by their keys."""
        elements: dict[object, list[str]] = {}
        for edge in self.picture(view).scene.edges:
            elements.setdefault(edge.keys, []).append(edge.id)
        read = {edge.id: edge for edge in self.view(view).edges}
        for chain in self.parts(view):
            for link in chain.links:
                keys = link.keys or chain.vertices(link.reader)
                found = [read[name] for name in elements.get(keys, [])]
                box = f"{link.source[0]}_{link.source[1]}"  # two boxes make a state of which a mask holds some rows
                yield link, chain, found if link.edges else [edge for edge in found if edge.source.endswith(box)]

    def above(self, chain: CellGraph) -> int:
        """How many chains the next layer has."""
        chains = [one.chain for one in self.chains]
        both = 2 if len(self.trajectory.chains) > 1 and self.trajectory.chains[1].reverse else 1
        layer = {id(one): number // both for number, one in enumerate(self.trajectory.chains)}
        return sum(layer[id(one)] == layer[id(chain.chain)] + 1 for one in chains)


def check_lines(case: Drawn, view: str) -> None:
    """Assert that a view draws every line once, as wide as the engine and the printed scale say.

    A line into the next layer has an end in each of its directions.
    """
    picture = case.view(view)
    width_of = scales.printed_width(picture.text)
    drawn = list[str]()
    for link, chain, edges in case.lines(view):
        assert len(edges) == (case.above(chain) if link.reader[0] == NEXT_LAYER else 1), (link.source, link.reader)
        drawn += [edge.id for edge in edges]
        norm = case.norm(link, chain)
        for edge in edges:
            check_line(edge, norm, width_of)
    assert sorted(drawn) == sorted(edge.id for edge in picture.edges)


def check_line(edge: svg.Edge, norm: float | None, width_of: Callable[[float], float]) -> None:
    """Assert that a line looks as its norm does."""
    assert edge.backward == (norm is not None), edge.id
    assert edge.open == (norm is None), edge.id
    if norm is None:
        assert "norm" not in edge.data
        assert edge.data["route"] in ("forward", "cut")
        return
    assert float(edge.data["norm"]) == pytest.approx(norm, rel=1e-6, abs=1e-12)
    assert edge.width == pytest.approx(width_of(norm), abs=0.006), edge.id
    assert f"‖∇‖ {number(norm)}" in edge.tooltip or abs(norm) < 1e-12
    assert edge.dashed == (edge.data["route"] == "crossing" or norm == 0 or not math.isfinite(norm))


@cache
def drawn(name: str) -> Drawn:
    """The run of that name, drawn once for all tests."""
    return Drawn(*RUNS[name]())
