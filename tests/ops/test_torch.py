"""Every op that PyTorch has too: value, gradient and second derivative agree to ten digits; and where we differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg

pytestmark = pytest.mark.oracle
Shape = tuple[int, ...]
M23, M33 = ((2, 3),), ((3, 3),)
ZEROS = np.array([[0.0, 2.0, -3.0], [0.0, 0.0, 0.5], [1.5, 2.0, -1.0]])
AXES = ([0, 2], [1, 0])
KEY = np.array([[0, 1, 1], [1, 0, 0]])


def same(names: str, *shapes: Shape, low: float = -1.5, high: float = 1.5) -> list[Any]:
    """Ops of one name in both libraries, called on arrays of these shapes with elements in a range."""

    def row(name: str) -> Any:
        return lambda *xs: getattr(tg, name)(*xs), lambda t, *xs: getattr(t, name)(*xs), shapes, low, high

    return [pytest.param(*row(name), id=name) for name in names.split()]


def pair(name: str, ours: Any, theirs: Any, *shapes: Shape, low: float = -1.5, high: float = 1.5) -> Any:
    return pytest.param(ours, theirs, shapes, low, high, id=name)


ROWS = [
    *same("sin cos tan sinh cosh arcsinh arctan exp exp2 expm1 tanh sigmoid relu erf", (2, 3)),
    *same("square absolute negative sign floor ceil trunc round positive deg2rad rad2deg reciprocal ravel", (2, 3)),
    *same("arcsin arccos arctanh", (2, 3), low=-0.9, high=0.9),
    *same("arccosh", (2, 3), low=1.2, high=3.0),
    *same("log log2 log10 log1p sqrt", (2, 3), low=0.2, high=3.0),
    *same("add subtract multiply divide maximum minimum fmax fmin logaddexp logaddexp2 hypot arctan2", (2, 3), (3,)),
    *same("copysign remainder fmod", (2, 3), (2, 1)),
    *same("matmul", (2, 2, 3), (3, 2)), *same("outer", (3,), (2,)), *same("inner", (2, 3), (4, 3)),
    *same("vdot dot", (3,), (3,)), *same("diag", (3, 3)), *same("tril triu diagonal", (2, 3)),
    *same("atleast_1d atleast_2d", ()),
    pair("power", lambda a, b: a**b, lambda t, a, b: a**b, (2, 3), (3,), low=0.3),
    pair("power by a number", lambda x: x**3, lambda t, x: x**3, *M23),
    pair("clip", lambda x: tg.clip(x, -0.5, 1), lambda t, x: t.clamp(x, -0.5, 1), *M23),
    pair("where", lambda a, b: tg.where(KEY > 0, a, b), lambda t, a, b: t.where(t.tensor(KEY > 0), a, b), (2, 3), (3,)),
    pair("softplus", tg.softplus, lambda t, x: t.nn.functional.softplus(x), *M23),
    pair("softsign", tg.softsign, lambda t, x: t.nn.functional.softsign(x), *M23),
    pair("elu", tg.elu, lambda t, x: t.nn.functional.elu(x), *M23),
    pair("softmax", tg.softmax, lambda t, x: t.softmax(x, -1), *M23),
    pair("log_softmax", tg.log_softmax, lambda t, x: t.log_softmax(x, -1), *M23),
    pair("logsumexp", lambda x: tg.logsumexp(x, 1), lambda t, x: t.logsumexp(x, 1), *M23),
    pair("linear", tg.linear, lambda t, x, W: t.nn.functional.linear(x, W), (2, 3), (4, 3)),
    pair("sum", lambda x: tg.sum(x, (0, 2)), lambda t, x: t.sum(x, (0, 2)), (2, 3, 2)),
    pair("mean", lambda x: tg.mean(x, 1), lambda t, x: t.mean(x, 1), *M23),
    pair("var", tg.var, lambda t, x: t.var(x, correction=0), *M23),
    pair("var ddof", lambda x: tg.var(x, 1, 1), lambda t, x: t.var(x, 1), *M23),
    pair("std ddof", lambda x: tg.std(x, (0, 1), 1), lambda t, x: t.std(x, (0, 1)), *M23),
    pair("max", lambda x: tg.max(x, 1), lambda t, x: t.amax(x, 1), *M23),
    pair("min", lambda x: tg.min(x), lambda t, x: t.amin(x), *M23),
    pair("cumsum", lambda x: tg.cumsum(x, 1), lambda t, x: t.cumsum(x, 1), *M23),
    pair("cumprod", lambda x: tg.cumprod(x, 1), lambda t, x: t.cumprod(x, 1), *M23),
    pair("prod", lambda x: tg.prod(x, 1), lambda t, x: t.prod(x, 1), *M23),
    pair("prod with zeros", lambda x: tg.prod(x * ZEROS, 0), lambda t, x: t.prod(x * t.tensor(ZEROS), 0), *M33),
    pair("cumprod with zeros", lambda x: tg.cumprod(x * ZEROS, 0), lambda t, x: t.cumprod(x * t.tensor(ZEROS), 0),
         *M33),
    *(pair(f"norm {p}", lambda x, p=p: tg.norm(x, p, 1), lambda t, x, p=p: t.linalg.vector_norm(x, p, 1), *M23)
      for p in (1, 2, 3, 1.5, np.inf)),
    *(pair(f"einsum {s}", lambda *xs, s=s: tg.einsum(s, *xs), lambda t, *xs, s=s: t.einsum(s, *xs), *shapes)
      for s, *shapes in (
          ("ij,jk", (2, 3), (3, 2)), ("ii->i", (3, 3)), ("...ij,...j->...i", (2, 2, 3), (3,)),
          ("i,j,k->kji", (2,), (3,), (2,)),
          ("bij,bjk,kl->bil", (2, 1, 2), (2, 2, 3), (3, 2)), ("ij->", (2, 3)), ("ii,jj->ij", (2, 2), (3, 3)),
      )),
    pair("tensordot", lambda a, b: tg.tensordot(a, b, AXES), lambda t, a, b: t.tensordot(a, b, AXES),
         (2, 3, 4), (4, 2)),
    pair("trace", lambda x: x.trace(), lambda t, x: t.trace(x), *M33),
    pair("sort", lambda x: tg.sort(x, 0), lambda t, x: t.sort(x, 0)[0], *M23),
    pair("take", lambda x: tg.take(x, KEY), lambda t, x: t.take(x, t.tensor(KEY)), *M23),
    pair("gather", lambda x: tg.take_along_axis(x, KEY, 1), lambda t, x: t.gather(x, 1, t.tensor(KEY)), *M23),
    pair("index", lambda x: x[KEY, 1], lambda t, x: x[t.tensor(KEY), 1], *M23),
    pair("index_put", lambda x, v: tg.index_put(x, (KEY[0, :2], 1), v),
         lambda t, x, v: t.index_put(x, (t.tensor(KEY[0, :2]), t.tensor(1)), v), (2, 3), (2,)),
    pair("index_add", lambda x, v: tg.index_add(x, KEY[0], v), lambda t, x, v: t.index_add(x, 0, t.tensor(KEY[0]), v),
         (2, 3), (3, 3)),
    pair("embedding", lambda W: tg.embedding(W, KEY), lambda t, W: t.nn.functional.embedding(t.tensor(KEY), W), *M23),
    pair("roll", lambda x: tg.roll(x, (1, 2), (0, 1)), lambda t, x: t.roll(x, (1, 2), (0, 1)), *M23),
    pair("flip", lambda x: tg.flip(x, (0, 1)), lambda t, x: t.flip(x, (0, 1)), *M23),
    pair("tile", lambda x: tg.tile(x, (2, 2, 1)), lambda t, x: t.tile(x, (2, 2, 1)), *M23),
    pair("repeat", lambda x: tg.repeat(x, 2, 1), lambda t, x: t.repeat_interleave(x, 2, 1), *M23),
    pair("moveaxis", lambda x: tg.moveaxis(x, 0, 2), lambda t, x: t.moveaxis(x, 0, 2), (2, 3, 4)),
    pair("pad", lambda x: tg.pad(x, ((0, 0), (1, 2))), lambda t, x: t.nn.functional.pad(x, (1, 2)), *M23),
    pair("pad reflect", lambda x: tg.pad(x, ((0, 0), (1, 2)), "reflect"),
         lambda t, x: t.nn.functional.pad(x, (1, 2), "reflect"), *M23),
    *(pair(name, lambda a, b, name=name: getattr(tg, name)([a, b]), lambda t, a, b, name=name: getattr(t, name)([a, b]),
           (2, 3), (2, 3)) for name in ("concatenate", "stack", "hstack", "vstack", "column_stack")),
    pair("array_split", lambda x: tg.array_split(x, 2, 1)[0], lambda t, x: t.tensor_split(x, 2, 1)[0], *M23),
    pair("cross entropy", lambda x: tg.softmax_cross_entropy(x, KEY[:, 0]),
         lambda t, x: t.nn.functional.cross_entropy(x, t.tensor(KEY[:, 0]), reduction="none"), *M23),
]  # fmt: skip


def agree(ours: Any, theirs: Any) -> None:
    for g, h in zip(ours, theirs, strict=True):
        want = 0.0 if h is None else h.detach().numpy()
        np.testing.assert_allclose(0.0 if g is None else g.data, want, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("ours", "theirs", "shapes", "low", "high"), ROWS)
def test_value_and_both_derivatives(
    ours: Callable[..., Any], theirs: Callable[..., Any], shapes: list[Shape], low: float, high: float
) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    arrays = [rng.uniform(low, high, shape) for shape in shapes]
    xs, zs = [tg.tensor(a, requires_grad=True) for a in arrays], [torch.tensor(a, requires_grad=True) for a in arrays]
    y, z = ours(*xs), theirs(torch, *zs)
    np.testing.assert_allclose(y.data, z.detach().numpy(), rtol=1e-10, atol=1e-12)
    v = rng.standard_normal(y.shape)
    first = tg.grad(y, xs, v, create_graph=True)
    other = torch.autograd.grad(z, zs, torch.tensor(v), create_graph=True, allow_unused=True)
    agree(first, other)
    ws = [rng.standard_normal(shape) for shape in shapes]
    total = sum(((g * w).sum() for g, w in zip(first, ws, strict=True)), xs[0].sum())
    sums = [(g * torch.tensor(w)).sum() for g, w in zip(other, ws, strict=True) if g is not None]
    agree(
        tg.grad(total, xs, allow_unused=True),
        torch.autograd.grad(sum(sums, zs[0].sum()), zs, allow_unused=True),
    )


@pytest.mark.parametrize("point", [(0.0, 0.0), (-0.0, -0.0), (0.0, -2.0), (3.0, 0.0)])
def test_the_slope_of_an_angle_is_0_where_it_has_none(point: tuple[float, float]) -> None:
    torch = pytest.importorskip("torch")
    a, b = (tg.tensor(np.array(value), requires_grad=True) for value in point)
    zs = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in point]
    first = tg.grad(tg.arctan2(a, b), [a, b], create_graph=True)
    torch.atan2(*zs).backward()
    assert [g.item() for g in first] == [z.grad.item() for z in zs]
    assert all(np.isfinite(g.item()) for g in tg.grad(first[0] + first[1], [a, b]))


# Where we differ, on purpose -----------------------------------------------------------------------------------------

ZERO, TWOS = np.zeros(2), np.full(2, 2.0)
DIFFERENT = {
    "a tie in max along an axis is shared; PyTorch's max picks one (its amax shares)": (
        lambda x: tg.max(x, 0), lambda t, x: t.max(x, 0)[0], TWOS, [0.5, 0.5], [1, 0],
    ),
    "hypot has slope 0 at 0, not NaN": (
        lambda x: tg.hypot(x[0], x[1]), lambda t, x: t.hypot(x[0], x[1]), ZERO, [0, 0], [np.nan, np.nan],
    ),
    "var and std divide by n, as in NumPy; PyTorch by n - 1": (
        tg.var, lambda t, x: t.var(x), np.array([0.0, 2.0]), [-1, 1], [-2, 2],
    ),
    "of values put to one place only the last, which stays, has a gradient": (
        lambda x: tg.index_put(ZERO, [0, 0], x).sum(),
        lambda t, x: t.index_put(t.tensor(ZERO), (t.tensor([0, 0]),), x).sum(), TWOS, [0, 1], [1, 1],
    ),
    "steps of two inputs have slope 0; PyTorch refuses their gradient": (
        lambda x: tg.floor_divide(x, 2).sum() + tg.heaviside(x, 0.5).sum(),
        lambda t, x: (x // 2).sum(), TWOS, [0, 0], None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", DIFFERENT.values(), ids=DIFFERENT)
def test_where_we_differ(row: tuple[Any, ...]) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs, array, our_gradient, their_gradient = row
    x, z = tg.tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)
    ours(x).backward()
    assert x.grad is not None
    assert x.grad.tolist() == our_gradient
    if their_gradient is None:
        with pytest.raises(RuntimeError, match="not implemented"):
            theirs(torch, z).backward()
    else:
        theirs(torch, z).backward()
        np.testing.assert_array_equal(z.grad.numpy(), their_gradient)
