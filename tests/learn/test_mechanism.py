"""How an exercise is shown, checked and noted, whatever it asks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import learn
from tinygrad_lstm.errors import UnknownExerciseError
from tinygrad_lstm.learn import course
from tinygrad_lstm.learn.exercise import Chapter
from tinygrad_lstm.learn.progress import VARIABLE, Progress, progress_file
from tinygrad_lstm.learn.verdict import WrongAnswerError

chapter = Chapter(3, "A chapter")


@chapter.exercise("3.1", "An array", lambda rng: {"x": rng.integers(0, 9, (2, 2)) / 2, "k": 0.1}, hints=("one", "two"))
def array(answer: Any, x: Any, k: float) -> str:
    r"""x = «x», k = «k»: what is $\frac{x}{k}$?"""
    if callable(answer):
        answer = answer(x)
    if not np.array_equal(answer, x / k):
        raise WrongAnswerError("`x / k` < that")
    return "done"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A progress file that is not there yet, and a course with one chapter."""
    path = tmp_path / "new" / "progress.json"
    monkeypatch.setenv(VARIABLE, str(path))
    monkeypatch.setattr(course, "progress", Progress())
    return path


def small_set(seed: int = 0) -> learn.ExerciseSet:
    return learn.ExerciseSet(seed, chapter)


def test_a_question_has_its_numbers_in_their_places() -> None:
    question = small_set().show("3.1")
    rows = ", ".join(f"[{a:g}, {b:g}]" for a, b in question.numbers["x"])
    assert question.text == rf"x = [{rows}], k = 0.1: what is $\frac{{x}}{{k}}$?"
    assert question._repr_markdown_().startswith("**Exercise 3.1: An array**\n\nx = [[")
    assert repr(question) == f"Exercise 3.1: An array\n\n{question.text}"


def test_a_class_set_has_other_numbers_and_the_same_seed_the_same() -> None:
    texts = [small_set(seed).show("3.1").text for seed in (0, 1, 1)]
    assert texts[0] != texts[1] == texts[2]


def test_an_answer_cannot_change_the_numbers() -> None:
    def overwrites(x: Any) -> Any:
        x[:] = 0
        return x

    before = small_set().show("3.1").text
    small_set().check("3.1", overwrites)
    assert small_set().show("3.1").text == before
    numbers = small_set().show("3.1").numbers
    numbers["x"][:] = 0
    assert small_set().check("3.1", lambda x: x / 0.1).state == "right"


def test_a_verdict_is_true_if_the_answer_is_right_and_is_shown() -> None:
    right, wrong = small_set().check("3.1", lambda x: x / 0.1), small_set().check("3.1", 0)
    assert right
    assert not wrong
    assert repr(right) == "3.1 Right: done"
    assert repr(wrong) == "3.1 Not yet right: `x / k` < that"
    assert "<code>x / k</code> &lt; that" in wrong._repr_html_()
    assert "3.1 Right:" in right._repr_html_()
    assert right._repr_html_() != wrong._repr_html_().replace("Not yet right", "Right")


def test_an_error_in_an_answer_is_a_verdict_with_its_line() -> None:
    def stops(x: Any) -> Any:
        return x @ np.ones((5, 5))

    number = stops.__code__.co_firstlineno + 1
    message = small_set().check("3.1", stops).message
    assert message.startswith(f"your code stops in line {number}, `return x @ np.ones((5, 5))`, with x (2, 2): Value")
    inside = small_set().check("3.1", lambda x: tg.tensor(x) @ tg.ones(7)).message
    assert "lambda x: tg.tensor(x) @ tg.ones(7)" in inside
    assert "ShapeError" in inside
    assert small_set().check("3.1", object()).state == "wrong"
    typed: dict[str, Any] = {}
    exec("def answer(x):\n    return x.nothing", typed)
    assert "line 2: AttributeError" in small_set().check("3.1", typed["answer"]).message


def test_nothing_that_an_answer_does_ends_the_session() -> None:
    def leaves(x: Any) -> Any:
        raise SystemExit(3)

    assert "SystemExit: 3" in small_set().check("3.1", leaves).message
    endless: list[Any] = []
    endless.append(endless)
    assert "RecursionError" in small_set().check("3.1", endless).message
    assert "line" in small_set().check("3.1", lambda x: json.loads("{")).message, "not the line of the library"


def test_ctrl_c_stops_a_check() -> None:
    def interrupted(x: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        small_set().check("3.1", interrupted)


def test_warnings_of_numpy_are_not_shown() -> None:
    assert small_set().check("3.1", lambda x: np.log(x * 0 - 1)).state == "wrong"


def test_without_gradients_around_it_a_check_has_them() -> None:
    ones = Chapter(4, "")

    @ones.exercise("4.1", "")
    def needs_gradient(answer: Any) -> str:
        """?"""
        x = tg.ones(2, requires_grad=True)
        answer(x).sum().backward()
        return "done"

    with tg.no_grad():
        assert learn.ExerciseSet(0, ones).check("4.1", tg.tanh)


def test_not_answered_yet_is_no_try(file: Path) -> None:
    for answer in (..., [1, ...], {"a": (..., 2)}):
        verdict = small_set().check("3.1", answer)
        assert verdict.state == "open"
        assert not verdict
    assert not file.exists()


def test_hints_come_one_by_one(file: Path) -> None:
    hints = [small_set().hint("3.1") for _ in range(3)]
    assert [str(hint) for hint in hints] == ["3.1 hint 1 of 2: one", "3.1 hint 2 of 2: two", "3.1 hint 2 of 2: two"]
    assert "3.1 hint 1 of 2:" in hints[0]._repr_html_()
    assert small_set().record("3.1") == {"tries": 0, "hints": 2, "solved": False}
    assert str(small_set(5).hint("3.1")) == "3.1 hint 1 of 2: one"


def test_an_exercise_that_is_not_there_is_an_error() -> None:
    for call in (learn.show, learn.hint, lambda id: learn.check(id, 1)):
        with pytest.raises(UnknownExerciseError, match=r"no exercise '7.77'; there are 0.1, 0.2"):
            call("7.77")
    with pytest.raises(UnknownExerciseError, match="no chapter '77'; there are 0"):
        learn.make("77", seed=1)
    with pytest.raises(UnknownExerciseError):
        learn.make("0", seed=1).check("1.1", 0)
    assert repr(learn.make(0, seed=3)).startswith("ExerciseSet(seed 3: 0.1, 0.2")


# Progress ----------------------------------------------------------------------------------------------------------


def test_progress_is_noted(file: Path) -> None:
    small_set().check("3.1", 0)
    small_set().check("3.1", lambda x: x / 0.1)
    small_set().check("3.1", 0)
    small_set(2).check("3.1", 0)
    assert json.loads(file.read_text()) == {
        "3.1": {"tries": 3, "hints": 0, "solved": True},
        "3.1 seed 2": {"tries": 1, "hints": 0, "solved": False},
    }
    assert Progress().of("3.1")["solved"], "another process reads it"
    file.unlink()
    assert small_set().record("3.1")["tries"] == 0, "who removes the file starts again"


def test_a_folder_that_cannot_be_written_is_said_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.parent.write_text("a file where the folder should be")
    first, second = (small_set().check("3.1", lambda x: x / 0.1) for _ in range(2))
    assert first
    assert "Your progress is not kept" in first.note
    assert first.note in repr(first)
    assert second
    assert second.note == ""
    assert small_set().record("3.1")["tries"] == 2, "kept in memory"


@pytest.mark.parametrize("content", ["no json", "[]", '{"3.1": 1}', '{"3.1": {"tries": "x"}}', "\xff"])
def test_a_file_that_is_no_progress_stays_as_it_is(file: Path, content: str) -> None:
    file.parent.mkdir()
    file.write_bytes(content.encode("latin-1"))
    verdict = small_set().check("3.1", lambda x: x / 0.1)
    assert verdict
    assert str(file) in verdict.note
    assert file.read_bytes() == content.encode("latin-1")


def test_where_progress_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert progress_file() is None, "in tests"
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert progress_file() == tmp_path / ".local/share/tinygrad_lstm/learn.json"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert progress_file() == tmp_path / "data/tinygrad_lstm/learn.json"


def test_the_package_does_not_load_the_exercises() -> None:
    code = "import sys, tinygrad_lstm; print([name for name in sys.modules if '.learn' in name])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
