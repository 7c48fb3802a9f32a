"""Every exercise takes the solution and other right answers, and says what is wrong with the typical wrong ones.

The answers are data: ``answers_NN.py`` has those of chapter NN. Each is a function of those numbers that it names, and
is tried with several seeds.
"""

from __future__ import annotations

import inspect
import runpy
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_lstm import learn

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
SEEDS = (0, 1, 2, 7)
Answer = Callable[..., Any]

EXERCISES = learn.ExerciseSet(0).exercises
CHAPTERS = [f"{chapter.number:02}" for chapter in learn.chapters()]
SOLUTIONS: dict[str, Answer] = {
    name.removeprefix("exercise_").replace("_", "."): value
    for number in CHAPTERS
    for name, value in runpy.run_path(str(ROOT / f"docs/course/solutions/chapter_{number}.py")).items()
    if name.startswith("exercise_")
}
RIGHT: dict[str, list[Answer]] = {}
WRONG: dict[str, list[tuple[str, Answer]]] = {}
for number in CHAPTERS:
    answers = runpy.run_path(str(HERE / f"answers_{number}.py"))
    RIGHT |= answers["RIGHT"]
    WRONG |= answers["WRONG"]
RIGHTS = [(id, k) for id in EXERCISES for k in range(len(RIGHT[id]))]
WRONGS = [(id, words) for id in EXERCISES for words, _ in WRONG[id]]


def marked(ids: Iterable[str], *slow: str) -> list[Any]:
    return [pytest.param(id, marks=pytest.mark.slow if id in slow else ()) for id in ids]


def answer_with(answer: Answer, id: str, seed: int) -> Any:
    """An answer for the numbers of this seed; it gets those that it names."""
    numbers = EXERCISES[id].numbers(seed)
    named = inspect.signature(answer).parameters
    return answer(**{name: numbers[name] for name in named})


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("id", EXERCISES)
def test_the_solution_is_right(id: str, seed: int) -> None:
    verdict = EXERCISES[id].check(answer_with(SOLUTIONS[id], id, seed), seed)
    assert verdict, verdict
    assert verdict.message


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("id", "k"), RIGHTS)
def test_another_right_answer_is_right(id: str, k: int, seed: int) -> None:
    verdict = EXERCISES[id].check(answer_with(RIGHT[id][k], id, seed), seed)
    assert verdict, verdict


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("id", "words"), WRONGS)
def test_a_wrong_answer_is_told_what_is_wrong(id: str, words: str, seed: int) -> None:
    answer = next(answer for other, answer in WRONG[id] if other == words)
    verdict = EXERCISES[id].check(answer_with(answer, id, seed), seed)
    assert verdict.state == "wrong"
    assert words in verdict.message


@pytest.mark.parametrize("id", marked([id for id in EXERCISES if EXERCISES[id].numbers(0)], "7.3", "10.2"))
def test_no_numbers_of_a_class_set_make_two_mistakes_look_alike(id: str) -> None:
    for seed in range(3, 13):
        for words, answer in WRONG[id]:
            assert words in EXERCISES[id].check(answer_with(answer, id, seed), seed).message, seed


def returns_none(*inputs: object) -> None:
    pass


ODD = [
    None, "", "tanh", float("nan"), object(), [], {}, np.zeros((7, 1, 7)), 1j, [[1.0], [1.0, 2.0]], int, returns_none,
    lambda *inputs: float("nan"), lambda *inputs: inputs[99], lambda: 1, True, -(10**400),
]  # fmt: skip


@pytest.mark.parametrize("id", marked(EXERCISES, "7.3"))
def test_an_odd_answer_has_a_verdict(id: str) -> None:
    for answer in ODD:
        verdict = EXERCISES[id].check(answer, 0)
        assert verdict.state == "wrong", answer
        assert verdict.message, answer
        assert "cannot be used" not in verdict.message or answer is int, answer
    assert EXERCISES[id].check(..., 0).state == "open"
    assert EXERCISES[id].check([1.0, ...], 0).state == "open"


@pytest.mark.parametrize("id", EXERCISES)
def test_an_exercise_is_complete(id: str) -> None:
    exercise = EXERCISES[id]
    assert len(RIGHT[id]) >= 3, "three right answers beside the solution"
    assert len({words for words, _ in WRONG[id]}) == len(WRONG[id]) >= 5, "five typical wrong ones"
    assert len(exercise.hints) >= 2
    texts = {exercise.question(seed).text for seed in range(8)}
    assert not any("«" in text or ">>>" in text for text in texts)
    answers = {str(answer_with(SOLUTIONS[id], id, seed)) for seed in range(8)}
    assert len(texts | answers) > 2 or not exercise.numbers(0), "another seed has other numbers"
    assert set(SOLUTIONS) == set(EXERCISES) == set(RIGHT) == set(WRONG)
