"""Records of arithmetic, of curves and squashing functions."""

from __future__ import annotations

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
    between,
    binary,
    distinct,
    normal,
    off_zero,
    ones,
    positive,
    unary,
)
from tinygrad_lstm.engine.ops import arithmetic, choices, nonlinear
from tinygrad_lstm.engine.ops import softmax as softmaxes
from tinygrad_lstm.engine.ops.more import activations, ufuncs
from tinygrad_lstm.errors import DtypeError, ShapeError


def sigmoid(x: Array) -> Array:
    return 0.5 + 0.5 * np.tanh(0.5 * x)


def softmax(x: Array, axis: int = -1) -> Array:
    return np.exp(x) / np.exp(x).sum(axis, keepdims=True)


def logsumexp(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    return np.log(np.exp(x).sum(axis, keepdims=keepdims))


def cross_entropy(x: Array, targets: Array) -> Array:
    return np.sum(-np.log(softmax(x)) * (np.asarray(targets)[..., None] == np.arange(x.shape[-1])), -1)


def scores(rng: Rng) -> list[Call]:
    """Samples of softmax and its kin, along several axes."""
    along: tuple[tuple[Shape, dict[str, int]], ...] = (
        ((4,), {}), ((2, 3), {}), ((2, 3), {"axis": 0}), ((2, 3, 2), {"axis": 1}), ((0, 3), {}), ((1,), {}),
    )  # fmt: skip
    return [Call(anywhere(rng, shape), **axis) for shape, axis in along]


MASK = np.array([[True, False, True], [False, False, True]])

RECORDS: tuple[Record, ...] = (
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
        choices.absolute, np.abs, off_zero, analytic=False, method=abs, numpy=np.abs,
        kinks=(Kink(Call(np.array([-2.0, 0.0, 2.0])), ([-1.0, 0.0, 1.0],)),),
    ),
    binary(
        choices.maximum, lambda a, b: np.where(a > b, a, b), distinct, between, analytic=False, numpy=np.maximum,
        smooth_at_ties=False,
        kinks=(Kink(Call(np.array([1.0, 1.0, 2.0]), np.array([1.0, 2.0, 1.0])), ([0.5, 0, 1], [0.5, 1, 0])),),
    ),
    binary(
        choices.minimum, lambda a, b: np.where(a < b, a, b), distinct, between, analytic=False, numpy=np.minimum,
        smooth_at_ties=False,
        kinks=(Kink(Call(np.array([1.0, 1.0, 2.0]), np.array([1.0, 2.0, 1.0])), ([0.5, 1, 0], [0.5, 0, 1])),),
    ),
    Record(
        choices.clip,
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
        choices.where, lambda c, a, b: c * a + np.logical_not(c) * b,
        normal(lambda x: [
            Call(MASK, x(2, 3), x(2, 3)), Call(MASK[0], x(2, 1), x(3)),
            Call(MASK, x(2, 3), 0.0), Call(MASK, 0, x()), Call(True, np.array(1.0), np.array(2.0)),
            Call(MASK[:0], np.zeros((0, 3)), np.zeros((0, 3))),
        ]),
        numpy=np.where, refused=(Refused(Call(MASK, ones(4), 0.0), ShapeError, r"where\(a \(4,\).*broadcast"),),
    ),
    unary(nonlinear.exp, np.exp, numpy=np.exp),
    unary(ufuncs.expm1, np.expm1, numpy=np.expm1),
    unary(nonlinear.log, np.log, positive, numpy=np.log),
    unary(ufuncs.log1p, np.log1p, positive, numpy=np.log1p),
    unary(nonlinear.sqrt, lambda x: x**0.5, positive, numpy=np.sqrt),
    unary(nonlinear.tanh, lambda x: 1 - 2 / (np.exp(2 * x) + 1), numpy=np.tanh),
    unary(nonlinear.sigmoid, sigmoid, analytic=False),
    unary(
        nonlinear.relu, lambda x: np.where(x > 0, x, 0), off_zero, analytic=False,
        kinks=(Kink(Call(np.array([-1.0, 0.0, 1.0])), ([0.0, 0.0, 1.0],)),),
    ),
    unary(nonlinear.softplus, lambda x: np.log1p(np.exp(x)), analytic=False),
    unary(
        activations.hard_sigmoid, lambda x: np.where(x < -2.5, 0, np.where(x > 2.5, 1, 0.2 * x + 0.5)), analytic=False,
        kinks=(
            Kink(Call(np.array([-2.5, 0.0, 2.5, 4.0])), ([0.0, 0.2, 0.0, 0.0],)),
            Kink(Call(np.array([-3.0, 0.0, 2.75, 4.0]), 1 / 6, 0.5), ([0.0, 1 / 6, 1 / 6, 0.0],)),
        ),
    ),
    unary(
        activations.elu, lambda x: np.where(x > 0, x, np.exp(x) - 1), off_zero, analytic=False,
        kinks=(Kink(Call(np.array([-1.0, 0.0, 1.0])), ([np.exp(-1), 1.0, 1.0],)),),
    ),
    unary(
        activations.softsign, lambda x: x / (1 + np.abs(x)), off_zero, analytic=False,
        kinks=(Kink(Call(np.array([-1.0, 0.0, 3.0])), ([1 / 4, 1.0, 1 / 16],)),),
    ),
    Record(
        softmaxes.softmax, softmax, scores,
        refused=(Refused(Call(ones(2, 3), axis=2), ShapeError, r"softmax\(x \(2, 3\), axis=2\).*out of bounds"),),
    ),
    Record(softmaxes.log_softmax, lambda x, axis=-1: np.log(softmax(x, axis)), scores, analytic=False),
    Record(
        softmaxes.logsumexp, logsumexp,
        normal(lambda x: [
            Call(x(2, 3), **axis)
            for axis in ({}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": (0, 1)}, {"keepdims": True})
        ] + [Call(x()), Call(x(0, 3), axis=1)]),
        analytic=False,
        refused=(Refused(Call(ones(2, 3), axis=2), ShapeError, r"logsumexp\(x \(2, 3\), axis=2"),),
    ),
    Record(
        softmaxes.softmax_cross_entropy, cross_entropy,
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
)  # fmt: skip
