"""The course's exercises on the command line: what there is, what is solved, a question, a hint."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from tinygrad_lstm.cli.messages import DONE, print_json, say
from tinygrad_lstm.errors import ArgumentError
from tinygrad_lstm.escaping import printable
from tinygrad_lstm.learn import ExerciseSet, chapters
from tinygrad_lstm.learn.course import find_chapter, progress
from tinygrad_lstm.learn.exercise import Chapter
from tinygrad_lstm.learn.progress import progress_file


def run(which: str | None, hint: bool, seed: int, as_json: bool) -> int:
    """List the exercises, of all chapters or one, or show one; returns the exit code."""
    console, course = Console(), ExerciseSet(seed)
    if which is not None and "." in which:
        show_exercise(console, course, which, hint, as_json)
        return DONE
    if hint:
        raise ArgumentError("--hint is of one exercise, as in tinygrad-lstm learn 0.1 --hint")
    chosen = chapters() if which is None else (find_chapter(which),)
    if as_json:
        print_json([record(chapter, course) for chapter in chosen])
    else:
        list_exercises(console, chosen, course)
    return DONE


def show_exercise(console: Console, course: ExerciseSet, id: str, hint: bool, as_json: bool) -> None:
    """Print the question, or with ``hint`` the next hint."""
    question = course.show(id)
    if hint:
        given = course.hint(id)
        print_json(vars(given)) if as_json else say(console, str(given))
    elif as_json:
        print_json(vars(question) | course.record(id))
    else:
        text = "\n".join(map(printable, question.markdown.split("\n")))
        console.print(Markdown(text)) if console.is_terminal else say(console, text)
        make = f'learn.make("{id.partition(".")[0]}", seed={course.seed})' if course.seed else "learn"
        say(console, f'\nAnswer in Python: from tinygrad_lstm import learn; {make}.check("{question.id}", answer)')


def list_exercises(console: Console, chosen: tuple[Chapter, ...], course: ExerciseSet) -> None:
    """A line for each exercise, with what the learner has done."""
    solved = total = 0
    for chapter in chosen:
        say(console, f"{chapter.number}  {chapter.title}", style="bold")
        table = Table.grid(padding=(0, 1))
        for exercise in chapter.exercises:
            done = course.record(exercise.id)
            solved, total = solved + done["solved"], total + 1
            table.add_row(
                " ", exercise.id, Text(printable(exercise.title)), Text(state(done), "green" if done["solved"] else "")
            )
        console.print(table)
    kept = progress_file()
    where = progress.complaint or (f"Progress is kept in {kept}" if kept else "Progress is not kept")
    say(console, f"{solved} of {total} solved. {where}. A question: tinygrad-lstm learn {chosen[0].exercises[0].id}")


def state(done: dict[str, Any]) -> str:
    """What the learner has done with one exercise, in words."""
    tries, hints = done["tries"], done["hints"]
    words = ["solved"] if done["solved"] else []
    words += [f"{tries} tr{'y' if tries == 1 else 'ies'}"] if tries else []
    words += [f"{hints} hint{'' if hints == 1 else 's'}"] if hints else []
    return ", ".join(words)


def record(chapter: Chapter, course: ExerciseSet) -> dict[str, Any]:
    """A chapter for another program."""
    exercises = [{"id": each.id, "title": each.title, **course.record(each.id)} for each in chapter.exercises]
    return {"chapter": chapter.number, "title": chapter.title, "exercises": exercises}
