"""Optimisers: going on after an interruption, and clipping where float32 would overflow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.errors import WeightsError
from tinygrad_lstm.optim import SGD, Adam, Optimizer

MAKERS: list[Callable[[nn.Module], Optimizer]] = [
    lambda net: SGD(net.parameters(), 0.1),
    lambda net: SGD(net.parameters(), 0.1, momentum=0.9),
    lambda net: Adam(net.parameters(), 0.01),
]


def train(net: nn.Module, optimizer: Optimizer, steps: range) -> None:
    for k in steps:
        optimizer.zero_grad()
        net(np.random.default_rng(k).normal(size=(4, 3)).astype(np.float32)).sum().backward()
        optimizer.step()


@pytest.mark.parametrize("make", MAKERS)
def test_ten_steps_a_file_and_ten_more_are_twenty_steps(make: Callable[[nn.Module], Optimizer], tmp_path: Path) -> None:
    whole = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 2))
    first, second = (nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 2)) for _ in range(2))
    first.load_state_dict(whole.state_dict())
    train(whole, make(whole), range(20))

    optimizer = make(first)
    train(first, optimizer, range(10))
    tg.save(first, tmp_path / "net.npz")
    tg.save(optimizer, tmp_path / "optimizer.npz")
    second.load_state_dict(tg.load(tmp_path / "net.npz"))
    resumed = make(second)
    resumed.lr = 7.0  # what it goes on with comes from the file
    resumed.load_state_dict(tg.load(tmp_path / "optimizer.npz"))
    train(second, resumed, range(10, 20))

    for p, q in zip(whole.parameters(), second.parameters(), strict=True):
        np.testing.assert_array_equal(p.data, q.data)


def test_a_state_that_does_not_fit_is_refused_before_anything_is_changed() -> None:
    net, other = nn.Linear(3, 2), nn.Linear(2, 3)
    adam, sgd = Adam(net.parameters()), SGD(net.parameters(), 0.1)
    train(net, adam, range(1))
    for wrong, words in (
        (sgd.state_dict(), "state of SGD, not of Adam"),
        ({"W": np.ones(2)}, "optimizer, lr and state"),
        (Adam([net.W]).state_dict(), "1 parameters for 2"),
    ):
        with pytest.raises(WeightsError, match=words):
            adam.load_state_dict(wrong)
    with pytest.raises(WeightsError, match=r"m of parameter 0 is \(2, 3\), should be \(3, 2\)"):
        Adam(other.parameters()).load_state_dict(adam.state_dict())
    assert adam.state[0]["t"] == 1


def test_a_state_is_a_copy() -> None:
    net = nn.Linear(3, 2)
    adam = Adam(net.parameters())
    train(net, adam, range(1))
    adam.state_dict()["state"]["0"]["m"][:] = 7
    assert not (adam.state[0]["m"] == 7).any()


def test_one_tensor_is_one_parameter() -> None:
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    assert SGD(w, 0.1).parameters == [w]


def test_the_norm_of_large_float32_gradients_is_finite() -> None:
    w = tg.tensor([1.0, 1.0], requires_grad=True)
    w.grad = tg.tensor([3e30, 4e30])
    assert nn.utils.clip_grad_norm_(w, 1.0) == pytest.approx(5e30)
    np.testing.assert_allclose(w.grad.data, [0.6, 0.8], rtol=1e-6)
