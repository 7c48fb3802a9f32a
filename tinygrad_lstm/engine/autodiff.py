"""The loop that walks the graph backward.

Reverse mode in one sentence: visit the nodes from the newest to the oldest; each hands every source its part of the
cotangent, and a source that several nodes read adds the parts up before its own turn comes. Creation numbers give the
order: a node is always newer than what it reads. The loop in short (its caller, ``Tensor.backward``, fills ``grad``):

    for node in reversed(order):
        g = pending.pop(node)  # dL/dy, complete: all readers of the node are newer, so they came before it
        for position, rule in node.plan.rules:  # a contribution to each source, in its shape and dtype
            pending[node.sources[position].node] += fit(rule(position, g, node.kept), node, position, g)
        yield node, g  # to the caller: node.grad += g, if it is a leaf

Why the order matters: in z = h·h + h, where h = f(x), the node h must wait for all three parts. A walk that went on
from h at each part, with the sum so far, would hand the first parts to x again with each later one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from tinygrad_lstm.engine.changes import unusable
from tinygrad_lstm.engine.contributions import fit
from tinygrad_lstm.engine.current import current_hook
from tinygrad_lstm.engine.failures import FAILURES, rule_failed
from tinygrad_lstm.engine.node import BackwardPass, Edge, Node, Source, depending_on, topological_order
from tinygrad_lstm.engine.ops.indexing import add_at
from tinygrad_lstm.engine.ops.rules import IndexedCotangent

Hook: TypeAlias = Callable[[Edge, Any], Any]
Lift: TypeAlias = Callable[[Node], tuple[Any, ...]]


def backpropagate(
    roots: Sequence[Source], seeds: Sequence[Any], *, targets: set[Node] | None = None, retain_graph: bool = False,
    lift: Lift | None = None, hook: Hook | None = None, indexed: bool = False,
) -> Iterator[tuple[Node, Any]]:  # fmt: skip
    """Visit the graph from the newest node to the oldest, handing cotangents on: the whole of reverse mode.

    It yields each node with its cotangent, once all contributions are in; the caller keeps those it asked for.

    ``roots``: where the walk starts, mostly the loss alone. ``seeds``: the cotangent of each, dL/dL = 1 for a loss.
    ``targets``: only nodes computed from one of these are visited; None: all that need a gradient.
    ``retain_graph``: what nodes kept is not freed after use, so that another backward pass can follow.
    ``lift``: gives what a node kept as Tensors, so that the rules are recorded (create_graph); without it all is NumPy.
    ``hook``: is called with each contribution before it is added up; what it returns goes on, None cuts the edge.
    ``indexed``: the hook takes an IndexedCotangent as it is, as the hooks of ``through`` do; without it, whole arrays.

    GradError, before anything is touched, where the graph was freed or a kept value was changed.
    """
    order = topological_order([root.node for root in roots if root.node.requires_grad])
    if targets is not None:
        order = depending_on(targets, order)
    if (reason := unusable(order)) is not None:
        raise reason
    this_pass = BackwardPass()
    pending: dict[Node, Any] = dict.fromkeys(order)  # dL/dy so far (None: nothing), of the nodes still to come
    owned: set[Node] = set()  # those whose buffer was made here: nothing else holds it, so it may be added to in place
    recorded = lift is not None
    if hook is None:  # that of ``through``, if there is one
        hook, indexed = current_hook.get(), True
    for root, seed in zip(roots, seeds, strict=True):
        if root.node in pending:
            hand_on(pending, owned, root.node, root.index, seed, recorded)
    try:
        for node in reversed(order):
            g = pending.pop(node)
            if g is None:  # nothing arrived: rules or hooks gave None on the way
                continue
            if type(g) is list:  # of several outputs; one that no node reads gets 0
                g = [np.zeros(node.shapes[k], node.dtypes[k]) if c is None else c for k, c in enumerate(g)]
            if node.hooks:  # on this value alone; ``hook`` is on every edge
                owned.discard(node)  # a hook may keep the array
                for watch in node.hooks:
                    changed = watch(g)
                    g = g if changed is None else changed
            if (plan := node.plan) is None:
                if not recorded and node not in owned:
                    g = np.array(g)  # a leaf keeps its gradient, so it must not be a view of another array
                yield node, g
                continue
            kept = node.kept if lift is None else lift(node)
            given = [g] if plan.multi_output and type(g) is not list else g  # its rules take a list, also of one
            if plan.joint is not None:
                try:
                    given = plan.joint(given, *kept)
                except FAILURES as error:
                    raise rule_failed(node, None, error) from error
            for position, rule in plan.rules:
                came_from: Source = node.sources[position]  # type: ignore[assignment]  # None only where no gradient is needed
                source, index = came_from.node, came_from.index
                if source not in pending:  # no path to a target
                    continue
                try:
                    c = rule(position, given, kept)
                except FAILURES as error:
                    raise rule_failed(node, position, error) from error
                if c is None:
                    continue
                fits = type(c) is np.ndarray and c.shape == source.shapes[index] and c.dtype is source.dtypes[index]
                if recorded or not fits:  # most fit, and need no call
                    c = fit(c, node, position, g, recorded, indexed)
                if hook is not None:
                    c = hook(Edge(node, position, source, index, came_from.tag, g), c)
                    if c is None:
                        continue
                if pending[source] is not None or len(source.shapes) > 1 or type(c) is IndexedCotangent:
                    hand_on(pending, owned, source, index, c, recorded)
                else:
                    pending[source] = c  # the first: as it came, never written to, since another node may hold it too
            if not retain_graph and node.kept:
                node.freed_by, node.kept = this_pass, ()
            yield node, g
    except BaseException as error:  # GeneratorExit: the caller takes no more nodes
        cause = "its caller" if isinstance(error, GeneratorExit) else f"{type(error).__name__}: {error}"
        this_pass.stopped_by = cause.rstrip(".")
        raise


def hand_on(pending: dict[Node, Any], owned: set[Node], node: Node, index: int, c: Any, recorded: bool) -> None:
    """pending[node] += c, in place where the buffer is ours."""
    if len(node.shapes) > 1:
        outputs = pending[node] = pending[node] or [None] * len(node.shapes)
        outputs[index] = c if outputs[index] is None else outputs[index] + c
    elif type(c) is IndexedCotangent:
        buffer, dtype = pending[node], np.asarray(c.values).dtype
        wider = dtype.kind == "c" and (buffer is None or buffer.dtype.kind != "c")  # complex into a real buffer
        if wider or node not in owned or not node.shapes[0]:  # shape (): a sum is a number, no array to write into
            dtype = dtype if wider else node.dtypes[0] if buffer is None else buffer.dtype
            pending[node] = np.zeros(node.shapes[0], dtype) if buffer is None else np.array(buffer, dtype)
            owned.add(node)
        add_at(pending[node], c.where, c.values)
    elif pending[node] is None:
        pending[node] = c
    elif node in owned:
        try:
            pending[node] += c
        except TypeError:  # complex numbers, which a real buffer cannot take
            pending[node] = pending[node] + c
    else:
        pending[node] = pending[node] + c
        if not recorded:
            owned.add(node)
