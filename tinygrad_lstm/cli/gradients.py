"""Functions with derivatives and inputs to check them at: operations, and cells over a few steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.cli.cells import CELLS

Array: TypeAlias = np.ndarray
T, B, D, H = 3, 2, 3, 4  # of the cells


class Checked(NamedTuple):
    """A function and where its gradients are checked."""

    name: str
    function: Callable[..., Any]
    inputs: list[tg.Tensor]


def _away_from(kink: float, x: Array) -> Array:
    """Numbers none of which is so close to a kink that a small step goes over it."""
    moved: Array = np.where(abs(x - kink) < 0.1, x + 0.2, x)
    return moved


_rng = np.random.default_rng(8)
x, y = (_rng.normal(size=(2, 3)) for _ in range(2))
row, positive, square = _rng.normal(size=3), _rng.uniform(0.5, 2.0, (2, 3)), _rng.normal(size=(3, 3)) + 3 * np.eye(3)
within, apart = _rng.uniform(-0.9, 0.9, (2, 3)), _rng.permutation(6).reshape(2, 3) / 4 + 0.1
kinked = _away_from(0.0, x)

OPERATIONS: dict[str, tuple[Callable[..., Any], tuple[Array, ...]]] = {
    "add": (tg.add, (x, row)), "subtract": (tg.subtract, (x, row)), "multiply": (tg.multiply, (x, row)),
    "divide": (tg.divide, (x, positive)), "power": (tg.power, (positive, y)), "negative": (tg.negative, (x,)),
    "matmul": (tg.matmul, (x, square)), "contract": (lambda a, b: tg.einsum("ij,kj->ik", a, b), (x, y)),
    "square": (tg.square, (x,)), "reciprocal": (tg.reciprocal, (positive,)), "positive": (tg.positive, (x,)),
    "cbrt": (tg.cbrt, (positive,)), "exp2": (tg.exp2, (x,)), "expm1": (tg.expm1, (x,)), "erf": (tg.erf, (x,)),
    "log2": (tg.log2, (positive,)), "log10": (tg.log10, (positive,)), "log1p": (tg.log1p, (positive,)),
    "logaddexp": (tg.logaddexp, (x, y)), "logaddexp2": (tg.logaddexp2, (x, y)), "hypot": (tg.hypot, (x, positive)),
    "arccos": (tg.arccos, (within,)), "arctan2": (tg.arctan2, (x, positive)), "arcsinh": (tg.arcsinh, (x,)),
    "arccosh": (tg.arccosh, (positive + 1,)), "arctanh": (tg.arctanh, (within,)), "deg2rad": (tg.deg2rad, (x,)),
    "rad2deg": (tg.rad2deg, (x,)), "copysign": (tg.copysign, (kinked, kinked[::-1])),
    "remainder": (tg.remainder, (apart, np.full((2, 3), 9.0))), "fmod": (tg.fmod, (apart, np.full((2, 3), 9.0))),
    "floor": (tg.floor, (apart,)), "ceil": (tg.ceil, (apart,)), "trunc": (tg.trunc, (apart,)),
    "rint": (tg.rint, (apart,)), "round": (tg.round, (apart,)), "sign": (tg.sign, (kinked,)),
    "heaviside": (tg.heaviside, (kinked, positive)), "floor_divide": (tg.floor_divide, (apart, np.full((2, 3), 9.0))),
    "fmax": (tg.fmax, (apart, apart[::-1])), "fmin": (tg.fmin, (apart, apart[::-1])), "abs": (tg.abs, (kinked,)),
    "exp": (tg.exp, (x,)), "log": (tg.log, (positive,)), "sqrt": (tg.sqrt, (positive,)),
    "sin": (tg.sin, (x,)), "cos": (tg.cos, (x,)), "tan": (tg.tan, (within,)), "arcsin": (tg.arcsin, (within,)),
    "arctan": (tg.arctan, (x,)), "sinh": (tg.sinh, (x,)), "cosh": (tg.cosh, (x,)), "tanh": (tg.tanh, (x,)),
    "sigmoid": (tg.sigmoid, (x,)), "relu": (tg.relu, (kinked,)), "softplus": (tg.softplus, (x,)),
    "elu": (tg.elu, (kinked,)), "softsign": (tg.softsign, (kinked,)), "hard_sigmoid": (tg.hard_sigmoid, (x,)),
    "absolute": (tg.absolute, (kinked,)), "maximum": (tg.maximum, (apart, apart[::-1])),
    "minimum": (tg.minimum, (apart, apart[::-1])), "clip": (lambda a: tg.clip(a, -9.0, 0.0), (kinked,)),
    "where": (lambda a, b: tg.where(kinked > 0, a, b), (x, y)),
    "sum": (lambda a: tg.sum(a, axis=0), (x,)), "mean": (lambda a: tg.mean(a, axis=1), (x,)),
    "var": (lambda a: tg.var(a, axis=1), (x,)), "max": (lambda a: tg.max(a, axis=1), (apart,)),
    "min": (lambda a: tg.min(a, axis=0), (apart,)), "prod": (lambda a: tg.prod(a, axis=1), (positive,)),
    "cumsum": (lambda a: tg.cumsum(a, axis=0), (x,)), "logsumexp": (lambda a: tg.logsumexp(a, axis=1), (x,)),
    "softmax": (lambda a: tg.softmax(a, axis=1), (x,)), "log_softmax": (lambda a: tg.log_softmax(a, axis=1), (x,)),
    "norm": (lambda a: tg.norm(a, axis=1), (x,)), "std": (lambda a: tg.std(a, axis=1), (x,)),
    "cumprod": (lambda a: tg.cumprod(a, axis=1), (positive,)),
    "reshape": (lambda a: tg.reshape(a, (3, 2)), (x,)), "transpose": (tg.transpose, (x,)),
    "swapaxes": (lambda a: tg.swapaxes(a, 0, 1), (x,)), "expand_dims": (lambda a: tg.expand_dims(a, 1), (x,)),
    "squeeze": (lambda a: tg.squeeze(a), (x[:1],)), "broadcast_to": (lambda a: tg.broadcast_to(a, (4, 3)), (row,)),
    "roll": (lambda a: tg.roll(a, 2, 1), (x,)), "cast": (lambda a: tg.cast(a, np.dtype(float)), (x,)),
    "concatenate": (lambda a, b: tg.concatenate([a, b]), (x, y)), "stack": (lambda a, b: tg.stack([a, b]), (x, y)),
    "split": (lambda a: tg.split(a, 3, axis=1), (x,)), "unstack": (tg.unstack, (x,)),
    "index": (lambda a: a[[0, 1, 0], 1:], (x,)), "index_put": (lambda a, b: tg.index_put(a, 1, b), (x, row)),
    "scatter": (lambda a: tg.scatter(a, [2, 0], (4, 3)), (x,)),
    "embedding": (lambda a: tg.embedding(a, np.array([2, 0, 2])), (square,)), "linear": (tg.linear, (x, square)),
    "softmax_cross_entropy": (lambda a: tg.softmax_cross_entropy(a, np.array([2, 0])), (x,)),
}  # fmt: skip


def operations() -> Iterator[Checked]:
    """The operations, each with float64 inputs at which it is smooth."""
    for name, (function, arrays) in OPERATIONS.items():
        yield Checked(name, function, [tg.tensor(array, requires_grad=True) for array in arrays])


def cells() -> Iterator[Checked]:
    """Every cell, by input, initial state and every parameter."""
    for name, make in CELLS.items():
        rng = np.random.default_rng(0)
        cell = make(D, H).astype(float)
        for parameter in cell.parameters():
            parameter.data = rng.normal(0, 0.5, parameter.shape)
        first = tg.tensor(rng.normal(size=(T, B, D)), requires_grad=True)
        state = [tg.tensor(rng.normal(size=(B, size)), requires_grad=True) for size in cell.state_sizes]
        yield Checked(name, _over_steps(cell), [first, *state, *cell.parameters()])


def _over_steps(cell: nn.Cell) -> Callable[..., tg.Tensor]:
    """Its outputs, with the same random numbers each time; the parameters are read where they are."""

    def run(x: tg.Tensor, *rest: tg.Tensor) -> tg.Tensor:
        tg.manual_seed(0)
        parts = rest[: len(cell.states)]
        return nn.unroll(cell, x, parts if len(parts) > 1 else parts[0]).output

    return run
