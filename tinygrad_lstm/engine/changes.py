"""Values that a backward pass cannot use: those changed after a node kept them, and those freed.

Rules need the values that the forward pass saw. So every assignment to a tensor's ``data`` is noted, with its time. A
new array is noted at the tensor's node; a write into the array it has (``p.data -= step``) is noted for that memory,
which views and detached tensors may share.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple
from weakref import ReferenceType, ref

import numpy as np

from tinygrad_lstm.engine.node import Node, changing, counter
from tinygrad_lstm.engine.ops.primitive import Array
from tinygrad_lstm.engine.source_line import describe
from tinygrad_lstm.errors import GradError

last_change = [0]  # the number of the last change to any tensor's data
freed_by = attrgetter("freed_by")
number_of = attrgetter("number")


class Written(NamedTuple):
    """Memory that was written into: its owner, when, and the number of the node of the tensor that was assigned."""

    owner: ReferenceType[Array]
    at: int
    by: int


memory: dict[int, Written] = {}  # by the id of the array that owns it, as long as that lives


def note_change(array: Array, node: Node | None, *, in_place: bool) -> None:
    """Note that the data of a tensor was assigned: of one with this array and this node."""
    with changing:
        now = last_change[0] = next(counter)
        if node is not None:
            node.changed_at = now
        if in_place:
            owner = _owner(array)
            key = id(owner)
            memory[key] = Written(ref(owner, lambda gone: _forget(key, gone)), now, node.number if node else 0)


def _forget(key: int, gone: ReferenceType[Array]) -> None:
    if key in memory and memory[key].owner is gone:
        del memory[key]


def _owner(array: Array) -> Array:
    """The array whose memory this one looks into."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def unusable(order: Sequence[Node]) -> GradError | None:
    """The error where a backward pass would use what is gone, or what is no longer what forward saw; else None."""
    if any(map(freed_by, order)):  # one quick check: nearly always there is none
        return freed_error(order)
    for node in order:
        if node.number > last_change[0]:  # and so is every node after it
            break
        for value, source in _kept_values(node):
            writer = _writer_of(value, source, node.number)
            if writer is not None:
                name = next((other for other in order if other.number == writer), source)
                return GradError(
                    f"the data of {name} was changed after {describe(node)} had kept it for its derivative; "
                    "change parameters only after backward, or read them again"
                )
    return None


def _kept_values(node: Node) -> Iterator[tuple[Array, Node]]:
    """The arrays a node kept that are the data of tensors, each with the node that made it."""
    if node.op is None or node.plan is None:
        return
    op, kept = node.op, node.kept
    if node.freed_by is not None:  # by another thread, a moment ago
        raise freed_error([node])
    for name, value in zip(node.plan.keep, kept, strict=True):
        if name == op.spelling.y:
            yield from ((part, node) for part in (value if op.multi_output else (value,)))
        elif name in op.inputs:
            parts = enumerate(value) if op.sequence else ((op.inputs.index(name), value),)
            for position, part in parts:
                if (source := node.sources[position]) is not None:
                    yield part, source.node


def _writer_of(value: Array, source: Node, kept_at: int) -> int | None:
    """The number of the node whose tensor was assigned after this value was kept; None if none was."""
    if source.changed_at > kept_at:
        return source.number
    written = memory.get(id(_owner(value)))
    return written.by if written is not None and written.at > kept_at else None


def freed_error(order: Sequence[Node]) -> GradError:
    """The error for a graph that an earlier pass has used: where it was entered, and what to do."""
    passes = [node.freed_by for node in order if node.freed_by is not None]
    failed = next((one.stopped_by for one in passes if one.stopped_by), None)
    if failed is not None:
        return GradError(
            f"an earlier backward pass of this graph was stopped by {failed}. It had freed a part of it by then: "
            "run the forward pass again (retain_graph=True would have kept the whole graph)"
        )
    entry = _entry(order, max(one.number for one in passes))
    return GradError(
        "backward reached a graph that an earlier backward has already used and freed, through "
        f"{describe(entry)}. If that value is carried from one step of training to the next, "
        "detach() it there, which cuts the history; to go through the same graph twice on purpose, say "
        "retain_graph=True the first time"
    )


def _entry(order: Sequence[Node], freed_at: int) -> Node:
    """Where a newer graph reads the freed one: the newest freed node that has a reader made later; else the newest.

    A node that kept nothing, as a sum does, has nothing to free: it counts as freed if it reads a freed node.
    """
    freed: set[Node] = set()
    entries: set[Node] = set()
    for node in order:
        read = [source.node for source in node.sources if source is not None and source.node in freed]
        if node.number > freed_at:
            entries.update(read)
        elif node.freed_by is not None or (read and not node.kept):
            freed.add(node)
    return max(entries or freed, key=number_of)
