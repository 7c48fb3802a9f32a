"""What a record of a primitive says, and short ways to write one. The records are in the files named ``records_``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm.errors import ShapeError

Array: TypeAlias = Any
Rng: TypeAlias = np.random.Generator
Shape: TypeAlias = tuple[int, ...]
Draw: TypeAlias = Callable[[Rng, Shape], Array]  # values from the part of the domain where the op is smooth


class Call:
    """The arguments of one call; float arrays in the places of inputs are what is differentiated."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args, self.kwargs = args, kwargs


@dataclass(frozen=True)
class Kink:
    """Where left and right slopes differ: the subgradient each input gets, under a cotangent of ones."""

    call: Call
    gradients: tuple[Any, ...]


@dataclass(frozen=True)
class Refused:
    """A call that is an error, and what the message must say."""

    call: Call
    error: type[Exception] | tuple[type[Exception], ...]
    match: str


@dataclass(frozen=True)
class Record:
    op: tg.Primitive[Any, Any]
    reference: Callable[
        ..., Any
    ]  # the same function of plain arrays, by other means than the forward where there are any
    samples: Callable[[Rng], Sequence[Call]]
    draws: tuple[Draw, ...] = ()  # one for each input, of an op that works element by element and broadcasts
    analytic: bool = True  # the forward also takes complex numbers, so the complex step applies
    kinks: tuple[Kink, ...] = ()
    refused: tuple[Refused, ...] = ()
    method: Callable[..., Any] | None = None  # the same as a method or operator of Tensor
    numpy: Callable[..., Any] | None = None  # the same called as np.something(tensor)
    order: int = 2  # derivatives that are right
    keeps_dtype: bool = True  # float32 in, float32 out
    smooth_at_ties: bool = True  # f(x, x) is no kink


# Parts of the domain ------------------------------------------------------------------------------------------------


def anywhere(rng: Rng, shape: Shape) -> Array:
    return np.asarray(rng.standard_normal(shape))


def positive(rng: Rng, shape: Shape) -> Array:
    return np.asarray(rng.uniform(0.3, 2.0, shape))


def off_zero(rng: Rng, shape: Shape) -> Array:
    return np.asarray(rng.choice([-1.0, 1.0], shape) * rng.uniform(0.3, 2.0, shape))


def distinct(rng: Rng, shape: Shape, offset: float = 0.0) -> Array:
    """Multiples of 1/4 around 0.1, in random order: no two are closer than that, none is 0."""
    size = int(np.prod(shape))
    return np.asarray(rng.permutation(np.arange(size) - size // 2).reshape(shape) / 4 + 0.1 + offset)


between = partial(distinct, offset=0.125)  # never tied with ``distinct``
SHAPES: tuple[Shape, ...] = ((), (3,), (2, 3), (0,), (2, 0, 3))


def ones(*shape: int) -> Array:
    return np.ones(shape)


def normal(samples: Callable[[Callable[..., Array]], Sequence[Call]]) -> Callable[[Rng], Sequence[Call]]:
    """Samples written with x(2, 3) for an array of that shape."""
    return lambda rng: samples(lambda *shape: anywhere(rng, shape))


def unary(op: Any, reference: Callable[..., Any], draw: Draw = anywhere, **more: Any) -> Record:
    """A function of one array, element by element."""
    return Record(op, reference, lambda rng: [Call(draw(rng, shape)) for shape in SHAPES], (draw,), **more)


def binary(op: Any, reference: Callable[..., Any], a: Draw = anywhere, b: Draw = anywhere, **more: Any) -> Record:
    """A function of two arrays, element by element, and of an array and a number."""

    def samples(rng: Rng) -> list[Call]:
        pairs = [Call(a(rng, shape), b(rng, shape)) for shape in SHAPES]
        return [*pairs, Call(a(rng, (2, 3)), 1.7), Call(1.7, b(rng, (2, 3)))]

    mismatch = Refused(Call(ones(2, 3), ones(4)), ShapeError, rf"{op.name}\(a \(2, 3\), b \(4,\)\).*broadcast")
    return Record(op, reference, samples, (a, b), refused=(mismatch, *more.pop("refused", ())), **more)


def reduction(
    op: Any, reference: Callable[..., Any], draw: Draw = anywhere, empty: bool = True,
    extra: Callable[[Rng], Sequence[Call]] = lambda rng: (), **more: Any,
) -> Record:  # fmt: skip
    """A function that takes axis and keepdims."""

    def samples(rng: Rng) -> list[Call]:
        axes: list[dict[str, Any]] = [
            {}, {"axis": 0}, {"axis": -1}, {"axis": (0, 2)}, {"axis": 1, "keepdims": True}, {"keepdims": True},
        ]  # fmt: skip
        calls = [Call(draw(rng, (2, 3, 2)), **axis) for axis in axes]
        calls += [Call(draw(rng, ())), Call(draw(rng, (0, 3)), axis=1)]
        return [*calls, *([Call(draw(rng, (0, 3)))] if empty else []), *extra(rng)]

    outside = Refused(Call(ones(2, 3), axis=2), ShapeError, rf"{op.name}\(x \(2, 3\).*axis=2.*out of bounds")
    return Record(op, reference, samples, refused=(outside, *more.pop("refused", ())), **more)
