"""What a Tensor can do as an array: operators, comparisons, methods, and NumPy's protocols.

Everything here is a primitive under another name. ``x[i] = v`` is refused: the values that backward needs must not
change. Look for ``where``, ``index`` or ``stack``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_lstm.engine.ops import arithmetic, indexing, reductions, shapes
from tinygrad_lstm.engine.ops.arithmetic import absolute, add, divide, multiply, negative, power, subtract
from tinygrad_lstm.engine.ops.linear import matmul
from tinygrad_lstm.engine.ops.primitive import Array, Primitive
from tinygrad_lstm.errors import UnsupportedError

if TYPE_CHECKING:
    from tinygrad_lstm.engine.tensor import Tensor

TensorLike: TypeAlias = Any  # a Tensor, or what NumPy makes an array of
Axis: TypeAlias = int | tuple[int, ...] | None
_inside_the_engine = True


_PLAIN = {
    np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal, np.isfinite, np.isnan, np.isinf,
    np.signbit,
}  # fmt: skip  # ufuncs whose result is a mask: plain arrays in, plain arrays out


def plain(value: Any) -> Any:
    """The array of a Tensor; anything else as it is."""
    return value._data if isinstance(value, Operators) else value


def plain_key(key: Any) -> Any:
    """An index with the arrays of any Tensors in it."""
    return tuple(map(plain, key)) if isinstance(key, tuple) else plain(key)


class Operators:
    """The array side of a Tensor; the rest of it is in ``tensor``."""

    __slots__ = ()
    __array_priority__ = 1000.0
    _data: Array

    # NumPy's protocols: np.tanh(t), ndarray @ t and np.concatenate([t, u]) come here ---------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        arrays = [plain(part) for part in inputs]
        if out is not None:  # array -= tensor: the array stays an array, so nothing may need a gradient
            if any(getattr(part, "requires_grad", False) for part in inputs):
                raise UnsupportedError(
                    f"np.{ufunc.__name__} into an array cannot be recorded: use the result, not out="
                )
            return getattr(ufunc, method)(*arrays, out=out, **kwargs)
        primitive = Primitive.by_numpy.get(ufunc)
        if method == "__call__" and primitive is not None and not kwargs:
            return primitive(*inputs)
        if method == "__call__" and not kwargs and ufunc in _PLAIN:
            return ufunc(*arrays)
        call = (
            f"np.{ufunc.__name__}"
            + ("" if method == "__call__" else f".{method}")
            + (" with options" if kwargs else "")
        )
        raise UnsupportedError(f"{call} has no derivative here; for values alone use tensor.detach().numpy()")

    def __array_function__(self, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        primitive = Primitive.by_numpy.get(function)
        if primitive is not None:
            return primitive(*args, **kwargs)
        if function in (np.shape, np.ndim, np.size):
            return function(args[0]._data, *args[1:], **kwargs)
        raise UnsupportedError(
            f"np.{function.__name__} has no derivative here; for values alone use tensor.detach().numpy(), "
            f"for a derivative register one with tg.primitive"
        )

    # Operators: each is the primitive of that name -------------------------------------------------------------------

    def __add__(self, other: TensorLike) -> Tensor:
        return Primitive.of_two(add, self, other)

    def __radd__(self, other: TensorLike) -> Tensor:
        return Primitive.of_two(add, other, self)

    def __sub__(self, other: TensorLike) -> Tensor:
        return Primitive.of_two(subtract, self, other)

    def __rsub__(self, other: TensorLike) -> Tensor:
        return Primitive.of_two(subtract, other, self)

    def __mul__(self, other: TensorLike) -> Tensor:
        return Primitive.of_two(multiply, self, other)

    def __rmul__(self, other: TensorLike) -> Tensor:
        return Primitive.of_two(multiply, other, self)

    def __truediv__(self, other: TensorLike) -> Tensor:
        return Primitive.of_two(divide, self, other)

    def __rtruediv__(self, other: TensorLike) -> Tensor:
        return Primitive.of_two(divide, other, self)

    def __pow__(self, other: TensorLike) -> Tensor:
        return Primitive.of_two(power, self, other)

    def __rpow__(self, other: TensorLike) -> Tensor:
        return Primitive.of_two(power, other, self)

    def __matmul__(self, other: TensorLike) -> Tensor:
        return Primitive.of_two(matmul, self, other)

    def __rmatmul__(self, other: TensorLike) -> Tensor:
        return Primitive.of_two(matmul, other, self)

    def __neg__(self) -> Tensor:
        return Primitive.of_one(negative, self)

    def __pos__(self) -> Self:
        return self

    def __abs__(self) -> Tensor:
        return absolute(self)

    # Comparisons give plain arrays of truth values, for masks; as in NumPy, also ==
    def __eq__(self, other: object) -> Array:
        return self._data == (plain(other))

    def __ne__(self, other: object) -> Array:
        return self._data != (plain(other))

    def __lt__(self, other: TensorLike) -> Array:
        return self._data < (plain(other))

    def __le__(self, other: TensorLike) -> Array:
        return self._data <= (plain(other))

    def __gt__(self, other: TensorLike) -> Array:
        return self._data > (plain(other))

    def __ge__(self, other: TensorLike) -> Array:
        return self._data >= (plain(other))

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        return bool(self._data)

    def __float__(self) -> float:
        return float(self._data.item())

    def __int__(self) -> int:
        return int(self._data.item())

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(shapes.unstack(self))

    def __getitem__(self, key: Any) -> Tensor:
        return indexing.index(self, plain_key(key))

    def __setitem__(self, key: Any, value: Any) -> None:
        raise UnsupportedError(
            "x[key] = value would change what backward needs. Build the result instead: tg.stack a list of steps, "
            "tg.where(mask, value, x), or write into x.data outside the graph"
        )

    # Methods: NumPy's names ------------------------------------------------------------------------------------------

    @property
    def T(self) -> Tensor:  # noqa: N802  # NumPy's name
        """The axes reversed."""
        return shapes.transpose(self)

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """See ``tg.sum``."""
        return reductions.sum(self, axis, keepdims)

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """See ``tg.mean``."""
        return reductions.mean(self, axis, keepdims)

    def max(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """See ``tg.max``."""
        return reductions.max(self, axis, keepdims)

    def min(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """See ``tg.min``."""
        return reductions.min(self, axis, keepdims)

    def argmax(self, axis: int | None = None) -> Array:
        """Where the largest element is: a plain array of indices."""
        return self._data.argmax(axis)

    def dot(self, other: TensorLike) -> Tensor:
        """The product with a vector or matrix, of vectors and matrices: see ``tg.matmul``."""
        return matmul(self, other)

    def reshape(self, *shape: int | tuple[int, ...]) -> Tensor:
        """See ``tg.reshape``; the shape as one tuple or as several numbers."""
        wanted: Any = shape[0] if len(shape) == 1 else shape
        return shapes.reshape(self, wanted)

    def transpose(self, *axes: int | Sequence[int]) -> Tensor:
        """See ``tg.transpose``; the axes as one tuple or as several numbers."""
        wanted: Any = axes[0] if len(axes) == 1 else axes or None
        return shapes.transpose(self, wanted)

    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        """See ``tg.swapaxes``."""
        return shapes.swapaxes(self, axis1, axis2)

    def squeeze(self, axis: Axis = None) -> Tensor:
        """See ``tg.squeeze``."""
        return shapes.squeeze(self, axis)

    def clip(self, min: TensorLike = None, max: TensorLike = None) -> Tensor:
        """See ``tg.clip``."""
        return arithmetic.clip(self, min, max)

    def astype(self, dtype: DTypeLike) -> Tensor:
        """See ``tg.cast``."""
        return shapes.cast(self, np.dtype(dtype))
