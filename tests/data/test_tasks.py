"""Every task: one shape for all, the same batch for the same seed, answers that are right, and a chance that is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import data
from tinygrad_lstm.data import TASKS, Batch, Task
from tinygrad_lstm.errors import ArgumentError, ShapeError, TextError

ROOT = Path(__file__).parents[2]
ALL = [pytest.param(name, marks=pytest.mark.slow if name == "text" else ()) for name in TASKS]


def make(name: str) -> Task:
    if name == "digits":
        pytest.importorskip("sklearn")
    return TASKS[name]()


def knows_nothing(task: Task, batch: Batch) -> np.ndarray:
    """Answers of no knowledge: for numbers 0 (of numbers in 0..2: 1), for classes the one that scores best alone."""
    T, B = batch.inputs.shape[:2]
    shape = (T, B, task.outputs) if task.every_step else (B, task.outputs)
    if task.measure is data.ERROR:
        return np.full(shape, 1.0 if task.name == "adding" else 0.0)
    if task.measure is data.BITS:
        return np.zeros(shape)
    best, most = np.zeros(shape), -1.0
    for one in range(task.outputs):
        answers = np.broadcast_to(np.eye(task.outputs)[one], shape)
        if (found := task.score(answers, batch)) > most:
            best, most = answers, found
    return best


@pytest.mark.parametrize("name", ALL)
def test_a_task_has_the_shape_that_it_says(name: str) -> None:
    task = make(name)
    assert task.name == name
    for B in (1, 5):
        batch = task.batch(B, rng=1)
        T = len(batch.inputs)
        assert batch.inputs.shape == ((T, B) if task.symbols else (T, B, task.inputs))
        assert batch.targets.shape[: 2 if task.every_step else 1] == ((T, B) if task.every_step else (B,))
        if task.symbols:
            assert batch.inputs.dtype.kind == "i"
            assert len(task.symbols) == task.inputs
            assert 0 <= batch.inputs.min() <= batch.inputs.max() < task.inputs
        else:
            assert batch.inputs.dtype == tg.get_default_dtype()
        if task.measure is data.ERROR:
            assert batch.targets.shape[-1] == task.outputs
            assert batch.targets.dtype == tg.get_default_dtype()
        else:
            assert batch.targets.dtype.kind == "i"
            assert 0 <= batch.targets.min() <= batch.targets.max() < task.outputs
        for on in (batch.mask, batch.scored):
            assert on is None or (on.shape == batch.targets.shape[:2] and on.any(axis=0).all())


@pytest.mark.parametrize("name", ALL)
def test_a_seed_draws_the_same_batch_and_another_seed_another(name: str) -> None:
    task = make(name)
    one, again, other = (task.batch(8, rng=seed) for seed in (3, 3, 4))
    for a, b in zip(one, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.inputs.shape != other.inputs.shape or (one.inputs != other.inputs).any()
    tg.manual_seed(3)
    np.testing.assert_array_equal(task.batch(8).inputs, one.inputs)
    np.testing.assert_array_equal(task.batch(8, np.random.default_rng(3)).targets, one.targets)


@pytest.mark.parametrize("name", ALL)
def test_chance_is_what_a_network_that_knows_nothing_scores(name: str) -> None:
    task = make(name)
    batch = task.batch(2000, rng=5)
    score = task.score(knows_nothing(task, batch), batch)
    assert score == pytest.approx(task.chance, rel=0.2)
    assert task.better(task.goal, task.chance)


@pytest.mark.parametrize("name", ALL)
def test_the_right_answers_have_the_best_score_and_a_loss_near_0(name: str) -> None:
    task = make(name)
    batch = task.batch(20, rng=6)
    right = batch.targets if task.measure is data.ERROR else 50.0 * np.eye(task.outputs)[batch.targets]
    assert task.score(right, batch) == pytest.approx(1.0 if task.measure.higher else 0.0, abs=1e-6)
    assert task.loss(tg.tensor(right), batch).item() == pytest.approx(0.0, abs=1e-6)
    with pytest.raises(ShapeError, match=f"the task '{name}' takes answers of shape"):
        task.loss(tg.tensor(right)[1:], batch)


def test_what_is_not_scored_does_not_count() -> None:
    task = data.copy_memory(K=2, T=3)
    batch = task.batch(4, rng=0)
    answers = 9.0 * np.eye(task.outputs)[batch.targets]
    spoilt = answers.copy()
    spoilt[:5] = np.roll(spoilt[:5], 1, axis=-1)
    assert task.score(spoilt, batch) == 1.0
    assert task.loss(tg.tensor(spoilt), batch).item() > 1.0  # but in the loss they do
    spoilt[5:] = np.roll(answers[5:], 1, axis=-1)
    assert task.score(spoilt, batch) == 0.0


# The answers ---------------------------------------------------------------------------------------------------------


def sentences(task: Task, batch: Batch) -> list[str]:
    return [
        " ".join([*task.words(row), *task.words([y])]) for row, y in zip(batch.inputs.T, batch.targets, strict=True)
    ]


def test_the_language_is_that_of_the_country() -> None:
    task = data.france(between=(0, 3), countries=12)
    languages = {"France": "French", "Spain": "Spanish", "Poland": "Polish", "Denmark": "Danish"}
    lengths, seen = set(), set()
    for seed in range(40):
        batch = task.batch(16, rng=seed)
        lengths.add(len(batch.inputs))
        for sentence in sentences(task, batch):
            found = re.fullmatch(r"I grew up in (\w+) ([\w ]*)I speak fluent (\w+)", sentence)
            assert found is not None
            assert languages.get(found[1], found[3]) == found[3]
            seen.add((found[1], found[3]))
    assert lengths == {8, 9, 10, 11}
    assert len(seen) == len({country for country, _ in seen}) == 12


def test_the_place_follows_from_the_last_three_words() -> None:
    task = data.cat(before=5)
    endings = {tuple(s.split()[-4:-1]): s.split()[-1] for s in sentences(task, task.batch(300, rng=0))}
    assert endings["sat", "on", "the"] == "mat"
    assert len(endings) == 8
    for sentence in sentences(task, task.batch(50, rng=1)):
        words = sentence.split()
        assert words[5:6] + words[-1:] == ["the", endings[words[-4], words[-3], words[-2]]]


def test_one_vocabulary_serves_both_sentences() -> None:
    assert data.france().symbols == data.cat().symbols


def test_running_sums_by_hand() -> None:
    batch = data.running_sum(T=30, resets=0.2).batch(6, rng=0)
    for b in range(6):
        total = 0.0
        for (number, reset), y in zip(batch.inputs[:, b], batch.targets[:, b, 0], strict=True):
            total = number if reset else total + number
            assert y == pytest.approx(0.2 * total, abs=1e-6)


def test_a_sine_obeys_its_recurrence_where_it_counts() -> None:
    x, y, _, mask, _ = data.sine(T=30).batch(8, rng=0)
    two_cos = (x[2] + x[0]) / x[1]
    np.testing.assert_allclose(y[3:], (two_cos * x[3:] - x[2:-1]), atol=1e-3)
    assert not mask[:3].any()
    assert mask[3:].all()


def test_words_of_the_embedded_reber_grammar() -> None:
    grammar = r"B(?:TS*X|P T*V)".replace(" ", "")
    task = data.reber()
    first = re.compile(r"B([TP])B[TPSXV]+E\1E")
    follows = {
        "BT",
        "BP",
        "TS",
        "TX",
        "TT",
        "TV",
        "PT",
        "PV",
        "SS",
        "SX",
        "XX",
        "XS",
        "XT",
        "XV",
        "VP",
        "VV",
        "PX",
        "PS",
    }
    batch = task.batch(200, rng=0)
    assert batch.lengths is not None
    assert batch.scored is not None
    for b, length in enumerate(batch.lengths):
        word = "".join(task.words([*batch.inputs[:length, b], batch.targets[length - 1, b]]))
        assert first.fullmatch(word)
        inner = word[2:-2]
        assert re.match(grammar, inner)
        assert {inner[k : k + 2] for k in range(len(inner) - 2)} <= follows
        assert batch.scored[:, b].sum() == 1
        assert task.symbols[batch.targets[length - 2, b]] == word[1]
    assert np.min(data.reber(least=20).batch(20, rng=0).lengths) >= 23


def test_after_the_first_b_what_follows_is_certain() -> None:
    task = data.counting(N=5)
    batch = task.batch(40, rng=0)
    assert batch.lengths is not None
    for b, length in enumerate(batch.lengths):
        n = (length - 1) // 2
        assert "".join(task.words(batch.inputs[:length, b])) == "S" + n * "a" + n * "b"
        assert "".join(task.words(batch.targets[:length, b])) == n * "a" + n * "b" + "E"
        assert "".join(task.words(batch.targets[batch.mask[:, b], b])) == (n - 1) * "b" + "E"


def test_the_order_of_two_marks() -> None:
    task = data.temporal_order(T=50)
    x, y, *_ = task.batch(100, rng=0)
    for row, answer in zip(x.T, y, strict=True):
        marks = [(t, symbol) for t, symbol in enumerate(task.words(row)) if symbol in "XY"]
        assert ("XX", "XY", "YX", "YY")[answer] == "".join(symbol for _, symbol in marks)
        assert 5 <= marks[0][0] < 10
        assert 25 <= marks[1][0] < 30


def test_first_and_last_recall_and_adding() -> None:
    x, y, *_ = data.first_and_last().batch(4, rng=0)
    np.testing.assert_array_equal(y, np.stack([x[0, :, 0], x[-1, :, 0]], -1))
    task = data.recall(K=5, S=4)
    x, y, *_ = task.batch(30, rng=0)
    assert [task.words(row)[int(task.words(row)[-1]) - 1] for row in x.T] == task.words(y)
    x, y, *_ = data.adding(T=9).batch(7, rng=0)
    np.testing.assert_allclose((x[..., 0] * x[..., 1]).sum(0), y[:, 0], rtol=1e-6)


def test_digits_keep_a_fifth_for_the_test() -> None:
    pytest.importorskip("sklearn")
    task = data.digits()
    train, test = (
        {image.tobytes() for image in task.batch(20_000, rng=0, test=part).inputs.swapaxes(0, 1)}
        for part in (False, True)
    )
    assert len(test) <= 360
    assert 1300 < len(train) <= 1437
    assert not train & test
    assert task.batch(50, rng=0).inputs.max() == 1.0


def test_without_scikit_learn_the_digits_say_what_to_install() -> None:
    code = "import sys; sys.modules['sklearn'] = None; from tinygrad_lstm import data; data.digits()"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert run.stderr.splitlines()[-1].endswith(
        'MissingExtraError: the digits need: pip install "tinygrad-lstm[examples]" (or scikit-learn)'
    )


def test_text_keeps_its_last_tenth_for_the_test() -> None:
    task = data.text("ab" * 450 + "cd" * 50, T=6)
    x, y, *_ = task.batch(400, rng=0)
    assert {"".join(task.words(column)) for column in x.T} == {"ababab", "bababa"}
    np.testing.assert_array_equal(x[1:], y[:-1])
    assert {"".join(task.words(column)) for column in task.batch(400, rng=0, test=True).inputs.T} == {
        "cdcdcd",
        "dcdcdc",
    }


# Batches --------------------------------------------------------------------------------------------------------------


def test_windows_of_a_batch_are_the_batch() -> None:
    batch = data.sine(T=10).batch(3, rng=0)
    pieces = list(batch.windows(4))
    assert [len(piece.inputs) for piece in pieces] == [4, 4, 2]
    for k, part in enumerate(batch):
        if part is not None:
            np.testing.assert_array_equal(np.concatenate([piece[k] for piece in pieces]), part)
    assert [len(piece.inputs) for piece in batch.windows(3)] == [6, 3, 1]  # no answer counts in the first three steps
    for task in (data.adding(), data.reber()):
        with pytest.raises(ShapeError, match="in windows"):
            list(task.batch(2, rng=0).windows(4))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: data.france(between=(5, 2)), ArgumentError, r"pair \(least, most\)"),
        (lambda: data.france(between=-1), ArgumentError, "whole number"),
        (lambda: data.france(countries=13), ArgumentError, "at most 12"),
        (lambda: data.cat(before="two"), ArgumentError, "whole number"),  # type: ignore[arg-type]
        (lambda: data.recall(S=27), ArgumentError, "at most 26"),
        (lambda: data.running_sum(resets=0.0), ArgumentError, "above 0"),
        (lambda: data.text("too short", T=5), TextError, "60 are needed"),
        (lambda: data.sine().batch(0), ArgumentError, "at least 1"),
        (lambda: data.sine().words([1]), ArgumentError, "numbers, not symbols"),
    ],
)
def test_wrong_calls_are_errors_in_words(call: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()  # type: ignore[operator]
