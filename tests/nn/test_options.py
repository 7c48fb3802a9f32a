"""Every option of every optimiser and scheduler: NaN, infinities and wrong kinds are refused, whenever they are set."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.optimisers import OPTIONS
from tinygrad_lstm import optim
from tinygrad_lstm.errors import ArgumentError, WeightsError
from tinygrad_lstm.optim import SGD, Optimizer, lr_scheduler
from tinygrad_lstm.optim.domains import DOMAINS

nan, inf = math.nan, math.inf
NUMBERS = [nan, inf, -inf, np.float32(nan), "0.1", None, [0.1], True, 10**400, 1j, np.ones(2)]
FLAGS = [nan, 1, 0.0, "yes", None]
PAIRS = [(nan, 0.9), (0.9, inf), (0.9, "a"), (0.9, None), (True, 0.9), 0.9, nan, "ab", (0.9, 0.9, 0.9), None]
COUNTS = [nan, inf, -1, 1.5, 2.0, True, "3", None, [3]]
WORDS = [nan, None, 3, "low", True]
PER_GROUP = {"min_lr", "max_lr", "base_momentum", "max_momentum"}  # of schedulers: a number, or one for each group
LISTS = [[nan, 0.1], [0.1, inf], [0.1, "a"], [-1, 0.1], [True, 0.1]]
RISING = [[nan], [5, 3], [1.5], ["3"], [-1], [True], 3, None]


def wrong(name: str, value: Any) -> list[Any]:
    """What an option is not, by what it is."""
    if name == "milestones":
        return RISING
    if isinstance(value, bool):
        return FLAGS
    if isinstance(value, tuple):
        return PAIRS
    if isinstance(value, str):
        return WORDS
    if name == "dampening":
        return [x for x in NUMBERS if x is not None]
    return COUNTS if isinstance(value, int) else [*NUMBERS, -1.0]


def parameter() -> tg.Tensor:
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    w.grad = tg.tensor([0.5, 0.25])
    return w


# Optimisers ----------------------------------------------------------------------------------------------------------

OPTIMISERS: list[Any] = [optim.SGD, optim.Adagrad, optim.RMSprop, optim.Adam, optim.AdamW]
CASES = [
    pytest.param(kind, name, bad, id=f"{kind.__name__}-{name}-{bad!r:.12}")
    for kind in OPTIMISERS
    for name, value in kind(parameter()).defaults.items()
    for bad in wrong(name, value)
]


@pytest.mark.parametrize(("kind", "name", "bad"), CASES)
def test_a_wrong_option_is_refused_at_every_way_in(kind: Any, name: str, bad: Any) -> None:
    """At the constructor, in a group, in a saved state, and at the step after it was set in ``param_groups``."""
    words = f"{name} (is|are) .*, not"
    with pytest.raises(ArgumentError, match=words):
        kind(parameter(), **{name: bad})
    with pytest.raises(ArgumentError, match=words):
        kind([{"params": parameter(), name: bad}])

    first, second = parameter(), parameter()
    optimizer = kind([{"params": first}, {"params": second}])
    optimizer.step()
    state = optimizer.state_dict()
    state["param_groups"][1][name] = bad
    with pytest.raises(WeightsError, match=words):
        optimizer.load_state_dict(state)

    before, data = deepcopy(optimizer.state), first.data.copy()
    optimizer.param_groups[1][name] = bad  # of the second: by then the first would have made its step
    with pytest.raises(ArgumentError, match=words):
        optimizer.step()
    np.testing.assert_array_equal(first.data, data)
    np.testing.assert_equal(optimizer.state, before)
    optimizer.param_groups[1][name] = optimizer.defaults[name]
    optimizer.step()
    assert not np.array_equal(first.data, data)


def test_an_option_that_is_gone_or_unknown_is_refused_at_the_step() -> None:
    sgd = SGD(parameter(), 0.1)
    del sgd.param_groups[0]["momentum"]
    with pytest.raises(ArgumentError, match="lost its momentum"):
        sgd.step()
    sgd = SGD(parameter(), 0.1)
    sgd.param_groups[0]["learning_rate"] = 0.1
    with pytest.raises(ArgumentError, match="no option learning_rate"):
        sgd.step()
    sgd = SGD(parameter(), 0.1, momentum=0.9, nesterov=True)
    sgd.param_groups[0]["momentum"] = 0.0  # one option by another
    with pytest.raises(ArgumentError, match="nesterov needs a momentum"):
        sgd.step()


@pytest.mark.parametrize("bad", [nan, inf, -1.0, "a", None])
def test_the_learning_rate_of_all_groups_is_set_in_all_or_in_none(bad: Any) -> None:
    sgd = SGD([{"params": parameter()}, {"params": parameter(), "lr": 0.5}], 0.1)
    with pytest.raises(ArgumentError, match="lr is the learning rate"):
        sgd.lr = bad
    assert [group["lr"] for group in sgd.param_groups] == [0.1, 0.5]
    sgd.param_groups[0]["lr"] = bad
    with pytest.raises(ArgumentError, match="lr is the learning rate"):
        assert sgd.lr


def test_numbers_of_numpy_may_be_set_later_and_widen_nothing() -> None:
    w = tg.tensor(np.ones(2, np.float16), requires_grad=True)
    adam = optim.Adam(w, betas=(np.float32(0.5), np.float64(0.5)))  # type: ignore[arg-type]
    adam.param_groups[0]["lr"] = np.float64(0.25)
    w.grad = tg.tensor(np.ones(2, np.float16))
    adam.step()
    assert w.data.tolist() == [0.75, 0.75]
    assert w.dtype == np.float16


# Schedulers ----------------------------------------------------------------------------------------------------------


def two_groups() -> SGD:
    return SGD([{"params": parameter()}, {"params": parameter(), "lr": 0.5}], lr=1.5)


MAKERS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "StepLR": (lr_scheduler.StepLR, {"step_size": 3}),
    "ExponentialLR": (lr_scheduler.ExponentialLR, {"gamma": 0.5}),
    "CosineAnnealingLR": (lr_scheduler.CosineAnnealingLR, {"T_max": 3}),
    "MultiStepLR": (lr_scheduler.MultiStepLR, {"milestones": [3, 5]}),
    "CosineAnnealingWarmRestarts": (lr_scheduler.CosineAnnealingWarmRestarts, {"T_0": 3}),
    "OneCycleLR": (lr_scheduler.OneCycleLR, {"max_lr": 0.5, "total_steps": 9}),
    "OneCycleLR by epochs": (
        lambda sgd, epochs, steps_per_epoch: lr_scheduler.OneCycleLR(
            sgd, 1.0, epochs=epochs, steps_per_epoch=steps_per_epoch
        ),
        {"epochs": 3, "steps_per_epoch": 4},
    ),
    "LinearLR": (lr_scheduler.LinearLR, {}),
    "ReduceLROnPlateau": (lr_scheduler.ReduceLROnPlateau, {"min_lr": 0.0}),
    "SequentialLR": (
        lambda sgd, milestones: lr_scheduler.SequentialLR(
            sgd, [lr_scheduler.StepLR(sgd, 1), lr_scheduler.StepLR(sgd, 2)], milestones
        ),
        {"milestones": [3]},
    ),
}


def options_of(make: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
    """Each option with a good value: its default, or the one that is given."""
    defaults = {name: p.default for name, p in inspect.signature(make).parameters.items() if p.default is not p.empty}
    return defaults | given


SCHEDULED = [
    pytest.param(kind, name, bad, id=f"{kind}-{name}-{bad!r:.12}")
    for kind, (make, given) in MAKERS.items()
    for name, value in options_of(make, given).items()
    for bad in (wrong(name, value) if name not in PER_GROUP else [nan, inf, -1.0, "a", None, *LISTS])
    if value is not None  # not given: another maker gives it
]


@pytest.mark.parametrize(("kind", "name", "bad"), SCHEDULED)
def test_a_wrong_option_of_a_scheduler_is_refused(kind: str, name: str, bad: Any) -> None:
    make, given = MAKERS[kind]
    sgd = two_groups()
    with pytest.raises(ArgumentError, match=f"{name}s? (is|are) .*, not"):
        make(sgd, **(given | {name: bad}))
    assert [group["lr"] for group in sgd.param_groups] == [1.5, 0.5]
    if kind != "SequentialLR":  # whose own schedulers were there before
        assert not any("initial_lr" in group for group in sgd.param_groups)


def test_every_option_has_a_domain() -> None:
    of_optimisers = {name for kind in OPTIMISERS for name in kind(parameter()).defaults}
    of_schedulers = {name for make, given in MAKERS.values() for name in options_of(make, given)}
    assert (of_optimisers | of_schedulers) - PER_GROUP <= DOMAINS.keys()
    assert {f"{name}s" for name in PER_GROUP} <= DOMAINS.keys()


@pytest.mark.parametrize("kind", MAKERS)
def test_a_wrong_number_in_a_saved_schedule_is_refused_before_anything_is_changed(kind: str) -> None:
    make, given = MAKERS[kind]
    scheduler = make(two_groups(), **given)
    state, before = scheduler.state_dict(), deepcopy(scheduler.state_dict())
    for name, value in state.items():
        if name in ("scheduler", "schedulers", "best"):
            continue
        for bad in [LISTS[0]] if isinstance(value, list) else wrong(name, value):
            with pytest.raises(WeightsError):
                scheduler.load_state_dict(state | {name: bad})
    assert scheduler.state_dict() == before


@pytest.mark.parametrize("bad", [nan, inf, -1.0])
def test_a_rate_that_is_no_number_stops_the_schedule_where_it_is(bad: float) -> None:
    sgd = two_groups()
    with pytest.raises(ArgumentError, match="lr is the learning rate"):
        lr_scheduler.LambdaLR(sgd, lambda t: bad)
    assert [group["lr"] for group in sgd.param_groups] == [1.5, 0.5]
    later = lr_scheduler.LambdaLR(sgd, [lambda t: 1.0, lambda t: bad if t == 2 else 0.5])
    later.step()
    with pytest.raises(ArgumentError, match="lr is the learning rate"):
        later.step()
    assert later.last_epoch == 1
    assert [group["lr"] for group in sgd.param_groups] == [1.5, 0.25]


@pytest.mark.parametrize("bad", ["low", None, [1.0, 2.0], np.ones(2)])
def test_a_metric_is_one_number(bad: Any) -> None:
    plateau = lr_scheduler.ReduceLROnPlateau(two_groups())
    with pytest.raises(ArgumentError, match="metrics is one number"):
        plateau.step(bad)
    assert plateau.last_epoch == 0


# Gradients of any size -----------------------------------------------------------------------------------------------


def run(name: str, options: dict[str, Any], start: Any, scale: float, drawn: Any) -> tuple[Any, Optimizer]:
    """The parameter after five steps with gradients of this scale."""
    p = tg.tensor(start, requires_grad=True)
    optimizer: Optimizer = getattr(optim, name)(p, **options)
    for g in gradients(scale, drawn):
        p.grad = tg.tensor(g.astype(p.dtype))
        optimizer.step()
    return p.data, optimizer


def gradients(scale: float, dtype: Any) -> list[Any]:
    return [(np.random.default_rng(k).normal(size=3) * scale).astype(dtype) for k in range(5)]


START = np.array([1.0, -2.0, 0.5])


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid")  # where g² leaves float32, as in PyTorch
@pytest.mark.parametrize("scale", [1e-38, 1e-20, 1e-10, 1e10, 1e20, 3e37])
@pytest.mark.parametrize(("name", "options"), OPTIONS, ids=str)
def test_float32_gradients_of_any_size_do_what_they_do_in_pytorch(
    name: str, options: dict[str, Any], scale: float
) -> None:
    torch = pytest.importorskip("torch")
    start = START.astype(np.float32)
    q = torch.tensor(start, requires_grad=True)
    other = getattr(torch.optim, name)([q], **options)
    for g in gradients(scale, np.float32):
        q.grad = torch.tensor(g)
        other.step()
    p, _ = run(name, options, start, scale, np.float32)
    np.testing.assert_allclose(p, q.detach().numpy(), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("scale", [6e-5, 1e-3, 1.0, 300.0, 3000.0])
@pytest.mark.parametrize(("name", "options"), [row for row in OPTIONS if row[0] != "SGD"], ids=str)
def test_a_float16_parameter_learns_at_any_size_of_its_gradient(
    name: str, options: dict[str, Any], scale: float
) -> None:
    """As a float64 one does, up to the rounding of the parameter at each step."""
    start = START.astype(np.float16)
    half, optimizer = run(name, options, start, scale, np.float16)
    whole, _ = run(name, options, start.astype(float), scale, np.float16)
    assert half.dtype == np.float16
    np.testing.assert_allclose(half, whole, rtol=4e-3, atol=4e-3)
    assert {array.dtype for array in optimizer.state[0].values() if isinstance(array, np.ndarray)} == {np.dtype("f4")}


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["Adam", "AdamW", "SGD"])
def test_float16_with_a_gradient_of_300_as_in_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    p, q = tg.tensor(np.ones(1, np.float16), requires_grad=True), torch.ones(1, dtype=torch.float16, requires_grad=True)
    mine, other = getattr(optim, name)(p, lr=1e-2), getattr(torch.optim, name)([q], lr=1e-2)
    for _ in range(3):
        p.grad, q.grad = tg.tensor(np.full(1, 300, np.float16)), torch.full((1,), 300, dtype=torch.float16)
        mine.step()
        other.step()
    assert p.item() != 1
    np.testing.assert_allclose(p.data, q.detach().numpy(), rtol=2e-3)
