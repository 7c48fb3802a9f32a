"""The dtype of a tensor: from numbers, lists and arrays, and of what is computed from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import Tensor
from tinygrad_lstm.errors import DtypeError


def leaf(data: Any, dtype: Any = float) -> Tensor:
    return tg.tensor(np.asarray(data, dtype), requires_grad=True)


@pytest.mark.alone
def test_numbers_and_lists_take_the_default_dtype_arrays_keep_theirs() -> None:
    assert tg.tensor([1, 2]).dtype == np.float32
    assert tg.tensor(1.5).dtype == np.float32
    assert tg.tensor(np.ones(2)).dtype == np.float64
    assert tg.tensor(np.arange(3)).dtype.kind == "i"
    assert tg.tensor([True, False]).dtype == bool
    assert tg.tensor([1, 2], dtype=np.float64).dtype == np.float64
    tg.set_default_dtype(np.float64)
    try:
        assert tg.tensor([1, 2]).dtype == np.float64
        assert tg.zeros(3).dtype == tg.randn(3).dtype == tg.full((2,), 1).dtype == tg.eye(2).dtype == np.float64
    finally:
        tg.set_default_dtype(np.float32)
    with pytest.raises(DtypeError, match="must be a floating one, not int64"):
        tg.set_default_dtype(np.int64)


def test_a_list_beside_a_tensor_takes_the_default_dtype() -> None:
    y = tg.tensor([1.0, 2.0]) + [1, 2]
    assert y.dtype == np.float32
    assert y.tolist() == [2.0, 4.0]


def test_bare_numbers_alone_take_the_default_dtype() -> None:
    for y in (tg.sigmoid(2.0), tg.softmax([1.0, 2.0]), tg.add(1, 2), tg.abs(-2), tg.softplus(np.float64(1)), tg.exp(1)):
        assert y.dtype == np.float32


def test_arrays_follow_numpys_promotion() -> None:
    x = leaf([1.0, 2.0], np.float32)
    y = x * np.array([1.0, 2.0])
    assert y.dtype == np.float64
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == np.float32, "a gradient has the dtype of its tensor"


@pytest.mark.parametrize(
    "number", [2, 2.0, np.float64(2), np.float32(2), np.float16(2), np.int64(2), True, np.bool_(True)]
)
def test_a_number_never_widens_a_tensor(number: Any) -> None:
    x = leaf([1.0, 2.0], np.float32)
    for y in (
        x * number,
        number * x,
        x + number,
        number + x,
        x - number,
        number - x,
        x / number,
        number / x,
        x**number,
    ):
        assert isinstance(y, Tensor)
        assert y.dtype == np.float32
        (g,) = tg.grad(y.sum(), x)
        assert g is not None
        assert g.dtype == np.float32


def test_a_cast_hands_the_gradient_back_in_the_first_dtype() -> None:
    x = leaf([1.0, 2.0], np.float32)
    (x.astype(np.float64) ** 2).sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == np.float32
    with pytest.raises(DtypeError, match="only a floating dtype can carry a gradient"):
        x.astype(int)


def test_only_floating_tensors_can_require_a_gradient() -> None:
    with pytest.raises(DtypeError, match="only floating tensors can require a gradient, not int64"):
        tg.tensor(np.arange(3), requires_grad=True)
    with pytest.raises(DtypeError, match="only floating tensors"):
        tg.tensor([True], requires_grad=True)


def test_what_is_no_number_is_refused() -> None:
    for data in ("text", None, [None, 1], {"a": 1}, ["a"]):
        with pytest.raises(DtypeError, match="numbers are expected"):
            tg.tensor(data)
    with pytest.raises(DtypeError, match="multiply takes tensors, arrays and numbers, not str"):
        tg.tensor(1.0) * "a"
    with pytest.raises(DtypeError, match=r"exp\(x \(\)\).*complex"):
        tg.exp(1j)
    with pytest.raises(DtypeError, match="not NoneType"):
        tg.tensor(1.0) + None
