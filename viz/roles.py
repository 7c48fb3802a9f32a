"""Which vertex of the graph is which part of the cell: a step's named tensors are fixed points, reads tell the rest.

A computation between the named ones is known by what it reads: the one that reads f and the previous c is f ⊙ C. So
the parts are found by the graph's structure, whatever a cell calls its operations and however many it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.errors import TinygradError
from tinygrad_lstm.graph import GraphEdge
from viz.templates import TEMPLATES, Template

Value: TypeAlias = tuple[int, int]  # a vertex and which of its outputs
EdgeKey: TypeAlias = tuple[int, int]  # the reading vertex and which of its inputs
Part: TypeAlias = tuple[str, int]  # a box and its time step
Begins: TypeAlias = Callable[[GraphEdge], Part | None]  # what an edge reads of a step's beginning

WEIGHTS, OUTSIDE = "weights", "loss"  # the parts that are no box of a step


class NoCellViewError(TinygradError, ValueError):
    """A chain that no template fits; the op view draws it."""


class NothingRecordedError(TinygradError, ValueError):
    """A trajectory that left no graph to draw."""


@dataclass(frozen=True)
class Line:
    """One line of the picture and the edges of the graph that it stands for, most often a single one."""

    source: Part
    target: Part
    edges: tuple[GraphEdge, ...]  # none for the line from an operation to the pill of the state that it makes

    @property
    def carries(self) -> bool:
        """Whether it takes a state into its own next value."""
        return any(edge.tag == "carry" for edge in self.edges)

    @property
    def crosses(self) -> bool:
        """Whether it takes a previous state into a gate or a candidate."""
        return bool(self.edges) and self.target[1] == self.source[1] + 1 and not self.carries


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

    @property
    def last(self) -> int:
        """The last time step."""
        return len(self.chain.steps)

    def state(self, name: str, t: int) -> tg.Tensor:
        """The state of that name after step t, or at the start for t = 0."""
        tensor = getattr(self.chain.steps[t - 1] if t else self.chain.initial, name)
        assert isinstance(tensor, tg.Tensor)
        return tensor

    def states(self) -> list[Part]:
        """Every state at every step, the start included."""
        return [(name, t) for t in range(self.last + 1) for name in self.template.made_in]

    def crossings(self) -> set[EdgeKey]:
        """The edges on which a previous state is read by a gate or a candidate."""
        return {(edge.target, edge.position) for line in self.lines if line.crosses for edge in line.edges}


def template_of(chain: nn.Chain) -> Template | None:
    """The template that fits the cell's class and its parents, if there is one for it."""
    names = [kind.__name__.removesuffix("Cell") for kind in type(chain.cell).__mro__]
    return next((TEMPLATES[name] for name in names if name in TEMPLATES), None)


def unrolled(graph: tg.Graph, chain: nn.Chain) -> Unrolled:
    """Find every part of every step of a chain in the graph.

    Raises NoCellViewError where the cell has no template, or computes something its template has no place for.
    """
    template = template_of(chain)
    if template is None:
        raise NoCellViewError(
            f"there is no cell view of a {type(chain.cell).__name__}, only of {', '.join(TEMPLATES)}; "
            'draw(..., view="op") draws any graph'
        )
    parameters = {
        graph.id_of(parameter): name for name, parameter in chain.cell.named_parameters() if parameter in graph
    }
    finder = _Finder(graph, template, parameters)
    before = chain.initial
    for step in chain.steps:
        finder.take_step(step, before)
        before = step
    finder.take_outside(chain)
    lines = tuple(Line(source, target, tuple(edges)) for (source, target), edges in finder.found.items())
    parts = {part: tuple(vertices) for part, vertices in finder.parts.items()}
    return Unrolled(template, chain, graph, lines, parts, parameters, tuple(finder.elsewhere))


class _Finder:
    """Goes through the steps in time and sorts the graph's edges into lines of the picture."""

    def __init__(self, graph: tg.Graph, template: Template, parameters: dict[int, str]) -> None:
        self.graph, self.template, self.parameters = graph, template, parameters
        self.found: dict[tuple[Part, Part], list[GraphEdge]] = {}
        self.parts: dict[Part, list[int]] = {}
        self.elsewhere: dict[Part, None] = {}  # in the order in which they are found
        self.members: set[int] = set()  # the vertices inside any step so far
        self.into: dict[int, list[GraphEdge]] = {}
        for edge in graph.edges:
            self.into.setdefault(edge.target, []).append(edge)

    def value(self, tensor: tg.Tensor) -> Value:
        """Where a tensor is in the graph."""
        return self.graph.id_of(tensor), tensor.source.index

    def take_step(self, step: nn.Step, before: nn.Step) -> None:
        """Find the parts of one step and the lines into and between them."""
        template, t = self.template, step.t
        missing = [name for name in template.letters if name not in step.named]
        if missing:
            raise NoCellViewError(
                f"step t={t} has no {', '.join(missing)}, which the {template.cell} view draws; "
                'draw(..., view="op") draws any graph'
            )
        if any(self.graph.vertices[self.graph.id_of(step.named[name])].kind == "constant" for name in template.made_in):
            raise NothingRecordedError(f"step t={t} was made under no_grad: nothing was recorded to draw")
        names = {self.graph.id_of(step.named[name]): name for name in template.letters if name != "x"}
        start = {self.value(before.named[name]): name for name in template.made_in}
        x = self.value(step.named["x"])

        def begins(edge: GraphEdge) -> Part | None:
            """The part of the step's beginning, x or a previous state, that an edge reads, if it is one."""
            value = edge.source, edge.index
            if value == x:
                return "x", t
            if value in start:  # the tag tells two states apart that started as one tensor
                return (template.belt_state if edge.tag == "carry" else start[value]), t - 1
            return None

        inside = self._between(names, begins, t)
        box = self._boxes(inside, names, begins, t)
        self.members |= inside
        for vertex in sorted(inside):
            self.parts.setdefault((box[vertex], t), []).append(vertex)
        for name, maker in template.made_in.items():
            self.found[(maker, t), (name, t)] = []
        for vertex in sorted(inside):
            for edge in self.into.get(vertex, ()):
                source = begins(edge)
                if source is None and edge.source in inside:
                    source = names.get(edge.source, box[edge.source]), t
                source = source or (WEIGHTS, t)
                if source != (box[vertex], t):
                    self.found.setdefault((source, (box[vertex], t)), []).append(edge)

    def _boxes(self, inside: set[int], names: dict[int, str], begins: Begins, t: int) -> dict[int, str]:
        """The box of each vertex of a step: by its name, or by the named things that it reads."""
        box: dict[int, str] = {}
        reads: dict[int, frozenset[str]] = {}
        for vertex in sorted(inside):
            here: frozenset[str] = frozenset()
            for edge in self.into.get(vertex, ()):
                if begin := begins(edge):
                    here |= {"x" if begin[0] == "x" else f"{begin[0]}-"}
                elif edge.source in inside:
                    here |= {names[edge.source]} if edge.source in names else reads[edge.source]
            reads[vertex] = here
            if vertex in names:
                box[vertex] = self.template.made_in.get(names[vertex], names[vertex])
            else:
                box[vertex] = self._box(vertex, here, t)
        return box

    def _between(self, names: Iterable[int], begins: Begins, t: int) -> set[int]:
        """The vertices from the named ones back to the step's beginning and to the weights, both left out."""
        inside: set[int] = set()
        waiting = list(names)
        while waiting:
            vertex = waiting.pop()
            if vertex in inside or vertex in self.parameters:
                continue
            made = self.graph.vertices[vertex]
            if made.step is None:  # made once, before the steps: weights, as they are when a wrapper has changed them
                continue
            if made.step != t:
                raise NoCellViewError(
                    f"step t={t} reads {made.label or made.op} of step t={made.step} ({made.place}), for which the "
                    f'{self.template.cell} view has no place; draw(..., view="op") draws any graph'
                )
            inside.add(vertex)
            waiting += [edge.source for edge in self.into.get(vertex, ()) if begins(edge) is None]
        return inside

    def _box(self, vertex: int, reads: frozenset[str], t: int) -> str:
        role = self.template.box_of(reads)
        if role is None:
            found = self.graph.vertices[vertex]
            raise NoCellViewError(
                f"the {self.template.cell} view has no place for the {found.op} at {found.place} in step t={t}, "
                f'which reads {", ".join(sorted(reads))}; draw(..., view="op") draws any graph'
            )
        return role

    def take_outside(self, chain: nn.Chain) -> None:
        """The lines from the states to whatever outside the chain reads them."""
        states = {
            self.value(step.named[name]): (name, step.t) for step in chain.steps for name in self.template.made_in
        }
        where = {vertex: part for part, vertices in self.parts.items() for vertex in vertices}
        for edge in self.graph.edges:
            if edge.source in self.members and edge.target not in self.members:
                part = states.get((edge.source, edge.index))
                if part is None:
                    self.elsewhere[where[edge.source]] = None
                else:
                    self.found.setdefault((part, (OUTSIDE, part[1])), []).append(edge)
