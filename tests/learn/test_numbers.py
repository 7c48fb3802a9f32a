"""The numbers of an exercise are its own: showing a question does not change what a page draws next."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import learn


@pytest.mark.parametrize("id", ["7.2", "7.3"])
def test_the_runs_of_an_exercise_leave_the_random_numbers_alone(id: str) -> None:
    tg.manual_seed(3)
    expected = tg.randn(4).data
    tg.manual_seed(3)
    numbers = learn.show(id).numbers
    numbers.get("measure", lambda b, factor: None)(1.0, 1.0)
    assert np.array_equal(tg.randn(4).data, expected)


def test_the_measure_of_7_2_is_what_routes_say() -> None:
    """An open gate keeps the gradient, and a small U keeps the belt's share: the two figures move apart."""
    measure = learn.show("7.2").numbers["measure"]
    (shut, _), (opened, drowned), (_, alone) = measure(1.0, 1.0), measure(8.0, 1.0), measure(8.0, 1e-9)
    assert shut < 0.05 < 0.9 < opened
    assert abs(drowned - 1) > 0.2
    assert alone == pytest.approx(1.0, abs=1e-6)


def test_what_a_check_demands_the_question_says() -> None:
    """A walk that recurses and a gate that cannot shut are refused, and so a learner can read that they are."""
    assert "many thousand values in a row" in learn.show("1.2").text
    assert "b is at most 12" in learn.show("7.2").text
    assert all("not rounded" in " ".join(learn.show(id).text.split()) for id in ("0.1", "0.2", "2.1", "5.1"))
