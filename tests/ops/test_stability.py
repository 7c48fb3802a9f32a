"""Every op at the far ends of its dtype: huge and tiny numbers, large ones whose difference counts, infinities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.cases import Case, case_of
from tests.support.registry import RECORDS, Record
from tinygrad_lstm import Tensor, losses, nn

pytestmark = pytest.mark.filterwarnings(
    "ignore:overflow", "ignore:underflow", "ignore:invalid", "ignore:divide by zero"
)
inf = np.inf
Op = Callable[..., Any]


def leaf(data: Any, dtype: Any = np.float64) -> Tensor:
    return tg.tensor(np.asarray(data, dtype), requires_grad=True)


def both(op: Op, arrays: list[Any], v: Any, dtype: Any) -> list[Any]:
    """Output and gradients; those with create_graph, where the rules run on tensors, are the same."""
    xs = [leaf(array, dtype) for array in arrays]
    y = op(*xs)
    v = np.broadcast_to(np.asarray(v, dtype), y.shape)
    plain = tg.grad(y, xs, v, retain_graph=True)
    recorded = tg.grad(y, xs, v, create_graph=True)
    for g, h in zip(plain, recorded, strict=True):
        assert g.dtype == h.dtype == np.dtype(dtype)
        np.testing.assert_allclose(h.data, g.data, rtol=4 * np.finfo(dtype).eps)
    return [y.data, *(g.data for g in plain)]


# Every record, scaled, against itself in a wider dtype ---------------------------------------------------------------

WIDER = {np.float16: np.float64, np.float32: np.float64, np.float64: np.longdouble}
HAS_LONG = np.finfo(np.longdouble).maxexp > np.finfo(np.float64).maxexp
AT_SCALE_1 = {  # only there, and why
    "sigmoid": "y (1 - y) is right to the last digit of 1, as in PyTorch: it needs no second exponential",
    "arctanh": "its domain ends at 1",
    "matmul": "infinities are summed, as in NumPy",
    "linear": "the same",
    "contract": "the same",
    "prod": "0 times an infinite product is NaN, as in NumPy",
    "cumprod": "the same",
}
NO_LONGER = {"sigmoid", "erf"}  # these compute in float64 at most
NOT_AT_ALL = {"remainder", "fmod"}  # the number 1.7 in their samples is another one in each dtype


def scales(dtype: Any) -> dict[str, float]:
    """Numbers whose squares leave the dtype, and numbers nearly out of it themselves."""
    largest, smallest = float(np.finfo(dtype).max), float(np.finfo(dtype).tiny)
    return {"1": 1, "big": largest**0.55, "huge": largest**0.8, "tiny": smallest**0.55, "least": smallest**0.9}


def same(value: Any, truth: Any, dtype: Any) -> None:
    """Equal to some digits of the largest of them; what the dtype cannot hold is infinite or 0 in both."""
    truth = truth.astype(dtype)
    finite = np.abs(truth[np.isfinite(truth)].astype(np.longdouble))
    step = 50 * np.finfo(dtype).eps * np.max(finite, initial=0) + 4 * np.finfo(dtype).smallest_subnormal
    np.testing.assert_allclose(value.astype(np.longdouble), truth.astype(np.longdouble), rtol=0, atol=step)


@pytest.mark.parametrize(
    ("record", "dtype"),
    [
        pytest.param(r, dtype, id=f"{r.op.name}-{dtype.__name__}")
        for r in RECORDS
        if r.keeps_dtype and not r.op.saves and r.op.name not in NOT_AT_ALL
        for dtype in WIDER
        if dtype is not np.float64 or (HAS_LONG and r.op.name not in NO_LONGER)
    ],
)
def test_an_op_is_what_it_is_in_a_wider_dtype(record: Record, dtype: Any) -> None:
    for call in record.samples(np.random.default_rng(0)):
        case = case_of(record, call)
        for name, scale in scales(dtype).items():
            if name != "1" and record.op.name in AT_SCALE_1:
                continue
            arrays = [(array * scale).astype(dtype) for array in case.arrays]
            values, gradients = results(case, arrays, dtype, dtype)
            true_values, true_gradients = results(case, arrays, WIDER[dtype], dtype)
            for value, truth in zip(values, true_values, strict=True):
                same(value, truth, dtype)
            if record.op.name != "norm" or all(np.isfinite(value).all() for value in values):
                for value, truth in zip(gradients, true_gradients, strict=True):
                    same(value, truth, dtype)


def results(case: Case, arrays: list[Any], dtype: Any, drawn_in: Any) -> tuple[list[Any], list[Any]]:
    xs = [leaf(array, dtype) for array in arrays]
    ys = case.op(*xs)
    vs = [np.random.default_rng(1).standard_normal(y.shape).astype(drawn_in).astype(dtype) for y in ys]
    return [y.data for y in ys], [g.data for g in tg.grad(ys, xs, vs) if g is not None]


# Large numbers whose difference counts -------------------------------------------------------------------------------

TARGET = np.array([0, 2])
SHIFTED: dict[str, tuple[Op, bool]] = {  # and whether the value, too, stays the same
    "softmax": (tg.softmax, True),
    "log_softmax": (tg.log_softmax, True),
    "log_softmax of columns": (lambda x: tg.log_softmax(x, 0), True),
    "logsumexp": (lambda x: tg.logsumexp(x, -1), False),
    "logsumexp of all": (tg.logsumexp, False),
    "logaddexp": (lambda x: tg.logaddexp(x[0], x[1]), False),
    "logaddexp2": (lambda x: tg.logaddexp2(x[0], x[1]), False),
    "softmax_cross_entropy": (lambda x: tg.softmax_cross_entropy(x, TARGET), True),
    "cross_entropy": (lambda x: losses.cross_entropy(x, TARGET), True),
    "label smoothing": (lambda x: losses.cross_entropy(x, TARGET, label_smoothing=0.25), True),
    "weights": (lambda x: losses.cross_entropy(x, TARGET, weight=[1.0, 2.0, 4.0], label_smoothing=0.5), True),
    "var": (tg.var, True),
    "std": (lambda x: tg.std(x, -1), True),
    "l1": (lambda x: losses.l1_loss(x[0], x[1]), True),
    "huber": (lambda x: losses.huber_loss(x[0], x[1]), True),
    "LayerNorm": (lambda x: nn.LayerNorm(3).astype(x.dtype)(x), True),
}
QUARTERS = np.array([[0.0, 1.0, -2.5], [0.5, 0.25, 3.0]])


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(("op", "stays"), SHIFTED.values(), ids=SHIFTED)
def test_a_shift_changes_no_difference(op: Op, stays: bool, dtype: Any, sign: int) -> None:
    """Where x and x + c are both exact: values, gradients and second derivatives, to the last digits."""
    c = sign * 2.0 ** (np.finfo(dtype).nmant - 4)
    found = []
    for x in (leaf(QUARTERS, dtype), leaf(QUARTERS + c, dtype)):
        y = op(x)
        v = np.linspace(-1, 1, y.size).reshape(y.shape).astype(dtype) + dtype(0.5)
        (g,) = tg.grad(y, x, v, create_graph=True)
        (h,) = tg.grad((g * np.arange(6, dtype=dtype).reshape(2, 3)).sum(), x, retain_graph=True, allow_unused=True)
        found.append([y.data if stays else 0, g.data, 0 if h is None else h.data])
    eps = float(np.finfo(dtype).eps)
    for here, there in zip(*found, strict=True):
        np.testing.assert_allclose(there, here, rtol=64 * eps, atol=64 * eps)


# Limits: ties of large numbers, and infinities -----------------------------------------------------------------------

e = 1 / (1 + np.e)
LIMITS: dict[str, tuple[Op, list[Any], Any, Any, list[Any]]] = {  # op, inputs, cotangent; output and gradients
    "log_softmax, a large tie": (tg.log_softmax, [[1e8, 1e8]], [1, 0], [-np.log(2)] * 2, [[0.5, -0.5]]),
    "log_softmax, the other": (tg.log_softmax, [[1e8, 1e8]], [0, 1], [-np.log(2)] * 2, [[-0.5, 0.5]]),
    "log_softmax, far apart": (tg.log_softmax, [[1e30, -1e30]], [1, 2], [0, -2e30], [[-2, 2]]),
    "log_softmax, masked": (tg.log_softmax, [[-inf, 1.0, 1.0]], [0, 1, 0], [-inf, *[-np.log(2)] * 2], [[0, 0.5, -0.5]]),
    "log_softmax, masked and used": (tg.log_softmax, [[-inf, 0.0]], [2, 2], [-inf, 0], [[2, -2]]),
    "log_softmax, all masked": (tg.log_softmax, [[-inf, -inf]], [1, 2], [-inf, -inf], [[0, 0]]),
    "log_softmax, one masked row": (
        tg.log_softmax, [[[-inf, -inf], [2.0, 2.0]]], [1, 0], [[-inf, -inf], [-np.log(2)] * 2], [[[0, 0], [0.5, -0.5]]],
    ),
    "log_softmax, infinite": (tg.log_softmax, [[inf, 0.0]], [1, 0], [0, -inf], [[0, 0]]),
    "log_softmax, an infinite tie": (tg.log_softmax, [[inf, inf]], [1, 0], [-np.log(2)] * 2, [[0.5, -0.5]]),
    "softmax, a large tie": (tg.softmax, [[1e8, 1e8]], [1, 0], [0.5, 0.5], [[0.25, -0.25]]),
    "softmax, masked": (tg.softmax, [[-inf, 1.0, 1.0]], [1, 1, 0], [0, 0.5, 0.5], [[0, 0.25, -0.25]]),
    "softmax, all masked": (tg.softmax, [[-inf, -inf]], [1, 2], [0, 0], [[0, 0]]),
    "softmax, an infinite tie": (tg.softmax, [[inf, inf, 0.0]], [1, 0, 1], [0.5, 0.5, 0], [[0.25, -0.25, 0]]),
    "logsumexp, a large tie": (tg.logsumexp, [[1e8, 1e8]], 1, 1e8, [[0.5, 0.5]]),
    "logsumexp, masked": (tg.logsumexp, [[-inf, 3.0]], 2, 3, [[0, 2]]),
    "logsumexp, all masked": (tg.logsumexp, [[-inf, -inf]], 1, -inf, [[0, 0]]),
    "logsumexp, one masked row": (
        lambda x: tg.logsumexp(x, 1), [[[-inf, -inf], [0.0, 0.0]]], 1, [-inf, np.log(2)], [[[0, 0], [0.5, 0.5]]],
    ),
    "logsumexp, infinite": (tg.logsumexp, [[inf, 0.0, -inf]], 1, inf, [[1, 0, 0]]),
    "logsumexp, an infinite tie": (tg.logsumexp, [[inf, inf]], 1, inf, [[0.5, 0.5]]),
    "logaddexp, a large tie": (tg.logaddexp, [1e8, 1e8], 1, 1e8, [0.5, 0.5]),
    "logaddexp, a small tie": (tg.logaddexp, [-1e8, -1e8], 1, -1e8, [0.5, 0.5]),
    "logaddexp, large and one apart": (tg.logaddexp, [1e6, 1e6 + 1], 1, 1e6 + 1 + np.log1p(1 / np.e), [e, 1 - e]),
    "logaddexp, far apart": (tg.logaddexp, [1e30, -1e30], 2, 1e30, [2, 0]),
    "logaddexp, masked": (tg.logaddexp, [-inf, 3.0], 2, 3, [0, 2]),
    "logaddexp, both masked": (tg.logaddexp, [-inf, -inf], 1, -inf, [0, 0]),
    "logaddexp, three, two masked": (
        lambda a, b, c: tg.logaddexp(tg.logaddexp(a, b), c), [-inf, -inf, 2.0], 1, 2, [0, 0, 1],
    ),
    "logaddexp, three, all masked": (
        lambda a, b, c: tg.logaddexp(tg.logaddexp(a, b), c), [-inf, -inf, -inf], 1, -inf, [0, 0, 0],
    ),
    "logaddexp, infinite": (tg.logaddexp, [inf, 3.0], 1, inf, [1, 0]),
    "logaddexp, an infinite tie": (tg.logaddexp, [inf, inf], 1, inf, [0.5, 0.5]),
    "logaddexp, opposite": (tg.logaddexp, [inf, -inf], 1, inf, [1, 0]),
    "logaddexp2, a large tie": (tg.logaddexp2, [1e8, 1e8], 1, 1e8, [0.5, 0.5]),
    "logaddexp2, both masked": (tg.logaddexp2, [-inf, -inf], 1, -inf, [0, 0]),
    "logaddexp2, three, two masked": (
        lambda a, b, c: tg.logaddexp2(tg.logaddexp2(a, b), c), [-inf, -inf, 2.0], 1, 2, [0, 0, 1],
    ),
    "logaddexp2, an infinite tie": (tg.logaddexp2, [inf, inf], 1, inf, [0.5, 0.5]),
    "softplus": (tg.softplus, [[-inf, -1e8, 1e8, inf]], 1, [0, 0, 1e8, inf], [[0, 0, 1, 1]]),
    "sigmoid": (tg.sigmoid, [[-inf, -1e8, 1e8, inf]], 1, [0, 0, 1, 1], [[0, 0, 0, 0]]),
    "hard_sigmoid": (tg.hard_sigmoid, [[-inf, -1e8, 1e8, inf]], 1, [0, 0, 1, 1], [[0, 0, 0, 0]]),
    "elu": (tg.elu, [[-inf, -1e8, 1e8, inf]], 1, [-1, -1, 1e8, inf], [[0, 0, 1, 1]]),
    "softsign": (tg.softsign, [[-1e30, 1e30]], 1, [-1, 1], [[0, 0]]),
    "tanh": (tg.tanh, [[-inf, -1e8, 1e8, inf]], 1, [-1, -1, 1, 1], [[0, 0, 0, 0]]),
    "erf": (tg.erf, [[-inf, inf]], 1, [-1, 1], [[0, 0]]),
    "exp": (tg.exp, [[-inf, -1e8]], 1, [0, 0], [[0, 0]]),
    "expm1": (tg.expm1, [[-inf, -30.0]], 1, [-1, -1], [[0, np.exp(-30)]]),
    "log": (tg.log, [[inf]], 1, [inf], [[0]]),
    "arctan": (tg.arctan, [[-inf, 1e10, inf]], 1, [-np.pi / 2, np.pi / 2, np.pi / 2], [[0, 1e-20, 0]]),
    "arctan2": (tg.arctan2, [[1e20, 0.0], [1e20, 0.0]], 1, [np.pi / 4, 0], [[5e-21, 0], [-5e-21, 0]]),
    "hypot": (tg.hypot, [[3e30, 3e-30, 0.0], [4e30, 4e-30, 0.0]], 1, [5e30, 5e-30, 0], [[0.6, 0.6, 0], [0.8, 0.8, 0]]),
    "norm": (lambda x: tg.norm(x, 2, 1), [[[3e30, 4e30], [3e-30, 4e-30]]], 1, [5e30, 5e-30], [[[0.6, 0.8]] * 2]),
    "std": (lambda x: tg.std(x, 1), [[[3e30, 4e30], [3e-30, 4e-30]]], 1, [5e29, 5e-31], [[[-0.5, 0.5]] * 2]),
    "prod, out of range": (tg.prod, [[1e30, 1e30]], 1, inf, [[1e30, 1e30]]),
    "prod, into 0": (tg.prod, [[1e-30, 1e-30]], 1, 0, [[1e-30, 1e-30]]),
    "cumprod, into 0": (tg.cumprod, [[1e-30, 1e-30]], 1, [1e-30, 0], [[1, 1e-30]]),
    "max": (tg.max, [[inf, inf, 0.0]], 1, inf, [[0.5, 0.5, 0]]),
    "min": (tg.min, [[-inf, -inf, 0.0]], 1, -inf, [[0.5, 0.5, 0]]),
    "maximum": (tg.maximum, [inf, inf], 1, inf, [0.5, 0.5]),
    "cross_entropy": (lambda x: losses.cross_entropy(x, np.array([0])), [[[1e8, 1e8]]], 1, np.log(2), [[[-0.5, 0.5]]]),
    "cross_entropy, masked": (
        lambda x: losses.cross_entropy(x, np.array([0])), [[[0.0, -inf, 0.0]]], 1, np.log(2), [[[-0.5, 0, 0.5]]],
    ),
    "label smoothing": (
        lambda x: losses.cross_entropy(x, np.array([0]), label_smoothing=0.5), [[[1e8, 1e8]]], 1, np.log(2),
        [[[-0.25, 0.25]]],
    ),
    "bce": (
        lambda x: losses.binary_cross_entropy_with_logits(x, np.array([1.0, 0.0])), [[1e8, -1e8]], 1, 0, [[0, 0]],
    ),
}  # fmt: skip


IN_FLOAT64 = {"prod, out of range": 1e60}  # what is infinite in float32 only


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", LIMITS)
def test_limits(name: str, dtype: Any) -> None:
    op, xs, v, y, gradients = LIMITS[name]
    if dtype is np.float64:
        y = IN_FLOAT64.get(name, y)
    found = both(op, xs, v, dtype)
    for value, truth in zip(found, [y, *gradients], strict=True):
        np.testing.assert_allclose(value, truth, rtol=1e-5 if dtype is np.float32 else 1e-7, atol=1e-36)


@pytest.mark.parametrize("name", [n for n in LIMITS if "mask" in n or "tie" in n])
def test_second_derivatives_are_numbers_at_limits(name: str) -> None:
    op, arrays, v, *_ = LIMITS[name]
    xs = [leaf(array) for array in arrays]
    y = op(*xs)
    first = tg.grad(y, xs, np.broadcast_to(np.asarray(v, float), y.shape), create_graph=True)
    second = tg.grad(sum(((g * g).sum() for g in first), leaf(0.0)), xs, allow_unused=True)
    assert all(np.isfinite(h.data).all() for h in second if h is not None)
