"""The arguments of a compiled function: which of them are data, and how an array is found in one of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_lstm.engine.handle import bare_array
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import DtypeError
from tinygrad_lstm.escaping import identifier

ARRAYS = (Tensor, np.ndarray)


@dataclass
class Arguments:
    """The arguments of one call: arrays by name, and all that a program is made for."""

    structure: Any  # (args, kwargs) with a name in the place of each array
    arrays: dict[str, Any]
    tensors: dict[str, Tensor]  # those that need a gradient
    wrapped: set[str]  # those that came as tensors
    key: tuple[Any, ...]  # shapes, dtypes, and the values of what is no array

    def call(self, f: Callable[..., Any], values: dict[str, Any]) -> Any:
        """f of the same arguments, with these values for the arrays."""
        args, kwargs = _fill(self.structure, values)
        return f(*args, **kwargs)


@dataclass(frozen=True)
class Name:
    """Stands for an array."""

    name: str


def _fill(structure: Any, values: dict[str, Any]) -> Any:
    if isinstance(structure, Name):
        return values[structure.name]
    if isinstance(structure, dict):
        return {key: _fill(part, values) for key, part in structure.items()}
    if isinstance(structure, tuple | list):
        parts = [_fill(part, values) for part in structure]
        return type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)
    return structure


def take_apart(signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
    """Name the arrays among the arguments as the function's signature does.

    Raises DtypeError for a tensor that is computed from others and needs a gradient, and for an argument that is no
    array and cannot be compared.
    """
    bound = signature.bind(*args, **kwargs)
    arrays: dict[str, Any] = {}
    tensors: dict[str, Tensor] = {}
    wrapped: set[str] = set()
    key: list[Any] = []

    def name(value: Any, path: str) -> Any:
        if isinstance(value, dict):
            return {part: name(value[part], f"{path}_{part}") for part in value}
        if isinstance(value, tuple) or (isinstance(value, list) and any(isinstance(x, ARRAYS) for x in value)):
            parts = [name(part, f"{path}_{k}") for k, part in enumerate(value)]
            return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
        if isinstance(value, Tensor) and value.requires_grad:
            if not value.is_leaf:
                raise DtypeError(
                    f"{path} is computed from other tensors: compute it within the function, or detach() it"
                )
            tensors[path] = value
        if not isinstance(value, Tensor | np.ndarray):
            if isinstance(value, list):
                value = np.asarray(value)
            else:
                key.append((path, type(value), value))
                return value
        given = value.data if isinstance(value, Tensor) else bare_array(value)
        key.append((path, isinstance(value, Tensor), given.shape, given.dtype, path in tensors))
        arrays[path] = given
        if isinstance(value, Tensor):
            wrapped.add(path)
        return Name(path)

    structure = (
        tuple(name(value, f"{path}") for path, value in zip(_names(bound), bound.args, strict=False)),
        {path: name(value, identifier(path)) for path, value in bound.kwargs.items()},
    )
    try:
        hash(tuple(key))
    except TypeError:
        raise DtypeError("a compiled function takes arrays, tensors, and values that can be compared") from None
    return Arguments(structure, arrays, tensors, wrapped, tuple(key))


def _names(bound: inspect.BoundArguments) -> list[str]:
    """A name for each positional argument: the parameter's."""
    names: list[str] = []
    for parameter in bound.signature.parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            names += [f"{parameter.name}_{k}" for k in range(len(bound.args) - len(names))]
        elif parameter.kind is not parameter.KEYWORD_ONLY:
            names.append(identifier(parameter.name))
    return names


def find_view(view: Any, base: Any) -> tuple[Any, ...] | None:
    """The basic index by which ``view`` looks into ``base``; None where there is none.

    >>> base = np.zeros((4, 3))
    >>> find_view(base[1], base), find_view(base[:, 2], base), find_view(base.T, base)
    ((1,), (slice(None, None, None), 2), None)
    """
    low, high = np.lib.array_utils.byte_bounds(base)
    start = view.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    if not (base.size and view.size and low <= view.__array_interface__["data"][0] < high and start >= 0):
        return None
    key: list[Any] = []
    axes = [(n, s) for n, s in zip(view.shape, view.strides, strict=True)]
    for n, stride in zip(base.shape, base.strides, strict=True):
        first, start = divmod(start, stride) if stride else (0, start)
        if axes and axes[0][1] == stride and first + axes[0][0] <= n:
            length = axes.pop(0)[0]
            key.append(slice(None) if length == n else slice(first, first + length))
        else:
            key.append(first)
    while key and key[-1] == slice(None):
        key.pop()
    try:
        found = base[tuple(key)]
    except IndexError:
        return None
    same = found.__array_interface__ == view.__array_interface__ if isinstance(found, np.ndarray) else False
    return tuple(key) if same else None
