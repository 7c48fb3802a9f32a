"""The training loop: when it stops, what it keeps, what it calls, and what it does about a NaN."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import data, nn, optim
from tinygrad_lstm.data import TASKS, Task
from tinygrad_lstm.errors import AnomalyError, ArgumentError, DtypeError, GradError, ShapeError
from tinygrad_lstm.optim import lr_scheduler
from tinygrad_lstm.training import CharModel, SequenceModel, Training, Update


def small(task: Task | None = None, updates: int = 6, **options: Any) -> Training:
    """A short training of a small network."""
    tg.manual_seed(0)
    task = task or data.adding(T=6)
    return Training(SequenceModel(task, 5), task, updates, **{"batch": 4, "measured": 8, "measure_every": 2} | options)


# Any model and task --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in TASKS if name not in ("digits", "text")])
@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU, nn.RNN, nn.MinGRU])
def test_every_task_with_every_layer(name: str, layer: Any) -> None:
    tg.manual_seed(1)
    task = TASKS[name]()
    training = Training(SequenceModel(task, 4, layer), task, 2, batch=3, measured=4).run()
    assert training.stopped == f"after {len(training.history)} updates"
    assert all(math.isfinite(update.loss) for update in training.history)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in TASKS if name not in ("text", "copy_memory")])
def test_an_lstm_reaches_the_goal_of_every_task(name: str) -> None:
    """(The text and copy memory take more updates than a test should.)"""
    if name == "digits":
        pytest.importorskip("sklearn")
    tg.manual_seed(0)
    easier: dict[str, dict[str, Any]] = {"recall": {"K": 2}, "adding": {"T": 30}}
    task = TASKS[name](**easier.get(name, {}))
    model = SequenceModel(task, 32, fused=True, forget_bias=3.0)
    training = Training(model, task, 800, until=task.goal).run()
    assert training.best_score == task.goal or task.better(training.best_score, task.goal)


def test_a_task_is_learned_and_the_loop_stops_there() -> None:
    tg.manual_seed(0)
    task = data.france(between=(0, 4))
    training = Training(SequenceModel(task, 24, fused=True, forget_bias=3.0), task, 600, until=0.95).run()
    assert training.best_score >= 0.95
    assert training.history[-1].number < 600
    assert training.stopped == f"accuracy {training.best_score:.3g} after {training.history[-1].number} updates"


def test_the_last_valid_step_answers_where_lengths_differ() -> None:
    tg.manual_seed(0)
    task = data.france()
    model = SequenceModel(task, 6, nn.GRU)
    x = np.arange(12).reshape(6, 2)
    both, _ = model(x, lengths=[6, 3])
    alone, _ = model(x[:3, 1:])
    np.testing.assert_allclose(both.data[1], alone.data[0], rtol=1e-5)


@pytest.mark.parametrize(
    "options", [{"bidirectional": True}, {"bidirectional": "sum"}, {"proj_size": 3}, {"num_layers": 2}]
)
def test_layers_of_every_width(options: dict[str, Any]) -> None:
    task = data.reber()
    model = SequenceModel(task, 5, **options)
    batch = task.batch(3, rng=0)
    answers, _ = model(batch.inputs, lengths=batch.lengths)
    assert answers.shape == (*batch.inputs.shape, 7)
    assert model.unroll(batch.inputs)[0].shape == answers.shape


def test_a_model_of_ones_own_with_answers_alone() -> None:
    class Mean(nn.Module):
        def __init__(self) -> None:
            self.head = nn.Linear(2, 1)

        def forward(self, x: np.ndarray) -> tg.Tensor:
            return self.head(x.mean(axis=0))

    tg.manual_seed(0)
    assert len(Training(Mean(), data.adding(T=4), 3).run().history) == 3


def test_updates_are_those_of_a_loop_by_hand() -> None:
    """Adam, the norm held to 1, batch k of the seed and k."""
    task = data.adding(T=6)
    training = small(seed=7, lr=0.05, clip=0.1)
    tg.manual_seed(0)
    model = SequenceModel(task, 5)
    adam = optim.Adam(model.parameters(), lr=0.05)
    for k, update in enumerate(training, start=1):
        x, y, *_ = task.batch(4, rng=[7, k])
        loss = ((model(x)[0] - y) ** 2).mean()
        adam.zero_grad()
        loss.backward()
        assert update.gradient_norm == nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        adam.step()
        assert update.loss == pytest.approx(loss.item(), rel=1e-6)
    for own, other in zip(training.model.parameters(), model.parameters(), strict=True):
        np.testing.assert_array_equal(own.data, other.data)


def test_without_clipping_the_gradient_stays() -> None:
    norms = [small(clip=clip, updates=1).run().history[0].gradient_norm for clip in (None, 1e-3)]
    assert norms[0] == norms[1] > 1e-3
    trainings = [small(clip=clip, updates=1, optimizer=partial(optim.SGD, lr=1.0)) for clip in (None, 1e-3)]
    moves = []
    for training in trainings:
        before = [p.data.copy() for p in training.model.parameters()]
        training.run()
        moves.append(
            math.sqrt(sum(((p.data - b) ** 2).sum() for p, b in zip(training.parameters, before, strict=True)))
        )
    assert moves[0] == pytest.approx(norms[0], rel=1e-4)
    assert moves[1] == pytest.approx(1e-3, rel=1e-2)


@pytest.mark.parametrize("window", [None, 3, 4])
def test_windows_carry_the_state_and_cut_its_history(window: int | None) -> None:
    task = data.sine(T=12)
    training = small(task, updates=8, window=window, clip=None, seed=3, optimizer=partial(optim.SGD, lr=0.0))
    losses = [update.loss for update in training]
    whole = training.task.batch(4, rng=[3, 1])
    answers, _ = training.model(whole.inputs)
    pieces = [whole] if window is None else list(whole.windows(window))
    t = 0
    for loss, piece in zip(losses, pieces, strict=False):
        part = answers[t : t + len(piece.inputs)]
        assert loss == pytest.approx(task.loss(part, piece).item(), rel=1e-5)
        t += len(piece.inputs)
    assert training.drawn == -(-8 // len(pieces))  # then the next batch, from a state of zero


def test_a_schedule_and_one_that_looks_at_scores() -> None:
    training = small(schedule=partial(lr_scheduler.StepLR, step_size=2, gamma=0.5), lr=0.4, updates=5).run()
    assert training.optimizer.param_groups[0]["lr"] == pytest.approx(0.1)
    flat = partial(lr_scheduler.ReduceLROnPlateau, patience=0, threshold=0.9)
    training = small(schedule=flat, optimizer=partial(optim.SGD, lr=1e-4), updates=6).run()
    assert training.optimizer.param_groups[0]["lr"] == pytest.approx(1e-6)  # three measures, the first is the best


# Stopping ------------------------------------------------------------------------------------------------------------


def test_it_stops_where_a_function_says_so_or_where_nothing_gets_better() -> None:
    training = small(updates=50, until=lambda update: update.number == 3).run()
    assert training.stopped == "after 3 updates"
    training = small(updates=50, patience=2, optimizer=partial(optim.SGD, lr=0.0)).run()
    assert training.stopped == "no better squared error in 2 measures, after 6 updates"
    assert list(training) == []  # it is over
    assert training.scores == [training.best_score] * 3


def test_a_score_as_good_as_the_goal_is_good_enough() -> None:
    training = small(until=0.25)
    training.measure = lambda: 0.25  # type: ignore[method-assign]
    assert training.run().stopped == "squared error 0.25 after 2 updates"


def test_a_score_that_is_nan_is_not_good_enough() -> None:
    for task in (data.adding(T=6), data.cat(before=0)):
        training = small(task, until=task.chance)
        training.measure = lambda: math.nan  # type: ignore[method-assign]
        training.run()
        assert training.stopped == "after 6 updates"
        assert training.best is None


def test_the_best_weights_are_kept() -> None:
    scores = iter([0.5, 0.3, 0.4])
    training = small()
    training.measure = lambda: next(scores)  # type: ignore[method-assign]
    weights = {}
    for update in training:
        weights[update.number] = training.model.state_dict()
    assert training.best is not None
    assert training.best_score == 0.3
    for name, array in training.best.items():
        np.testing.assert_array_equal(array, weights[4][name])
    assert any((weights[6][name] != weights[4][name]).any() for name in weights[4])


def test_measuring_switches_dropout_off_and_draws_nothing() -> None:
    tg.manual_seed(0)
    task = data.adding(T=6)
    model = SequenceModel(task, 5, num_layers=2, dropout=0.5)
    model.head.eval()
    training = Training(model, task, 1)
    before = tg.generator().bit_generator.state
    assert training.measure() == training.measure()
    assert tg.generator().bit_generator.state == before
    assert model.training
    assert model.layer.dropout.training
    assert not model.head.training


def test_callbacks_get_every_update_and_a_broken_off_loop_goes_on() -> None:
    seen: list[Update] = []
    training = small(callbacks=[seen.append], updates=5)
    for update in training:
        if update.number == 2:
            break
    training.run()
    assert [update.number for update in seen] == [1, 2, 3, 4, 5]
    assert seen == training.history


# Not finite ----------------------------------------------------------------------------------------------------------


class Explodes(nn.Module):
    """The loss is not finite from the third call on."""

    def __init__(self) -> None:
        self.head, self.calls = nn.Linear(2, 1), 0

    def forward(self, x: np.ndarray) -> tg.Tensor:
        self.calls += 1
        y: tg.Tensor = self.head(x[-1])
        return tg.log(y * 0.0) if self.calls >= 3 else y


def test_a_loss_that_is_not_finite_stops_with_the_op_that_made_it() -> None:
    training = Training(Explodes(), data.adding(T=4), 9, batch=3)
    updates = iter(training)
    assert [next(updates).number, next(updates).number] == [1, 2]
    weights = [p.data.copy() for p in training.parameters]
    with np.errstate(all="ignore"), pytest.raises(AnomalyError, match=r"log gave .* of finite numbers"):
        next(updates)
    assert len(training.history) == 2
    for p, before in zip(training.parameters, weights, strict=True):
        np.testing.assert_array_equal(p.data, before)
        assert p.grad is None


def test_the_diagnosis_uses_the_same_random_numbers() -> None:
    """Only where dropout kept the number is there a NaN."""

    class Sometimes(nn.Module):
        def __init__(self) -> None:
            self.head, self.dropout = nn.Linear(2, 1), nn.Dropout(0.9)

        def forward(self, x: np.ndarray) -> tg.Tensor:
            y: tg.Tensor = self.head(x[-1])
            return y + 0 * tg.log(1 - self.dropout(tg.ones(1)) / 10.0)  # log 0 with probability .1

    for seed in range(3):
        tg.manual_seed(seed)
        training = Training(Sometimes(), data.adding(T=4), 999, batch=3)
        with np.errstate(all="ignore"), pytest.raises(AnomalyError, match="log gave inf"):
            training.run()


def test_what_does_not_repeat_is_an_error_all_the_same() -> None:
    class Once(Explodes):
        def forward(self, x: np.ndarray) -> tg.Tensor:
            self.calls += 1
            y: tg.Tensor = self.head(x[-1])
            return y * math.nan if self.calls == 3 else y

    with pytest.raises(GradError, match="update 3 has a loss of nan"):
        Training(Once(), data.adding(T=4), 9, batch=3).run()


# Wrong calls ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["updates", "batch", "measure_every", "measured"])
@pytest.mark.parametrize("value", [0, 2.5, "3"])
def test_numbers_that_are_none(option: str, value: Any) -> None:
    with pytest.raises(ArgumentError, match=f"{option} is a whole number, at least 1"):
        small(**{option: value})


def test_wrong_calls() -> None:
    with pytest.raises(DtypeError, match="takes a task"):
        SequenceModel("adding", 5)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="in windows"):
        small(window=3).run()
    task = data.cat(before=0)
    every_step = Training(CharModel(task.inputs, 4), task, 2)
    with pytest.raises(ShapeError, match="the task 'cat' takes answers of shape"):
        every_step.run()
