"""Going on from a file: in every order of making and loading, the run is the one that was never interrupted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.schedules import SCHEDULES
from tinygrad_lstm import nn, optim
from tinygrad_lstm.errors import ArgumentError, WeightsError
from tinygrad_lstm.optim import lr_scheduler

BEFORE, AFTER = 11, 20
METRICS = np.random.default_rng(1).normal(size=BEFORE + AFTER).tolist()
GRADIENTS = [[tg.tensor(np.random.default_rng(k).normal(size=shape).astype(np.float32))
              for shape in ((4, 3), (4,), (2, 4), (2,))] for k in range(BEFORE + AFTER)]  # fmt: skip
MAKE: dict[str, Callable[[Any], Any]] = {
    name: lambda optimizer, make=make: make(lr_scheduler, optimizer) for name, make in SCHEDULES.items()
} | {
    "plateau": lambda optimizer: lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.9, patience=2, cooldown=3),
    "plateau, up": lambda optimizer: lr_scheduler.ReduceLROnPlateau(
        optimizer, "max", 0.5, patience=0, min_lr=[0.1, 0.2], threshold_mode="abs"
    ),
}
OPTIMISERS: dict[str, Callable[[Any], optim.Optimizer]] = {
    "SGD": lambda groups: optim.SGD(groups, lr=0.5, momentum=0.9),
    "Adam": lambda groups: optim.Adam(groups, lr=0.01),
}
STEPS = ("make net", "load net", "make optimiser", "load optimiser", "make scheduler", "load scheduler")
NEEDS = {  # what there must be before a step
    "load net": "make net", "make optimiser": "make net", "load optimiser": "make optimiser",
    "make scheduler": "make optimiser", "load scheduler": "make scheduler",
}  # fmt: skip


def orders(done: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every order of the six steps in which each has what it needs."""
    if len(done) == len(STEPS):
        yield done
    for step in STEPS:
        if step not in done and NEEDS.get(step, STEPS[0]) in (*done, step):
            yield from orders((*done, step))


ORDERS = [order for order in orders() if order[0] == STEPS[0]]
Run = dict[str, Any]


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))


def groups(net: Any, lr: float) -> list[dict[str, Any]]:
    return [{"params": [*net[0].parameters()]}, {"params": [*net[1].parameters()], "lr": lr}]


def train(run: Run, first: int, last: int) -> list[Any]:
    """What the numbers are after each of these steps."""
    seen = []
    net, optimizer, scheduler = run["net"], run["optimiser"], run["scheduler"]
    parameters = list(net.parameters())
    for k in range(first, last):
        for p, g in zip(parameters, GRADIENTS[k], strict=True):
            p.grad = g
        optimizer.step()
        metric = (METRICS[k],) if isinstance(scheduler, lr_scheduler.ReduceLROnPlateau) else ()
        scheduler.step(*metric)
        options = [{name: value for name, value in g.items() if name != "params"} for g in optimizer.param_groups]
        seen.append(([p.data.tobytes() for p in parameters], options))
    return seen


def made(part: str, run: Run, name: str, kind: str) -> Any:
    """A new part of a run, of what it has already; the optimiser with another learning rate than the first had."""
    if part == "net":
        return network()
    return OPTIMISERS[kind](groups(run["net"], 7.0)) if part == "optimiser" else MAKE[name](run["optimiser"])


def test_there_are_fifteen_orders() -> None:
    assert len(ORDERS) == len(set(ORDERS)) == 15


@pytest.mark.parametrize("kind", OPTIMISERS)
@pytest.mark.parametrize("name", MAKE)
def test_a_run_goes_on_as_if_there_had_been_no_interruption(name: str, kind: str, tmp_path: Path) -> None:
    """Bit for bit, even where the new optimiser and its scheduler are made with other learning rates."""
    tg.manual_seed(0)
    net = network()
    optimizer = OPTIMISERS[kind](groups(net, 0.25))
    whole: Run = {"net": net, "optimiser": optimizer, "scheduler": MAKE[name](optimizer)}
    train(whole, 0, BEFORE)
    files = [tmp_path / "run.npz", tmp_path / "run.safetensors"]
    for file in files:
        tg.save(whole, file)
    weights = [p.data.copy() for p in net.parameters()]
    expected = train(whole, BEFORE, BEFORE + AFTER)

    assert not any(np.array_equal(p.data, before) for p, before in zip(net.parameters(), weights, strict=True))
    states = [tg.load(file) for file in files]
    for order, saved in zip(ORDERS, cycle(states), strict=False):  # a state is used again: a run must not change it
        run = Run()
        for step in order:
            verb, part = step.split()
            if verb == "make":
                run[part] = made(part, run, name, kind)
            else:
                run[part].load_state_dict(saved[part])
        assert train(run, BEFORE, BEFORE + AFTER) == expected, order


@pytest.mark.parametrize("name", MAKE)
def test_a_scheduler_alone_brings_its_rates(name: str) -> None:
    """The optimiser need not be loaded: SGD without momentum has no other state."""
    first, second = (optim.SGD(groups(network(), 0.25), lr=lr) for lr in (0.5, 3.0))
    scheduler = MAKE[name](first)
    for metric in METRICS[:BEFORE]:
        scheduler.step(*(metric,) if isinstance(scheduler, lr_scheduler.ReduceLROnPlateau) else ())
    MAKE[name](second).load_state_dict(scheduler.state_dict())
    taken = [{k: v for k, v in g.items() if k not in ("params", "initial_lr")} for g in first.param_groups]
    assert [{k: group[k] for k in own} for own, group in zip(taken, second.param_groups, strict=True)] == taken


@pytest.mark.parametrize("name", MAKE)
def test_a_state_that_does_not_fit_leaves_optimiser_and_scheduler_as_they_are(name: str) -> None:
    optimizer = optim.SGD(groups(network(), 0.25), lr=0.5)
    scheduler = MAKE[name](optimizer)
    before = scheduler.state_dict(), optimizer.state_dict()
    state = scheduler.state_dict()
    wrong: list[Any] = [3, None, {}, state | {"last_epoch": -1}, {**state, "scheduler": "Other"}]
    if "base_lrs" in state:
        wrong.append(state | {"last_epoch": 3, "base_lrs": [0.5]})
    if "schedulers" in state:
        wrong.append(state | {"last_epoch": 3, "schedulers": [*state["schedulers"][:-1], {}]})
    for given in wrong:
        with pytest.raises(WeightsError):
            scheduler.load_state_dict(given)
        assert (scheduler.state_dict(), optimizer.state_dict()) == before


def test_a_function_that_gives_no_rate_leaves_all_as_it_is() -> None:
    optimizer = optim.SGD(groups(network(), 0.25), lr=0.5)
    inner = lr_scheduler.LambdaLR(optimizer, lambda t: -1.0 if t == 5 else 1.0)
    scheduler = lr_scheduler.SequentialLR(optimizer, [inner], [])
    before = scheduler.state_dict(), optimizer.state_dict()
    state = scheduler.state_dict() | {"last_epoch": 5}
    state["schedulers"] = [inner.state_dict() | {"base_lrs": [3.0, 4.0]}]
    with pytest.raises(ArgumentError, match="lr is the learning rate"):
        scheduler.load_state_dict(state)
    assert (scheduler.state_dict(), optimizer.state_dict()) == before


def test_a_group_that_came_after_the_scheduler_is_an_error_in_words() -> None:
    optimizer = optim.SGD(groups(network(), 0.25), lr=0.5)
    scheduler = lr_scheduler.StepLR(optimizer, 3)
    state = scheduler.state_dict()
    optimizer.add_param_group({"params": tg.ones(2, requires_grad=True)})
    with pytest.raises(ArgumentError, match="has 3 groups, and had 2 when this StepLR was made"):
        scheduler.load_state_dict(state)
