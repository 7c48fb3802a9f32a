"""Python's operators on a Tensor: + and @, comparisons, x[i].

Each is a primitive under another name. ``x[i] = v`` is refused: the values that backward needs must not change. Look
for ``index_put``, ``where`` or ``stack``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

from tinygrad_lstm.engine.arrays import TensorLike as TensorLike
from tinygrad_lstm.engine.handle import plain
from tinygrad_lstm.engine.methods import Methods, part_of
from tinygrad_lstm.engine.numpy_protocol import plain_key
from tinygrad_lstm.engine.ops.arithmetic import add, divide, multiply, negative, power, subtract
from tinygrad_lstm.engine.ops.choices import absolute
from tinygrad_lstm.engine.ops.indexing import index
from tinygrad_lstm.engine.ops.linear import matmul
from tinygrad_lstm.engine.ops.more.ufuncs import floor_divide, remainder
from tinygrad_lstm.engine.ops.primitive import Array, Primitive
from tinygrad_lstm.engine.ops.shapes import unstack
from tinygrad_lstm.errors import DtypeError, ShapeError, UnsupportedError, public

if TYPE_CHECKING:
    from tinygrad_lstm.engine.tensor import Tensor


@part_of("Tensor")
class Operators(Methods):
    """The array side of a Tensor; the rest of it is in ``tensor``."""

    __slots__ = ()

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

    def __mod__(self, other: TensorLike) -> Tensor:
        return remainder(self, other)

    def __rmod__(self, other: TensorLike) -> Tensor:
        return remainder(other, self)

    def __floordiv__(self, other: TensorLike) -> Tensor:
        return floor_divide(self, other)

    def __rfloordiv__(self, other: TensorLike) -> Tensor:
        return floor_divide(other, self)

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
    @public(ShapeError)
    def __eq__(self, other: object) -> Array:
        return self._data == (plain(other))

    @public(ShapeError)
    def __ne__(self, other: object) -> Array:
        return self._data != (plain(other))

    @public(ShapeError)
    def __lt__(self, other: TensorLike) -> Array:
        return self._data < (plain(other))

    @public(ShapeError)
    def __le__(self, other: TensorLike) -> Array:
        return self._data <= (plain(other))

    @public(ShapeError)
    def __gt__(self, other: TensorLike) -> Array:
        return self._data > (plain(other))

    @public(ShapeError)
    def __ge__(self, other: TensorLike) -> Array:
        return self._data >= (plain(other))

    __hash__ = object.__hash__

    @public(ShapeError)
    def __bool__(self) -> bool:
        return bool(self._data)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __len__(self) -> int:
        if not self._data.ndim:
            raise DtypeError("a tensor of no axes has no length: it is one number, tensor.item()")
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        if not self._data.ndim:
            raise DtypeError("a tensor of no axes has nothing to go through: it is one number, tensor.item()")
        return iter(unstack(self))

    def __getitem__(self, key: Any) -> Tensor:
        return index(self, plain_key(key))

    def __setitem__(self, key: Any, value: Any) -> None:
        raise UnsupportedError(
            "x[key] = value would change what backward may need. Make the changed tensor instead: "
            "x = tg.index_put(x, key, value); or build it at once: tg.stack a list of steps, tg.where(mask, value, x)"
        )
