"""Making tensors, and the random generator that all of them come from."""

from __future__ import annotations

from contextvars import ContextVar
from operator import index
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_lstm.engine.arrays import get_default_dtype, numpy_array
from tinygrad_lstm.engine.handle import plain
from tinygrad_lstm.engine.tensor import Tensor, TensorLike
from tinygrad_lstm.errors import check_call, public

_everybodys: list[np.random.Generator] = []  # one at most; made at first use, for numpy.random is slow to import
_of_this_thread: ContextVar[np.random.Generator | None] = ContextVar("generator", default=None)


@public()
def manual_seed(seed: int) -> None:
    """Restart the package's random numbers, so that what follows can be repeated.

    Called in a thread, it gives that thread a generator of its own: models draw the same numbers, whether they are
    trained in parallel or one after the other. Raises ArgumentError or DtypeError for a seed that is not a whole
    number of at least 0.
    """
    import threading  # here, for it is slow to import

    if threading.current_thread() is threading.main_thread():
        _everybodys[:] = [np.random.default_rng(index(seed))]
    else:
        _of_this_thread.set(np.random.default_rng(index(seed)))


def generator() -> np.random.Generator:
    """The generator that initial weights, dropout and random tensors draw from."""
    if (own := _of_this_thread.get()) is not None:
        return own
    if not _everybodys:
        _everybodys.append(np.random.default_rng())
    return _everybodys[0]


@check_call
def tensor(data: TensorLike, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """A leaf holding a copy of the data; numbers and lists take the default dtype, arrays keep theirs.

    >>> tensor([[1, 2], [3, 4]], requires_grad=True)
    tensor([[1., 2.],
            [3., 4.]], requires_grad=True)
    """
    return Tensor(data, requires_grad=requires_grad, dtype=dtype)


@public()
def zeros(*shape: int | tuple[int, ...], dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """All 0; the shape as numbers or one tuple."""
    return Tensor(np.zeros(_shape(shape), dtype or get_default_dtype()), requires_grad)


@public()
def ones(*shape: int | tuple[int, ...], dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """All 1; the shape as numbers or one tuple."""
    return Tensor(np.ones(_shape(shape), dtype or get_default_dtype()), requires_grad)


@public()
def full(
    shape: int | tuple[int, ...], value: float, dtype: DTypeLike | None = None, requires_grad: bool = False
) -> Tensor:
    """All of one value."""
    return Tensor(np.full(shape, numpy_array(value, dtype or get_default_dtype())), requires_grad)


@public()
def zeros_like(other: TensorLike, requires_grad: bool = False) -> Tensor:
    """All 0, in the shape and dtype of another tensor."""
    return Tensor(np.zeros_like(plain(other)), requires_grad)


@public()
def ones_like(other: TensorLike, requires_grad: bool = False) -> Tensor:
    """All 1, in the shape and dtype of another tensor."""
    return Tensor(np.ones_like(plain(other)), requires_grad)


@public()
def arange(
    start: float,
    stop: float | None = None,
    step: float = 1,
    dtype: DTypeLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Evenly spaced numbers, the stop excluded."""
    first, last = (0.0, start) if stop is None else (start, stop)
    return Tensor(np.arange(first, last, step), requires_grad, dtype or get_default_dtype())


@public()
def eye(n: int, dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """The identity matrix (n, n)."""
    return Tensor(np.eye(n, dtype=dtype or get_default_dtype()), requires_grad)


@public()
def randn(*shape: int | tuple[int, ...], dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """Independent normal numbers, mean 0 and variance 1."""
    return Tensor(generator().standard_normal(_shape(shape)), requires_grad, dtype or get_default_dtype())


@public()
def rand(*shape: int | tuple[int, ...], dtype: DTypeLike | None = None, requires_grad: bool = False) -> Tensor:
    """Independent uniform numbers in [0, 1)."""
    return Tensor(generator().random(_shape(shape)), requires_grad, dtype or get_default_dtype())


def _shape(shape: tuple[int | tuple[int, ...], ...]) -> tuple[int, ...]:
    """f(2, 3) and f((2, 3)) mean the same."""
    sizes: Any = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
    return tuple(map(index, sizes))
