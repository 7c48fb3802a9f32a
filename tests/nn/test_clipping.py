"""What changes gradients between backward and the step: clipping, PyTorch's to the digit, and noise."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.errors import ArgumentError, GradError


def with_gradients() -> list[tg.Tensor]:
    parameters = [tg.zeros(3, 4, dtype=float, requires_grad=True), tg.zeros(5, dtype=float, requires_grad=True)]
    for parameter in parameters:
        parameter.grad = tg.tensor(np.random.default_rng(parameter.size).normal(0, 2, parameter.shape))
    return [*parameters, tg.zeros(2, requires_grad=True)]  # the last has none


def in_pytorch(torch: Any, ours: list[tg.Tensor]) -> list[Any]:
    theirs = [torch.zeros(p.shape, dtype=torch.float64, requires_grad=True) for p in ours]
    for mine, hers in zip(ours, theirs, strict=True):
        hers.grad = None if mine.grad is None else torch.tensor(mine.grad.data)
    return theirs


@pytest.mark.oracle
@pytest.mark.parametrize("further", [(), (2,), (1,), (0.5,), (3,), (2.5,), (40,), (math.inf,), (math.inf, True)])
@pytest.mark.parametrize("bound", [0.0, 0.5, 1.0, 100.0])
def test_clipping_by_norm_is_pytorchs_by_place(bound: float, further: tuple[Any, ...]) -> None:
    """The third argument is the p of the p-norm, the fourth whether a norm that is not finite is an error."""
    torch = pytest.importorskip("torch")
    ours = with_gradients()
    theirs = in_pytorch(torch, ours)
    norm = nn.utils.clip_grad_norm_(ours, bound, *further)
    expected = torch.nn.utils.clip_grad_norm_(theirs, bound, *further)
    np.testing.assert_allclose(norm, expected.item(), rtol=1e-13)
    for mine, hers in zip(ours[:2], theirs[:2], strict=True):
        assert mine.grad is not None
        np.testing.assert_allclose(mine.grad.data, hers.grad.numpy(), rtol=1e-13, atol=0)


@pytest.mark.oracle
@pytest.mark.parametrize("bound", [0.0, 0.5, 1.0, 100.0])
def test_clipping_by_value_is_pytorchs(bound: float) -> None:
    torch = pytest.importorskip("torch")
    ours = with_gradients()
    theirs = in_pytorch(torch, ours)
    nn.utils.clip_grad_value_(ours, bound)
    torch.nn.utils.clip_grad_value_(theirs, bound)
    for mine, hers in zip(ours[:2], theirs[:2], strict=True):
        assert mine.grad is not None
        np.testing.assert_array_equal(mine.grad.data, hers.grad.numpy())


@pytest.mark.parametrize("p", [0.5, 1, 2, 3, math.inf])
@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_a_norm_of_any_p_does_not_leave_the_dtype_on_the_way(p: float, scale: float) -> None:
    one, other = with_gradients()[:2], with_gradients()[:2]
    for parameter in other:
        assert parameter.grad is not None
        parameter.grad = parameter.grad * scale
    expected = nn.utils.clip_grad_norm_(one, math.inf, p) * scale
    np.testing.assert_allclose(nn.utils.clip_grad_norm_(other, math.inf, p), expected, rtol=1e-12)


@pytest.mark.filterwarnings("ignore:invalid value")  # inf times 0
@pytest.mark.parametrize("p", [0.5, 1, 2, 3, math.inf])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_norm_that_is_not_finite_is_an_error_if_asked_for(p: float, bad: float) -> None:
    w = tg.tensor([3.0, 4.0], requires_grad=True)
    w.grad = tg.tensor([bad, 1.0])
    with pytest.raises(GradError, match="nothing was clipped"):
        nn.utils.clip_grad_norm_(w, 1.0, p, True)
    np.testing.assert_array_equal(w.grad.data, [bad, 1])
    norm = nn.utils.clip_grad_norm_(w, 1.0, p)
    assert math.isnan(norm) if math.isnan(bad) else norm == math.inf


USED_UP: dict[str, Callable[[Any], Any]] = {
    "clip_grad_norm_": lambda given: nn.utils.clip_grad_norm_(given, 1.0),
    "clip_grad_value_": lambda given: nn.utils.clip_grad_value_(given, 1.0),
    "add_grad_noise_": lambda given: nn.utils.add_grad_noise_(given, 0.1, 0.55, 0),
    "SGD": lambda given: tg.optim.SGD(given, lr=0.1),
    "a group": lambda given: tg.optim.SGD([{"params": given}], lr=0.1),
    "add_param_group": lambda given: tg.optim.SGD(tg.ones(1, requires_grad=True)).add_param_group({"params": given}),
    "grad": lambda given: tg.grad(tg.ones(1, requires_grad=True).sum(), given),
    "grad's outputs": lambda given: tg.grad(given, tg.ones(1, requires_grad=True)),
    "ModuleList": nn.ModuleList,
}


@pytest.mark.parametrize("name", USED_UP)
def test_a_generator_that_is_used_up_is_refused(name: str) -> None:
    """In silence nothing would be clipped, trained, or differentiated."""
    net = nn.Sequential(nn.Linear(2, 2))
    given = (part for _, part in net.children()) if name == "ModuleList" else net.parameters()
    assert list(given)
    with pytest.raises(ArgumentError, match="only once"):
        USED_UP[name](given)


def test_gradient_noise_has_the_variance_of_the_paper_and_is_repeatable() -> None:
    """η / (1 + t)^γ, over 200,000 draws: within 1 %. Nothing is added where there is no gradient."""
    w, unused = tg.zeros(200_000, dtype=float, requires_grad=True), tg.zeros(3, requires_grad=True)
    for eta, gamma, step in ((0.3, 0.55, 0), (0.3, 0.55, 99), (1.0, 1.0, 4)):
        draws = []
        for _ in range(2):
            tg.manual_seed(1)
            w.grad = tg.tensor(np.full(w.shape, 7.0))
            nn.utils.add_grad_noise_([w, unused], eta, gamma, step)
            draws.append(w.grad.data - 7)
        np.testing.assert_array_equal(*draws)
        np.testing.assert_allclose(draws[0].var(), eta / (1 + step) ** gamma, rtol=0.01)
        np.testing.assert_allclose(draws[0].mean(), 0, atol=0.005)
    assert unused.grad is None


def test_gradient_noise_of_no_size_adds_nothing_and_a_negative_one_is_refused() -> None:
    parameters = with_gradients()
    nn.utils.add_grad_noise_(parameters, 0.0, 0.55, 3)
    for one, other in zip(parameters[:2], with_gradients()[:2], strict=True):
        assert one.grad is not None
        assert other.grad is not None
        np.testing.assert_array_equal(one.grad.data, other.grad.data)
    for eta, step in ((-1.0, 0), (1.0, -1)):
        with pytest.raises(ArgumentError, match="neither is negative"):
            nn.utils.add_grad_noise_(parameters, eta, 0.55, step)
    w = tg.zeros((), requires_grad=True)
    w.grad = tg.tensor(1.0)
    nn.utils.add_grad_noise_(w, 0.1, 0.55, 0)
    assert w.grad.dtype == np.float32
