"""Records of the rest of NumPy's ufuncs, and of rounding and the error function."""

from __future__ import annotations

import math

import numpy as np

from tests.support.record import (
    Array,
    Call,
    Kink,
    Record,
    Rng,
    Shape,
    between,
    binary,
    distinct,
    off_zero,
    positive,
    unary,
)
from tinygrad_lstm.engine.ops.more import ufuncs


def inside(rng: Rng, shape: Shape) -> Array:
    return np.asarray(rng.uniform(-0.9, 0.9, shape))


def above_one(rng: Rng, shape: Shape) -> Array:
    return np.asarray(rng.uniform(1.3, 3.0, shape))


def wide(rng: Rng, shape: Shape) -> Array:
    return np.asarray(4 * distinct(rng, shape))


def moduli(rng: Rng, shape: Shape) -> Array:
    """None of which divides a number from ``wide``."""
    return np.asarray(rng.choice([1.5, -2.5], shape))


RECORDS: tuple[Record, ...] = (
    unary(ufuncs.positive, lambda x: x, numpy=np.positive),
    unary(ufuncs.square, lambda x: x * x, numpy=np.square),
    unary(ufuncs.reciprocal, lambda x: 1 / x, off_zero, numpy=np.reciprocal),
    unary(ufuncs.cbrt, lambda x: np.sign(x) * np.abs(x) ** (1 / 3), off_zero, analytic=False, numpy=np.cbrt),
    unary(ufuncs.exp2, lambda x: np.exp(x * math.log(2)), numpy=np.exp2),
    unary(ufuncs.log2, lambda x: np.log(x) / math.log(2), positive, numpy=np.log2),
    unary(ufuncs.log10, lambda x: np.log(x) / math.log(10), positive, numpy=np.log10),
    binary(ufuncs.logaddexp, lambda a, b: np.log(np.exp(a) + np.exp(b)), analytic=False, numpy=np.logaddexp),
    binary(ufuncs.logaddexp2, lambda a, b: np.log2(2**a + 2**b), analytic=False, numpy=np.logaddexp2),
    # Angles and hyperbolas -------------------------------------------------------------------------------------------
    unary(ufuncs.sin, lambda x: np.exp(1j * x).imag, numpy=np.sin),
    unary(ufuncs.cos, lambda x: np.exp(1j * x).real, numpy=np.cos),
    unary(ufuncs.tan, lambda x: np.sin(x) / np.cos(x), inside, numpy=np.tan),
    unary(ufuncs.arcsin, lambda x: np.arctan2(x, np.sqrt(1 - x * x)), inside, numpy=np.arcsin),
    unary(ufuncs.arccos, lambda x: np.arctan2(np.sqrt(1 - x * x), x), inside, numpy=np.arccos),
    unary(ufuncs.arctan, lambda x: np.arctan2(x, 1.0), numpy=np.arctan),
    binary(
        ufuncs.arctan2, lambda a, b: np.angle(b + 1j * a), off_zero, off_zero, analytic=False, numpy=np.arctan2,
    ),
    binary(
        ufuncs.hypot, lambda a, b: np.sqrt(a * a + b * b), off_zero, off_zero, analytic=False, numpy=np.hypot,
        kinks=(Kink(Call(np.array([0.0, 3.0]), np.array([0.0, 4.0])), ([0.0, 0.6], [0.0, 0.8])),),
    ),
    unary(ufuncs.sinh, lambda x: (np.exp(x) - np.exp(-x)) / 2, numpy=np.sinh),
    unary(ufuncs.cosh, lambda x: (np.exp(x) + np.exp(-x)) / 2, numpy=np.cosh),
    unary(ufuncs.arcsinh, lambda x: np.log(x + np.sqrt(x * x + 1)), numpy=np.arcsinh),
    unary(ufuncs.arccosh, lambda x: np.log(x + np.sqrt(x * x - 1)), above_one, numpy=np.arccosh),
    unary(ufuncs.arctanh, lambda x: np.log((1 + x) / (1 - x)) / 2, inside, numpy=np.arctanh),
    unary(ufuncs.deg2rad, lambda x: x * np.pi / 180, analytic=False, numpy=np.deg2rad),
    unary(ufuncs.rad2deg, lambda x: x * 180 / np.pi, analytic=False, numpy=np.degrees),
    # Steps -----------------------------------------------------------------------------------------------------------
    unary(ufuncs.sign, lambda x: x / np.abs(x), off_zero, analytic=False, numpy=np.sign),
    unary(ufuncs.floor, lambda x: x // 1, distinct, analytic=False, numpy=np.floor),
    unary(ufuncs.ceil, lambda x: -(-x // 1), distinct, analytic=False, numpy=np.ceil),
    unary(ufuncs.trunc, lambda x: np.sign(x) * (np.abs(x) // 1), distinct, analytic=False, numpy=np.trunc),
    unary(ufuncs.rint, lambda x: (x + 0.5) // 1, distinct, analytic=False, numpy=np.rint),
    Record(
        ufuncs.round, lambda x, decimals=0: np.floor(x * 10.0**decimals + 0.5) / 10.0**decimals,
        lambda rng: [
            Call(distinct(rng, (2, 3))), Call(distinct(rng, ()), 1), Call(20 * distinct(rng, (4,)), decimals=-1),
            Call(np.zeros(0)),
        ],
        analytic=False, method=lambda x, *args, **kwargs: x.round(*args, **kwargs), numpy=np.round,
    ),
    binary(
        ufuncs.floor_divide, lambda a, b: np.floor(a / b), wide, moduli, analytic=False, smooth_at_ties=False,
        method=lambda a, b: a // b, numpy=np.floor_divide,
    ),
    binary(
        ufuncs.remainder, lambda a, b: a - b * np.floor(a / b), wide, moduli, analytic=False, smooth_at_ties=False,
        method=lambda a, b: a % b, numpy=np.mod,
    ),
    binary(
        ufuncs.fmod, lambda a, b: np.sign(a) * (np.abs(a) % np.abs(b)), wide, moduli, analytic=False,
        smooth_at_ties=False, numpy=np.fmod,
    ),
    binary(
        ufuncs.heaviside, lambda a, b: np.where(a > 0, 1, 0) + 0 * b, off_zero, analytic=False, numpy=np.heaviside,
        kinks=(Kink(Call(0.0, np.array([0.5])), ([1.0],)),),
    ),
    # Choices ---------------------------------------------------------------------------------------------------------
    binary(
        ufuncs.fmax, lambda a, b: np.where(a > b, a, b), distinct, between, analytic=False, numpy=np.fmax,
        smooth_at_ties=False,
        kinks=(Kink(Call(np.array([1.0, 1.0, 2.0]), np.array([1.0, 2.0, 1.0])), ([0.5, 0, 1], [0.5, 1, 0])),),
    ),
    binary(
        ufuncs.fmin, lambda a, b: np.where(a < b, a, b), distinct, between, analytic=False, numpy=np.fmin,
        smooth_at_ties=False,
        kinks=(Kink(Call(np.array([1.0, 1.0, 2.0]), np.array([1.0, 2.0, 1.0])), ([0.5, 1, 0], [0.5, 0, 1])),),
    ),
    binary(
        ufuncs.copysign, lambda a, b: np.abs(a) * np.sign(b), off_zero, off_zero, analytic=False, numpy=np.copysign,
        kinks=(Kink(Call(np.array([0.0, -2.0]), np.array([1.0, 3.0])), ([0.0, -1.0], [0.0, 0.0])),),
    ),
    unary(
        ufuncs.erf, lambda x: np.vectorize(lambda t: 1 - math.erfc(t), otypes="d")(x), analytic=False,
    ),
)  # fmt: skip
