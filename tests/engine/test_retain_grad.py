"""retain_grad and hooks of tensors inside a graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import Tensor
from tinygrad_lstm.errors import GradError, ShapeError


def leaf(data: Any) -> Tensor:
    return tg.tensor(np.asarray(data, float), requires_grad=True)


def grad_of(x: Tensor) -> Any:
    assert x.grad is not None
    return x.grad.tolist()


def test_retain_grad_keeps_the_gradient_of_a_computed_tensor() -> None:
    x = leaf(2.0)
    h = x * x
    h.retain_grad()
    (3 * h).backward(retain_graph=True)
    assert grad_of(h) == 3.0
    (3 * h).backward()
    assert grad_of(h) == 6.0
    assert (x * x).grad is None


def test_retain_grad_of_what_has_none_is_an_error() -> None:
    with pytest.raises(GradError, match="needs no gradient"):
        tg.tensor(1.0).retain_grad()
    with pytest.raises(GradError, match=r"ask tg\.grad\(loss, \[tensor\]\)"):
        tg.split(leaf([1.0, 2.0]), 2)[0].retain_grad()


def test_a_hook_sees_and_changes_the_gradient_of_a_leaf_and_of_a_computed_tensor() -> None:
    x = leaf([1.0, 2.0])
    h = x * x
    seen: list[Any] = []
    h.register_hook(lambda g: seen.append(g.tolist()))
    h.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: np.clip(g.data, -30, 30))
    h.sum().backward()
    assert seen == [[1.0, 1.0]]
    assert grad_of(x) == [20.0, 30.0]


def test_a_hook_sees_the_whole_gradient_once() -> None:
    x = leaf(1.0)
    h = x * 1.0
    seen: list[float] = []
    h.register_hook(lambda g: seen.append(g.item()))
    (h + h * 2 + h * 3).backward()
    assert seen == [6.0]


def test_a_hook_can_be_taken_away() -> None:
    x = leaf(1.0)
    remove = x.register_hook(lambda g: g * 0)
    keep = x.register_hook(lambda g: g + 1)
    remove()
    (2 * x).backward()
    assert grad_of(x) == 3.0
    keep()
    remove()


def test_a_hook_on_another_handle_of_the_same_value_counts() -> None:
    x = leaf(1.0)
    tg.tag(x, "carry").register_hook(lambda g: g * 5)
    (2 * x).backward()
    assert grad_of(x) == 10.0


def test_hooks_work_under_create_graph() -> None:
    x = leaf(3.0)
    x.register_hook(lambda g: g * x)
    (g,) = tg.grad(x * x, x, create_graph=True)  # 2x · x
    assert g is not None
    assert g.item() == 18.0


def test_a_hook_of_the_wrong_shape_and_on_a_constant_is_an_error() -> None:
    x = leaf([1.0, 2.0])
    x.register_hook(lambda g: np.ones(3))
    with pytest.raises(ShapeError, match=r"a hook gave a cotangent of shape \(3,\) for leaf of shape \(2,\)"):
        x.sum().backward()
    with pytest.raises(GradError, match="register_hook"):
        tg.tensor(1.0).register_hook(lambda g: None)


def test_what_a_hook_returns_is_not_written_into() -> None:
    x = leaf([1.0, 2.0])
    mine = np.array([5.0, 6.0])
    x.register_hook(lambda g: mine)
    (x + x).sum().backward()
    assert x.grad is not None
    assert not np.shares_memory(x.grad.data, mine)
    x.sum().backward()
    assert grad_of(x) == [10.0, 12.0]
    assert mine.tolist() == [5.0, 6.0]
