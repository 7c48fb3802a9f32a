"""Making arrays of numbers, lists and arrays, and choosing their dtype."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_lstm.engine.handle import Handle, bare_array, plain
from tinygrad_lstm.engine.ops.primitive import Array
from tinygrad_lstm.errors import DtypeError, ShapeError, public

TensorLike: TypeAlias = Any  # a Tensor, or what NumPy makes an array of
_default_dtype: list[np.dtype] = [np.dtype(np.float32)]


@public()
def set_default_dtype(dtype: DTypeLike) -> None:
    """The dtype that Python numbers and lists become: float32 unless set to another floating dtype."""
    if np.dtype(dtype).kind != "f":
        raise DtypeError(f"the default dtype must be a floating one, not {np.dtype(dtype)}")
    _default_dtype[0] = np.dtype(dtype)


def get_default_dtype() -> np.dtype:
    """The dtype that Python numbers and lists become."""
    return _default_dtype[0]


def to_array(data: TensorLike, dtype: DTypeLike | None = None) -> Array:
    """A fresh array: arrays keep their dtype, real numbers, alone or in lists, take the default one."""
    data = plain(data)
    if dtype is None and not isinstance(data, np.ndarray | np.generic):
        if isinstance(data, list | tuple) and any(isinstance(part, Handle) for part in data):
            raise DtypeError(
                "a list of Tensors: put them together with tg.stack or tg.concatenate, which keep the graph"
            )
        array = numpy_array(data, None)
        array = array.astype(_default_dtype[0]) if array.dtype.kind in "iuf" else array
    else:
        array = numpy_array(data, dtype)
    if array.dtype.kind not in "biufc":
        raise DtypeError(f"cannot make a tensor of {type(data).__name__} ({array.dtype}): numbers are expected")
    return array


def protect(array: Any) -> Any:
    """A view of an array into which a hook cannot write, for others may have the same array; a Tensor as it is."""
    if isinstance(array, np.ndarray):
        array = array.view()
        array.flags.writeable = False
    return array


def has_members(value: object) -> bool:
    """Whether it can be iterated over; Python takes a 0-d array for an iterable, though it has no members."""
    return isinstance(value, Iterable) and getattr(value, "shape", None) != ()


def numpy_array(data: TensorLike, dtype: DTypeLike | None) -> Array:
    """``np.array`` with our errors; with a dtype, also for what it would drop: an imaginary part, None, text."""
    data = bare_array(data) if isinstance(data, np.ndarray) else data
    try:
        if dtype is not None:
            kind = np.asarray(data).dtype.kind
            if kind not in "biufc":
                raise TypeError("numbers are expected")
            if kind == "c" and np.dtype(dtype).kind != "c":
                raise TypeError(f"complex numbers do not fit into {np.dtype(dtype)}")
        return np.array(data, dtype=dtype)  # not of the array: only Python numbers are checked against the dtype
    except (TypeError, ValueError, OverflowError) as error:
        if "inhomogeneous" in str(error):
            raise ShapeError("nested lists make a tensor when those of one level are all of the same length") from None
        raise DtypeError(f"cannot make a tensor of {type(data).__name__}: {error}") from None
