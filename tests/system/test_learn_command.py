"""``tinygrad-lstm learn`` as a user meets it: chapters, exercises and progress, a question, a hint, JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("typer")
pytest.importorskip("rich")
pytest.importorskip("threadpoolctl")
from rich.console import Console

from tests.support.commands import command, refused
from tinygrad_lstm import learn
from tinygrad_lstm.cli.learn import show_exercise, state


def test_the_chapters_are_listed_with_their_exercises_and_progress(tmp_path: Path) -> None:
    file = tmp_path / "progress.json"
    file.write_text(json.dumps({"0.1": {"tries": 2, "hints": 1, "solved": True}}))
    done = command("learn", TINYGRAD_LSTM_PROGRESS=str(file))
    assert done.returncode == 0, done.stderr
    assert "0  A scalar engine" in done.stdout
    first = next(line for line in done.stdout.splitlines() if "0.1" in line)
    assert first.split(maxsplit=1)[1].endswith("solved, 2 tries, 1 hint")
    exercises = sum(len(chapter.exercises) for chapter in learn.chapters())
    assert f"1 of {exercises} solved. Progress is kept in {file}" in done.stdout
    assert "Progress is not kept" in command("learn", "0").stdout


def test_a_question_is_shown_and_where_to_answer_it() -> None:
    done = command("learn", "0.1")
    assert learn.show("0.1").text in done.stdout
    assert 'learn.check("0.1", answer)' in done.stdout
    other = command("learn", "0.1", "--seed", "4")
    assert learn.make("0", seed=4).show("0.1").text in other.stdout
    assert 'learn.make("0", seed=4).check("0.1", answer)' in other.stdout


def test_a_terminal_gets_its_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(force_terminal=True, width=80, color_system=None)
    show_exercise(console, learn.ExerciseSet(0), "0.1", hint=False, as_json=False)
    shown = capsys.readouterr().out
    assert "Exercise 0.1: A derivative by hand" in shown
    assert "**" not in shown.splitlines()[0]


def test_hints_go_on_in_the_next_process(tmp_path: Path) -> None:
    file = str(tmp_path / "progress.json")
    lines = [command("learn", "0.1", "--hint", TINYGRAD_LSTM_PROGRESS=file).stdout for _ in range(2)]
    assert [line[:15] for line in lines] == ["0.1 hint 1 of 3", "0.1 hint 2 of 3"]


def test_json_is_for_another_program() -> None:
    chapters = json.loads(command("learn", "--json").stdout)
    assert [chapter["chapter"] for chapter in chapters] == [chapter.number for chapter in learn.chapters()]
    assert chapters[0]["exercises"][0] == {
        "id": "0.1", "title": "A derivative by hand", "tries": 0, "hints": 0, "solved": False,
    }  # fmt: skip
    question = json.loads(command("learn", "0.1", "--json").stdout)
    assert question["numbers"] == learn.show("0.1").numbers
    assert json.loads(command("learn", "0.1", "--hint", "--json").stdout)["number"] == 1


@pytest.mark.parametrize("id", learn.ExerciseSet(0).exercises)
def test_every_exercise_is_json(id: str, capsys: pytest.CaptureFixture[str]) -> None:
    show_exercise(Console(), learn.ExerciseSet(0), id, hint=False, as_json=True)
    assert json.loads(capsys.readouterr().out)["id"] == id


def test_a_progress_file_that_is_none_is_said(tmp_path: Path) -> None:
    file = tmp_path / "progress.json"
    file.write_text("no json")
    assert f"Your progress is not kept: {file}" in command("learn", "0", TINYGRAD_LSTM_PROGRESS=str(file)).stdout


def test_what_is_not_there_is_refused() -> None:
    refused("there is no chapter '77'; there are 0", "learn", "77")
    refused("there is no exercise '0.77'; there are 0.1", "learn", "0.77")
    refused("--hint is of one exercise", "learn", "0", "--hint")


def test_states_read_well() -> None:
    states = [(0, 0, False), (1, 0, False), (2, 1, True), (0, 2, False)]
    said = [state({"tries": tries, "hints": hints, "solved": solved}) for tries, hints, solved in states]
    assert said == ["", "1 try", "solved, 2 tries, 1 hint", "2 hints"]
