"""The methods that NumPy's arrays have: each is the op of that name, with its signature and its docstring.

>>> import inspect, tinygrad_lstm as tg
>>> inspect.signature(tg.Tensor.max), tg.Tensor.max.__doc__ == tg.max.__doc__
(<Signature (self, axis: 'Axis' = None, keepdims: 'bool' = False) -> 'Tensor'>, True)
>>> tg.ones(3).max(dim=0)
Traceback (most recent call last):
tinygrad_lstm.errors.CallError: Tensor.max(axis=None, keepdims=False) got an unexpected keyword argument 'dim': \
dim is called axis here
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeAlias, TypeVar, overload

import numpy as np

from tinygrad_lstm.engine.numpy_protocol import NumpyProtocol
from tinygrad_lstm.engine.ops import choices, reductions, shapes
from tinygrad_lstm.engine.ops.more import contractions, diagonals, picking, products, rearranging, ufuncs
from tinygrad_lstm.engine.ops.primitive import Array
from tinygrad_lstm.errors import CallError, ShapeError, check_call, public, wrong_call

if TYPE_CHECKING:  # for types only: numpy.typing is slow to import
    from numpy.typing import DTypeLike

    from tinygrad_lstm.engine.tensor import Tensor

Axis: TypeAlias = int | tuple[int, ...] | None
P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
C = TypeVar("C", bound=type)


class Method(Protocol[P, R_co]):
    """What a type checker takes a method for: the op without its first parameter."""

    @overload
    def __get__(self, tensor: None, owner: type) -> Callable[Concatenate[Tensor, P], R_co]: ...
    @overload
    def __get__(self, tensor: Any, owner: type) -> Callable[P, R_co]: ...


def method(op: Callable[Concatenate[Any, P], R], name: str = "") -> Method[P, R]:
    """The op as a method, called ``name`` if not as the op: its first parameter is the tensor."""
    name = name or op.__name__
    _, *others = inspect.signature(op).parameters.values()
    takes = ", ".join(str(p.replace(annotation=p.empty)) for p in others)

    def run(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        try:
            return op(self, *args, **kwargs)
        except CallError:
            try:
                made.__signature__.bind(self, *args, **kwargs)
            except TypeError as error:
                raise wrong_call(TypeError(f"Tensor.{name}({takes}) {error}"), kwargs, made) from None
            raise

    made: Any = run
    made.__name__, made.__doc__ = name, op.__doc__
    tensor = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    made.__signature__ = inspect.Signature([tensor, *others], return_annotation="Tensor")
    return made  # type: ignore[no-any-return]  # a function, which is a Method


def part_of(name: str) -> Callable[[C], C]:
    """Name the methods of a base class after the class that users know: so do errors and help."""

    def decorate(base: C) -> C:
        for function in vars(base).values():
            if isinstance(function, FunctionType):
                for one in (function, inspect.unwrap(function)):
                    one.__qualname__ = f"{name}.{function.__name__}"
        return base

    return decorate


@part_of("Tensor")
class Methods(NumpyProtocol):
    """What can be said as ``tensor.something(...)``."""

    __slots__ = ()

    sum = method(reductions.sum)
    mean = method(reductions.mean)
    max = method(reductions.max)
    min = method(reductions.min)
    prod = method(products.prod)
    var = method(reductions.var)
    std = method(reductions.std)
    cumsum = method(reductions.cumsum)
    cumprod = method(products.cumprod)
    dot = method(contractions.dot)
    swapaxes = method(shapes.swapaxes)
    squeeze = method(shapes.squeeze)
    clip = method(choices.clip)
    sort = method(picking.sort)  # a new tensor: unlike an array, a tensor is never changed in place
    take = method(picking.take)
    repeat = method(rearranging.repeat)
    ravel = method(rearranging.ravel)
    flatten = method(rearranging.ravel, "flatten")
    diagonal = method(diagonals.diagonal)
    trace = method(diagonals.trace)
    round = method(ufuncs.round)

    # What is called in another way than the op

    @check_call
    def reshape(self, *shape: int | tuple[int, ...]) -> Tensor:
        """See ``tg.reshape``; the shape as one tuple or as several numbers."""
        wanted: Any = shape[0] if len(shape) == 1 else shape
        return shapes.reshape(self, wanted)

    @check_call
    def transpose(self, *axes: int | Sequence[int]) -> Tensor:
        """See ``tg.transpose``; the axes as one tuple or as several numbers."""
        wanted: Any = axes[0] if len(axes) == 1 else axes or None
        return shapes.transpose(self, wanted)

    @property
    def T(self) -> Tensor:  # noqa: N802  # NumPy's name
        """The axes reversed."""
        return shapes.transpose(self)

    @public()
    def astype(self, dtype: DTypeLike) -> Tensor:
        """See ``tg.cast``."""
        return shapes.cast(self, np.dtype(dtype))

    # What the array is

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

    @check_call
    def item(self) -> Any:
        """The only element, as a Python number."""
        if self._data.size != 1:
            raise ShapeError(f"item() of a tensor of shape {self._data.shape}: it needs exactly one element")
        return self._data.item()

    @check_call
    def tolist(self) -> Any:
        """The elements as nested lists."""
        return self._data.tolist()

    def __format__(self, spec: str) -> str:
        if spec and self.size != 1:
            raise ShapeError(f"the format {spec!r} is for one number, not for a tensor of shape {self.shape}")
        return format(self.item(), spec) if spec else repr(self)

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

    @check_call
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
