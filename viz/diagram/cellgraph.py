"""The words of the cell view: parts of a step, lines between them, and a chain in which all of them are known.

``viz.finder`` finds them in a graph; ``viz.fold`` makes coarser ones of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.errors import TinygradError
from tinygrad_lstm.graph import GraphEdge
from viz.diagram.names import brief
from viz.diagram.templates import Template

Value: TypeAlias = tuple[int, int]  # a vertex and which of its outputs
EdgeKey: TypeAlias = tuple[int, int]  # the reading vertex and which of its inputs
Part: TypeAlias = tuple[str, int]  # a box and its time step

WEIGHTS, OUTSIDE, ABOVE = "weights", "loss", "above"  # the parts that are no box of a step; ABOVE is the next layer


class NoCellViewError(TinygradError, ValueError):
    """A chain whose steps cannot be drawn side by side; the op view draws it."""


class NothingRecordedError(TinygradError, ValueError):
    """A trajectory that left no graph to draw."""


@dataclass(frozen=True)
class Line:
    """One line of the picture and the edges of the graph that it stands for, most often a single one."""

    source: Part
    reader: Part
    edges: tuple[GraphEdge, ...]  # none for the line from an operation to the pill of the state that it makes
    classes: tuple[str, ...] = field(default=(), compare=False)  # what ``tg.paths`` calls these edges

    @property
    def carries(self) -> bool:
        """Whether it takes a state into its own next value."""
        return any(edge.tag == "carry" for edge in self.edges)

    @property
    def only_carries(self) -> bool:
        """Whether it is nothing else than that."""
        return bool(self.edges) and all(edge.tag == "carry" for edge in self.edges)

    @property
    def crosses(self) -> bool:
        """Whether it takes a previous state into a gate or a candidate."""
        return bool(self.edges) and abs(self.reader[1] - self.source[1]) == 1 and not self.carries


@dataclass(frozen=True)
class Unrolled:
    """One chain of a trajectory, with every part of every step found in the graph."""

    template: Template
    chain: nn.Chain
    graph: tg.Graph
    lines: tuple[Line, ...]
    parts: dict[Part, tuple[int, ...]]  # the vertices in each box
    parameters: dict[int, str]  # vertex -> name, of the cell's weights
    elsewhere: tuple[Part, ...]  # parts other than states that something outside the chain reads: not drawn
    cuts: tuple[Part, ...]  # parts that read something detached
    structure: dict[int, object]  # step -> what is computed in it; equal for steps that do the same
    masked: frozenset[int]  # the steps in which some row keeps its old state
    rolled: bool = False  # whether part t = 1 stands for all steps, and t = 0 for the step before each

    @property
    def name(self) -> str:
        """What the cell is called."""
        cell: object = self.chain.cell
        inner = getattr(cell, "cell", None)  # a wrapper's
        names = [type(part).__name__.removesuffix("Cell") for part in (cell, inner) if isinstance(part, nn.Cell)]
        return brief(f"{names[0]}({names[1]})" if len(names) > 1 else names[0])

    @property
    def has_gradient(self) -> bool:
        """Whether a backward pass has left a gradient in the cell's parameters."""
        return any(parameter.grad is not None for parameter in self.chain.cell.parameters())

    @property
    def last(self) -> int:
        """The number of time steps."""
        return len(self.chain.steps)

    @cached_property
    def order(self) -> list[int]:
        """The time steps in the order in which they were computed."""
        steps = list(range(1, self.last + 1))
        return steps[::-1] if self.chain.reverse else steps

    @property
    def start(self) -> int:
        """The t of the state before the first step: 0, or T + 1 where time runs from T to 1."""
        return self.last + 1 if self.chain.reverse else 0

    def previous(self, t: int) -> int:
        """The step before this one, as time runs here."""
        return t + 1 if self.chain.reverse else t - 1

    def step(self, t: int) -> nn.Step:
        """The step, or what it starts from."""
        return self.chain.initial if t == self.start else self.chain.steps[t - 1]

    def state(self, name: str, t: int) -> tg.Tensor:
        """The state of that name after step t, or at the start."""
        return self.step(t).named[name]

    def states(self) -> list[Part]:
        """Every state at every step, the start included."""
        steps = [0, 1] if self.rolled else [self.start, *self.order]
        return [(name, t) for t in steps for name in self.template.made_in]

    def mean_gate(self, t: int) -> float:
        """The mean of the gate that the belt is multiplied by at step t."""
        with np.errstate(all="ignore"):
            return float(self.step(t).named[self.template.gate].data.mean())

    def every(self, part: Part) -> list[Part]:
        """The parts that this one stands for: itself, or its like at all steps."""
        name, t = part
        if not self.rolled:
            return [part]
        return [(name, u) for u in (self.order if t else [self.start, *self.order[:-1]])]
