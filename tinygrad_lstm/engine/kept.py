"""The arrays that a graph holds for backward: what the rules of its nodes keep, and what its ops were called with.

Many nodes keep the same array, and many arrays are views of one: memory is counted by the array that owns it, once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any, NamedTuple

import numpy as np

from tinygrad_lstm.engine.handle import Handle, plain
from tinygrad_lstm.engine.node import Node, input_name


class Kept(NamedTuple):
    """A value that a node kept for its rules, under the name the rules give it."""

    name: str
    vertex: Node | None  # the node that made it; None for a literal or an option
    array: Any


class Made(NamedTuple):
    """What an array is: output ``index`` of a node, or, under a name, what a call of its op was given or has saved."""

    node: Node
    index: int  # type: ignore[assignment]  # hides tuple.index, as in an Edge
    name: str = ""


class Held(NamedTuple):
    """Memory that a graph holds: the array that owns it, and all that lies in it."""

    owner: np.ndarray[Any, Any]
    made: dict[Made, None]  # a dict for its order


def kept_values(node: Node) -> Iterator[Kept]:
    """The arrays that a node kept, with whose they are; nothing of a freed node."""
    if node.op is None or node.plan is None or node.freed_by is not None:
        return
    for name, value in zip(node.plan.keep, node.kept, strict=True):
        if name == node.op.spelling.y:
            yield from (Kept(name, node, part) for part in (value if node.op.multi_output else [value]))
        elif name in node.op.inputs and not node.op.sequence:
            source = node.sources[node.op.inputs.index(name)]
            yield Kept(name, source.node if source else None, value)
        elif name in node.op.inputs:
            for k, (source, part) in enumerate(zip(node.sources, value, strict=True)):
                yield Kept(input_name(node.op, k), source.node if source else None, part)


def held_arrays(nodes: Iterable[Node]) -> list[Held]:
    """The memory that these nodes hold, each array once, by the one that owns it; nothing of freed nodes."""
    found: dict[int, Held] = {}
    for node in nodes:
        for array, made in _arrays_of(node):
            owner = array
            while isinstance(owner.base, np.ndarray):
                owner = owner.base
            if owner.nbytes:
                found.setdefault(id(owner), Held(owner, {})).made.setdefault(made)
    return list(found.values())


def _arrays_of(node: Node) -> Iterator[tuple[np.ndarray[Any, Any], Made]]:
    """Every array that a node holds, and what it is."""
    op = node.op
    if op is None or node.plan is None or node.freed_by is not None:
        return
    for name, value in node.params.items():
        yield from _named(value, Made(node, 0, name))
    for name, value in zip(node.plan.keep, node.kept, strict=True):
        if name == op.spelling.y:
            outputs = value if op.multi_output else (value,)
            yield from ((array, Made(node, k)) for k, array in enumerate(outputs))
        elif name in op.inputs:
            first = 0 if op.sequence else op.inputs.index(name)
            for k, part in enumerate(value if op.sequence else (value,), start=first):
                source = node.sources[k]
                made = Made(source.node, source.index) if source is not None else Made(node, 0, input_name(op, k))
                yield from _named(part, made)
        else:
            yield from _named(value, Made(node, 0, name))


def _named(value: Any, made: Made) -> Iterator[tuple[np.ndarray[Any, Any], Made]]:
    """The arrays in a value that is this; those of tensors in it are what the tensors are."""
    for one in arrays_in(value):
        yield plain(one), Made(one.source.node, one.source.index) if isinstance(one, Handle) else made


def arrays_in(value: Any) -> Iterator[Any]:
    """The arrays and tensors in a value: in tuples, lists, dicts, slices and dataclasses too."""
    if isinstance(value, np.ndarray | Handle):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from arrays_in(part)
    elif isinstance(value, dict):
        yield from arrays_in(list(value.values()))
    elif isinstance(value, slice):
        yield from arrays_in((value.start, value.stop, value.step))
    elif is_dataclass(value) and not isinstance(value, type):
        yield from arrays_in([getattr(value, each.name) for each in fields(value)])
