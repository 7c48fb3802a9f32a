"""The chapters of the course, found by their files, and sets of their exercises with the numbers of one seed."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from tinygrad_lstm.arguments import integer, takes
from tinygrad_lstm.errors import UnknownExerciseError
from tinygrad_lstm.learn.exercise import Chapter, Exercise
from tinygrad_lstm.learn.progress import Progress, Record
from tinygrad_lstm.learn.verdict import Hint, Question, Verdict

progress = Progress()


@cache
def chapters() -> tuple[Chapter, ...]:
    """The chapters in order: every file ``chapter_NN.py`` of this package is one."""
    names = sorted(m.name for m in pkgutil.iter_modules([str(Path(__file__).parent)]) if m.name.startswith("chapter_"))
    return tuple(import_module(f"tinygrad_lstm.learn.{name}").chapter for name in names)


def find_chapter(which: str | float) -> Chapter:
    """The chapter of this number; UnknownExerciseError where there is none."""
    found = [chapter for chapter in chapters() if str(which).strip() == str(chapter.number)]
    if not found:
        there = ", ".join(str(chapter.number) for chapter in chapters())
        raise UnknownExerciseError(f"there is no chapter {which!r}; there are {there}")
    return found[0]


class ExerciseSet:
    """Exercises with the numbers of one seed: those of a chapter, or of all."""

    def __init__(self, seed: int, *of: Chapter) -> None:
        self.seed, self.of = seed, of

    @property
    def exercises(self) -> dict[str, Exercise]:
        """The exercises by their ids."""
        return {exercise.id: exercise for chapter in self.of or chapters() for exercise in chapter.exercises}

    def show(self, id: str) -> Question:
        """The question of an exercise; ``.numbers`` has its numbers by name. UnknownExerciseError for a wrong id."""
        return self._find(id).question(self.seed)

    def check(self, id: str, answer: Any) -> Verdict:
        """The verdict on an answer: true if it is right, else it says what is wrong. It is noted in the progress file.

        ``...`` as an answer, or within it, is none yet. Raises UnknownExerciseError for a wrong id, and nothing else:
        an error in the code that you answer with is a verdict too.
        """
        exercise = self._find(id)
        verdict = exercise.check(answer, self.seed)
        if verdict.state == "open":
            return verdict
        note = progress.add_try(self._key(exercise), bool(verdict))
        return Verdict(verdict.id, verdict.state, verdict.message, note)

    def hint(self, id: str) -> Hint:
        """The next hint, and after the last one the last again. UnknownExerciseError for a wrong id."""
        exercise = self._find(id)
        hints = exercise.hints or ("there is none",)
        number = min(self.record(id)["hints"] + 1, len(hints))
        progress.add_hint(self._key(exercise), number)
        return Hint(exercise.id, number, len(hints), hints[number - 1])

    def record(self, id: str) -> Record:
        """How often an exercise was tried, how many hints were given, whether it is solved."""
        return progress.of(self._key(self._find(id)))

    def __repr__(self) -> str:
        return f"ExerciseSet(seed {self.seed}: {', '.join(self.exercises)})"

    def _find(self, id: str) -> Exercise:
        exercises = self.exercises
        found = exercises.get(str(id).strip())
        if found is None:
            raise UnknownExerciseError(f"there is no exercise {id!r}; there are {', '.join(exercises)}")
        return found

    def _key(self, exercise: Exercise) -> str:
        return f"{exercise.id} seed {self.seed}" if self.seed else exercise.id


@takes(seed=integer(0))
def make(chapter: str | int, seed: int) -> ExerciseSet:
    """The exercises of a chapter with the numbers of another seed: a class set. Seed 0 has the course's own numbers.

    An exercise whose answer is a function, such as 2.2, has the same solution for every seed.
    Raises UnknownExerciseError for a chapter that is not there.

    >>> from tinygrad_lstm import learn
    >>> class_set = learn.make("0", seed=7)
    >>> class_set
    ExerciseSet(seed 7: 0.1, 0.2, 0.3)
    >>> class_set.check("0.1", ...)
    0.1 Not answered yet: replace each ... by your answer
    """
    return ExerciseSet(seed, find_chapter(chapter))


course = ExerciseSet(0)
show, check, hint = course.show, course.check, course.hint
