"""What the demo says of its figures."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm.demo.results import Bits, describe_ratio, measure, rows, verdict
from tinygrad_lstm.training import CharModel, Fit, baselines, bits_per_character, gradient_left, untrained_runs


@pytest.mark.parametrize(
    ("lstm", "said"),
    [
        (1.87, "needs 1.38 bits per character less than the bigram model, the best of the others."),
        (3.24, "needs 0.01 bits per character less than the bigram model"),
        (3.25, "needs as many bits per character as the bigram model"),
        (3.252, "needs as many bits per character as the bigram model"),
        (3.26, "needs 0.01 bits per character more than the bigram model"),
        (4.57, "after 20 updates it is not yet better than a model that counts pairs of characters."),
        (math.nan, "no finite figure"),
        (math.inf, "no finite figure"),
    ],
)
def test_the_verdict_is_true_in_words(lstm: float, said: str) -> None:
    bits = {"uniform": Bits(6.7, 6.7), "unigram": Bits(4.7, 4.6), "bigram": Bits(3.4, 3.25), "LSTM": Bits(2.0, lstm)}
    assert said in verdict(bits, 20)
    assert "-" not in verdict(bits, 20)


@pytest.mark.parametrize(
    ("best", "counts"),
    [
        ("uniform", "takes all characters to be equally likely"),
        ("unigram", "counts characters"),
        ("bigram", "counts pairs of characters"),
    ],
)
def test_the_verdict_compares_with_the_best_of_the_others(best: str, counts: str) -> None:
    bits = {name: Bits(1, 2.0 if name == best else 3.0) for name in ("uniform", "unigram", "bigram", "LSTM")}
    assert f"1.00 bits per character more than the {best} model" in verdict(bits, 1)
    assert f"a model that {counts}." in verdict(bits, 1)


def test_every_model_is_measured_on_both_texts() -> None:
    train, validation, test = (np.random.default_rng(k).integers(0, 5, 400) for k in range(3))
    model = CharModel(5, 4)
    fit = Fit(model, train, validation, updates=4, batch=2, measure_every=2)
    for updates in range(2):  # without weights that were measured, then with them
        bits = measure(fit, test, 5)
        assert bits["LSTM"] == (bits_per_character(model, validation), bits_per_character(model, test))
        assert (fit.best is None) == (updates == 0)
        list(fit)
        assert fit.best is not None
        model.load_state_dict(fit.best)
    assert bits["bigram"] == (baselines.bigram(train, validation, 5), baselines.bigram(train, test, 5))
    assert bits["unigram"].validation != bits["unigram"].test
    assert rows(bits)[0] == ("uniform", "2.32", "2.32")


@pytest.mark.parametrize("times", [1.2, 7.0, 12.0, 880.0, 4.6e6, 3e20])
def test_what_is_left_of_a_gradient_is_larger_or_smaller(times: float) -> None:
    larger, smaller = describe_ratio(times), describe_ratio(1 / times)
    assert larger.replace("larger", "smaller") == smaller
    assert math.isclose(float(larger.split()[0].replace(",", "")), times, rel_tol=0.06)


@pytest.mark.parametrize(("left", "said"), [(0.0, "0"), (math.nan, "not finite"), (math.inf, "not finite")])
def test_what_is_left_may_be_nothing(left: float, said: str) -> None:
    assert describe_ratio(left) == said


@pytest.mark.parametrize("hidden", [16, 32, 128])
def test_the_gradient_of_an_rnn_vanishes_and_with_larger_weights_explodes(hidden: int) -> None:
    tg.manual_seed(0)
    indices = np.random.default_rng(0).integers(0, 20, (61, 4))
    runs = untrained_runs(indices, 20, hidden)
    left = {name: gradient_left(*run) for name, run in runs.items()}
    assert list(left) == ["RNN", "RNN, U × 3", "GRU", "LSTM"]
    assert left["RNN"] < left["LSTM"] < 1 < left["RNN, U × 3"]
    loss, trajectory = runs["RNN"]
    first, last = tg.grad(loss, [trajectory.steps[0].h, trajectory.steps[-1].h])
    assert math.isclose(left["RNN"], np.linalg.norm(first.data) / np.linalg.norm(last.data), rel_tol=1e-5)
