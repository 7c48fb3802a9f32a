"""Learning rates in time: PyTorch's, going on from a state, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.schedules import SCHEDULES, Make
from tinygrad_lstm.errors import ArgumentError, WeightsError
from tinygrad_lstm.optim import SGD, Adagrad, Adam, Optimizer, lr_scheduler
from tinygrad_lstm.optim.lr_scheduler import LambdaLR, LinearLR, LRScheduler, ReduceLROnPlateau, SequentialLR, StepLR

PLATEAUS: list[dict[str, Any]] = [
    {"patience": 3},
    {"mode": "max", "factor": 0.5, "patience": 2},
    {"threshold": 0.1, "threshold_mode": "abs", "patience": 1, "factor": 0.8},
    {"mode": "max", "threshold": 0.05, "threshold_mode": "abs", "patience": 0, "factor": 0.9},
    {"threshold": 0.2, "patience": 1, "cooldown": 4, "factor": 0.7},
    {"patience": 0, "factor": 0.5, "min_lr": 0.01},
    {"patience": 0, "factor": 0.5, "min_lr": [0.1, 0.001]},
    {"patience": 0, "factor": 0.9, "eps": 1e-2},
]


def two_groups(module: Any, tensor: Callable[[], Any]) -> Any:
    return module.SGD([{"params": [tensor()]}, {"params": [tensor()], "lr": 0.25}], lr=1.5)


def ours() -> SGD:
    sgd: SGD = two_groups(tg.optim, lambda: tg.tensor([1.0], requires_grad=True))
    return sgd


def rates(optimizer: Any) -> list[float]:
    return [group["lr"] for group in optimizer.param_groups]


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:Detected call of")  # PyTorch: a step of the schedule before one of the optimiser
@pytest.mark.parametrize("make", SCHEDULES.values(), ids=list(SCHEDULES))
def test_sixty_rates_are_those_of_pytorch(make: Make) -> None:
    torch = pytest.importorskip("torch")
    mine, other = ours(), two_groups(torch.optim, lambda: torch.ones(1, requires_grad=True))
    scheduler, theirs = make(lr_scheduler, mine), make(torch.optim.lr_scheduler, other)
    for t in range(60):
        np.testing.assert_allclose(rates(mine), rates(other), rtol=1e-12, atol=1e-12, err_msg=f"t = {t}")
        assert scheduler.get_last_lr() == scheduler.rates(t) == rates(mine)
        mine.step()
        scheduler.step()
        theirs.step()


@pytest.mark.oracle
@pytest.mark.parametrize("options", PLATEAUS, ids=str)
def test_plateaus_are_those_of_pytorch(options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    mine, other = ours(), two_groups(torch.optim, lambda: torch.ones(1, requires_grad=True))
    scheduler = ReduceLROnPlateau(mine, **options)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(other, **options)
    rng = np.random.default_rng(0)
    for k in range(60):
        metric = math.nan if k == 30 else 3 * 0.95**k + 0.3 * rng.normal()
        scheduler.step(metric)
        theirs.step(metric)
        np.testing.assert_allclose(rates(mine), rates(other), rtol=1e-12, err_msg=f"step {k}")
    assert rates(mine)[0] < 1.5


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:Detected call of")
@pytest.mark.parametrize("steps", [1, 2, 3, 10, 41])
@pytest.mark.parametrize("kind", ["SGD", "RMSprop", "Adam", "AdamW"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"anneal_strategy": "linear"},
        {"three_phase": True, "pct_start": 0.25},
        {"base_momentum": 0.3, "max_momentum": [0.99]},
        {"cycle_momentum": False},
    ],
    ids=str,
)
def test_one_cycle_moves_rate_and_momentum_as_pytorch_does(kind: str, options: dict[str, Any], steps: int) -> None:
    """To the last step, t = steps - 1, and the call of ``step`` that follows it, but never out of its bounds."""
    torch = pytest.importorskip("torch")
    mine = getattr(tg.optim, kind)([tg.tensor([1.0], requires_grad=True)])
    other = getattr(torch.optim, kind)([torch.ones(1, requires_grad=True)])
    cycle = lr_scheduler.OneCycleLR(mine, 0.2, steps, **options)
    theirs = torch.optim.lr_scheduler.OneCycleLR(other, 0.2, steps, **options)
    name = "betas" if "Adam" in kind else "momentum"
    straight = options.get("anneal_strategy") == "linear"
    for t in range(steps + 1):
        ours, oracle = mine.param_groups[0], other.param_groups[0]
        if t < steps or not straight:
            np.testing.assert_allclose(ours["lr"], oracle["lr"], rtol=1e-12, atol=1e-17, err_msg=f"t = {t}")
            np.testing.assert_allclose(ours[name], oracle[name], rtol=1e-12, err_msg=f"t = {t}")
        else:
            assert ours["lr"] == pytest.approx(0.2 / 25 / 1e4)
            assert oracle["lr"] < 0
        mine.step()
        if t < steps:
            cycle.step()
            theirs.step()
    with pytest.raises(ArgumentError, match=f"has total_steps = {steps}, and has done them all"):
        cycle.step()
    assert cycle.last_epoch == steps


def test_a_cycle_whose_first_phase_has_no_length_is_a_curve_all_the_same() -> None:
    """PyTorch divides by zero there."""
    cycle = lr_scheduler.OneCycleLR(ours(), 0.5, 10, pct_start=0.1)
    assert [cycle.rates(t)[0] for t in (0, 9)] == pytest.approx([0.5, 0.5 / 25 / 1e4])


def test_a_cycle_within_a_sequence_moves_the_momentum_too() -> None:
    sgd = ours()
    cycle = lr_scheduler.OneCycleLR(sgd, 0.5, 10)
    both = SequentialLR(sgd, [LinearLR(sgd), cycle], milestones=[3])
    for t in range(1, 10):
        both.step()
        if t >= 3:
            assert [{k: group[k] for k in ("lr", "momentum")} for group in sgd.param_groups] == cycle.settings(t - 3)


def test_a_second_schedule_begins_with_the_first_learning_rate() -> None:
    sgd = ours()
    LinearLR(sgd, 0.5)
    assert rates(sgd) == [0.75, 0.125]
    assert StepLR(sgd, 3).base_lrs == [1.5, 0.25]
    assert rates(sgd) == [1.5, 0.25]


def test_a_tensor_is_a_metric() -> None:
    plateau = ReduceLROnPlateau(ours())
    plateau.step(tg.tensor(3.0))
    assert plateau.best == 3.0


def test_two_schedulers_at_once_are_noticed() -> None:
    sgd = ours()
    first, second = StepLR(sgd, 1), StepLR(sgd, 1)
    first.step()
    with pytest.raises(ArgumentError, match=r"are \[0.15.*but StepLR set \[1.5, 0.25\].*SequentialLR"):
        second.step()
    assert rates(sgd)[0] == pytest.approx(0.15)
    first.step()


def test_a_group_added_later_is_noticed() -> None:
    sgd = ours()
    scheduler = StepLR(sgd, 1)
    sgd.add_param_group({"params": [tg.tensor([1.0], requires_grad=True)]})
    with pytest.raises(ArgumentError, match="added a group"):
        scheduler.step()


def test_a_state_of_another_kind_is_refused() -> None:
    sgd = ours()
    stair, linear = StepLR(sgd, 3), LinearLR(sgd)
    for wrong in (linear.state_dict(), {}, {"scheduler": "StepLR"}, stair.state_dict() | {"more": 1}):
        with pytest.raises(WeightsError, match="no state of StepLR"):
            stair.load_state_dict(wrong)
    both = SequentialLR(sgd, [stair, linear], [3])
    with pytest.raises(WeightsError, match="schedulers is a list of 2, not of 1"):
        both.load_state_dict(SequentialLR(sgd, [stair], []).state_dict())


def build(make: Callable[[Optimizer], Any]) -> Callable[[], Any]:
    return lambda: make(ours())


other = Adam(tg.tensor([1.0], requires_grad=True))
WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: StepLR([0.1], 3), "takes an optimiser, not a list"),  # type: ignore[arg-type]
    (build(lambda sgd: StepLR(sgd, 0)), "step_size is a number of steps, at least 1, not 0"),
    (build(lambda sgd: StepLR(sgd, "3")), "step_size is a number of steps, at least 1, not '3'"),  # type: ignore[arg-type]
    (build(lambda sgd: lr_scheduler.CosineAnnealingLR(sgd, 0)), "T_max"),
    (build(lambda sgd: LinearLR(sgd, total_iters=0)), "total_iters"),
    (build(lambda sgd: LinearLR(sgd, 0.0)), "start_factor is a number from 0 to 1, above 0, not 0.0"),
    (build(lambda sgd: LambdaLR(sgd, [lambda t: t])), "1 functions for 2 groups"),
    (build(lambda sgd: SequentialLR(sgd, [StepLR(sgd, 1)], [3])), "1 schedulers need"),
    (build(lambda sgd: SequentialLR(sgd, [], [])), "0 schedulers need"),
    (build(lambda sgd: SequentialLR(sgd, [StepLR(other, 1)], [])), "of this optimiser"),
    (build(lambda sgd: SequentialLR(sgd, [ReduceLROnPlateau(sgd)], [])), "by formula"),  # type: ignore[list-item]
    (build(lambda sgd: SequentialLR(sgd, [StepLR(sgd, k) for k in (1, 2, 3)], [5, 3])), "rising"),
    (lambda: lr_scheduler.OneCycleLR([0.1], 1.0, 3), "takes an optimiser, not a list"),  # type: ignore[arg-type]
    (build(lambda sgd: lr_scheduler.OneCycleLR(sgd, 1.0)), "give it, or epochs and steps_per_epoch"),
    (build(lambda sgd: lr_scheduler.OneCycleLR(sgd, 1.0, epochs=3)), "steps_per_epoch is a number of steps"),
    (build(lambda sgd: lr_scheduler.OneCycleLR(sgd, [1.0], 3)), "1 values of max_lr for 2 groups"),
    (build(lambda sgd: lr_scheduler.OneCycleLR(sgd, 1.0, 3, max_momentum=[1.0])), "1 values of max_momentum for 2"),
    (lambda: lr_scheduler.OneCycleLR(Adagrad(tg.ones(1, requires_grad=True)), 1.0, 3), "Adagrad has no momentum"),
    (build(lambda sgd: SequentialLR(sgd, 3, [])), "not 3"),  # type: ignore[arg-type]
    (build(lambda sgd: ReduceLROnPlateau(sgd, "low")), "mode is min or max"),  # type: ignore[arg-type]
    (build(lambda sgd: ReduceLROnPlateau(sgd, threshold_mode="x")), "rel or abs"),  # type: ignore[arg-type]
    (build(lambda sgd: ReduceLROnPlateau(sgd, factor=1.0)), "0 <= factor < 1"),
    (build(lambda sgd: ReduceLROnPlateau(sgd, min_lr=[0.1])), "1 values of min_lr for 2 groups"),
]


@pytest.mark.parametrize(("call", "words"), WRONG)
def test_it_is_told_in_the_callers_words(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        call()


def test_a_schedule_of_ones_own() -> None:
    class Quick(LRScheduler):
        def rate(self, t: int, lr0: float) -> float:
            return float(lr0 / 2**t)

    sgd = ours()
    quick = Quick(sgd)
    quick.step()
    assert rates(sgd) == [0.75, 0.125]


@pytest.mark.parametrize("wrong", [3, "half", [0.5]])
def test_what_is_no_function_of_t_is_told(wrong: Any) -> None:
    sgd = tg.optim.SGD([tg.tensor([1.0], requires_grad=True)], lr=0.1)
    with pytest.raises(ArgumentError, match="lr_lambda is a function of t, or a list of them"):
        tg.optim.lr_scheduler.LambdaLR(sgd, wrong)
