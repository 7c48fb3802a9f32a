"""The names of a graph's vertices, and of the scopes that they were made in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable
from typing import TypeAlias

import tinygrad_lstm as tg
from tinygrad_lstm.escaping import printable
from tinygrad_lstm.graph import GraphEdge, Vertex
from tinygrad_lstm.paths import edge_class
from viz.style.steps import subscript
from viz.style.text import letter

MOST = 40  # letters of a name that are shown; the tooltip has all of it
INFIX = {"add": "+", "subtract": "−", "multiply": "⊙", "divide": "÷"}  # written between what they read
SYMBOLS = INFIX | {"negative": "−", "matmul": "@", "power": "xⁿ", "sigmoid": "σ", "sum": "Σ", "sqrt": "√"}
FUNCTIONS = SYMBOLS | {"hard_sigmoid": "hard-σ", "positive": "id"}  # as an equation of a gate has them
ScopePath: TypeAlias = tuple[tuple[str, int | None], ...]  # each name with the time step that it stands for, if any


def path_of(vertex: Vertex) -> ScopePath:
    """The scopes of a vertex: those of two time steps differ, though they may be called the same."""
    return tuple(zip(vertex.scope, vertex.steps, strict=True))


def step_depth(path: ScopePath) -> int:
    """How many scopes lead to the innermost time step of a path, its own included; 0 where there is none."""
    return next((k for k in range(len(path), 0, -1) if path[k - 1][1] is not None), 0)


def slashed(path: ScopePath) -> str:
    """A path as text."""
    return "/".join([name for name, _ in path])


class Names:
    """The names of one graph's vertices, and the few things about a vertex that depend on its neighbours."""

    def __init__(self, graph: tg.Graph) -> None:
        self.graph, self.vertices = graph, graph.vertices
        self._readers = Counter(edge.source for edge in graph.edges)
        self._lstms = {vertex.scope for vertex in graph.vertices if vertex.label == "c" and vertex.step is not None}
        made = {vertex.label for vertex in graph.vertices if vertex.step is not None and not is_leaf(vertex)}
        self._starts: dict[int, int] = {}  # a state before the first step -> its t
        for edge in graph.edges:
            vertex, t = graph.vertices[edge.source], graph.vertices[edge.reader].step
            if vertex.step is None and t is not None and vertex.label in made:
                self._starts.setdefault(vertex.id, t - 1)
        states = [vertex for vertex in graph.vertices if vertex.kind == "state" or vertex.id in self._starts]
        self._states = {vertex.label for vertex in states if vertex.label}
        self._modules = _modules(graph, self._starts)

    def of(self, vertex: Vertex) -> str:
        """The name of a vertex as the equations write it, e.g. C₂; empty where it has none."""
        if not vertex.label:
            return ""
        sign = letter(vertex.label, vertex.scope in self._lstms or self.is_start(vertex))
        t = self._starts.get(vertex.id, vertex.step)
        sign = f"{self._modules[vertex.id]} {sign}" if vertex.id in self._modules else sign
        return sign + (subscript(t) if t is not None else "")

    def is_start(self, vertex: Vertex) -> bool:
        """Whether it is a state before the first step: the steps make values of the same name."""
        return vertex.id in self._starts

    def is_state(self, vertex: Vertex) -> bool:
        """Whether it is a state: before the first step, between two, or after the last."""
        named_so = vertex.label in self._states and vertex.step is not None and not is_leaf(vertex)
        return vertex.kind == "state" or named_so or self.is_start(vertex)

    def is_result(self, vertex: Vertex) -> bool:
        """Whether nothing reads it."""
        return not self._readers[vertex.id]

    def is_shared(self, vertex: Vertex) -> bool:
        """Whether it is a leaf that several operations read, as the weights are."""
        return is_leaf(vertex) and self._readers[vertex.id] > 1


def _modules(graph: tg.Graph, starts: Container[int]) -> dict[int, str]:
    """For parameters, and states before the first step, that share a name, the module that reads each first.

    It is said in the shortest word that distinguishes them.
    """
    first: dict[int, Vertex] = {}
    for edge in graph.edges:
        first.setdefault(edge.source, graph.vertices[edge.reader])
    same: dict[str, dict[int, tuple[str, ...]]] = {}
    for vertex in graph.vertices:
        if (vertex.kind == "parameter" or vertex.id in starts) and vertex.label and vertex.id in first:
            same.setdefault(vertex.label, {})[vertex.id] = first[vertex.id].module
    found: dict[int, str] = {}
    for paths in same.values():
        words = [
            {vertex: path[k] for vertex, path in paths.items() if path} for k in (0, -1)
        ] + [{vertex: "/".join(path) for vertex, path in paths.items() if path}]  # fmt: skip
        if len(paths) > 1:
            found |= next((few for few in words if len(set(few.values())) == len(paths)), words[-1])
    return found


def classes(graph: tg.Graph, edges: Iterable[GraphEdge]) -> tuple[str, ...]:
    """What ``tg.paths`` calls these edges: carry, crossing, peephole, ..., each once."""
    return tuple(dict.fromkeys([edge_class(edge, graph) for edge in edges]))


def is_leaf(vertex: Vertex) -> bool:
    """Whether no operation made it."""
    return vertex.kind in ("input", "parameter", "constant")


def brief(name: str, most: int = MOST) -> str:
    """A name as it is shown: in one line, and cut where it is too long to be one.

    >>> brief("x" * 10_000, 5)
    'xxxx…'
    """
    return printable(name if len(name) <= most else name[: most - 1] + "…")
