"""float16: sums of many elements, numbers with large squares, norms, losses; and clipping, in every dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.registry import BY_NAME, RECORDS
from tinygrad_lstm import Tensor, losses, nn
from tinygrad_lstm.engine.ops.wide import HALF

pytestmark = pytest.mark.filterwarnings(
    "ignore:overflow", "ignore:underflow", "ignore:invalid", "ignore:divide by zero"
)
inf = np.inf
Op = Callable[..., Any]


def leaf(data: Any, dtype: Any) -> Tensor:
    return tg.tensor(np.asarray(data, dtype), requires_grad=True)


MANY = np.tile(np.array([1.0, 0.5], np.float16), 35000)
ALONG = [record.op for record in RECORDS if record.op.wide and "axis" in record.op.names]


def results(op: Op, array: Any, dtype: Any) -> list[Any]:
    x = leaf(array, dtype)
    y = op(x)
    v = np.where(np.arange(y.size) % 3 == 0, 1.0, 0.25).reshape(y.shape)
    (g,) = tg.grad(y, x, v.astype(dtype))
    return [y.data, g.data]


@pytest.mark.parametrize("axis", [None, 0, 1], ids=str)
@pytest.mark.parametrize("op", ALONG, ids=lambda op: op.name)
def test_seventy_thousand_float16_numbers(op: Any, axis: int | None) -> None:
    """As in float64, and rounded once."""
    if axis is None and op.defaults["axis"] is not None:
        array, options = MANY, {}
    else:
        array, options = MANY.reshape((70000, 1) if axis == 0 else (1, 70000)), {"axis": axis}
    values = results(lambda x: op(x, **options), array, np.float16)
    truths = results(lambda x: op(x, **options), array, np.float64)
    for value, truth in zip(values, truths, strict=True):
        assert value.dtype == HALF
        np.testing.assert_allclose(value, truth.astype(HALF), rtol=2e-3, atol=2e-7)


def test_all_that_sums_is_wide() -> None:
    assert {op.name for op in ALONG} == {
        "sum", "mean", "max", "min", "cumsum", "var", "std", "norm", "prod", "cumprod", "softmax", "log_softmax",
        "logsumexp",
    }  # fmt: skip
    assert BY_NAME["softmax_cross_entropy"].op.wide


TIED = np.ones(70000, np.float16)
FLOAT16: dict[str, tuple[Op, Any]] = {
    "norm": (tg.norm, [300.0, 400.0]),
    "norm 3": (lambda x: tg.norm(x, 3), [300.0, -400.0]),
    "norm 1": (lambda x: tg.norm(x, 1), np.full(4000, 1.0)),
    "std": (tg.std, [300.0, -300.0, 200.0, 0.5]),
    "var": (tg.var, [200.0, -200.0, 100.0, 0.5]),
    "var by n - 1": (lambda x: tg.var(x, ddof=1), MANY),
    "max": (tg.max, TIED),
    "min": (tg.min, TIED),
    "max norm": (lambda x: tg.norm(x, inf), TIED),
    "prod": (tg.prod, [300.0, 300.0, 0.001, 0.01]),
    "cumprod": (lambda x: tg.cumprod(x)[-1], [300.0, 300.0, 0.001, 0.01]),
    "einsum": (lambda x: tg.einsum("ij->j", x), np.ones((4000, 2))),
    "einsum of two": (lambda x: tg.einsum("ij,i->j", x, np.ones(4000, np.float16)), np.ones((4000, 2))),
    "matmul": (lambda x: x.T @ x, np.ones((4000, 2))),
    "linear": (lambda x: tg.linear(x, x), np.ones((2, 4000))),
    "a bias": (lambda b: tg.zeros((4000, 2), dtype=np.float16) + b, [1.0, 2.0]),
    "a broadcast number": (lambda b: tg.zeros((40, 100), dtype=np.float16) * b, 2.0),
    "arctan": (tg.arctan, [300.0, -4000.0]),
    "arctan2": (lambda x: tg.arctan2(x[0], x[1]), [300.0, 400.0]),
    "mse": (lambda x: losses.mse_loss(x, np.zeros(x.shape, x.dtype)), MANY),
    "mse, one far off": (lambda x: losses.mse_loss(x, np.zeros(x.shape, x.dtype)), [400.0, *np.zeros(99)]),
    "l1": (lambda x: losses.l1_loss(x, np.zeros(x.shape, x.dtype)), MANY),
    "huber": (lambda x: losses.huber_loss(x, np.zeros(x.shape, x.dtype), delta=300.0), [400.0, *np.zeros(99)]),
    "bce": (lambda x: losses.binary_cross_entropy_with_logits(x, np.ones(x.shape, x.dtype)), MANY),
    "cross_entropy": (lambda x: losses.cross_entropy(x, np.array([5])), MANY[None]),
    "cross_entropy of rows": (lambda x: losses.cross_entropy(x, np.zeros(35000, int)), MANY.reshape(35000, 2)),
    "label smoothing": (
        lambda x: losses.cross_entropy(x, np.zeros(35000, int), label_smoothing=0.2), MANY.reshape(35000, 2),
    ),
    "weights": (
        lambda x: losses.cross_entropy(x, np.zeros(35000, int), weight=[3.0, 1.0]), MANY.reshape(35000, 2),
    ),
    "LayerNorm": (lambda x: nn.LayerNorm(4).astype(x.dtype)(x), [300.0, -300.0, 200.0, 0.5]),
    "LayerNorm, the ends": (lambda x: nn.LayerNorm(4).astype(x.dtype)(x), [60000.0, -60000.0, 200.0, 0.5]),
    "LayerNorm, wide": (lambda x: nn.LayerNorm(70000).astype(x.dtype)(x), 100 * MANY),
}  # fmt: skip


@pytest.mark.parametrize(("op", "array"), FLOAT16.values(), ids=FLOAT16)
def test_float16_is_float64_rounded(op: Op, array: Any) -> None:
    array = np.asarray(array, np.float16)
    for value, truth in zip(results(op, array, np.float16), results(op, array, np.float64), strict=True):
        assert value.dtype == HALF
        scale = float(np.abs(truth).max())
        np.testing.assert_allclose(value, truth.astype(HALF), rtol=4e-3, atol=2e-3 * scale + 1e-7)


@pytest.mark.parametrize("name", ["norm", "norm 3", "std", "var", "prod", "cumprod", "LayerNorm", "arctan2", "einsum"])
def test_second_derivatives_in_float16(name: str) -> None:
    op, array = FLOAT16[name]
    found = []
    for dtype in (np.float16, np.float64):
        x = leaf(np.asarray(array, np.float16), dtype)
        (g,) = tg.grad(op(x).sum(), x, create_graph=True)
        w = np.cos(np.arange(x.size)).reshape(x.shape).astype(np.float16).astype(dtype)
        (h,) = tg.grad((g * w).sum(), x, allow_unused=True)
        found.append(np.zeros(x.shape) if h is None else h.data.astype(HALF).astype(float))
    scale = float(np.abs(found[1][np.isfinite(found[1])]).max())
    np.testing.assert_allclose(found[0], found[1], rtol=2e-2, atol=2e-2 * scale + 1e-6)


@pytest.mark.parametrize("kind", [nn.LayerNormLSTMCell, nn.LayerNormGRUCell])
def test_cells_with_norms_in_float16(kind: Any) -> None:
    tg.manual_seed(0)
    cell = kind(3, 4)
    x = np.array([[300.0, -300.0, 200.0], [0.5, 400.0, -100.0]], np.float16)
    found = []
    for dtype in (np.float16, np.float64):
        cell = cell.astype(np.float16).astype(dtype)
        state = cell(x.astype(dtype))
        h = state[0] if isinstance(state, tuple) else state
        found.append([h.data, *(g.data for g in tg.grad(h.sum(), list(cell.parameters())))])
    for value, truth in zip(*found, strict=True):
        assert value.dtype == HALF
        np.testing.assert_allclose(value, truth, rtol=1e-2, atol=2e-2 * float(np.abs(truth).max()) + 1e-6)


@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU])
def test_a_fused_layer_sums_its_bias_gradient_in_float32(layer: Any) -> None:
    tg.manual_seed(0)
    net = layer(1, 2, fused=True).astype(np.float16)
    found = []
    for dtype in (np.float16, np.float64):
        net = net.astype(dtype)
        output, _ = net(np.full((3, 6000, 1), 0.5, dtype))
        found.append([g.data for g in tg.grad(output.sum(), [p for p in net.parameters() if p.ndim == 1])])
    for value, truth in zip(*found, strict=True):
        np.testing.assert_allclose(value, truth, rtol=2e-2)


PICKED: dict[str, Op] = {
    "x[i]": lambda x: x[np.zeros(5000, int)], "x[i], one axis": lambda x: x[:, 0][np.zeros(5000, int)],
    "x[i, 0]": lambda x: x[np.zeros(5000, int), 0], "x[[few]]": lambda x: x[[0] * 15],
    "x[0][[few]]": lambda x: x[0][[0] * 9],
    "repeat": lambda x: tg.repeat(x, 5000, axis=0), "take": lambda x: tg.take(x, np.zeros(5000, int), 0),
    "embedding": lambda x: tg.embedding(x, np.zeros(5000, int)),
    "pad": lambda x: tg.pad(x, ((2500, 0), (0, 0)), mode="edge"),
    "index_add": lambda x: tg.index_add(x, np.zeros(3000, int), np.ones((3000, 2), np.float16)),
}  # fmt: skip


@pytest.mark.parametrize("pick", PICKED.values(), ids=PICKED)
def test_what_is_picked_thousands_of_times_gets_all_its_cotangents(pick: Op) -> None:
    """2048 + 1 is 2048 in float16, so they are added up in wider numbers."""
    found = []
    for dtype in (np.float16, np.float64):
        x = leaf(np.ones((3, 2)), dtype)
        y = pick(x)
        (g,) = tg.grad(y.sum(), x)
        assert y.dtype == g.dtype == dtype
        found.append((y.data, g.data))
    for value, truth in zip(*found, strict=True):
        np.testing.assert_allclose(value, truth, rtol=1e-3)


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("ours", "theirs", "array"),
    [
        (tg.cumsum, lambda t, x: x.cumsum(0), np.ones(5000)),
        (lambda x: tg.sum(x, 0), lambda t, x: x.sum(0), np.ones((5000, 2))),
        (tg.mean, lambda t, x: x.mean(), MANY),
        (tg.max, lambda t, x: x.amax(), TIED),
        (tg.std, lambda t, x: x.std(correction=0), [300.0, -300.0, 200.0, 0.5]),
        (lambda x: nn.LayerNorm(4).astype(x.dtype)(x), lambda t, x: t.nn.functional.layer_norm(x, (4,)),
         [300.0, -300.0, 200.0, 0.5]),
    ],
    ids=["cumsum", "sum", "mean", "max", "std", "LayerNorm"],
)  # fmt: skip
def test_float16_as_in_pytorch(ours: Op, theirs: Op, array: Any) -> None:
    torch = pytest.importorskip("torch")
    array = np.asarray(array, np.float16)
    x, z = leaf(array, np.float16), torch.tensor(array, requires_grad=True)
    y, w = ours(x), theirs(torch, z)
    np.testing.assert_allclose(y.data, w.detach().numpy(), rtol=2e-3, atol=1e-3)
    v = np.linspace(0.25, 1, y.size, dtype=np.float16).reshape(y.shape)
    (g,), (h,) = tg.grad(y, x, v), torch.autograd.grad(w, z, torch.tensor(v))
    np.testing.assert_allclose(g.data, h.numpy(), rtol=5e-3, atol=1e-3 * float(np.abs(h.numpy()).max()))


# Gradients between backward and step ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "gradients", "norm"),
    [
        (np.float16, [[300.0, 400.0]], 500.0),
        (np.float16, [[30000.0], [40000.0]], 50000.0),
        (np.float16, [np.full(40000, 60000.0)], 1.2e7),
        (np.float32, [[3e30, 4e30]], 5e30),
        (np.float32, [[3e38], [3e38] * 15], 1.2e39),
        (np.float64, [[3e200], [4e200]], 5e200),
        (np.float64, [[3e-200], [4e-200]], 5e-200),
    ],
    ids=str,
)
def test_clipping_takes_the_true_norm(dtype: Any, gradients: list[Any], norm: float) -> None:
    params = [leaf(np.zeros(len(g)), dtype) for g in gradients]
    for p, g in zip(params, gradients, strict=True):
        p.grad = tg.tensor(np.asarray(g, dtype))
    assert nn.utils.clip_grad_norm_(params, norm / 1e3 + 1e-220) == pytest.approx(norm, rel=1e-3)
    for p, g in zip(params, gradients, strict=True):
        assert p.grad is not None
        assert p.grad.dtype == np.dtype(dtype)
        expected = np.asarray(g, float) / 1e3 if norm > 1 else np.asarray(g, float) * min(1, norm / 1e3 / (norm + 1e-6))
        np.testing.assert_allclose(p.grad.data, expected, rtol=5e-3)


def test_an_op_of_many_inputs_of_ones_own_may_be_wide() -> None:
    @tg.primitive(wide=True)
    def total(xs: Any) -> Any:
        return np.stack(xs).sum(axis=0)

    seen: list[Any] = []

    def rule(k: int, g: Any, xs: Any) -> Any:
        seen.append((k, g.dtype, xs[k].dtype))
        return g

    total.defvjp_args(rule)
    xs = [tg.tensor(np.full(2, 60_000, np.float16), requires_grad=True) for _ in range(2)]
    minus = tg.tensor(np.full(2, -60_000, np.float16), requires_grad=True)
    y = total([*xs, minus])
    assert y.dtype == np.float16
    assert y.data.tolist() == [60_000, 60_000]  # in float16 the first two alone are more than it holds
    y.sum().backward()
    assert seen == [(k, np.float32, np.float32) for k in range(3)]
    assert [x.grad.dtype for x in (*xs, minus) if x.grad is not None] == [np.float16] * 3
