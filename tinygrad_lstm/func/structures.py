"""Arguments and results with parts: tuples, dicts, and lists of tensors, nested as you like, as a dict of weights is.

What holds no tensors or further parts is one value, and a list of numbers is an array, as everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import ShapeError


def map_values(f: Callable[..., Any], structure: Any, *others: Any) -> Any:
    """f of every value, in the same structure; with more structures of that form, f of the values side by side."""
    if isinstance(structure, dict):
        return {key: map_values(f, structure[key], *[other[key] for other in others]) for key in structure}
    if _has_parts(structure):
        parts = [map_values(f, *side_by_side) for side_by_side in zip(structure, *others, strict=True)]
        return type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)
    return f(structure, *others)


def _has_parts(structure: Any) -> bool:
    if isinstance(structure, list):
        return any(isinstance(part, Tensor | tuple | dict) for part in structure)
    return isinstance(structure, tuple)


def values_of(structure: Any) -> list[Any]:
    """The values of a structure in order.

    >>> values_of({"W": 1.0, "rest": (2.0, [3.0, 4.0])})
    [1.0, 2.0, [3.0, 4.0]]
    """
    values: list[Any] = []
    map_values(values.append, structure)
    return values


def rebuild(structure: Any, values: Iterable[Any]) -> Any:
    """A structure like this one that holds these values."""
    remaining = iter(values)
    return map_values(lambda _: next(remaining), structure)


def values_like(given: Any, structure: Any, what: str) -> list[Any]:
    """The values of ``given`` in the order of ``structure``; ShapeError if it has another structure."""
    if _outline(given) != _outline(structure):
        raise ShapeError(f"{what} must have the structure {_outline(structure)}, not {_outline(given)}")
    values: list[Any] = []
    map_values(lambda _, value: values.append(value), structure, given)
    return values


def _outline(structure: Any) -> Any:
    if isinstance(structure, dict):
        return {key: _outline(part) for key, part in structure.items()}
    return tuple(map(_outline, structure)) if _has_parts(structure) else "value"
