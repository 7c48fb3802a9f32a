"""Tensors among arrays: NumPy's functions and operators on Tensors, and NumPy's indexing."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.memory import peak_of
from tinygrad_lstm import Tensor
from tinygrad_lstm.errors import GradError, UnsupportedError


def leaf(data: Any, dtype: Any = float) -> Tensor:
    return tg.tensor(np.asarray(data, dtype), requires_grad=True)


# NumPy's protocols --------------------------------------------------------------------------------------------------


def test_numpy_functions_are_recorded() -> None:
    x: Any = leaf([[1.0, 2.0], [3.0, 4.0]])  # NumPy's types know its own arrays only
    array = np.ones((2, 2))
    for y in (
        np.tanh(x), array @ x, x @ array, array * x, array + x, array - x, array / x, np.concatenate([x, array]),
        np.stack([array, x]), np.sum(x, axis=0), np.where(array > 0, x, 0), np.maximum(array, x), np.max(x),
        np.split(x, 2)[0], np.transpose(x), np.reshape(x, -1), np.clip(x, 0, 1), np.mean(x, keepdims=True),
    ):  # fmt: skip
        assert isinstance(y, Tensor)
        (g,) = tg.grad(y.sum(), x)
        assert g is not None
    assert np.shape(x) == (2, 2)
    assert np.ndim(x) == 2
    assert np.size(x) == 4


def test_an_unsupported_numpy_function_is_named() -> None:
    x: Any = leaf([1.0, 2.0])
    for call, name in (
        (lambda: np.nanmean(x), "np.nanmean"), (lambda: np.nextafter(x, x), "np.nextafter"),
        (lambda: np.linalg.inv(x), "np.linalg.inv"),
        (lambda: np.tanh(x, where=np.array([True, False])), "np.tanh with options"),
    ):  # fmt: skip
        with pytest.raises(UnsupportedError, match=re.escape(name) + " has no derivative here; for values alone") as e:
            call()
        assert isinstance(e.value, TypeError)


def test_an_unsupported_numpy_function_says_what_to_use_instead() -> None:
    x: Any = leaf([1.0, 2.0])
    for call, name, instead in (
        (lambda: np.add.reduce(x), "np.add.reduce", "tg.sum"), (lambda: np.put(x, 0, 1.0), "np.put", "tg.index_put"),
        (lambda: np.multiply.outer(x, x), "np.multiply.outer", "tg.outer"),
        (lambda: np.put_along_axis(x, np.array([0]), 1.0, 0), "np.put_along_axis", "tg.index_put"),
        (lambda: np.add.at(x, 0, 1.0), "np.add.at", "tg.index_add"), (lambda: np.copyto(x, 0), "np.copyto", "tg.index"),
        (lambda: np.median(x), "np.median", "tg.sort"), (lambda: np.divmod(x, 2), "np.divmod", "tg.floor_divide and"),
        (lambda: np.maximum.accumulate(x), "np.maximum.accumulate", "tensor.detach"),
        (lambda: np.full_like(x, fill_value=x[0]), "np.full_like", "tg.broadcast_to"),
    ):  # fmt: skip
        with pytest.raises(UnsupportedError, match=f"{re.escape(name)} has no derivative here; .*{re.escape(instead)}"):
            call()
    mode: Any
    for mode in ("mean", "linear_ramp", "nonsense"):
        with pytest.raises(UnsupportedError, match=f"pad with mode='{mode}' has no derivative here: use 'constant' or"):
            np.pad(x, 1, mode=mode)
    for order in (2, -2, 1, "nuc"):
        with pytest.raises(UnsupportedError, match=r"norm of a matrix with ord=.* takes the elements of a matrix"):
            np.linalg.norm(leaf(np.eye(2)), order)
    assert np.linalg.norm(leaf(np.eye(2))).item() == tg.norm(np.eye(2)).item() == 2**0.5
    assert np.linalg.norm(leaf([[3.0, -4.0]]), np.inf, axis=1).tolist() == [4.0]


OUT: dict[str, Any] = {
    "ufunc": lambda x, out: np.multiply(x, 2.0, out=out), "in a tuple": lambda x, out: np.tanh(x, out=(out,)),
    "sum": lambda x, out: np.sum(x, axis=0, out=out), "clip": lambda x, out: np.clip(x, 0, 1, out=out),
    "any": lambda x, out: np.any(x, axis=0, out=out), "matmul": lambda x, out: np.matmul(x, x, out=out),
    "add.reduce": lambda x, out: np.add.reduce(x, axis=0, out=out), "greater": lambda x, out: np.greater(x, 1, out=out),
}  # fmt: skip


@pytest.mark.parametrize("call", OUT.values(), ids=OUT)
def test_out_is_no_tensor_and_takes_nothing_that_needs_a_gradient(call: Any) -> None:
    x, constant, out = leaf([[1.0, 2.0], [3.0, 4.0]]), tg.ones(2, 2, dtype=float), np.zeros((2, 2))
    for tensor in (x, constant):
        for target in (tg.zeros(2, 2, dtype=float), leaf(np.zeros((2, 2)))):
            with pytest.raises(UnsupportedError, match="cannot write into a tensor: use the result, not out="):
                call(tensor, target)
            assert not target.data.any()
    with pytest.raises(UnsupportedError, match="into an array cannot be recorded: use the result, not out="):
        call(x, out)
    assert not out.any()


def test_numbers_of_a_constant_may_go_into_an_array() -> None:
    constant, out = tg.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=float), np.zeros(2)
    assert np.sum(constant, axis=0, out=out) is out
    assert out.tolist() == [4.0, 6.0]
    assert np.add.reduce(constant, axis=1, out=out).tolist() == [3.0, 7.0]


def test_what_has_no_derivative_is_a_plain_array() -> None:
    """Masks, places, counts, and arrays that take only their shape from the tensor."""
    x = leaf([[3.0, 0.0], [1.0, 2.0]])
    for plain, want in (
        (np.argmax(x, axis=1), [0, 1]), (x.argmin(), 1), (tg.argsort(x, axis=1), [[1, 0], [0, 1]]),
        (x.argsort(0), [[1, 0], [0, 1]]), (np.any(x > 2), True), (x.all(axis=0), [True, False]), (np.all(x), False),
        (x.any(), True), (np.count_nonzero(x), 3), (np.nonzero(x)[0], [0, 1, 1]), (x.nonzero()[1], [0, 0, 1]),
        (np.zeros_like(x), [[0, 0], [0, 0]]), (np.full_like(x, 7), [[7, 7], [7, 7]]), (np.isnan(x).sum(), 0),
        (np.isclose(x, 3.0), [[True, False], [False, False]]), (np.less(x, 1)[0, 1], True),
        (np.logical_and(x, x > 1), [[True, False], [False, True]]), (np.argwhere(x == 0), [[0, 1]]),
        (np.result_type(x, np.float32), np.float64), (x == 3, [[True, False], [False, False]]),
    ):  # fmt: skip
        assert not isinstance(plain, Tensor)
        np.testing.assert_array_equal(plain, want)
    assert np.zeros_like(tg.zeros(2)).dtype == np.float32


def test_writing_a_tensor_into_an_array() -> None:
    array = np.array([5.0, 5.0])
    array -= tg.tensor(np.array([1.0, 2.0]))
    assert type(array) is np.ndarray
    assert array.tolist() == [4.0, 3.0]
    with pytest.raises(UnsupportedError, match=r"np\.subtract into an array cannot be recorded"):
        array -= leaf([1.0, 2.0])
    assert array.tolist() == [4.0, 3.0]


def test_a_tensor_that_needs_a_gradient_does_not_become_an_array_by_itself() -> None:
    x = leaf([1.0, 2.0])
    for convert in (np.asarray, np.array, lambda x: np.array([x, x]), lambda x: np.zeros((3, 2)).__setitem__(0, x)):
        with pytest.raises(GradError, match=r"detach\(\)\.numpy\(\)"):
            convert(x)
    assert np.asarray(x.detach()).tolist() == [1.0, 2.0]
    assert np.asarray(tg.tensor([1.0]), dtype=np.float64).dtype == np.float64


# Indexing -----------------------------------------------------------------------------------------------------------

KEYS = [
    pytest.param(key, id=str(key).replace("\n", " "))
    for key in (
        0, -1, slice(1, None), np.array([0, 0, 2, 0]), np.array([[0, 1], [1, -3]]), [2, 2],
        np.array([True, False, True]), np.arange(12).reshape(3, 4) > 5, (slice(None), np.array([1, 1])),
        (1, slice(0, 2)), (np.array([0, 2]), np.array([3, 3])), (Ellipsis, None, 0), (np.array([True, False, True]), 1),
        np.repeat([1, 2], 20),
    )
]  # fmt: skip


@pytest.mark.parametrize("key", KEYS)
def test_indexing_gives_every_pick_its_cotangent(key: Any, rng: np.random.Generator) -> None:
    data = rng.standard_normal((3, 4))
    x = leaf(data)
    y = x[key]
    v = rng.standard_normal(y.shape)
    expected = np.zeros((3, 4))
    np.add.at(expected, key, v)
    (plain,) = tg.grad(y, x, v, retain_graph=True)
    (recorded,) = tg.grad(y, x, v, create_graph=True)
    assert plain is not None
    assert recorded is not None
    np.testing.assert_allclose(plain.data, expected)
    np.testing.assert_allclose(recorded.data, expected)
    ((x[key] * x[key]).sum() + (x * 2).sum()).backward()
    assert x.grad is not None
    twice = np.zeros((3, 4))
    np.add.at(twice, key, 2 * data[key])
    np.testing.assert_allclose(x.grad.data, twice + 2)


def test_a_tensor_can_be_an_index() -> None:
    x = leaf([1.0, 2.0, 3.0])
    indices, mask = tg.tensor(np.array([0, 2])), tg.tensor([True, False, True])
    assert x[indices].tolist() == x[mask].tolist() == [1.0, 3.0]
    assert leaf(np.eye(3))[indices, tg.tensor(np.array([0, 2]))].tolist() == [1.0, 1.0]


@pytest.mark.alone
def test_many_looks_at_one_sequence_stay_linear() -> None:
    """Reading x[t] in a loop adds each row in place: one buffer of x's size is made, which becomes the gradient."""
    x = leaf(np.ones((50, 30_000)))
    loss = sum((x[t].sum() * float(t) for t in range(50)), tg.tensor(0.0))
    peak = peak_of(loss.backward)
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.data, np.arange(50.0)[:, None] * np.ones(30_000))
    assert x.data.nbytes < peak < 1.2 * x.data.nbytes
