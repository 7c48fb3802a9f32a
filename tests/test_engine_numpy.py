"""Tensors among arrays: NumPy's functions and operators on Tensors, and NumPy's indexing."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import Tensor
from tinygrad_lstm.engine import autodiff
from tinygrad_lstm.errors import GradError, UnsupportedError


def leaf(data: Any, dtype: Any = float) -> Tensor:
    return tg.tensor(np.asarray(data, dtype), requires_grad=True)


# NumPy's protocols --------------------------------------------------------------------------------------------------


def test_numpy_functions_are_recorded() -> None:
    x, array = leaf([[1.0, 2.0], [3.0, 4.0]]), np.ones((2, 2))
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
    x = leaf([1.0, 2.0])
    for call, name in (
        (lambda: np.median(x), "np.median"), (lambda: np.floor(x), "np.floor"),
        (lambda: np.add.reduce(x), "np.add.reduce"), (lambda: np.linalg.norm(x), "np.norm"),
        (lambda: np.tanh(x, where=np.array([True, False])), "np.tanh with options"),
    ):  # fmt: skip
        with pytest.raises(UnsupportedError, match=re.escape(name) + " has no derivative here"):
            call()


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


def test_many_looks_at_one_sequence_stay_linear(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading x[t] in a loop adds each row in place: one dense buffer, not one for each step."""
    made_dense = []
    monkeypatch.setattr(autodiff, "dense", lambda *arguments: made_dense.append(arguments))
    x = leaf(np.ones((50, 3)))
    sum((x[t] * float(t) for t in range(50)), tg.tensor(np.zeros(3))).sum().backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.data, np.arange(50.0)[:, None] * np.ones(3))
    assert not made_dense
