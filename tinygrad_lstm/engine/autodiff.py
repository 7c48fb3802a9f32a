"""The graph, and the loop that walks it backward.

A *node* is one run of a primitive, a leaf, or a constant. It knows its sources, and of the arrays only what the rules
asked to keep; no node points at a Tensor or at its readers, so a graph dies by reference count alone.

Reverse mode in one sentence: visit the nodes from the newest to the oldest; each hands every source its part of the
cotangent, and a source that several nodes read adds the parts up before its own turn comes. Creation numbers give the
order: a node is always newer than what it reads, and its sources never change.

Why the order matters: in z = x·x + x the node x must wait for both parts. A walk that went on from x as soon as the
first part arrived would count the paths through x·x twice, or not at all.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from tinygrad_lstm.engine.ops.indexing import add_at, scatter
from tinygrad_lstm.engine.ops.primitive import Array, IndexedCotangent, Plan, Primitive
from tinygrad_lstm.engine.scope import Place, Scope, modes, source_line
from tinygrad_lstm.errors import GradError, ShapeError

Shape: TypeAlias = tuple[int, ...]
counter = itertools.count(1)  # numbers nodes and changes alike, so that their order in time can be compared
last_change = [0]  # the number of the last change to any leaf's data
NO_PARAMS: dict[str, Any] = {}
FREED: tuple[Any, ...] = ("freed",)  # stands in for what a node kept, once a backward pass has used it
_inside_the_engine = True


class Node:
    """One vertex of the graph. ``op`` is None for a leaf or a constant."""

    # __dict__ is made only for a node on which one of the rare things below is set
    __slots__ = (
        "__dict__", "dtypes", "kept", "labels", "number", "op", "params", "place", "plan", "requires_grad", "scope",
        "shapes", "sources",
    )  # fmt: skip

    grad: Any = None  # of a leaf, or where retains_grad: a Tensor, put there by ``backward``
    retains_grad = False
    hooks: tuple[Callable[[Any], Any], ...] = ()
    changed_at = 0  # when the data of a leaf was last set, on the counter that numbers nodes

    def __init__(
        self, op: Primitive[Any, Any] | None, sources: tuple[Source | None, ...], shapes: tuple[Shape, ...],
        dtypes: tuple[np.dtype, ...], place: Place, requires_grad: bool,
        plan: Plan | None = None, kept: tuple[Any, ...] = (), params: dict[str, Any] = NO_PARAMS,
    ) -> None:  # fmt: skip
        self.op = op
        self.sources = sources  # one for each input; None for a literal, a bare number or array
        self.shapes, self.dtypes = shapes, dtypes  # one for each output
        self.place = place
        self.requires_grad = requires_grad
        self.plan, self.kept = plan, kept  # which rules to call, and what they asked for
        self.params = params
        self.number = next(counter)
        self.scope: Scope | None = modes.scope
        self.labels: dict[int, str] | None = None  # the names of the outputs

    @property
    def label(self) -> str:
        """The name given to its (first) output, or an empty string."""
        return next(iter(self.labels.values())) if self.labels else ""

    @property
    def step(self) -> int | None:
        """The time step it was made in."""
        return self.scope.step if self.scope else None

    def __str__(self) -> str:
        """How an error speaks of it: ``h (multiply) of shape (4, 8), made at train.py:41 in lstm/t=35``."""
        what = self.op.name if self.op else "leaf" if self.requires_grad else "constant"
        name = f"{self.label} ({what})" if self.label else what
        shapes = (
            " and ".join(map(str, self.shapes)) if len(self.shapes) < 4 else f"{len(self.shapes)} x {self.shapes[0]}"
        )
        return f"{name} of shape {shapes}, made at {source_line(self.place)}" + (
            f" in {self.scope}" if self.scope else ""
        )


class Source(NamedTuple):
    """Where a value comes from: a node, which of its outputs, and the tag that the next reader's edge will bear."""

    node: Node
    index: int
    tag: str | None


class Edge(NamedTuple):
    """One input of one node, as a hook sees it: ``reader`` reads ``source`` under the name ``name``."""

    reader: Node
    position: int
    source: Node
    index: int
    tag: str | None

    @property
    def name(self) -> str:
        """The input's name in its op, e.g. ``x`` or ``W``; ``arrays[2]`` for an element of a sequence."""
        assert self.reader.op is not None
        return input_name(self.reader.op, self.position)


def input_name(op: Primitive[Any, Any], position: int) -> str:
    """What the op calls its input number ``position``."""
    return f"{op.inputs[0]}[{position}]" if op.sequence else op.inputs[position]


Visit: TypeAlias = tuple[Node, Any, list[tuple[int, Any]]]  # node, its cotangent, (input, what its source was handed)
Wrap: TypeAlias = Callable[[Array, Source], Any]  # an array and where it comes from -> a Tensor


def topological_order(roots: Sequence[Node], *, all_nodes: bool = False) -> list[Node]:
    """The nodes that the roots depend on, oldest first: those that need a gradient, or all of them."""
    seen = set(roots)
    waiting = list(seen)
    while waiting:
        for source in waiting.pop().sources:
            if source is not None:
                node = source[0]
                if node not in seen and (all_nodes or node.requires_grad):
                    seen.add(node)
                    waiting.append(node)
    return sorted(seen, key=attrgetter("number"))


def ancestors_of(targets: set[Node], order: Sequence[Node]) -> list[Node]:
    """Of an order (oldest first), the nodes from which a target can be reached, targets included."""
    needed = set(targets)
    kept = []
    for node in order:
        if node in needed or any(source is not None and source[0] in needed for source in node.sources):
            needed.add(node)
            kept.append(node)
    return kept


def backpropagate(
    roots: Sequence[Source],
    seeds: Sequence[Any],
    *,
    targets: set[Node] | None = None,
    retain_graph: bool = False,
    wrap: Wrap | None = None,
) -> Iterator[Visit]:
    """Visit the graph from the newest node to the oldest, handing cotangents on: the whole of reverse mode.

    ``targets``: only nodes that lead to one of these are visited (None: all that need a gradient). ``wrap`` makes a
    Tensor of a kept array, so that the rules themselves are recorded (create_graph); without it all is plain NumPy.

    Raises GradError, before anything is touched, where the graph was freed or a kept value was changed.
    """
    order = topological_order([root.node for root in roots if root.node.requires_grad])
    if targets is not None:
        order = ancestors_of(targets, order)
    refuse_if_stale(order)
    visited = set(order)
    pending: dict[Node, Any] = {}  # dL/dy so far, for the nodes whose turn is still to come
    owned: set[Node] = set()  # those whose buffer was made here: nobody else holds it, so it may be added to in place
    recorded, hook = wrap is not None, modes.through
    for root, seed in zip(roots, seeds, strict=True):
        if root.node in visited:
            hand_on(pending, owned, root.node, root.index, seed, recorded)
    while order:
        node = order.pop()
        g = pending.pop(node, None)
        if g is None:  # every path to it was cut
            continue
        if len(node.shapes) > 1:  # outputs that nobody used count as zeros
            g = [np.zeros(*like) if c is None else c for c, *like in zip(g, node.shapes, node.dtypes, strict=True)]
        for watch in node.hooks:
            changed = watch(g)
            if changed is not None:
                g = changed
                owned.discard(node)
        contributions: list[tuple[int, Any]] = []
        if node.op is None:
            if not recorded and node not in owned:
                g = np.array(g)  # a leaf keeps its gradient, so it must not be a view of somebody else's array
        else:
            kept = node.kept if wrap is None else wrapped(node, wrap)
            handed = [g] if node.op.several and len(node.shapes) == 1 else g  # a split into one part is still a split
            for position, rule, needs in node.plan.calls:  # type: ignore[union-attr]  # a node with an op has a plan
                if position >= 0 and node.sources[position][0] not in visited:  # type: ignore[index]  # wanted: not None
                    continue
                first = (position, handed) if node.op.sequence and position >= 0 else (handed,)
                result = rule(*first, *map(kept.__getitem__, needs))
                for k, c in ((position, result),) if position >= 0 else enumerate(result):
                    if c is None or node.sources[k] is None:
                        continue
                    source, index, tag = node.sources[k]  # type: ignore[misc]  # just seen not to be None
                    if source not in visited:
                        continue
                    if type(c) is IndexedCotangent:
                        if recorded or hook is not None or len(source.shapes) > 1:
                            c = dense(c, source.shapes[index], recorded)
                    else:
                        if c.shape != source.shapes[index]:
                            c = unbroadcast(c, source.shapes[index], node, k)
                        if c.dtype is not source.dtypes[index] and c.dtype.kind != "c":
                            c = c.astype(source.dtypes[index])
                    if hook is not None:
                        c = hook(Edge(node, k, source, index, tag), c)
                        if c is None:
                            continue
                    contributions.append((k, c))
                    if source not in pending and len(source.shapes) == 1 and type(c) is not IndexedCotangent:
                        pending[source] = c  # as it came, and never written to: it may be somebody else's array
                    else:
                        hand_on(pending, owned, source, index, c, recorded)
            if not retain_graph and node.kept:
                node.kept = FREED
        yield node, g, contributions


def hand_on(pending: dict[Node, Any], owned: set[Node], node: Node, index: int, c: Any, recorded: bool) -> None:
    """pending[node] += c, in place where the buffer is ours."""
    if len(node.shapes) > 1:
        outputs = pending.setdefault(node, [None] * len(node.shapes))
        outputs[index] = c if outputs[index] is None else outputs[index] + c
    elif type(c) is IndexedCotangent:
        if node not in owned or not node.shapes[0]:  # (a sum of 0-d arrays is a NumPy scalar, not to be written into)
            buffer = pending.get(node)
            pending[node] = np.zeros(node.shapes[0], node.dtypes[0]) if buffer is None else np.array(buffer)
            owned.add(node)
        add_at(pending[node], c.where, c.values)
    elif node not in pending:
        pending[node] = c
    elif node in owned:
        pending[node] += c
    else:
        pending[node] = pending[node] + c
        if not recorded:
            owned.add(node)


def wrapped(node: Node, wrap: Wrap) -> tuple[Any, ...]:
    """What the node kept, with its inputs and outputs as Tensors, so that the rules run on them are recorded."""
    op, plan = node.op, node.plan
    assert op is not None and plan is not None

    def lift(value: Any, source: Source | None) -> Any:
        return value if source is None or not source.node.requires_grad else wrap(value, source)

    values: list[Any] = []
    for name, value in zip(plan.keep, node.kept, strict=True):
        if name == "saved":
            raise GradError(
                f"{op.name} saves arrays for its backward, which no graph leads through, so it has no second derivative "
                f"(create_graph=True); use its composed form"
            )
        if name == "y" and op.several:
            value = tuple(wrap(part, Source(node, k, None)) for k, part in enumerate(value))
        elif name == "y":
            value = wrap(value, Source(node, 0, None))
        elif name in op.inputs and op.sequence:
            value = tuple(map(lift, value, node.sources))
        elif name in op.inputs:
            value = lift(value, node.sources[op.inputs.index(name)])
        values.append(value)
    return tuple(values)


def unbroadcast(c: Any, shape: Shape, node: Node, position: int) -> Any:
    """Undo broadcasting: sum c over the axes along which the input was repeated."""
    extra = len(c.shape) - len(shape)
    stretched = (
        tuple(k + extra for k, n in enumerate(shape) if n == 1 and c.shape[k + extra] != 1) if extra >= 0 else ()
    )
    total = c.sum(axis=(*range(extra), *stretched)) if extra >= 0 else c
    if total.size != math.prod(shape) or extra < 0:
        assert node.op is not None
        raise ShapeError(
            f"the rule of {node.op.name} for {input_name(node.op, position)} gave a cotangent of shape {c.shape}, "
            f"but the input has shape {shape}"
        )
    return total.reshape(shape)


def dense(c: IndexedCotangent, shape: Shape, recorded: bool) -> Any:
    """An indexed cotangent as a whole array (or, recorded, a Tensor)."""
    return scatter(c.values, c.where, shape) if recorded else scatter.forward(c.values, c.where, shape)


def refuse_if_stale(order: Sequence[Node]) -> None:
    """Raise GradError where a backward pass would use what is gone, or what is no longer what forward saw."""
    for node in reversed(order):
        if node.kept is FREED:
            raise GradError(
                f"backward reached a graph that an earlier backward has already used and freed, through {node}. "
                "If that value is carried from one step of training to the next, detach() it there, which cuts the "
                "history; to go through the same graph twice on purpose, say retain_graph=True the first time"
            )
        if node.number < last_change[0] and node.plan is not None and node.op is not None:
            _refuse_if_changed(node, node.op, node.plan)


def _refuse_if_changed(node: Node, op: Primitive[Any, Any], plan: Plan) -> None:
    kept: list[Node] = [node] if "y" in plan.keep else []
    for position, source in enumerate(node.sources):
        name = op.inputs[0] if op.sequence else op.inputs[position]
        if source is not None and name in plan.keep:
            value = node.kept[plan.keep.index(name)]
            kept.append(source.node)
            kept += _viewed(source.node) if (value[position] if op.sequence else value).base is not None else []
    for changed in kept:
        if changed.changed_at > node.number:
            raise GradError(
                f"the data of {changed} was changed after {node} had kept it for its derivative; "
                "change parameters only after backward, or read them again"
            )


VIEWS = frozenset(
    {"broadcast_to", "expand_dims", "index", "reshape", "split", "squeeze", "swapaxes", "transpose", "unstack"}
)


def _viewed(node: Node) -> list[Node]:
    """The nodes into whose arrays this node's array may look."""
    nodes = []
    while node.op is not None and node.op.name in VIEWS and (source := node.sources[0]) is not None:
        node = source.node
        nodes.append(node)
    return nodes
