"""One record for every primitive: what it means in NumPy, where it is smooth, where it bends, what it refuses.

``test_ops.py`` and ``test_ops_derivatives.py`` run the same tests over all records, and fail if a primitive has none.
To add an op: add its record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm.engine.ops import arithmetic, indexing, linear, nonlinear, reductions, shapes
from tinygrad_lstm.errors import DtypeError, ShapeError

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


def reduction(op: Any, reference: Callable[..., Any], draw: Draw = anywhere, empty: bool = True, **more: Any) -> Record:
    """A function that takes axis and keepdims."""

    def samples(rng: Rng) -> list[Call]:
        axes: list[dict[str, Any]] = [
            {}, {"axis": 0}, {"axis": -1}, {"axis": (0, 2)}, {"axis": 1, "keepdims": True}, {"keepdims": True},
        ]  # fmt: skip
        calls = [Call(draw(rng, (2, 3, 2)), **axis) for axis in axes]
        calls += [Call(draw(rng, ())), Call(draw(rng, (0, 3)), axis=1)]
        return [*calls, Call(draw(rng, (0, 3)))] if empty else calls

    outside = Refused(Call(ones(2, 3), axis=2), ShapeError, rf"{op.name}\(x \(2, 3\).*axis=2.*out of bounds")
    return Record(op, reference, samples, refused=(outside, *more.pop("refused", ())), **more)


def sigmoid(x: Array) -> Array:
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def softmax(x: Array, axis: int = -1) -> Array:
    return np.exp(x) / np.exp(x).sum(axis, keepdims=True)


def logsumexp(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    return np.log(np.exp(x).sum(axis, keepdims=keepdims))


def cross_entropy(x: Array, targets: Array) -> Array:
    return np.sum(-np.log(softmax(x)) * (np.asarray(targets)[..., None] == np.arange(x.shape[-1])), -1)


def scatter(values: Array, where: Any, shape: Shape) -> Array:
    y = np.zeros(shape)
    np.add.at(y, where, values)
    return y


def scores(rng: Rng) -> list[Call]:
    """Samples of softmax and its kin, along several axes."""
    along: tuple[tuple[Shape, dict[str, int]], ...] = (
        ((4,), {}), ((2, 3), {}), ((2, 3), {"axis": 0}), ((2, 3, 2), {"axis": 1}), ((0, 3), {}), ((1,), {}),
    )  # fmt: skip
    return [Call(anywhere(rng, shape), **axis) for shape, axis in along]


MASK = np.array([[True, False, True], [False, False, True]])

RECORDS: tuple[Record, ...] = (
    # Arithmetic ------------------------------------------------------------------------------------------------------
    binary(arithmetic.add, lambda a, b: a + b, method=lambda a, b: a + b, numpy=np.add),
    binary(arithmetic.subtract, lambda a, b: a - b, method=lambda a, b: a - b, numpy=np.subtract),
    binary(arithmetic.multiply, lambda a, b: a * b, method=lambda a, b: a * b, numpy=np.multiply),
    binary(arithmetic.divide, lambda a, b: a / b, b=off_zero, method=lambda a, b: a / b, numpy=np.divide),
    binary(
        arithmetic.power, lambda a, b: np.exp(b * np.log(a)), a=positive, method=lambda a, b: a**b, numpy=np.power,
        kinks=(
            Kink(Call(np.array([0.0, -2.0, 3.0]), 2), ([0.0, -4.0, 6.0],)),
            Kink(Call(np.array([0.0, -2.0, 3.0]), 0), ([0.0, 0.0, 0.0],)),
            Kink(Call(np.array([0.0, 2.0]), np.array([1.0])), ([1.0, 1.0], [2 * np.log(2)])),
            Kink(Call(0, np.array([2.0, 1.0])), ([0.0, 0.0],)),
        ),
    ),
    unary(arithmetic.negative, lambda x: 0 - x, method=lambda x: -x, numpy=np.negative),
    unary(
        arithmetic.absolute, np.abs, off_zero, analytic=False, method=abs, numpy=np.abs,
        kinks=(Kink(Call(np.array([-2.0, 0.0, 2.0])), ([-1.0, 0.0, 1.0],)),),
    ),
    binary(
        arithmetic.maximum, lambda a, b: np.where(a > b, a, b), distinct, between, analytic=False, numpy=np.maximum,
        smooth_at_ties=False,
        kinks=(Kink(Call(np.array([1.0, 1.0, 2.0]), np.array([1.0, 2.0, 1.0])), ([0.5, 0, 1], [0.5, 1, 0])),),
    ),
    binary(
        arithmetic.minimum, lambda a, b: np.where(a < b, a, b), distinct, between, analytic=False, numpy=np.minimum,
        smooth_at_ties=False,
        kinks=(Kink(Call(np.array([1.0, 1.0, 2.0]), np.array([1.0, 2.0, 1.0])), ([0.5, 1, 0], [0.5, 0, 1])),),
    ),
    Record(
        arithmetic.clip,
        lambda x, min=None, max=None: np.minimum(
            np.maximum(x, -np.inf if min is None else min), np.inf if max is None else max
        ),
        normal(lambda x: [
            Call(x(5, 3), -0.5, 0.75), Call(x(5), min=0.0), Call(x(5), max=0.0),
            Call(x(2, 3), np.array([-0.5, 0.0, 0.25], np.float32), 1.0),
            Call(x(), 0, 1), Call(x(0), 0, 1),
        ]),
        analytic=False, method=lambda x, *args, **kwargs: x.clip(*args, **kwargs), numpy=np.clip,
        kinks=(Kink(Call(np.array([-1.0, 0.0, 0.5, 1.0, 2.0]), 0, 1), ([0, 1, 1, 1, 0],)),),
    ),
    Record(
        arithmetic.where, lambda c, a, b: c * a + np.logical_not(c) * b,
        normal(lambda x: [
            Call(MASK, x(2, 3), x(2, 3)), Call(MASK[0], x(2, 1), x(3)),
            Call(MASK, x(2, 3), 0.0), Call(MASK, 0, x()), Call(True, np.array(1.0), np.array(2.0)),
            Call(MASK[:0], np.zeros((0, 3)), np.zeros((0, 3))),
        ]),
        numpy=np.where, refused=(Refused(Call(MASK, ones(4), 0.0), ShapeError, r"where\(a \(4,\).*broadcast"),),
    ),
    # Curves ----------------------------------------------------------------------------------------------------------
    unary(nonlinear.exp, np.exp, numpy=np.exp),
    unary(nonlinear.expm1, np.expm1, numpy=np.expm1),
    unary(nonlinear.log, np.log, positive, numpy=np.log),
    unary(nonlinear.log1p, np.log1p, positive, numpy=np.log1p),
    unary(nonlinear.sqrt, lambda x: x**0.5, positive, numpy=np.sqrt),
    unary(nonlinear.tanh, lambda x: 1 - 2 / (np.exp(2 * x) + 1), numpy=np.tanh),
    unary(nonlinear.sigmoid, sigmoid, analytic=False),
    unary(
        nonlinear.relu, lambda x: np.where(x > 0, x, 0), off_zero, analytic=False,
        kinks=(Kink(Call(np.array([-1.0, 0.0, 1.0])), ([0.0, 0.0, 1.0],)),),
    ),
    unary(nonlinear.softplus, lambda x: np.log1p(np.exp(x)), analytic=False),
    Record(
        nonlinear.softmax, softmax, scores,
        refused=(Refused(Call(ones(2, 3), axis=2), ShapeError, r"softmax\(x \(2, 3\), axis=2\).*out of bounds"),),
    ),
    Record(nonlinear.log_softmax, lambda x, axis=-1: np.log(softmax(x, axis)), scores, analytic=False),
    Record(
        nonlinear.logsumexp, logsumexp,
        normal(lambda x: [
            Call(x(2, 3), **axis)
            for axis in ({}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": (0, 1)}, {"keepdims": True})
        ] + [Call(x()), Call(x(0, 3), axis=1)]),
        analytic=False,
        refused=(Refused(Call(ones(2, 3), axis=2), ShapeError, r"logsumexp\(x \(2, 3\), axis=2"),),
    ),
    Record(
        nonlinear.softmax_cross_entropy, cross_entropy,
        normal(lambda x: [
            Call(x(4, 3), np.array([0, 2, 1, 2])), Call(x(2, 2, 3), np.array([[0, 2], [1, 1]])),
            Call(x(3), np.array(2)), Call(x(2, 3), [2, 0]),
            Call(np.zeros((0, 3)), np.zeros(0, int)),
        ]),
        analytic=False,
        refused=(
            Refused(Call(ones(2, 3), np.array([0, 3])), ShapeError, r"softmax_cross_entropy\(.*\b3\b"),
            Refused(Call(ones(2, 3), np.array([0, -1])), ShapeError, r"softmax_cross_entropy\(.*-1"),
            Refused(Call(ones(2, 3), np.array([0.5, 1.0])), (ShapeError, DtypeError), r"integer"),
        ),
    ),
    # Matrices --------------------------------------------------------------------------------------------------------
    Record(
        linear.matmul, np.matmul,
        normal(lambda x: [
            Call(x(*a), x(*b))
            for a, b in (
                ((3, 2), (2, 4)), ((2,), (2,)), ((3, 2), (2,)), ((2,), (2, 3)), ((2,), (4, 2, 3)), ((4, 3, 2), (2,)),
                ((2, 3, 2), (2, 2, 3)), ((3, 2), (4, 2, 3)), ((4, 1, 3, 2), (5, 2, 3)), ((3, 0), (0, 2)),
                ((0, 2), (2, 3)), ((2, 2), (2, 2)), ((2, 1, 2), (1, 2, 2)),
            )
        ]),
        method=lambda a, b: a @ b, numpy=np.matmul,
        refused=(
            Refused(Call(ones(2, 3), ones(2, 3)), ShapeError, r"matmul\(a \(2, 3\), b \(2, 3\)\)"),
            Refused(Call(ones(2, 3), 2.0), ShapeError, r"matmul\(a \(2, 3\), b \(\)\)"),
        ),
    ),
    Record(
        linear.linear, lambda x, W: np.einsum("...d,gd->...g", x, W),
        normal(lambda x: [
            Call(x(*X), x(*W))
            for X, W in (((2, 3), (4, 3)), ((3,), (4, 3)), ((2, 5, 3), (4, 3)), ((0, 3), (4, 3)), ((3, 3), (3, 3)))
        ]),
        refused=(Refused(Call(ones(2, 3), ones(3, 4)), ShapeError, r"linear\(x \(2, 3\), W \(3, 4\)\)"),),
    ),
    # Sums ------------------------------------------------------------------------------------------------------------
    reduction(reductions.sum, np.sum, method=lambda x, **axis: x.sum(**axis), numpy=np.sum),
    reduction(reductions.mean, np.mean, empty=False, method=lambda x, **axis: x.mean(**axis), numpy=np.mean),
    reduction(
        reductions.max, np.max, distinct, empty=False, analytic=False, numpy=np.max,
        method=lambda x, **axis: x.max(**axis),
        kinks=(
            Kink(Call(np.array([[2.0, 2.0], [2.0, 1.0]])), ([[1 / 3, 1 / 3], [1 / 3, 0]],)),
            Kink(Call(np.array([[2.0, 2.0], [3.0, 1.0]]), axis=1), ([[0.5, 0.5], [1, 0]],)),
            Kink(Call(np.full(4, 5.0), keepdims=True), ([0.25, 0.25, 0.25, 0.25],)),
        ),
        refused=(Refused(Call(np.zeros((0, 3))), ShapeError, r"max\(x \(0, 3\)"),),
    ),
    reduction(
        reductions.min, np.min, distinct, empty=False, analytic=False, numpy=np.min,
        method=lambda x, **axis: x.min(**axis),
        kinks=(Kink(Call(np.array([[2.0, 2.0], [2.0, 3.0]])), ([[1 / 3, 1 / 3], [1 / 3, 0]],)),),
    ),
    # Shapes ----------------------------------------------------------------------------------------------------------
    Record(
        shapes.reshape, np.reshape,
        normal(lambda x: [
            Call(x(2, 3), (3, 2)), Call(x(2, 3), -1), Call(x(), (1, 1)),
            Call(x(0, 3), (3, 0)), Call(x(2, 6), (2, -1, 3)), Call(x(1), ()),
        ]),
        method=lambda x, shape: x.reshape(shape), numpy=np.reshape,
        refused=(Refused(Call(ones(2, 3), (4,)), ShapeError, r"reshape\(x \(2, 3\), shape=\(4,\)\)"),),
    ),
    Record(
        shapes.swapaxes, np.swapaxes,
        normal(lambda x: [Call(x(2, 3, 4), 0, 2), Call(x(2, 3), -1, -2), Call(x(0, 3), 0, 1)]),
        method=lambda x, i, j: x.swapaxes(i, j), numpy=np.swapaxes,
        refused=(Refused(Call(ones(2, 3), 0, 2), ShapeError, r"swapaxes\(x \(2, 3\).*out of bounds"),),
    ),
    Record(
        shapes.transpose, np.transpose,
        normal(lambda x: [
            Call(x(2, 3)), Call(x(2, 3, 4), (1, 2, 0)), Call(x(2, 3, 4), (-1, 0, 1)),
            Call(x()), Call(x(0, 3)), Call(x(3)),
        ]),
        method=lambda x, *axes: x.transpose(*axes), numpy=np.transpose,
        refused=(Refused(Call(ones(2, 3), (0, 0)), ShapeError, r"transpose\(x \(2, 3\), axes=\(0, 0\)\)"),),
    ),
    Record(
        shapes.expand_dims, np.expand_dims,
        normal(lambda x: [Call(x(2, 3), 1), Call(x(), 0), Call(x(2), (0, -1)), Call(np.zeros(0), 0)]),
        numpy=np.expand_dims,
        refused=(Refused(Call(ones(3), 2), ShapeError, r"expand_dims\(x \(3,\), axis=2\).*out of bounds"),),
    ),
    Record(
        shapes.squeeze, np.squeeze,
        normal(lambda x: [
            Call(x(1, 3, 1)), Call(x(1, 3, 1), 0), Call(x(1, 3, 1), (0, -1)),
            Call(x(1, 1)), Call(x(0, 1)),
        ]),
        method=lambda x, *axis: x.squeeze(*axis), numpy=np.squeeze,
        refused=(Refused(Call(ones(2, 1), 0), ShapeError, r"squeeze\(x \(2, 1\), axis=0\)"),),
    ),
    Record(
        shapes.broadcast_to, lambda x, shape: x + np.zeros(shape),
        normal(lambda x: [
            Call(x(3), (2, 3)), Call(x(2, 1), (4, 2, 3)), Call(x(), (2, 2)),
            Call(x(1), (0,)), Call(x(1), 3), Call(x(2), (2,)), Call(x(0), (2, 0)),
        ]),
        numpy=np.broadcast_to,
        refused=(Refused(Call(ones(3), (2, 4)), ShapeError, r"broadcast_to\(x \(3,\), shape=\(2, 4\)\)"),),
    ),
    Record(
        shapes.cast, lambda x, dtype: x.astype(dtype),
        normal(lambda x: [Call(x(2, 3), np.dtype(np.float64)), Call(x(), np.float64), Call(np.zeros(0), "f8")]),
        analytic=False, keeps_dtype=False, method=lambda x, dtype: x.astype(dtype),
        refused=(Refused(Call(ones(3), np.dtype(int)), DtypeError, r"cast\(x \(3,\).*floating"),),
    ),
    Record(
        shapes.split, np.split,
        normal(lambda x: [
            Call(x(6, 2), 3), Call(x(2, 6), 2, axis=1), Call(x(7), [2, 3]),
            Call(x(2, 7), [2, 2, -1], axis=-1), Call(np.zeros((0, 2)), 2),
            Call(x(4), np.array([1, 9])), Call(x(3, 2), 1),
        ]),
        numpy=np.split,
        refused=(
            Refused(Call(ones(5, 2), 2), ShapeError, r"split\(x \(5, 2\).*length 5.*2 equal parts"),
            Refused(Call(ones(4, 2), 2, axis=2), ShapeError, r"split\(x \(4, 2\).*axis=2"),
            Refused(Call(ones(4), [3, 1]), ShapeError, r"split\(x \(4,\).*ascend"),
        ),
    ),
    Record(
        shapes.unstack, lambda x, axis=0: [np.take(x, k, axis) for k in range(x.shape[axis])],
        normal(lambda x: [
            Call(x(3, 2)), Call(x(2, 3), axis=1), Call(x(2, 3, 2), axis=-2),
            Call(x(3)), Call(x(1, 2)), Call(np.zeros((2, 0))),
        ]),
        method=lambda x, axis=0: tuple(x) if axis == 0 else tg.unstack(x, axis),
        refused=(Refused(Call(ones(2, 3), axis=2), ShapeError, r"unstack\(x \(2, 3\), axis=2\)"),),
    ),
    Record(
        shapes.concatenate, np.concatenate,
        normal(lambda x: [
            Call([x(2, 2), x(3, 2)]), Call([x(2, 1), x(2, 3)], axis=-1),
            Call((x(2), np.zeros(0), x(3))), Call([x(2, 2)], 1),
            Call([x(2), x(2), x(2)]),
        ]),
        numpy=np.concatenate,
        refused=(
            Refused(Call([ones(2, 3), ones(2, 4)]), ShapeError, r"arrays\[0\] \(2, 3\), arrays\[1\] \(2, 4\)"),
            Refused(Call([]), ShapeError, r"concatenate\("),
            Refused(Call([ones(2), ones(2)], None), (ShapeError, DtypeError), r"concatenate\(.*axis"),
        ),
    ),
    Record(
        shapes.stack, np.stack,
        normal(lambda x: [
            Call([x(2, 3) for _ in range(2)]), Call([x(2) for _ in range(3)], axis=-1),
            Call([x(), x()]), Call([np.zeros(0), np.zeros(0)], 1), Call([x(2)]),
        ]),
        numpy=np.stack,
        refused=(
            Refused(Call([ones(2), ones(3)]), ShapeError, r"stack\(arrays\[0\] \(2,\), arrays\[1\] \(3,\)"),
            Refused(Call([]), ShapeError, r"stack\("),
        ),
    ),
    # Picking ---------------------------------------------------------------------------------------------------------
    Record(
        indexing.index, lambda x, key: x[key],
        normal(lambda x: [
            Call(x(4, 3), key)
            for key in (
                1, -1, slice(1, 3), (slice(None), 0), (slice(None, None, -2), slice(1, None)), Ellipsis, None, (1, 2),
                np.array([0, 2, 2, -2]), [1, 1, 1], (np.array([0, 0, 1]), np.array([1, 1, 2])),
                np.array([[0, 1], [0, 3]]), np.arange(12).reshape(4, 3) % 3 == 0, np.array([True, False, True, False]),
                (slice(None), [0, 0]), (np.array([0, 0]), slice(1, 3)), (None, np.array([3, 3]), Ellipsis, 1),
                np.array(2), slice(0, 0), np.array([], int), np.repeat([3, 0, 1], 7), np.tile([[3, -1]], (9, 1)),
                (0, np.array([True, False, True])), np.zeros((4, 3), bool), (), np.uint8(1),
            )
        ] + [Call(x(), ...), Call(x(), ()), Call(x(0, 3), slice(1)), Call(x(3), np.repeat([0, 2], 9))]),
        method=lambda x, key: x[key],
        refused=(
            Refused(Call(ones(2, 3), 2), ShapeError, r"index\(x \(2, 3\), key=2\).*out of bounds"),
            Refused(Call(ones(3), (0, 0)), ShapeError, r"index\(x \(3,\).*too many indices"),
            Refused(Call(ones(3), 0.5), ShapeError, r"index\(x \(3,\), key=0.5\)"),
        ),
    ),
    Record(
        indexing.embedding, lambda weight, indices: (np.asarray(indices)[..., None] == np.arange(len(weight))) @ weight,
        normal(lambda x: [
            Call(x(5, 2), np.array([0, 3, 3, 1])), Call(x(5, 2), np.array([[4, 4], [0, 4]])),
            Call(x(5, 2), np.array(2)), Call(x(5, 2), [1, 1]), Call(x(0, 2), np.zeros(0, int)),
            Call(x(3, 2), np.repeat([2, 0], 20).reshape(4, 10)),
        ]),
        refused=(
            Refused(Call(ones(3, 2), np.array([0, 3])), ShapeError, r"embedding\(weight \(3, 2\).*3 is out of bounds"),
            Refused(Call(ones(3, 2), np.array([0.5])), ShapeError, r"embedding\(weight \(3, 2\).*integer"),
        ),
    ),
    Record(
        indexing.scatter, scatter,
        normal(lambda x: [
            Call(x(4), np.array([0, 2, 2, 1]), (3,)), Call(x(2, 3), np.array([1, 1]), (2, 3)),
            Call(x(2), slice(1, 3), (4,)), Call(x(), (1, 2), (2, 3)),
            Call(x(3), (np.array([0, 0, 1]), np.array([1, 1, 0])), (2, 2)), Call(np.zeros(0), slice(0, 0), (2,)),
        ]),
        analytic=False,  # its zeros are made real
        refused=(Refused(Call(ones(2), np.array([0, 3]), (3,)), ShapeError, r"scatter\(values \(2,\)"),),
    ),
)  # fmt: skip

BY_NAME: dict[str, Record] = {record.op.name: record for record in RECORDS}
