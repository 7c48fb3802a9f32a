"""Records of products of matrices, and of sums, products and norms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.support.record import (
    Array,
    Call,
    Kink,
    Record,
    Refused,
    Rng,
    Shape,
    anywhere,
    distinct,
    normal,
    off_zero,
    ones,
    reduction,
)
from tinygrad_lstm.engine.ops import linear, reductions
from tinygrad_lstm.engine.ops.more import contractions, norms, products
from tinygrad_lstm.errors import ArgumentError, ShapeError

ZEROS = np.array([[0.0, 2.0, -3.0], [0.0, 0.0, 0.5], [1.5, 2.0, -1.0]])


def running(reduce: Callable[..., Any]) -> Callable[..., Array]:
    """The reduction of every beginning of x."""

    def scan(x: Array, axis: int | None = None) -> Array:
        x, axis = (x.reshape(-1), 0) if axis is None else (x, axis)
        beginnings = [reduce(x[(slice(None),) * (axis % x.ndim) + (slice(k + 1),)], axis) for k in range(x.shape[axis])]
        return np.stack(beginnings, axis) if beginnings else x

    return scan


def scans(rng: Rng) -> list[Call]:
    along: tuple[tuple[Shape, dict[str, int]], ...] = (
        ((3,), {}), ((2, 3), {}), ((2, 3), {"axis": 0}), ((2, 3, 2), {"axis": -2}), ((0,), {}), ((2, 0), {"axis": 1}),
        ((), {}),
    )  # fmt: skip
    return [Call(off_zero(rng, shape), **axis) for shape, axis in along]


RECORDS: tuple[Record, ...] = (
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
    Record(
        reductions.cumsum, running(np.sum), scans,
        method=lambda x, **axis: x.cumsum(**axis), numpy=np.cumsum,
        refused=(Refused(Call(ones(2, 3), axis=2), ShapeError, r"cumsum\(x \(2, 3\), axis=2\).*out of bounds"),),
    ),
    reduction(
        reductions.var, lambda x, axis=None, ddof=0, keepdims=False: (
            np.sum((x - np.mean(x, axis=axis, keepdims=True)) ** 2, axis=axis, keepdims=keepdims)
            / (x.size / np.sum(x, axis=axis).size - ddof if x.size else 1)
        ),
        empty=False, extra=lambda rng: [Call(anywhere(rng, (3, 2)), ddof=1), Call(anywhere(rng, (3,)), 0, 0.5, True)],
        analytic=False,  # NumPy's variance of complex numbers is that of their moduli
        method=lambda x, *args, **kwargs: x.var(*args, **kwargs), numpy=lambda x, *args, **kwargs: (
            np.var(x, *args, **kwargs) if len(args) < 2 else np.var(x, args[0], ddof=args[1], keepdims=args[2])
        ),
    ),
    reduction(
        reductions.std, lambda x, axis=None, ddof=0, keepdims=False: np.sqrt(
            np.var(x, axis=axis, ddof=ddof, keepdims=keepdims)
        ),
        empty=False, extra=lambda rng: [Call(anywhere(rng, (3, 2)), ddof=1), Call(anywhere(rng, (4, 2)), axis=0)],
        analytic=False, method=lambda x, **axis: x.std(**axis), numpy=np.std,
        kinks=(
            Kink(Call(np.full(3, 2.0)), ([0.0, 0.0, 0.0],)),
            Kink(Call(np.array([[1.0, 1.0], [3.0, 1.0]]), axis=1), ([[0.0, 0.0], [0.5, -0.5]],)),
        ),
    ),
    reduction(
        norms.norm, lambda x, ord=2, axis=None, keepdims=False: (
            np.max(np.abs(x), axis=axis, keepdims=keepdims) if ord == np.inf
            else np.sum(np.abs(x) ** ord, axis=axis, keepdims=keepdims) ** (1 / ord)
        ),
        off_zero, analytic=False, numpy=np.linalg.vector_norm,
        extra=lambda rng: [
            Call(distinct(rng, (2, 3)), ord=p, axis=axis) for p in (1, 3, 1.5, 0.5, np.inf) for axis in (None, 1)
        ] + [Call(np.array([0.0, 3.0, 4.0])), Call(np.array([0.0, 3.0, 4.0]), ord=3)],
        kinks=(
            Kink(Call(np.zeros(3)), ([0.0, 0.0, 0.0],)),
            Kink(Call(np.array([[0.0, 0.0], [3.0, 4.0]]), axis=1), ([[0.0, 0.0], [0.6, 0.8]],)),
            Kink(Call(np.array([0.0, -2.0]), ord=1), ([0.0, -1.0],)),
            Kink(Call(np.zeros(2), ord=1.5), ([0.0, 0.0],)),
            Kink(Call(np.array([-2.0, 2.0, 1.0]), ord=np.inf), ([-0.5, 0.5, 0.0],)),
        ),
        refused=(Refused(Call(ones(3), ord=0), ArgumentError, "norm: ord is a number above 0, or inf, not 0"),),
    ),
    # Products --------------------------------------------------------------------------------------------------------
    reduction(
        products.prod, lambda x, axis=None, keepdims=False: np.multiply.reduce(x, axis=axis, keepdims=keepdims),
        off_zero, method=lambda x, *args, **axis: x.prod(*args, **axis), numpy=np.prod,
        extra=lambda rng: [Call(ZEROS), Call(ZEROS, axis=1), Call(ZEROS, 0), Call(ZEROS, axis=(0, 1), keepdims=True),
                           Call(np.stack([ZEROS, ZEROS + 1]), (2, 0)), Call(np.zeros(()))],
    ),
    Record(
        products.cumprod, running(np.prod),
        lambda rng: [*scans(rng), Call(ZEROS), Call(ZEROS, axis=1), Call(ZEROS, axis=0), Call(np.zeros(1))],
        method=lambda x, **axis: x.cumprod(**axis), numpy=np.cumprod,
        refused=(Refused(Call(ones(2, 3), axis=2), ShapeError, r"cumprod\(x \(2, 3\), axis=2\).*out of bounds"),),
    ),
    Record(
        contractions.contract, lambda operands, subscripts: np.einsum(subscripts, *operands),
        normal(lambda x: [
            Call([x(*shape) for shape in shapes], subscripts)
            for subscripts, *shapes in (
                ("ij,jk->ik", (2, 3), (3, 2)), ("ij->ji", (2, 3)), ("ij->", (2, 3)), ("ij->j", (2, 3)), ("ii", (3, 3)),
                ("ii->i", (2, 2)), ("iij->ji", (2, 2, 3)), ("iii->", (2, 2, 2)), ("i,i", (3,), (3,)),
                ("i,j->", (2,), (3,)), ("...ij,...jk", (2, 2, 3), (3, 2)), ("...,...", (2, 1), (3,)),
                ("b...,b...->...b", (2, 1, 3), (2, 2, 1)), ("ij,jk,kl->il", (2, 2), (2, 3), (3, 2)),
                ("ij,i,j", (2, 3), (2,), (3,)), ("ii,ij->j", (2, 2), (2, 2)), ("ij,ij->ij", (1, 3), (2, 3)),
                ("ij,jk->ik", (0, 3), (3, 2)), ("ij,jk", (2, 0), (0, 2)), ("ba", (2, 3)), ("i...->...", (2, 3)),
                ("", ()), (",i->i", (), (3,)),
            )
        ] + [Call([x(2), 2.0], "i,->i")]),
        numpy=lambda operands, subscripts: np.einsum(subscripts, *operands),
        refused=(
            Refused(Call([ones(2, 3), ones(2, 3)], "ij,jk->ik"), ShapeError, r"contract\(operands\[0\] \(2, 3\), .*jk"),
            Refused(Call([ones(2, 3)], "ij,jk->ik"), ShapeError, "2 words for 1 operands"),
            Refused(Call([ones(2, 3)], "i->i"), ShapeError, "the word 'i' for an operand with 2 axes"),
            Refused(Call([ones(2, 3)], "...i->i"), ShapeError, r"the output must have '\.\.\.'"),
            Refused(Call([ones(2)], "i->ii"), ShapeError, r"contract\(operands\[0\] \(2,\), .*[Oo]utput"),
            Refused(Call([ones(2)], "i->j"), ShapeError, r"contract\(operands\[0\] \(2,\), .*[Oo]utput"),
        ),
    ),
)  # fmt: skip
