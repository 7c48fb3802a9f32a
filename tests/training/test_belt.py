"""What learning does to the paths of the gradient: the figure of example 06, its numbers asserted."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.data import adding
from tinygrad_lstm.training import SequenceModel, Training, belt_shares

LAG = 45


@pytest.mark.slow
def test_before_training_nothing_stays_on_the_belt_and_after_it_most_does() -> None:
    """Though the mean forget gate hardly moves."""
    tg.manual_seed(2)
    task = adding(50)
    x = task.batch(128, rng=99).inputs
    model = SequenceModel(task, 24, init="uniform", forget_bias=1.0, fused=True)
    model.head.W.data = nn.init.uniform(model.head.W.shape, 24**-0.5)
    [before], f_before = belt_shares(model, x, [LAG])
    training = Training(model, task, 900, measure_every=900).run()
    [after], f_after = belt_shares(model, x, [LAG])
    assert training.scores[-1] < 0.01
    assert before.share <= 0.05
    assert after.share >= 0.4
    assert abs(f_after - f_before) < 0.1
    assert before.norm < 0.1 < 5 < after.norm, "and far more of it arrives"


def test_shares_are_measured_in_float64_and_leave_the_model_as_it_is() -> None:
    tg.manual_seed(0)
    model, x = SequenceModel(adding(6), 4, fused=True), adding(6).batch(3).inputs
    weights = {name: weight.copy() for name, weight in model.state_dict().items()}
    shares, f = belt_shares(model, x, [0, 5])
    assert [share.lag for share in shares] == [0, 5]
    assert shares[0].share == pytest.approx(1, abs=1e-12)  # no step lies between, so nothing has crossed
    assert 0.5 < f < 0.9
    for name, weight in model.state_dict().items():
        assert weight.dtype == np.float32
        np.testing.assert_array_equal(weight, weights[name])
