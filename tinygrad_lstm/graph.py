"""The public record of a graph: frozen vertices and edges, numbered in topological order.

Pictures, routes and reports read this and nothing else of the engine. Ids are positions in the order in which the
values were made, never ``id()``, so the same program gives the same record in any process.
"""

from __future__ import annotations

import types
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Literal, TypeAlias

import numpy as np

from tinygrad_lstm.engine.kept import held_arrays
from tinygrad_lstm.engine.node import Node, input_name, topological_order
from tinygrad_lstm.engine.scope import Scope
from tinygrad_lstm.engine.source_line import SourceLine, source_line
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import ArgumentError

_PICKLED = ": a graph that was pickled or copied is the record alone"
_PLAIN = (bool, int, float, complex, str, bytes, np.generic, np.dtype, type, slice, types.EllipsisType, types.NoneType)
Kind: TypeAlias = Literal["input", "parameter", "constant", "op", "state"]
Names: TypeAlias = tuple[str, ...]
Located: TypeAlias = tuple[Names, tuple[int | None, ...], Names]  # scope, steps and module of a vertex


@dataclass(frozen=True, slots=True)
class Vertex:
    """One node: a run of an op, or a leaf."""

    id: int
    op: str  # the primitive's name; for a leaf, its kind
    label: str  # the name given by ``tg.label`` or a module; may be empty
    labels: tuple[str, ...]  # one for each output
    shape: tuple[int, ...]  # of the first output
    shapes: tuple[tuple[int, ...], ...]
    dtype: str
    scope: tuple[str, ...]  # the names of the scopes it was made in, from the outermost
    steps: tuple[int | None, ...]  # for each of these names the time step that it stands for, if it stands for one
    step: int | None  # the innermost of them
    module: tuple[str, ...]  # the scope without the names of time steps
    kind: Kind
    params: dict[str, object]  # options, and literals by the names of their inputs; a large array by its shape
    requires_grad: bool
    place: SourceLine


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """One read: vertex ``reader`` reads output ``index`` of vertex ``source`` under the name ``name``."""

    source: int
    reader: int
    position: int  # which input of the reader
    name: str
    index: int
    tag: str | None
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """Vertices in topological order and the edges between them, in the order in which they are read.

    A pickled or copied graph is the record alone: it no longer knows which tensor is behind a vertex.
    """

    vertices: tuple[Vertex, ...]
    edges: tuple[GraphEdge, ...]
    _ids: dict[Node, int] = field(repr=False, compare=False)

    def id_of(self, value: Tensor | Node) -> int:
        """The id of the vertex behind a tensor or a node of this graph; ArgumentError if it is not in it."""
        node = value.source.node if isinstance(value, Tensor) else value
        found = self._ids.get(node) if isinstance(node, Node) else None
        if found is None:
            raise ArgumentError(f"this {self} has no vertex for {node}" + _PICKLED * (not self._ids))
        return found

    def ids_in(self, other: Graph) -> dict[int, int]:
        """The id in another graph of each vertex that is in both."""
        return {k: other._ids[node] for node, k in self._ids.items() if node in other}

    @property
    def kept_bytes(self) -> int:
        """How many bytes of arrays the graph holds for backward at this moment: each array once, views by their base.

        Parameters and inputs that rules ask for are among them; ``tg.memory`` says what is whose. Raises ArgumentError
        for a graph that was pickled or copied.

        >>> graph = graph_of(Tensor([1.0, 2.0, 3.0], requires_grad=True) ** 2)
        >>> graph.kept_bytes  # x, of three float32: ∂(x²)/∂x = 2 x
        12
        """
        if self.vertices and not self._ids:
            raise ArgumentError(f"this {self} holds no arrays" + _PICKLED)
        return sum(held.owner.nbytes for held in held_arrays(self._ids))

    def __contains__(self, value: Tensor | Node) -> bool:
        node = value.source.node if isinstance(value, Tensor) else value
        return isinstance(node, Node) and node in self._ids

    def __reduce__(self) -> tuple[object, ...]:
        return Graph, (self.vertices, self.edges, {})

    def __repr__(self) -> str:
        return f"Graph({len(self.vertices)} vertices, {len(self.edges)} edges)"

    def __str__(self) -> str:
        return f"graph of {len(self.vertices)} vertices and {len(self.edges)} edges"


def graph_of(tensors: Tensor | Iterable[Tensor]) -> Graph:
    """Everything the tensors were computed from, constants included. Raises DtypeError for what is no tensor.

    >>> x = Tensor(2.0, requires_grad=True)
    >>> graph = graph_of(x * x + 1)
    >>> [vertex.op for vertex in graph.vertices]
    ['parameter', 'multiply', 'add']
    >>> [(edge.source, edge.reader, edge.name) for edge in graph.edges]
    [(0, 1, 'a'), (0, 1, 'b'), (1, 2, 'a')]
    """
    from tinygrad_lstm.arguments import TENSORS, taken  # here: the engine alone is imported without it

    tensors = taken("graph_of(tensors)", TENSORS, "tensors", tensors)
    tensors = [tensors] if isinstance(tensors, Tensor) else tensors
    order = topological_order([tensor.source.node for tensor in tensors], all_nodes=True)
    ids = {node: position for position, node in enumerate(order)}
    edges = tuple(
        GraphEdge(
            ids[source.node], ids[node], position, input_name(node.op, position), source.index, source.tag,
            source.node.shapes[source.index],
        )
        for node in order
        if node.op is not None
        for position, source in enumerate(node.sources)
        if source is not None
    )  # fmt: skip
    steps = [node.step for node in order]
    handed_on = {
        edge.source
        for edge in edges
        if None not in (pair := {steps[edge.source], steps[edge.reader]}) and len(pair) > 1
    }
    located = {scope: _scope_names(scope) for scope in dict.fromkeys(node.scope for node in order)}
    vertices = (_vertex(node, k, k in handed_on, *located[node.scope]) for k, node in enumerate(order))
    return Graph(tuple(vertices), edges, ids)


def _scope_names(scope: Scope | None) -> Located:
    """The names of a scope, and what time step each of them stands for."""
    scopes = scope.chain if scope is not None else ()
    names = tuple([each.name for each in scopes])
    steps = tuple([each.step if each.is_step else None for each in scopes])
    return names, steps, scope.module if scope is not None else ()


def _vertex(
    node: Node, number: int, handed_on: bool, scope: Names, steps: tuple[int | None, ...], module: Names
) -> Vertex:
    labels = node.labels or {}
    names = tuple(labels.get(index, "") for index in range(len(node.shapes)))
    kind = _kind(node, handed_on)
    return Vertex(
        id=number,
        op=node.op.name if node.op is not None else kind,
        label=next(filter(None, names), ""),
        labels=names,
        shape=node.shapes[0],
        shapes=node.shapes,
        dtype=_name(node.dtypes[0]),
        scope=scope,
        steps=steps,
        step=node.step,
        module=module,
        kind=kind,
        params={name: _brief(value) for name, value in node.params.items()},
        requires_grad=node.requires_grad,
        place=source_line(node.call_site),
    )


def _brief(value: object) -> object:
    """A parameter as the record shows it: a large array by its shape, an object by its type.

    So the record keeps neither arrays nor other parts of a graph alive.
    """
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape}" if value.size > 8 or value.dtype.hasobject else value
    if isinstance(value, tuple | list):
        return type(value)(map(_brief, value)) if type(value) in (tuple, list) else type(value).__name__
    if isinstance(value, _PLAIN):
        return value
    kind = type(value)
    said = kind.__name__ if kind.__repr__ is object.__repr__ else str(value)[:80]  # never an address
    return getattr(value, "__qualname__", said)


@cache  # NumPy takes as long to name a dtype as we take for all the rest of a vertex
def _name(dtype: np.dtype) -> str:
    return str(dtype)


def _kind(node: Node, handed_on: bool) -> Kind:
    """A state is what one time step computes and another reads; an input is a constant with a name."""
    if node.op is not None:
        return "state" if handed_on else "op"
    return "parameter" if node.requires_grad else "input" if node.labels else "constant"
