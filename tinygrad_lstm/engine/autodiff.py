"""The loop that walks the graph backward.

Reverse mode in one sentence: visit the nodes from the newest to the oldest; each hands every source its part of the
cotangent, and a source that several nodes read adds the parts up before its own turn comes. Creation numbers give the
order: a node is always newer than what it reads, and its sources never change.

Why the order matters: in z = h·h + h, where h = f(x), the node h must wait for all three parts. A walk that went on
from h as soon as a part arrived would hand x the first ones again with each later one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from tinygrad_lstm.engine.changes import Freed, freed_error, refuse_if_unusable
from tinygrad_lstm.engine.node import (
    Edge,
    Node,
    Shape,
    Source,
    ancestors_of,
    input_name,
    make_source,
    topological_order,
)
from tinygrad_lstm.engine.numpy_protocol import NumpyProtocol, plain
from tinygrad_lstm.engine.ops.indexing import add_at, scatter
from tinygrad_lstm.engine.ops.primitive import Array, IndexedCotangent
from tinygrad_lstm.engine.ops.wide import wide
from tinygrad_lstm.engine.scope import current_hook
from tinygrad_lstm.errors import DtypeError, GradError, ShapeError, TinygradError

# Of a rule: the error says which rule, and of which line
FAILURES = (TinygradError, ValueError, IndexError, TypeError, AttributeError, OverflowError)
Hook: TypeAlias = Callable[[Edge, Any], Any]
Wrap: TypeAlias = Callable[[Array, Source | None], Any]  # an array and where it comes from -> a Tensor
_inside_the_engine = True


def backpropagate(
    roots: Sequence[Source],
    seeds: Sequence[Any],
    *,
    targets: set[Node] | None = None,
    retain_graph: bool = False,
    wrap: Wrap | None = None,
    hook: Hook | None = None,
    indexed: bool = False,
) -> Iterator[tuple[Node, Any]]:
    """Visit the graph from the newest node to the oldest, handing cotangents on: the whole of reverse mode.

    ``targets``: only nodes that lead to one of these are visited (None: all that need a gradient). ``wrap`` makes a
    Tensor of a kept array, so that the rules themselves are recorded (create_graph); without it all is plain NumPy.
    ``hook`` sees each contribution before it is summed, and what it returns goes on (by default: that of ``through``);
    it gets whole arrays, unless it says that it takes an IndexedCotangent as it is (``indexed``).

    Raises GradError, before anything is touched, where the graph was freed or a kept value was changed.
    """
    order = topological_order([root.node for root in roots if root.node.requires_grad])
    if targets is not None:
        order = ancestors_of(targets, order)
    refuse_if_unusable(order)
    this_pass = Freed()
    visited = set(order)
    pending: dict[Node, Any] = {}  # dL/dy so far, for the nodes whose turn is still to come
    owned: set[Node] = set()  # those whose buffer was made here: nobody else holds it, so it may be added to in place
    recorded = wrap is not None
    if hook is None:
        hook, indexed = current_hook.get(), True
    for root, seed in zip(roots, seeds, strict=True):
        if root.node in visited:
            hand_on(pending, owned, root.node, root.index, seed, recorded)
    try:
        for node in reversed(order):
            g = pending.pop(node, None)
            if g is None:  # every path to it was cut
                continue
            if len(node.shapes) > 1:
                g = [zeros_like_output(node, k) if c is None else c for k, c in enumerate(g)]
            if node.hooks:
                owned.discard(node)  # a hook may have put it somewhere
                for watch in node.hooks:
                    changed = watch(g)
                    g = g if changed is None else changed
            plan = node.plan
            if plan is None:
                if not recorded and node not in owned:
                    g = np.array(g)  # a leaf keeps its gradient, so it must not be a view of somebody else's array
                yield node, g
                continue
            sources = node.sources
            kept = node.kept if wrap is None else wrapped(node, wrap)
            given = [g] if plan.several and len(node.shapes) == 1 else g  # a split into one part is still a split
            if plan.joint is not None:
                try:
                    given = plan.joint(given, *kept)
                except FAILURES as error:
                    raise _explained(node, None, error) from error
            for position, rule, needs in plan.calls:
                came_from: Source = sources[position]  # type: ignore[assignment]  # it wants a gradient: not None
                source, index = came_from.node, came_from.index
                if source not in visited:
                    continue
                try:
                    if len(needs) == 1:  # nearly every rule: spelled out, since a call with * takes twice as long
                        c = rule(given, kept[needs[0]])
                    else:
                        c = rule(given, *[kept[n] for n in needs]) if needs else rule(given)
                    if c is None:
                        continue
                    if type(c) is IndexedCotangent:
                        fits = indexed and not recorded and len(source.shapes) == 1
                    else:
                        fits = c.shape == source.shapes[index] and c.dtype is source.dtypes[index] and not recorded
                except FAILURES as error:
                    raise _explained(node, position, error) from error
                if not fits:
                    c = fit(c, node, position, wrap)
                if hook is not None:
                    edge = Edge(node, position, source, index, came_from.tag, g)
                    changed = hook(edge, c)
                    if changed is None:
                        continue
                    c = c if changed is c else from_hook(edge, changed, wrap)
                if source in pending or len(source.shapes) > 1 or type(c) is IndexedCotangent:
                    hand_on(pending, owned, source, index, c, recorded)
                else:
                    pending[source] = c  # as it came, and never written to: it may be somebody else's array
            if not retain_graph and node.kept:
                node.kept = this_pass
            yield node, g
    except BaseException as error:
        early = "its caller" if isinstance(error, GeneratorExit) else f"{type(error).__name__}: {error}"
        this_pass.stopped_by = early.rstrip(".")
        raise


def hand_on(pending: dict[Node, Any], owned: set[Node], node: Node, index: int, c: Any, recorded: bool) -> None:
    """pending[node] += c, in place where the buffer is ours."""
    if len(node.shapes) > 1:
        outputs = pending.get(node)
        if outputs is None:
            outputs = pending[node] = [None] * len(node.shapes)
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


def zeros_like_output(node: Node, index: int) -> Array:
    """The cotangent of an output that nobody used."""
    return np.zeros(node.shapes[index], node.dtypes[index])


def wrapped(node: Node, wrap: Wrap) -> tuple[Any, ...]:
    """What the node kept, with its inputs and outputs as Tensors, so that the rules run on them are recorded."""
    op, plan = node.op, node.plan
    assert op is not None
    assert plan is not None

    def lift(value: Any, source: Source | None) -> Any:
        return value if source is None or not source.node.requires_grad else wrap(value, source)

    values: list[Any] = []
    for name, value in zip(plan.keep, node.kept, strict=True):
        if name == "saved":
            raise GradError(
                f"{op.name} saves arrays for its backward, which no graph leads through, so it has no second "
                f"derivative (create_graph=True); use its composed form"
            )
        if name == "y" and op.several:
            value = tuple(wrap(part, make_source(node, k)) for k, part in enumerate(value))
        elif name == "y":
            value = wrap(value, make_source(node))
        elif name in op.inputs and op.sequence:
            value = tuple(map(lift, value, node.sources))
        elif name in op.inputs:
            value = lift(value, node.sources[op.inputs.index(name)])
        values.append(value)
    return tuple(values)


def call_rules(
    node: Node, g: Any, kept: Sequence[Any], only: Sequence[bool] | None = None
) -> Iterator[tuple[int, Any]]:
    """What the rules of a node give for g, each with the position of its input; nothing where a rule gives None.

    ``only``: one bool for each input, False where its rule is not called. ``backpropagate`` has these lines in its own
    loop, because a call for each node costs it 8 %. Every other walk over a graph calls this, then ``fit``.
    """
    plan = node.plan
    assert plan is not None
    given = [g] if plan.several and len(node.shapes) == 1 else g
    if plan.joint is not None:
        given = plan.joint(given, *kept)
    for position, rule, needs in plan.calls:
        if only is None or only[position]:
            c = rule(given, *[kept[n] for n in needs])
            if c is not None:
                yield position, c


def fit(c: Any, node: Node, position: int, wrap: Wrap | None = None) -> Any:
    """What a rule gave for an input, as an array (or Tensor) of the shape and dtype of that input.

    An IndexedCotangent becomes a whole array, broadcasting is undone, and the dtype is that of the input; complex
    numbers stay, since a hook may have made them on purpose.
    """
    source = node.sources[position]
    assert source is not None
    shape, dtype = source.node.shapes[source.index], source.node.dtypes[source.index]
    if type(c) is IndexedCotangent:
        return dense(c, shape, wrap)
    if wrap is not None and isinstance(c, np.ndarray | np.generic):
        c = wrap(np.asarray(c), None)  # a rule need not read a Tensor
    if c.shape != shape:
        c = unbroadcast(c, shape, node, position)
    return c if c.dtype is dtype or c.dtype.kind == "c" else c.astype(dtype)


def repeated_axes(long: Shape, shape: Shape) -> tuple[int, ...]:
    """The axes of the longer shape along which broadcasting repeated an array of this shape."""
    extra = len(long) - len(shape)
    return (*range(extra), *(k + extra for k, n in enumerate(shape) if n == 1 and long[k + extra] != 1))


def unbroadcast(c: Any, shape: Shape, node: Node, position: int) -> Any:
    """Undo broadcasting: sum c over the axes along which the input was repeated."""
    extra = len(c.shape) - len(shape)
    if extra == 1 and c.shape[1:] == shape:  # a bias: by far the commonest
        return c.reshape(shape) if c.shape[0] == 1 else wide(c).sum(axis=0)  # the loop rounds it back
    if extra >= 0 and math.prod(c.shape) == math.prod(shape):  # only new axes of length 1: nothing was repeated
        return c.reshape(shape)
    total = wide(c).sum(axis=repeated_axes(c.shape, shape)) if extra >= 0 else c
    if total.size != math.prod(shape) or extra < 0:
        gave = f"gave a cotangent of shape {c.shape}, but the input has shape {shape}"
        raise ShapeError(f"{_rule_of(node, position)} {gave}; in backward of {node}")
    return total.reshape(shape)


def _rule_of(node: Node, position: int | None) -> str:
    assert node.op is not None
    return f"the rule of {node.op.name}" + (f" for {input_name(node.op, position)}" if position is not None else "")


def _explained(node: Node, position: int | None, error: Exception) -> TinygradError:
    """The error of a rule, with the op, its input, and the line of the forward pass."""
    if type(node.kept) is Freed:  # by another thread, in the middle of this pass
        return freed_error([node])
    if isinstance(error, TinygradError):
        kind: type[TinygradError] = type(error)
    else:
        kind = DtypeError if isinstance(error, TypeError | AttributeError) else ShapeError
    return kind(f"{_rule_of(node, position)} failed: {error}; in backward of {node}")


def from_hook(edge: Edge, c: Any, wrap: Wrap | None) -> Any:
    """What a hook of ``through`` gave in place of a contribution, as an array (or Tensor) of our own."""
    if type(c) is IndexedCotangent:
        return c
    shape, dtype = edge.source.shapes[edge.index], edge.source.dtypes[edge.index]
    if np.shape(c) != shape:
        raise ShapeError(
            f"a hook gave a cotangent of shape {np.shape(c)} for {edge.name} of {edge.reader}, not {shape}"
        )
    if wrap is not None and isinstance(c, NumpyProtocol):
        return c
    array = np.array(plain(c))  # a copy: the hook may use its array again
    array = array if array.dtype.kind == "c" else array.astype(dtype, copy=False)
    return array if wrap is None else wrap(array, None)


def dense(c: IndexedCotangent, shape: Shape, wrap: Wrap | None) -> Any:
    """An indexed cotangent as a whole array (or, recorded, a Tensor)."""
    if wrap is None:
        return scatter.forward(c.values, c.where, shape)
    values = c.values if isinstance(c.values, NumpyProtocol) else wrap(np.asarray(c.values), None)
    return scatter(values, c.where, shape)
