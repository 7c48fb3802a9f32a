"""What a recorded op is given beside Tensors: numbers, lists and bare arrays.

A number or a list takes the dtype of its partners, so that neither widens nor rounds anything. An array keeps its own.
A node keeps what backward needs by reference; a Tensor's array is ours, but a bare array (a mask, an index) is the
caller's, who may write new values into it for the next step. So a recorded op gets copies of bare arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias
from weakref import WeakValueDictionary

import numpy as np

from tinygrad_lstm.engine.arrays import get_default_dtype, numpy_array
from tinygrad_lstm.engine.handle import Handle, bare_array, plain
from tinygrad_lstm.engine.ops.dtypes import WEAK, dtype_beside
from tinygrad_lstm.engine.ops.primitive import Array, Primitive
from tinygrad_lstm.errors import DtypeError

Memory: TypeAlias = tuple[Any, ...]  # where an array's elements lie, and how
LARGE = 1 << 12  # bytes; a smaller array is copied at once
copies: WeakValueDictionary[Memory, Array] = WeakValueDictionary()


def literal_inputs(op: Primitive[Any, Any], values: Sequence[Any], recorded: bool) -> list[Any]:
    """The inputs of an op as its forward takes them: arrays, and Python's numbers beside them."""
    arrays: list[Any] = []
    for value in values:
        if isinstance(value, Handle):
            arrays.append(value._data)
        elif isinstance(value, np.ndarray):
            value = bare_array(value)
            if value.dtype.kind not in WEAK:
                raise DtypeError(f"{op.name} takes arrays of numbers, not of {value.dtype}")
            arrays.append(snapshot(value) if recorded else value)
        else:
            arrays.append(_literal(op, value, [plain(x).dtype for x in values if isinstance(x, Handle | np.ndarray)]))
    return arrays


def _literal(op: Primitive[Any, Any], value: Any, dtypes: list[np.dtype]) -> Any:
    """A number, or a list as an array, in the dtype of the arrays beside it; alone, in the default dtype."""
    if value is None or isinstance(value, str | dict):
        raise DtypeError(f"{op.name} takes tensors, arrays and numbers, not {type(value).__name__}")
    if isinstance(value, np.generic):
        value = value.item()  # NumPy's numbers count as Python's, so that none of them widens a tensor
    if isinstance(value, int | float | complex) and dtypes and not op.sequence:
        return value  # NumPy gives it its partner's dtype
    literal = numpy_array(value, None)
    if not dtypes and literal.dtype.kind == "c":
        raise DtypeError(f"{op.name}({op.inputs[0]} {literal.shape}): give complex numbers as a NumPy array")
    known = dtypes and literal.dtype.kind in WEAK
    return numpy_array(value, dtype_beside(dtypes, literal) if known else get_default_dtype())


def as_param(op: Primitive[Any, Any], name: str, value: Any, recorded: bool) -> Any:
    """An option as the forward takes it: with arrays in place of Tensors, none of which may need a gradient."""
    kind = type(value)
    if kind is tuple or kind is list:
        return kind([as_param(op, name, part, recorded) for part in value])
    if kind is dict:
        return {key: as_param(op, name, part, recorded) for key, part in value.items()}
    if isinstance(value, Handle):
        if value._source is not None and value._source.node.requires_grad:
            raise DtypeError(f"{op.name} has no derivative for {name}: detach() it, if it is meant as a constant")
        value = value._data
    if isinstance(value, np.ndarray):
        value = bare_array(value)
        return snapshot(value) if recorded else value
    if kind is slice:  # its ends may be 0-d arrays
        return slice(*[as_param(op, name, end, recorded) for end in (value.start, value.stop, value.step)])
    return value.item() if isinstance(value, np.generic) else value


def snapshot(array: Array) -> Array:
    """A copy of the caller's array, which stays as it is when the caller writes into the array.

    A large array that comes again with the same bits gives the same copy: what every step reads is copied once.
    """
    if array.nbytes < LARGE or array.dtype.kind not in "biuf" or array.itemsize > 8:
        return array.copy()
    memory = array.__array_interface__["data"][0], array.shape, array.strides, array.dtype.str
    copy = copies.get(memory)
    if copy is None or not _same_bits(copy, array):
        copies[memory] = copy = array.copy()
    return copy


def _same_bits(a: Array, b: Array) -> bool:
    bits = f"u{a.itemsize}"
    return bool((a.view(bits) == b.view(bits)).all())
