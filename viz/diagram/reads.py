"""What is really read of a value: of the stack of all steps that a loss takes the last of, the last step alone.

A set of elements is an array of booleans. Each rule leads it back through an operation, from the elements of its
outputs that are read to those of one input, as a derivative leads a cotangent back. Through an operation that has no
rule, all is read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm.graph import GraphEdge, Vertex
from viz.diagram.cellgraph import OutputKey

Elements: TypeAlias = Any  # an array of booleans

PICKING = frozenset({"index", "split", "unstack"})  # without one of these, all is read


class Read(NamedTuple):
    """One read of an operation: the edge, who reads, and all that it reads."""

    edge: GraphEdge
    reader: Vertex
    beside: Sequence[GraphEdge]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of what is read."""
        return self.edge.shape

    @property
    def numbers(self) -> np.ndarray:
        """A number for each element of what is read."""
        return np.arange(np.prod(self.shape, dtype=int)).reshape(self.shape)

    def param(self, name: str) -> Any:
        """An option of the operation."""
        return self.reader.params[name]


def find_unread(graph: tg.Graph, leaving: Collection[GraphEdge]) -> set[GraphEdge]:
    """Those of some edges of a graph of which nothing is read in the end."""
    after = {edge.reader for edge in leaving}
    for edge in graph.edges:  # in the order of their readers
        if edge.source in after:
            after.add(edge.reader)
    if not any(graph.vertices[vertex].op in PICKING for vertex in after):
        return set()
    reads: dict[int, list[GraphEdge]] = {vertex: [] for vertex in after}
    for edge in graph.edges:
        if edge.reader in after:
            reads[edge.reader].append(edge)
    read: dict[OutputKey, Elements] = {}
    unread, used = set[GraphEdge](), {edge.source for edge in graph.edges}
    for vertex in sorted(after, reverse=True):  # what reads a value comes before it
        reader = graph.vertices[vertex]
        outs = [read.get((vertex, k), np.full(shape, vertex not in used)) for k, shape in enumerate(reader.shapes)]
        some, rule = any(out.any() for out in outs), RULES.get(reader.op)
        for edge in reads[vertex]:
            if edge.source not in after and edge not in leaving:
                continue
            there = np.full(edge.shape, some)
            if rule is not None and some:
                there = rule(Read(edge, reader, reads[vertex]), *outs)
            if edge in leaving and not there.any():
                unread.add(edge)
            value = edge.source, edge.index
            read[value] = read[value] | there if value in read else there
    return unread


def _each_element(read: Read, out: Elements) -> Elements:
    """An element is read if one of those that it was repeated for is."""
    added = tuple(range(out.ndim - len(read.shape)))
    repeated = tuple(axis for axis, size in enumerate(read.shape, start=len(added)) if size == 1)
    return out.any(repeated, keepdims=True).any(added)


def _product(read: Read, out: Elements) -> Elements:
    """Of the rows that a matrix is multiplied with those are read whose products are, all else as a whole."""
    rows = out.ndim == len(read.shape) > 1 and out.shape[:-1] == read.shape[:-1] and read.edge.position == 0
    return np.broadcast_to(out.any(-1, keepdims=True) if rows else np.True_, read.shape)


def _normalized(read: Read, out: Elements) -> Elements:
    return np.broadcast_to(out.any(read.param("axis"), keepdims=True), read.shape)


def _reshaped(read: Read, out: Elements) -> Elements:
    return out.reshape(read.shape)


def _transposed(read: Read, out: Elements) -> Elements:
    return _those(np.transpose(read.numbers, read.param("axes")), read, out)


def _swapped(read: Read, out: Elements) -> Elements:
    return np.swapaxes(out, read.param("axis1"), read.param("axis2"))


def _indexed(read: Read, out: Elements) -> Elements:
    try:
        return _those(read.numbers[read.param("key")], read, out)
    except IndexError:  # of a large array the record has only the shape
        return np.ones(read.shape, bool)


def _those(numbers: np.ndarray, read: Read, out: Elements) -> Elements:
    """The elements that are read, given the number of the one that went to each place of the output."""
    found = np.zeros(read.shape, bool)
    found.flat[numbers[out]] = True
    return found


def _stacked(read: Read, out: Elements) -> Elements:
    return np.take(out, read.edge.position, read.param("axis"))


def _concatenated(read: Read, out: Elements) -> Elements:
    axis, place = read.param("axis"), read.edge.position
    if [edge.position for edge in read.beside[: place + 1]] != [*range(place + 1)]:  # after an array that is no tensor
        return np.ones(read.shape, bool)
    start = sum(edge.shape[axis] for edge in read.beside[:place])
    return np.take(out, range(start, start + read.shape[axis]), axis)


def _unstacked(read: Read, *outs: Elements) -> Elements:
    return np.stack(outs, read.param("axis"))


def _split(read: Read, *outs: Elements) -> Elements:
    return np.concatenate(outs, read.param("axis"))


ELEMENTWISE = (
    "absolute", "add", "cast", "clip", "divide", "exp", "log", "maximum", "minimum", "multiply", "negative", "power",
    "relu", "sigmoid", "softplus", "sqrt", "subtract", "tanh", "where",
)  # fmt: skip
RULES: dict[str, Callable[..., Elements]] = {
    **dict.fromkeys(ELEMENTWISE, _each_element),
    **dict.fromkeys(("linear", "matmul"), _product),
    **dict.fromkeys(("softmax", "log_softmax"), _normalized),
    **dict.fromkeys(("reshape", "expand_dims", "squeeze"), _reshaped),
    "transpose": _transposed, "swapaxes": _swapped, "index": _indexed, "stack": _stacked,
    "concatenate": _concatenated, "unstack": _unstacked, "split": _split,
}  # fmt: skip
