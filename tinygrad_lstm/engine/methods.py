"""The methods that NumPy's arrays have: each is the function of that name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from tinygrad_lstm.engine.arrays import TensorLike
from tinygrad_lstm.engine.numpy_protocol import NumpyProtocol
from tinygrad_lstm.engine.ops import choices, reductions, shapes
from tinygrad_lstm.engine.ops.more import contractions, diagonals, picking, products, rearranging, ufuncs
from tinygrad_lstm.engine.ops.primitive import Array
from tinygrad_lstm.errors import ShapeError, called, public

if TYPE_CHECKING:  # for types only: numpy.typing is slow to import
    from numpy.typing import DTypeLike

    from tinygrad_lstm.engine.tensor import Tensor

Axis: TypeAlias = int | tuple[int, ...] | None


class Methods(NumpyProtocol):
    """What can be said as ``tensor.something(...)``."""

    __slots__ = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self._data.shape  # type: ignore[no-any-return]  # Array is Any

    @property
    def ndim(self) -> int:
        """How many axes."""
        return self._data.ndim  # type: ignore[no-any-return]  # Array is Any

    @property
    def size(self) -> int:
        """How many elements."""
        return self._data.size  # type: ignore[no-any-return]  # Array is Any

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the elements."""
        return self._data.dtype  # type: ignore[no-any-return]  # Array is Any

    @property
    def T(self) -> Tensor:  # noqa: N802  # NumPy's name
        """The axes reversed."""
        return shapes.transpose(self)

    @called
    def item(self) -> Any:
        """The only element, as a Python number."""
        if self._data.size != 1:
            raise ShapeError(f"item() of a tensor of shape {self._data.shape}: it needs exactly one element")
        return self._data.item()

    @called
    def tolist(self) -> Any:
        """The elements as nested lists."""
        return self._data.tolist()

    def __format__(self, spec: str) -> str:
        if spec and self.size != 1:
            raise ShapeError(f"the format {spec!r} is for one number, not for a tensor of shape {self.shape}")
        return format(self.item(), spec) if spec else repr(self)

    @called
    def sum(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """See ``tg.sum``."""
        return reductions.sum(self, axis, keepdims)

    @called
    def mean(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """See ``tg.mean``."""
        return reductions.mean(self, axis, keepdims)

    @called
    def max(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """See ``tg.max``."""
        return reductions.max(self, axis, keepdims)

    @called
    def min(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """See ``tg.min``."""
        return reductions.min(self, axis, keepdims)

    @called
    def prod(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """See ``tg.prod``."""
        return products.prod(self, axis, keepdims)

    @called
    def var(self, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
        """See ``tg.var``."""
        return reductions.var(self, axis, ddof, keepdims)

    @called
    def std(self, axis: Axis = None, ddof: float = 0, keepdims: bool = False) -> Tensor:
        """See ``tg.std``."""
        return reductions.std(self, axis, ddof, keepdims)

    @called
    def cumsum(self, axis: int | None = None) -> Tensor:
        """See ``tg.cumsum``."""
        return reductions.cumsum(self, axis)

    @called
    def cumprod(self, axis: int | None = None) -> Tensor:
        """See ``tg.cumprod``."""
        return products.cumprod(self, axis)

    # Places and truth values have no derivative: plain arrays

    @public(ShapeError)
    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Array:
        """Where the largest element is."""
        return self._data.argmax(axis, keepdims=keepdims)

    @public(ShapeError)
    def argmin(self, axis: int | None = None, keepdims: bool = False) -> Array:
        """Where the smallest element is."""
        return self._data.argmin(axis, keepdims=keepdims)

    @public(ShapeError)
    def argsort(self, axis: int | None = -1) -> Array:
        """Where each element of the sorted tensor is."""
        return self._data.argsort(axis, kind="stable")

    @called
    def nonzero(self) -> tuple[Array, ...]:
        """Where the elements are that are not 0."""
        return self._data.nonzero()  # type: ignore[no-any-return]  # Array is Any

    @public(ShapeError)
    def any(self, axis: Axis = None, keepdims: bool = False) -> Array:
        """Whether some element is not 0."""
        return self._data.any(axis, keepdims=keepdims)

    @public(ShapeError)
    def all(self, axis: Axis = None, keepdims: bool = False) -> Array:
        """Whether no element is 0."""
        return self._data.all(axis, keepdims=keepdims)

    @called
    def dot(self, other: TensorLike) -> Tensor:
        """See ``tg.dot``."""
        return contractions.dot(self, other)

    def reshape(self, *shape: int | tuple[int, ...]) -> Tensor:
        """See ``tg.reshape``; the shape as one tuple or as several numbers."""
        wanted: Any = shape[0] if len(shape) == 1 else shape
        return shapes.reshape(self, wanted)

    def transpose(self, *axes: int | Sequence[int]) -> Tensor:
        """See ``tg.transpose``; the axes as one tuple or as several numbers."""
        wanted: Any = axes[0] if len(axes) == 1 else axes or None
        return shapes.transpose(self, wanted)

    @called
    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        """See ``tg.swapaxes``."""
        return shapes.swapaxes(self, axis1, axis2)

    @called
    def squeeze(self, axis: Axis = None) -> Tensor:
        """See ``tg.squeeze``."""
        return shapes.squeeze(self, axis)

    @called
    def clip(self, min: TensorLike = None, max: TensorLike = None) -> Tensor:
        """See ``tg.clip``."""
        return choices.clip(self, min, max)

    @public()
    def astype(self, dtype: DTypeLike) -> Tensor:
        """See ``tg.cast``."""
        return shapes.cast(self, np.dtype(dtype))

    @called
    def sort(self, axis: int | None = -1) -> Tensor:
        """The sorted elements, as a new tensor: unlike an array, a tensor is never changed in place."""
        return picking.sort(self, axis)

    @called
    def take(self, indices: TensorLike, axis: int | None = None) -> Tensor:
        """See ``tg.take``."""
        return picking.take(self, indices, axis)

    @called
    def repeat(self, repeats: int | Sequence[int], axis: int | None = None) -> Tensor:
        """See ``tg.repeat``."""
        return rearranging.repeat(self, repeats, axis)

    @called
    def ravel(self) -> Tensor:
        """See ``tg.ravel``."""
        return rearranging.ravel(self)

    @called
    def flatten(self) -> Tensor:
        """See ``tg.ravel``."""
        return rearranging.ravel(self)

    @called
    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """See ``tg.diagonal``."""
        return diagonals.diagonal(self, offset, axis1, axis2)

    @called
    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """The sum of the diagonal."""
        return diagonals.trace(self, offset, axis1, axis2)

    @called
    def round(self, decimals: int = 0) -> Tensor:
        """See ``tg.round``."""
        return ufuncs.round(self, decimals)
