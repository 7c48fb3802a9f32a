"""A chain of cells as it is drawn: the nodes of every step, the links between them, and what they are called.

``viz.diagram.matching`` finds them in a graph; ``viz.diagram.projection`` makes coarser ones of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.errors import TinygradError
from tinygrad_lstm.graph import GraphEdge
from viz.diagram.names import FUNCTIONS, brief
from viz.diagram.templates import OF_ALL, PREACTIVATION, USUAL, Template
from viz.style.steps import at_step, subscript
from viz.style.text import letter

OutputKey: TypeAlias = tuple[int, int]  # a vertex and which of its outputs
EdgeKey: TypeAlias = tuple[int, int]  # the reading vertex and which of its inputs
NodeKey: TypeAlias = tuple[str, int]  # a box, a state or something outside, and its time step

PARAMETERS, LOSS, NEXT_LAYER = (
    "weights",
    "loss",
    "above",
)  # the nodes that are no box of a step


class NoCellViewError(TinygradError, ValueError):
    """A chain whose steps cannot be drawn side by side; the op view draws it."""


class NothingRecordedError(TinygradError, ValueError):
    """A trajectory that left no graph to draw."""


@dataclass(frozen=True, eq=False)
class Link:
    """One line of the picture and the edges of the graph that it stands for, most often a single one.

    It is equal to itself alone: numbers are looked up by it many times.
    """

    source: NodeKey
    reader: NodeKey
    edges: tuple[GraphEdge, ...]  # none for the line from an operation to the pill of the state that it makes
    classes: tuple[str, ...] = ()  # what ``tg.paths`` calls these edges

    @property
    def keys(self) -> tuple[EdgeKey, ...]:
        """The edges of the graph."""
        return tuple((edge.reader, edge.position) for edge in self.edges)

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
class CellGraph:
    """One chain of a trajectory, with every part of every step found in the graph."""

    template: Template
    chain: nn.Chain
    graph: tg.Graph
    links: tuple[Link, ...]
    parts: dict[NodeKey, tuple[int, ...]]  # the vertices in each box
    parameters: dict[int, str]  # vertex -> name, of the cell's weights
    elsewhere: tuple[NodeKey, ...]  # parts other than states that something outside the chain reads: not drawn
    cuts: tuple[NodeKey, ...]  # parts that read something detached
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
    def links_to(self) -> dict[int, list[Link]]:
        """The links that end at each step."""
        found: dict[int, list[Link]] = {}
        for link in self.links:
            found.setdefault(link.reader[1], []).append(link)
        return found

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

    def states(self) -> list[NodeKey]:
        """Every state at every step, the start included."""
        steps = [0, 1] if self.rolled else [self.start, *self.order]
        return [(name, t) for t in steps for name in self.template.made_in]

    def mean_gate(self, t: int) -> float:
        """The mean of the gate that the belt is multiplied by at step t."""
        with np.errstate(all="ignore"):
            return float(self.step(t).named[self.template.gate].data.mean())

    def every(self, part: NodeKey) -> list[NodeKey]:
        """The parts that this one stands for: itself, or its like at all steps."""
        name, t = part
        if not self.rolled:
            return [part]
        return [(name, u) for u in (self.order if t else [self.start, *self.order[:-1]])]

    def output(self, name: str, t: int) -> OutputKey:
        """A state as an output of a vertex."""
        tensor = self.state(name, t)
        return self.graph.id_of(tensor), tensor.source.index

    def outputs(self, node: NodeKey) -> list[OutputKey]:
        """The states behind a pill, as outputs of vertices."""
        return [self.output(*real) for real in self.every(node)]

    def vertices(self, node: NodeKey) -> tuple[int, ...]:
        """The vertices of the graph that a node stands for."""
        role, _ = node
        if role == PARAMETERS:
            return tuple(self.parameters)
        found: list[int] = []
        for name, t in self.every(node):
            found += self.parts.get((name, t), ())
            if name in self.template.made_in or name == "x":
                found += [self.graph.id_of(self.step(t).named[name])] if name in self.step(t).named else []
        return tuple(dict.fromkeys(found))

    @cached_property
    def last_adding(self) -> dict[int, tuple[int, ...]]:
        """Of each step the vertex that backward comes to last of those that read a weight."""
        found: dict[int, int] = {}
        for link in self.links:
            for edge in link.edges if link.source[0] == PARAMETERS else ():
                found[link.reader[1]] = min(edge.reader, found.get(link.reader[1], edge.reader))
        return {t: (vertex,) for t, vertex in found.items()}

    def masked_rows(self, t: int) -> tuple[int, int]:
        """Of how many rows a mask kept every state at step t, and how many there are."""
        kept: np.ndarray | bool = True
        for name in self.template.made_in:
            new, old = (np.atleast_2d(self.state(name, u).data) for u in (t, self.previous(t)))
            kept = kept & (new == old).all(axis=-1)
        return int(np.sum(kept)), int(np.size(kept))

    def is_cut(self, name: str, t: int) -> bool:
        """Whether a state was detached from what made it, as at the start of a window of truncated BPTT."""
        vertex, _ = self.output(*self.every((name, t))[0])
        return "detached" in self.graph.vertices[vertex].params

    # What things are called

    def letter(self, name: str) -> str:
        """A value without its step, as the equations write it, e.g. C."""
        return letter(name, self.template.is_lstm)

    def index(self, t: int) -> str:
        """A time step as an index; of a rolled cell t, and t − 1 for the step before."""
        if self.rolled:
            return "ₜ" if t == 1 else "ₜ₊₁" if self.chain.reverse else "ₜ₋₁"
        return subscript(t)

    def sign(self, name: str, t: int) -> str:
        """A value as the equations write it, e.g. C₂."""
        return f"{brief(self.letter(name), 24)}{self.index(t)}"

    def words(self, role: str, t: int) -> str:
        """What a box of the template says, as it is in this graph: with the operation's own name, and b if it is read.

        The template's tanh may be a relu, and a cell may have no bias.
        """
        said = self._texts.get(role, role)
        if "{" not in said:
            return said
        said = said.replace("{t}", self.index(t)).replace("{p}", self.index(self.previous(t)))
        return said.replace("{op}", self.operation(role, t))

    @cached_property
    def _texts(self) -> dict[str, str]:
        """The text of each box, without b if nothing reads one."""
        texts = {role: box.text for role, box in self.template.boxes.items()}
        if any(name.startswith("b") for name in self.parameters.values()):
            return texts
        return {role: text.replace(" + bₙ", "").replace(" + b", "") for role, text in texts.items()}

    def operation(self, role: str, t: int) -> str:
        """What the operation of a box is called in this graph; the usual name where the step does not record it."""
        found = self.parts.get((role, t))
        name = self.graph.vertices[found[-1]].op if found else USUAL
        return FUNCTIONS.get(name, name)

    def crossing_factors(self) -> str:
        """What a gradient is multiplied by at a crossing, with the names of this cell's operations."""
        template, t = self.template, self.order[0]
        candidate = next((role for role, box in template.boxes.items() if box.look == "candidate"), "")
        op = self.function(candidate, t) if candidate else self.operation("squash", t)
        gate = self.function(template.gate, t) if template.gate in template.boxes else ""
        return template.crossing.replace("{op}", op).replace("{gate}", gate)

    def law(self, role: str, t: int) -> str:
        """What a gate is, as its equation says it in this graph: σ(…), hard-σ(…), 1 − f₂."""
        law = self.template.boxes[role].law.replace("{t}", self.index(t))
        return f"{self.function(role, t)}{OF_ALL}" if law.endswith(OF_ALL) else law

    def function(self, role: str, t: int) -> str:
        """The function that makes a gate or a candidate: the usual one where it is there, φ where there are several."""
        usual = self.template.boxes[role].law.removesuffix(OF_ALL)
        ops = [self.graph.vertices[vertex].op for vertex in self.parts.get((role, t), ())]
        signs = [FUNCTIONS.get(op, op) for op in ops if op not in PREACTIVATION]
        if not signs or usual in signs:
            return usual
        return signs[0] if len(signs) == 1 else "φ"

    def name_of(self, node: NodeKey) -> str:
        """A node by its name."""
        role, t = node
        if role in (LOSS, NEXT_LAYER):
            return "the loss" if role == LOSS else "the next layer"
        if role == PARAMETERS:
            return ", ".join(self.parameters.values())
        if role.startswith("fold_"):
            return f"the steps from {at_step(t)}"
        return self.words(role, t).replace("\n", ", ") or self.sign(role, t)
