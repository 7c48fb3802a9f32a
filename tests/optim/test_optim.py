"""Optimisers: step by step as PyTorch's, going on after an interruption, what is refused; and clipping in float32."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.optimisers import OPTIONS
from tinygrad_lstm import nn, optim
from tinygrad_lstm.errors import ArgumentError, TinygradError, WeightsError
from tinygrad_lstm.optim import SGD, Adagrad, Adam, AdamW, Optimizer, Option, RMSprop, takes_options


def gradients(k: int) -> list[np.ndarray | None]:
    """Of three parameters at step k: of many sizes; the second has none at times, the third none at first."""
    rng = np.random.default_rng(k)
    drawn = [rng.normal(size=shape) * 10.0 ** rng.integers(-3, 2) for shape in ((3, 4), (5,), ())]
    return [drawn[0], None if k % 3 == 1 else drawn[1], None if k < 5 else drawn[2]]


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "options"), OPTIONS, ids=str)
@pytest.mark.parametrize("grouped", [False, True], ids=["one group", "two groups"])
def test_fifty_steps_are_those_of_pytorch(name: str, options: dict[str, Any], grouped: bool) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(100)
    starts = [rng.normal(size=shape) for shape in ((3, 4), (5,), ())]
    ours = [tg.tensor(start, requires_grad=True) for start in starts]
    theirs = [torch.tensor(start, requires_grad=True) for start in starts]

    def groups(params: list[Any]) -> list[Any]:
        own = {"params": params[1:], "lr": 0.03, "weight_decay": 0.05}
        return [{"params": params[:1]}, own] if grouped else params

    mine, other = getattr(optim, name)(groups(ours), **options), getattr(torch.optim, name)(groups(theirs), **options)
    for k in range(50):
        for p, q, g in zip(ours, theirs, gradients(k), strict=True):
            p.grad = None if g is None else tg.tensor(g)
            q.grad = None if g is None else torch.tensor(g)
        mine.step()
        other.step()
        for p, q in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["SGD", "Adagrad", "RMSprop", "Adam", "AdamW"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_does_what_it_does_in_pytorch(name: str, bad: float) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = tg.tensor(np.ones(2), requires_grad=True), torch.ones(2, dtype=torch.float64, requires_grad=True)
    mine, other = getattr(optim, name)(ours, lr=0.1), getattr(torch.optim, name)([theirs], lr=0.1)
    for g in ([bad, 1.0], [1.0, 1.0]):
        ours.grad, theirs.grad = tg.tensor(np.array(g)), torch.tensor(g, dtype=torch.float64)
        with np.errstate(invalid="ignore"):
            mine.step()
        other.step()
        np.testing.assert_allclose(ours.data, theirs.detach().numpy(), rtol=1e-12, atol=1e-12)
    assert np.isfinite(ours.data[1])


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["SGD", "Adagrad", "RMSprop", "Adam", "AdamW"])
def test_names_order_and_defaults_are_those_of_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    mine = getattr(optim, name)(tg.tensor(1.0, requires_grad=True))
    other = getattr(torch.optim, name)([torch.ones(1, requires_grad=True)])
    for option, value in mine.defaults.items():
        assert value == other.defaults[option], option
    names = list(mine.__init__.__annotations__)
    theirs = [option for option in getattr(torch.optim, name).__init__.__annotations__ if option in names]
    assert names[:-2] == theirs[: len(names) - 2]


MAKERS: list[Callable[[nn.Module], Optimizer]] = [
    lambda net: SGD(net.parameters(), 0.1),
    lambda net: SGD(net.parameters(), 0.1, momentum=0.9, nesterov=True),
    lambda net: Adagrad(net.parameters(), 0.1, lr_decay=0.1),
    lambda net: RMSprop(net.parameters(), 0.01, momentum=0.9, centered=True),
    lambda net: Adam(net.parameters(), 0.01),
    lambda net: AdamW(net.parameters(), 0.01, amsgrad=True),
    lambda net: Adam([{"params": list(net.parameters())[:2], "lr": 0.1}, {"params": list(net.parameters())[2:]}]),
]


def train(net: nn.Module, optimizer: Optimizer, steps: range) -> None:
    for k in steps:
        optimizer.zero_grad()
        (net(np.random.default_rng(k).normal(size=(4, 3)).astype(np.float32)) ** 2).mean().backward()
        optimizer.step()


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("make", MAKERS)
def test_ten_steps_a_file_and_ten_more_are_twenty_steps(
    make: Callable[[nn.Module], Optimizer], suffix: str, tmp_path: Path
) -> None:
    whole = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 2))
    first, second = (nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 2)) for _ in range(2))
    first.load_state_dict(whole.state_dict())
    train(whole, make(whole), range(20))

    optimizer = make(first)
    train(first, optimizer, range(10))
    tg.save({"net": first, "optimizer": optimizer}, tmp_path / f"checkpoint{suffix}")
    saved = tg.load(tmp_path / f"checkpoint{suffix}")
    second.load_state_dict(saved["net"])
    resumed = make(second)
    resumed.lr = 7.0  # what it goes on with comes from the file
    resumed.load_state_dict(saved["optimizer"])
    train(second, resumed, range(10, 20))

    for p, q in zip(whole.parameters(), second.parameters(), strict=True):
        np.testing.assert_array_equal(p.data, q.data)


def test_a_state_that_does_not_fit_is_refused_before_anything_is_changed() -> None:
    net, other = nn.Linear(3, 2), nn.Linear(2, 3)
    adam, sgd = Adam(net.parameters()), SGD(net.parameters(), 0.1)
    train(net, adam, range(1))
    good = adam.state_dict()
    (group,) = good["param_groups"]
    for wrong, words in (
        (sgd.state_dict(), "state of SGD, not of Adam"),
        ({"W": np.ones(2)}, "optimizer, param_groups and state"),
        (Adam([net.W]).state_dict(), r"groups of \[1\] parameters for groups of \[2\]"),
        (Adam([{"params": [p]} for p in net.parameters()]).state_dict(), r"\[1, 1\] parameters for groups of \[2\]"),
        (good | {"param_groups": [group | {"lr": -1.0}]}, "learning rate, a number from 0, not -1.0"),
        (good | {"param_groups": [group | {"rho": 1.0}]}, "no option rho"),
        (good | {"param_groups": [{k: v for k, v in group.items() if k != "eps"}]}, "no eps"),
        (good | {"state": {2: {}}}, r"\[2\]"),
        (good | {"state": {0: [1]}}, "optimizer, param_groups and state"),
        (good | {"param_groups": [3]}, "optimizer, param_groups and state"),
    ):
        with pytest.raises(WeightsError, match=words):
            adam.load_state_dict(wrong)
    with pytest.raises(WeightsError, match=r"m of parameter 0 is \(2, 3\), should be \(3, 2\)"):
        Adam(other.parameters()).load_state_dict(adam.state_dict())
    assert adam.state[0]["t"] == 1
    assert adam.lr == 1e-3


def test_a_state_is_a_copy() -> None:
    net = nn.Linear(3, 2)
    adam = Adam(net.parameters())
    train(net, adam, range(1))
    state = adam.state_dict()
    state["state"][0]["m"][:] = 7
    assert not (adam.state[0]["m"] == 7).any()
    adam.load_state_dict(state)
    state["state"][0]["m"][:] = 8
    assert (adam.state[0]["m"] == 7).all()


def test_writing_into_a_gradient_does_not_change_the_momentum() -> None:
    w = tg.tensor([1.0], requires_grad=True)
    sgd = SGD(w, 0.1, momentum=0.5)
    w.grad = tg.tensor([1.0])
    sgd.step()
    w.grad.data[:] = 100
    assert sgd.state[0]["v"].tolist() == [1]


def test_parameters_may_be_one_tensor_or_have_names() -> None:
    net = nn.Linear(3, 2)
    assert SGD(net.W, 0.1).parameters == [net.W]
    assert SGD(net.named_parameters(), 0.1).parameters == [net.W, net.b]
    assert SGD([{"params": net.named_parameters()}], 0.1).parameters == [net.W, net.b]


def test_groups_have_options_of_their_own() -> None:
    u, v, w = (tg.tensor([1.0], requires_grad=True) for _ in range(3))
    sgd = SGD([{"params": u}, {"params": [v], "lr": 0.25}], lr=0.5)
    sgd.add_param_group({"params": [w], "maximize": True})
    for p in (u, v, w):
        p.grad = tg.tensor([1.0])
    sgd.step()
    assert [p.item() for p in (u, v, w)] == [0.5, 0.75, 1.5]
    with pytest.raises(ArgumentError, match="different learning rates"):
        assert sgd.lr
    sgd.lr = 0.125
    assert [group["lr"] for group in sgd.param_groups] == [0.125] * 3
    sgd.zero_grad()
    assert u.grad is v.grad is w.grad is None


@takes_options
class Lion(Optimizer):
    """p ← (1 - lr λ) p - lr sign(β₁ m + (1 - β₁) g), m ← β₂ m + (1 - β₂) g (Chen et al. 2023, algorithm 2)."""

    lr: Option[float] = Option(1e-4)
    betas: Option[tuple[float, float]] = Option((0.9, 0.99))
    weight_decay: Option[float] = Option(0.0)

    def update(self, p: Any, g: Any, state: dict[str, Any]) -> Any:
        (beta1, beta2), m = self.betas, state.get("m", 0.0)
        state["m"] = beta2 * m + (1 - beta2) * g
        return (1 - self.lr * self.weight_decay) * p - self.lr * np.sign(beta1 * m + (1 - beta1) * g)


class ByName(Optimizer):
    """As PyTorch's users write one: options by ``super().__init__``, and as parameters of ``update``."""

    def __init__(self, params: Any, lr: float = 0.5, scale: float = 2.0) -> None:
        super().__init__(params, lr=lr, scale=scale)

    def update(self, p: Any, g: Any, state: dict[str, Any], *, lr: float, scale: float) -> Any:
        return p - lr * scale * g


def test_a_new_optimiser_says_its_options_once() -> None:
    """As fields: so the constructor takes them in their order, groups have them, and they are checked and saved."""
    u, v = (tg.tensor([1.0, -1.0], requires_grad=True) for _ in range(2))
    lion = Lion([{"params": u}, {"params": v, "lr": 0.25, "betas": (0.0, 0.5)}], 0.5, weight_decay=0.5)
    assert lion.defaults == {"lr": 0.5, "betas": (0.9, 0.99), "weight_decay": 0.5, "maximize": False}
    for k in range(2):
        u.grad, v.grad = tg.tensor([2.0, 4.0]), tg.tensor([2.0, -4.0 * k])
        lion.step()
    assert u.tolist() == [0.75 * (0.75 - 0.5) - 0.5, 0.75 * (-0.75 - 0.5) - 0.5]
    assert v.tolist() == [0.875 * (0.875 - 0.25) - 0.25, 0.875 * -0.875 + 0.25]
    assert lion.state[1]["m"].tolist() == [1.5, -2.0]
    assert lion.state_dict()["param_groups"][1] == {**lion.param_groups[1], "params": [1]}
    for call, words in (
        (lambda: Lion(u, betas=(0.9, 1.0)), "betas are two numbers"),
        (lambda: Lion(u, momentum=0.9), r"Lion.__init__\(\) got an unexpected keyword argument 'momentum'"),  # type: ignore[call-arg]
        (lambda: Lion([{"params": u, "rho": 1}]), "Lion has no option rho: it has lr, betas, weight_decay, maximize"),
        (lambda: setattr(lion, "lr", -1.0), "learning rate, a number from 0, not -1.0"),
    ):
        with pytest.raises(TinygradError, match=words):
            call()
    assert "betas: " in str(signature(Lion))
    assert Lion.betas == (0.9, 0.99)


def test_an_update_may_name_its_options_as_parameters() -> None:
    u, v = (tg.tensor([1.0], requires_grad=True) for _ in range(2))
    own = ByName([{"params": u}, {"params": v, "scale": 1.0}])
    u.grad = v.grad = tg.tensor([0.25])
    own.step()
    assert (u.item(), v.item()) == (0.75, 0.875)
    assert own.defaults == {"lr": 0.5, "scale": 2.0, "maximize": False}

    class All(ByName):
        def update(self, p: Any, g: Any, state: dict[str, Any], **options: Any) -> Any:
            return p - sum(options.values())

    optim.lr_scheduler.StepLR(all_of_it := All(u), 1)
    all_of_it.step()
    assert u.item() == 0.75 - 0.5 - 2.0
    with pytest.raises(ArgumentError, match="Optimizer has no option lr: it has scale, maximize"):
        assert Optimizer(u, scale=1.0).lr


def test_an_option_is_read_and_set_on_the_optimiser() -> None:
    u, v = (tg.tensor([1.0], requires_grad=True) for _ in range(2))
    adam = Adam([{"params": u}, {"params": v, "eps": 0.5}], betas=[0.5, 0.9])  # type: ignore[arg-type]
    assert list(adam.betas) == [0.5, 0.9]
    with pytest.raises(ArgumentError, match=r"different values of eps, \[1e-08, 0.5\]: ask param_groups\[k\]\['eps'\]"):
        assert adam.eps
    adam.eps = 0.25
    assert [group["eps"] for group in adam.param_groups] == [0.25, 0.25]
    adam.param_groups[0]["eps"] = adam.param_groups[1]["eps"] = 0.125
    assert adam.eps == 0.125
    u.grad = tg.tensor([np.nan])
    del adam.param_groups[1]["lr"]
    with pytest.raises(ArgumentError, match="a group has lost its lr"):
        adam.step()
    assert u.item() == 1


def test_an_update_that_fails_leaves_the_options_those_of_all_groups() -> None:
    class Refuses(SGD):
        def update(self, p: Any, g: Any, state: dict[str, Any]) -> Any:
            raise OSError(self.lr)

    u, v = (tg.tensor([1.0], requires_grad=True) for _ in range(2))
    refuses = Refuses([{"params": u}, {"params": v, "lr": 0.5}], lr=0.25)
    v.grad = tg.tensor([1.0])
    with pytest.raises(OSError, match=r"0\.5"):
        refuses.step()
    with pytest.raises(ArgumentError, match="different learning rates"):
        assert refuses.lr


def test_a_constant_gradient_has_a_variance_of_zero() -> None:
    """Where rounding puts v - m² below 0, the step is g / ε and not NaN."""
    w = tg.tensor(np.full(50, 1.0), requires_grad=True)
    rmsprop = RMSprop(w, 1e-9, alpha=0.1, centered=True)
    for _ in range(40):
        w.grad = tg.tensor(np.linspace(0.1, 3, 50))
        rmsprop.step()
    assert np.isfinite(w.data).all()


def test_numpy_numbers_do_not_widen_float32() -> None:
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    adam = Adam(w, lr=np.float64(0.1), eps=np.float64(1e-8))
    w.grad = tg.tensor([1.0, 2.0])
    adam.step()
    assert w.dtype == adam.state[0]["m"].dtype == np.float32


w = tg.tensor([1.0], requires_grad=True)
u = tg.tensor([1.0], requires_grad=True)
once = (p for p in [w])
WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: SGD([]), "at least one parameter"),
    (lambda: SGD([{"params": [u]}, {"params": []}]), "at least one parameter in each group"),
    (lambda: (SGD(once), SGD(once)), "gives them only once"),
    (lambda: SGD({w}), "fixed order.*not as a set"),
    (lambda: SGD(nn.Linear(2, 2)), r"module.parameters\(\), not as a Linear"),  # type: ignore[arg-type]
    (lambda: SGD([np.ones(2)]), "leaves that require a gradient.*number 0 is array"),  # type: ignore[list-item,unused-ignore]
    (lambda: SGD([u, w * 2]), "number 1 is tensor"),
    (lambda: SGD([{"params": [w]}, {"params": [u, w]}]), "twice"),
    (lambda: SGD([w]).add_param_group({"params": w}), "twice"),
    (lambda: SGD([w]).add_param_group({"lr": 0.1}), "under 'params'"),
    (lambda: SGD([{"params": [w], "learning_rate": 0.1}]), "SGD has no option learning_rate: it has .*lr, momentum"),
    (lambda: SGD([{"params": [w], "lr": -0.1}]), "learning rate"),
    (lambda: SGD(w, float("inf")), "learning rate, a number from 0, not inf"),
    (lambda: SGD(w, "fast"), "learning rate, a number from 0, not 'fast'"),  # type: ignore[arg-type]
    (lambda: SGD(w, tg.tensor(0.1)), "learning rate, a number from 0, not tensor"),  # type: ignore[arg-type]
    (lambda: SGD(w, np.ones(2)), "learning rate, a number from 0, not array"),  # type: ignore[arg-type]
    (lambda: SGD(w, dampening=float("nan")), "dampening is a finite number, not nan"),
    (lambda: SGD(w, nesterov=True), "nesterov needs a momentum"),
    (lambda: SGD(w, momentum=0.9, dampening=0.1, nesterov=True), "no dampening"),
    (lambda: SGD(w, weight_decay=-1), "weight_decay is a number from 0, not -1"),
    (lambda: Adagrad(w, lr_decay=-1), "lr_decay"),
    (lambda: Adagrad(w, initial_accumulator_value=-1), "initial_accumulator_value"),
    (lambda: RMSprop(w, alpha=1.5), "alpha is the share"),
    (lambda: RMSprop(w, centered="yes"), "centered is True or False, not 'yes'"),  # type: ignore[arg-type]
    (lambda: Adam(w, betas=(0.9,)), "betas are two numbers"),  # type: ignore[arg-type]
    (lambda: Adam(w, betas=0.9), "betas are two numbers"),  # type: ignore[arg-type]
    (lambda: AdamW(w, eps=float("nan")), "eps is a number from 0, not nan"),
]


@pytest.mark.parametrize(("call", "words"), WRONG)
def test_it_is_told_in_the_callers_words(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        call()


def test_an_optimiser_shows_its_options() -> None:
    assert repr(SGD([{"params": [u, w], "lr": 0.5}, {"params": [tg.tensor([1.0], requires_grad=True)]}], 0.1)) == (
        "SGD(2 parameters, lr=0.5, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, maximize=False; "
        "1 parameters, lr=0.1, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, maximize=False)"
    )


def test_a_refused_group_leaves_the_optimiser_as_it_was() -> None:
    sgd = SGD([w])
    for group in ({"params": [u, w]}, {"params": [u], "lr": -1}):
        with pytest.raises(ArgumentError):
            sgd.add_param_group(group)
    assert (len(sgd.param_groups), len(sgd.state)) == (1, 1)


def test_the_norm_of_large_float32_gradients_is_finite() -> None:
    w = tg.tensor([1.0, 1.0], requires_grad=True)
    w.grad = tg.tensor([3e30, 4e30])
    assert nn.utils.clip_grad_norm_(w, 1.0) == pytest.approx(5e30)
    np.testing.assert_allclose(w.grad.data, [0.6, 0.8], rtol=1e-6)
