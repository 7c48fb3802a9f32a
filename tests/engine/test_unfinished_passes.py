"""A backward pass that did not come to its end: what it leaves, and what the next one says."""

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


def chain_of(x: Tensor) -> Tensor:
    return (tg.tanh(tg.exp(x) * x) * x).sum()


def stopped_by_a_hook(y: Tensor, x: Tensor) -> None:
    def broken(g: Tensor) -> None:
        raise LookupError("no such batch")

    remove = x.register_hook(broken)
    with pytest.raises(LookupError, match="no such batch"):
        y.backward()
    remove()


def stopped_by_an_edge(y: Tensor, x: Tensor) -> None:
    def broken(edge: Any, g: Any) -> Any:
        if edge.reader.op.name == "exp":
            raise LookupError("no such batch")
        return g

    with tg.through(broken), pytest.raises(LookupError):
        tg.grad(y, x)


def stopped_by_its_caller(y: Tensor, x: Tensor) -> None:
    events = tg.backward_events(y)
    for _ in range(3):
        next(events)
    del events


@pytest.mark.parametrize(
    ("stop", "why"),
    [
        (stopped_by_a_hook, "LookupError: no such batch"), (stopped_by_an_edge, "LookupError: no such batch"),
        (stopped_by_its_caller, "its caller"),
    ],
)  # fmt: skip
def test_a_second_backward_after_one_that_was_stopped_says_what_happened(stop: Any, why: str) -> None:
    x = leaf([0.5])
    y = chain_of(x)
    stop(y, x)
    with pytest.raises(GradError) as caught:
        y.backward()
    assert f"was stopped by {why}" in str(caught.value)
    assert "run the forward pass again" in str(caught.value)
    assert "already used" not in str(caught.value)
    assert x.grad is None
    chain_of(x).backward()
    assert x.grad is not None


def test_after_a_stopped_pass_that_kept_the_graph_backward_works() -> None:
    x = leaf([0.5])
    y = chain_of(x)
    remove = x.register_hook(lambda g: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        y.backward(retain_graph=True)
    remove()
    y.backward()
    assert grad_of(x) == tg.grad(chain_of(x), x)[0].tolist()


@pytest.mark.parametrize("gave", [3.0, np.ones(3), [1.0, 2.0]])
def test_a_hook_on_edges_that_gives_another_shape_is_refused(gave: Any) -> None:
    x = leaf([[1.0, 2.0]])
    with tg.through(lambda edge, g: gave), pytest.raises(ShapeError, match="a hook gave a cotangent of shape"):
        (x * x).sum().backward()
    assert x.grad is None
