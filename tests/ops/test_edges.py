"""What single ops promise at their edges: NaN, zeros, jumps, repeated places, far ends of the number line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import Tensor
from tinygrad_lstm.errors import DtypeError, ShapeError

nan, inf = np.nan, np.inf


def leaf(data: Any) -> Tensor:
    return tg.tensor(np.asarray(data, float), requires_grad=True)


def gradients(y: Tensor, *xs: Tensor) -> list[Any]:
    return [g.data.tolist() for g in tg.grad(y.sum(), xs)]


# Choices and steps ---------------------------------------------------------------------------------------------------


def test_fmax_and_fmin_pass_over_nan() -> None:
    a, b = leaf([nan, 1.0, nan]), leaf([2.0, nan, nan])
    for op in (tg.fmax, tg.fmin):
        np.testing.assert_array_equal(op(a, b).data, [2.0, 1.0, nan])
        assert gradients(op(a, b), a, b) == [[0.0, 1.0, 1.0], [1.0, 0.0, 1.0]]


def test_steps_have_slope_zero_at_their_jumps_too() -> None:
    x = leaf([-1.0, 0.0, 0.5, 2.0])
    for step in (tg.sign, tg.floor, tg.ceil, tg.trunc, tg.rint, tg.round, lambda x: x // 0.5):
        y = step(x)
        (g,) = tg.grad(y.sum(), x, create_graph=True)
        assert g.tolist() == [0.0] * 4
        assert y.requires_grad
    b = leaf(0.25)
    assert gradients(tg.heaviside(x, b), x, b) == [[0.0] * 4, 1.0]


def test_remainders_have_the_sign_python_and_c_give_them() -> None:
    a, b = leaf([5.5, -5.5, 5.5]), leaf([2.0, 2.0, -2.0])
    assert (a % b).tolist() == [1.5, 0.5, -0.5]
    assert tg.fmod(a, b).tolist() == [1.5, -1.5, 1.5]
    assert gradients(a % b, a, b) == [[1, 1, 1], [-2, 3, 3]]
    assert gradients(tg.fmod(a, b), a, b) == [[1, 1, 1], [-2, 2, 2]]
    assert (7.0 % leaf(4.0)).item() == 3.0
    assert (7.0 // leaf(4.0)).item() == 1.0


def test_far_out_logaddexp_and_erf_stay_finite() -> None:
    a, b = leaf([1000.0, -1000.0, -inf]), leaf([999.0, -1000.0, 0.0])
    np.testing.assert_allclose(tg.logaddexp(a, b).data, [1000 + np.log1p(np.exp(-1)), -1000 + np.log(2), 0])
    (ga, gb) = tg.grad(tg.logaddexp(a, b).sum(), [a, b])
    np.testing.assert_allclose(ga.data, [1 / (1 + np.exp(-1)), 0.5, 0.0])
    np.testing.assert_allclose((ga + gb).data, [1, 1, 1])
    x = leaf([-inf, -30.0, 30.0, inf])
    assert tg.erf(x).tolist() == [-1, -1, 1, 1]
    assert gradients(tg.erf(x), x) == [[0, 0, 0, 0]]
    assert tg.erf(np.array([0, 1])).dtype == np.float64


def test_a_whole_function_may_be_a_number() -> None:
    """Bare numbers in, a tensor of the default dtype out; and a number beside a float32 tensor never widens it."""
    assert tg.sin(0.5).dtype == tg.hypot(3, 4).dtype == tg.erf(0.5).dtype == np.float32
    x = tg.tensor([0.5, 0.25], requires_grad=True)
    two: Any = np.float64(2)
    for y in (
        tg.arctan2(x, two), tg.hypot(two, x), x % two, two // x, tg.logaddexp(x, 1.0), tg.einsum("i,->i", x, two),
        tg.outer(x, two), tg.dot(two, x), tg.norm(x, two), tg.index_put(x, 0, two), tg.index_add(x, [0, 0], 1.0),
        tg.pad(x, 1, constant_values=two), tg.copysign(x, -two), tg.prod(x), tg.var(x, ddof=two / 2), tg.round(x, 1),
    ):  # fmt: skip
        assert y.dtype == np.float32
        (g,) = tg.grad(y.sum(), x)
        assert g.dtype == np.float32


# Products, norms, sorting --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "gradient"),
    [([2.0, 3.0, 4.0], [12, 8, 6]), ([0.0, 3.0, 4.0], [12, 0, 0]), ([0.0, 3.0, 0.0], [0, 0, 0]), ([5.0], [1])],
)
def test_a_product_has_the_gradient_of_all_others(x: list[float], gradient: list[float]) -> None:
    (g,) = tg.grad(tg.prod(y := leaf(x)), y)
    assert g.tolist() == gradient


def test_a_product_with_zeros_has_its_third_derivative() -> None:
    """∂³(xyz)/∂x∂y∂z = 1, also at (0, 0, 0)."""
    x = leaf([0.0, 0.0, 0.0])
    y = tg.prod(x)
    for k in range(3):
        (g,) = tg.grad(y, x, create_graph=True)
        y = g[k]
    assert y.item() == 1.0


def test_a_norm_at_zero_has_gradient_zero() -> None:
    for order in (1, 1.5, 2, 3, inf):
        x = leaf(np.zeros((2, 3)))
        for axis in (None, 0):
            assert not np.any(gradients(tg.norm(x, order, axis), x))
    x = leaf([1e-200, 0.0])
    np.testing.assert_allclose(gradients(tg.norm(x * 1e200), x)[0], [1e200, 0])


def test_equals_are_sorted_in_their_order_and_nan_comes_last() -> None:
    x = leaf([2.0, nan, 1.0, 2.0])
    y = tg.sort(x)
    np.testing.assert_array_equal(y.data, [1.0, 2.0, 2.0, nan])
    (g,) = tg.grad(y, x, np.array([10.0, 20.0, 30.0, 40.0]))
    assert g.tolist() == [20.0, 40.0, 10.0, 30.0]


# Writing -------------------------------------------------------------------------------------------------------------


def test_index_put_gives_the_gradient_to_what_is_there_in_the_end() -> None:
    x, v = leaf(np.ones((3, 2))), leaf([10.0, 20.0, 30.0, 40.0])
    key = (np.array([0, 2, 0, 2]), np.array([1, 1, 1, 0]))
    y = tg.index_put(x, key, v)
    assert y.tolist() == [[1, 30], [1, 1], [40, 20]]
    assert x.tolist() == [[1, 1]] * 3
    gx, gv = tg.grad(y, [x, v], np.arange(6.0).reshape(3, 2))
    assert gx.tolist() == [[0, 0], [2, 3], [0, 0]]
    assert gv.tolist() == [0, 5, 1, 4]
    row = leaf([1.0, 2.0])  # broadcast over two rows that are the same one
    assert gradients(tg.index_put(x, [1, 1], row), row) == [[1, 1]]


def test_index_put_writes_an_rnns_outputs_into_a_buffer() -> None:
    """The loop that learners write: out[t] = h."""
    w, h, out = leaf(0.5), tg.tensor(np.array(1.0)), tg.tensor(np.zeros(4))
    for t in range(4):
        h = h * w
        out = tg.index_put(out, t, h)
    assert out.tolist() == [0.5, 0.25, 0.125, 0.0625]
    assert gradients(out, w) == [sum(t * 0.5 ** (t - 1) for t in range(1, 5))]


def test_index_put_takes_tensors_as_index_and_refuses_what_does_not_fit() -> None:
    x = leaf([1.0, 2.0, 3.0])
    assert tg.index_put(x, tg.tensor(np.array([0, 2])), 0.0).tolist() == [0.0, 2.0, 0.0]
    assert tg.index_put(x, x > 1.5, 9.0).tolist() == [1.0, 9.0, 9.0]
    with pytest.raises(ShapeError, match=r"index_put\(x \(3,\), values \(2,\)"):
        tg.index_put(x, slice(None), leaf([1.0, 2.0]))
    with pytest.raises(DtypeError, match="complex128 do not go into float64"):
        tg.index_put(x, 0, 1j)
    with pytest.raises(TypeError, match=r"x = tg\.index_put\(x, key, value\)"):
        x[0] = 1.0


# Contractions --------------------------------------------------------------------------------------------------------


def test_einsum_of_one_operand_is_a_copy_so_that_it_can_be_changed() -> None:
    x = leaf(np.eye(2))
    y = tg.einsum("ij->ji", x)
    assert not np.shares_memory(x.data, y.data)


def test_einsum_takes_one_tensor_as_several_operands() -> None:
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    assert gradients(tg.einsum("ij,jk,ki", x, x, x), x) == [(3 * np.linalg.matrix_power(x.data.T, 2)).tolist()]


# Indices of small whole numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [2, 100, 127, 128, 255, 256, 300, 40_000])
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
@pytest.mark.parametrize(
    "read",
    [
        lambda W, i: W[i], lambda W, i: tg.take(W, i, 0), lambda W, i: tg.embedding(W, i), lambda W, i: W[i, 0],
        lambda W, i: tg.take_along_axis(W, i[:, None], 0), lambda W, i: tg.index_add(W, i, 1.0),
        lambda W, i: tg.index_put(W, i, 1.0), lambda W, i: tg.scatter(tg.tanh(W[:1]), i, W.shape),
    ],
    ids=["index", "take", "embedding", "two indices", "take_along_axis", "index_add", "index_put", "scatter"],
)  # fmt: skip
def test_indices_of_any_whole_dtype_pick_the_same_elements(read: Any, dtype: str, rows: int) -> None:
    limit = min(rows, np.iinfo(dtype).max + 1)
    i = np.random.default_rng(0).integers(0, limit, 24)
    i[:2] = limit - 1, 0
    W = leaf(np.random.default_rng(1).standard_normal((rows, 2)))
    v = np.random.default_rng(2).standard_normal(read(W, i).shape)
    expected = read(W, i), tg.grad(read(W, i), W, v)[0]
    np.testing.assert_array_equal(read(W, i.astype(dtype)).data, expected[0].data)
    np.testing.assert_array_equal(tg.grad(read(W, i.astype(dtype)), W, v)[0].data, expected[1].data)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "uint32"])
def test_shifts_parts_and_repeats_of_any_whole_dtype(dtype: str) -> None:
    x = leaf(np.arange(6.0).reshape(2, 3))
    calls: list[Any] = [
        lambda n: tg.roll(x, n, (0, 1)), lambda n: tg.roll(x, n[0], 0), lambda n: tg.split(x, n, 1)[0],
        lambda n: tg.repeat(x, n, 0), lambda n: tg.tile(x, n), lambda n: tg.pad(x, n), lambda n: tg.transpose(x, n - 1),
        lambda n: tg.losses.cross_entropy(x, n),
    ]  # fmt: skip
    for call in calls:
        n = np.array([1, 2])
        v = np.random.default_rng(0).standard_normal(call(n).shape)
        np.testing.assert_array_equal(tg.grad(call(n.astype(dtype)), x, v)[0].data, tg.grad(call(n), x, v)[0].data)
