"""NumPy's functions on Tensors: np.tanh(t), ndarray @ t and np.concatenate([t, u]) come here.

A function with a derivative is the primitive, or the composite, registered for it. One whose result has none (a mask,
an index, a count, zeros of the same shape) gives a plain array. Any other is an error that names it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lstm.engine.absent import Foreign
from tinygrad_lstm.engine.failures import masked_refused
from tinygrad_lstm.engine.handle import Handle, plain
from tinygrad_lstm.engine.numpy_calls import as_ours
from tinygrad_lstm.engine.ops.primitive import Primitive
from tinygrad_lstm.errors import PYTHON_ERRORS, ShapeError, UnsupportedError, translate

PLAIN = {
    np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal, np.isfinite, np.isnan, np.isinf,
    np.signbit, np.logical_and, np.logical_or, np.logical_xor, np.logical_not, np.isclose, np.allclose, np.array_equal,
    np.any, np.all, np.count_nonzero, np.nonzero, np.flatnonzero, np.argwhere, np.argmax, np.argmin, np.argsort,
    np.searchsorted, np.shape, np.ndim, np.size, np.result_type, np.zeros_like, np.ones_like, np.full_like,
    np.empty_like,
}  # fmt: skip  # plain arrays in, plain arrays out

INSTEAD = {
    "np.add.reduce": "tg.sum", "np.multiply.reduce": "tg.prod", "np.maximum.reduce": "tg.max",
    "np.minimum.reduce": "tg.min", "np.logaddexp.reduce": "tg.logsumexp", "np.add.accumulate": "tg.cumsum",
    "np.multiply.accumulate": "tg.cumprod", "np.multiply.outer": "tg.outer", "np.add.at": "tg.index_add",
    "np.put": "tg.index_put", "np.put_along_axis": "tg.index_put", "np.copyto": "tg.index_put",
    "np.place": "tg.where", "np.putmask": "tg.where", "np.select": "tg.where", "np.copy": "the tensor itself",
    "np.median": "tg.sort", "np.ptp": "tg.max and tg.min", "np.average": "tg.mean", "np.append": "tg.concatenate",
    "np.full_like": "tg.broadcast_to",
    "np.diff": "x[1:] - x[:-1]", "np.divmod": "tg.floor_divide and tg.remainder", "np.float_power": "tg.power",
}  # fmt: skip


def plain_key(key: Any) -> Any:
    """An index with the arrays of any Tensors in it."""
    return tuple(map(plain, key)) if isinstance(key, tuple) else plain(key)


def _refusal(call: str) -> UnsupportedError:
    instead = f"use {INSTEAD[call]}; " if call in INSTEAD else ""
    return UnsupportedError(
        f"{call} has no derivative here; {instead}for values alone use tensor.detach().numpy(), "
        f"for a derivative register one with tg.primitive"
    )


def _name(function: Any) -> str:
    return f"{function.__module__}.{function.__name__}".replace("numpy", "np", 1)


def refuse_out(call: str, inputs: Any, out: Any) -> None:
    """UnsupportedError if ``out=`` is a Tensor, whose graph would not know, or an input of it needs a gradient."""
    if any(isinstance(part, Handle) for part in out):
        raise UnsupportedError(f"{call} cannot write into a tensor: use the result, not out=")
    if any(getattr(part, "requires_grad", False) for part in inputs):
        raise UnsupportedError(f"{call} into an array cannot be recorded: use the result, not out=")


class NumpyProtocol(Handle, Foreign):
    """A Tensor, as NumPy sees it."""

    __slots__ = ()
    __array_priority__ = 1000.0

    @property
    def _mask(self) -> Any:
        """numpy.ma asks each operand for its mask, and would compute with our bare array: the graph would be lost."""
        raise masked_refused()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        arrays = [plain(part) for part in inputs]
        if out is not None:  # array -= tensor: the array stays an array, so nothing may need a gradient
            refuse_out(f"np.{ufunc.__name__}", inputs, out)
            return getattr(ufunc, method)(*arrays, out=out, **kwargs)
        function = Primitive.by_numpy.get(ufunc)
        if method == "__call__" and not kwargs:
            if function is not None:
                return function(*inputs)
            if ufunc in PLAIN:
                return ufunc(*arrays)
        how = f".{method}" if method != "__call__" else " with options" if kwargs else ""
        raise _refusal(f"np.{ufunc.__name__}{how}")

    def __array_function__(self, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        recorded = Primitive.by_numpy.get(function)
        if (out := kwargs.get("out")) is not None:
            refuse_out(_name(function), args, (out,))
            return function(*map(plain, args), **{name: plain(value) for name, value in kwargs.items()})
        if recorded is not None:
            args, kwargs = as_ours(function, recorded, args, kwargs)
            return recorded(*args, **kwargs)
        if function in PLAIN:
            value = kwargs.get("fill_value", args[1] if len(args) > 1 else None)
            if function is np.full_like and getattr(value, "requires_grad", False):
                raise _refusal("np.full_like")
            try:
                return function(*map(plain, args), **{name: plain(value) for name, value in kwargs.items()})
            except PYTHON_ERRORS as error:
                raise translate(error, _name(function), ShapeError) from None
        raise _refusal(_name(function))
