"""The graph: nodes, where their values come from, and the order in which they were made.

A *node* is one run of a primitive, or a leaf (a tensor that no op made), or a constant (a tensor without gradient). It
keeps the arrays its rules ask for. It points at its *sources*, the nodes whose values it read, never at its *readers*,
the nodes that read its own. So Python frees a graph once nothing refers to its newest node. A source and a reader are
the two ends of an *edge*, which may have a *tag*: "carry" says that a state is read for the next state (see ``tags``).
"""

from __future__ import annotations

import itertools
from _thread import RLock  # threading's, which is slow to import
from collections.abc import Callable, Sequence
from operator import attrgetter
from sys import _getframe
from types import CodeType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeAlias

import numpy as np

from tinygrad_lstm.engine.call_site import Cache, CallSite, first_outside, in_engine
from tinygrad_lstm.engine.current import current_scope
from tinygrad_lstm.engine.ops.indexing import scatter
from tinygrad_lstm.engine.ops.plan import Plan
from tinygrad_lstm.engine.ops.primitive import Primitive
from tinygrad_lstm.engine.ops.rules import IndexedCotangent

if TYPE_CHECKING:
    from tinygrad_lstm.engine.scope import Scope

Shape: TypeAlias = tuple[int, ...]
counter = itertools.count(1)  # numbers nodes, changes of data and backward passes: their order in time can be compared
NO_PARAMS: dict[str, Any] = {}
one_shape = Cache(lambda shape: (shape,))  # ``shapes`` of a node of one output: one tuple for all nodes of a shape,
one_dtype = Cache(lambda dtype: (dtype,))  # so that Python's collector has less to search
changing = RLock()  # a lock: held while something that threads share is changed


class BackwardPass:
    """A record of one backward pass, for the error of a later one that needs a node whose kept values it freed."""

    __slots__ = ("number", "stopped_by")

    def __init__(self) -> None:
        self.number = next(counter)
        self.stopped_by: str | None = None  # the error that ended it early


class Node:
    """One node of the graph, made by ``make_node``. ``op`` is None for a leaf or a constant."""

    __slots__ = (  # all fields: a __dict__ would double the cost of a node
        "changed_at", "code", "dtypes", "freed_by", "grad", "hooks", "kept", "labels", "number", "offset", "op",
        "params", "plan", "requires_grad", "retains_grad", "scope", "shapes", "sources",
    )  # fmt: skip

    op: Primitive[Any, Any] | None
    sources: tuple[Source | None, ...]  # one for each input; None for a literal, a bare number or array
    shapes: tuple[Shape, ...]  # one for each output
    dtypes: tuple[np.dtype, ...]
    code: CodeType  # with offset, the call site
    offset: int
    requires_grad: bool
    plan: Plan | None  # which rules to call
    kept: tuple[Any, ...]  # and what they asked for; nothing, once a backward pass has used and freed it
    freed_by: BackwardPass | None  # the pass that did
    params: dict[str, Any]  # options and literals of the call, by name
    number: int
    scope: Scope | None  # the path of names, and the time step, where it was made
    labels: dict[int, str] | None  # the names of the outputs
    grad: Any  # of a leaf, or where retains_grad: a Tensor, put there by ``backward``
    retains_grad: bool  # whether an output of an op gets a ``grad``, as leaves do
    hooks: tuple[Callable[[Any], Any], ...]  # the user's functions of its cotangent
    describe: ClassVar[Callable[[Node], str]]  # how errors name it: ``source_line`` puts it here
    changed_at: int  # when the data of a leaf was last set, on the counter that numbers nodes

    @property
    def label(self) -> str:
        """The name given to its (first) output, or an empty string."""
        return next(iter(self.labels.values())) if self.labels else ""

    @property
    def call_site(self) -> CallSite:
        """The line of the user's code that made it."""
        return self.code, self.offset

    @property
    def step(self) -> int | None:
        """The time step it was made in."""
        return self.scope.step if self.scope else None

    def __str__(self) -> str:
        return Node.describe(self)  # its op, shape and source line


def make_node(
    op: Primitive[Any, Any] | None, sources: tuple[Source | None, ...], shapes: tuple[Shape, ...],
    dtypes: tuple[np.dtype, ...], plan: Plan | None = None, kept: tuple[Any, ...] = (),
    params: dict[str, Any] = NO_PARAMS, requires_grad: bool = True,
) -> Node:  # fmt: skip
    """A new node. A function: a class with an __init__ takes 1.5 times as long, and every op makes a node."""
    frame = _getframe(3)  # 0: make_node, 1: record_one, 2: an operator or Primitive.__call__, 3: mostly the user's code
    code = frame.f_code
    if in_engine[code.co_filename]:
        frame = first_outside(frame)
        code = frame.f_code
    node = Node()
    node.op, node.sources, node.params = op, sources, params
    node.shapes, node.dtypes = shapes, dtypes
    node.code, node.offset = code, frame.f_lasti  # not the frame, which would keep its locals alive
    node.requires_grad, node.plan, node.kept = requires_grad, plan, kept
    node.number, node.changed_at = next(counter), 0
    node.scope = current_scope.get()
    node.labels = node.grad = node.freed_by = None
    node.retains_grad, node.hooks = False, ()
    return node


class Source:
    """Where a value comes from: a node, which of its outputs, and the tag of the edges to its readers."""

    __slots__ = ("index", "node", "tag")  # read at every op and every edge: a NamedTuple's fields take twice as long

    node: Node
    index: int
    tag: str | None


def make_source(node: Node, index: int = 0, tag: str | None = None) -> Source:
    """A new source; a function, as ``make_node`` is, because it takes less time."""
    source = Source()
    source.node, source.index, source.tag = node, index, tag
    return source


class Edge(NamedTuple):
    """One input of one node, as hooks are given it: ``reader`` reads ``source`` under the name ``name``."""

    reader: Node
    position: int
    source: Node
    index: int  # type: ignore[assignment]  # hides tuple.index, which an edge does not need
    tag: str | None
    cotangent: Any  # what came to the reader, of which it hands on a part

    @property
    def name(self) -> str:
        """The input's name in its op, e.g. ``x`` or ``W``; ``arrays[2]`` for an element of a sequence."""
        assert self.reader.op is not None
        return input_name(self.reader.op, self.position)

    def whole(self, cotangent: Any) -> Any:
        """A contribution along this edge as an array of the source's shape, also where it is an IndexedCotangent."""
        if type(cotangent) is not IndexedCotangent:
            return cotangent
        return scatter.forward(cotangent.values, cotangent.where, self.source.shapes[self.index])


def input_name(op: Primitive[Any, Any], position: int) -> str:
    """What the op calls its input number ``position``."""
    return f"{op.inputs[0]}[{position}]" if op.sequence else op.inputs[position]


def topological_order(roots: Sequence[Node], *, all_nodes: bool = False) -> list[Node]:
    """The nodes that the roots depend on, oldest first: those that need a gradient, or all of them."""
    seen = set(roots)
    found = list(seen)
    for node in found:  # which grows as we go
        for source in node.sources:
            if source is not None and (earlier := source.node) not in seen and (earlier.requires_grad or all_nodes):
                seen.add(earlier)
                found.append(earlier)
    found.sort(key=attrgetter("number"))
    return found


def depending_on(targets: set[Node], order: Sequence[Node]) -> list[Node]:
    """The targets of a gradient, dL/d(target), and the nodes of an order (oldest first) that were computed from one."""
    found = set(targets)
    for node in order:
        if any(source is not None and source.node in found for source in node.sources):
            found.add(node)
    return [node for node in order if node in found]
