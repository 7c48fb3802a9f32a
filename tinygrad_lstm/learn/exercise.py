"""An exercise: one question that runs. Its docstring asks, its function checks, and its numbers come from a seed.

A chapter of the course is one file, and an exercise in it is one function::

    chapter = Chapter(0, "A scalar engine")

    def numbers(rng: np.random.Generator) -> Numbers:
        return {"x": rng.integers(2, 9) / 2}

    @chapter.exercise("0.1", "The slope of a square", numbers, hints=("Move x a little: ...",))
    def square(answer: Any, x: float) -> str:
        \"\"\"At x = «x», what is dL/dx of L = x²? Answer with a number.\"\"\"
        compare(answer, 2 * x, "dL/dx", factors={"2": 2, "x": x})
        return "a square has the slope 2x"

The function returns what it says of a right answer, and raises WrongAnswerError for a wrong one. Any other error is one
of the learner's code, and becomes a verdict with its line.
"""

from __future__ import annotations

import inspect
import linecache
import os
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm.learn.verdict import Question, Verdict, WrongAnswerError, shown

Numbers: TypeAlias = dict[str, Any]
Check: TypeAlias = Callable[..., str]
NOT_OF_THE_LEARNER = (  # folders of code in which an error may show that began in the learner's
    *(str(Path(str(module.__file__)).parent) + os.sep for module in (tg, np)),
    *(sysconfig.get_path(name) + os.sep for name in ("stdlib", "purelib", "platlib")),
)


@dataclass(frozen=True)
class Exercise:
    """A question, the numbers in it, the check of an answer, and hints. The solution is not in the package."""

    id: str
    title: str
    make: Callable[[np.random.Generator], Numbers] = field(repr=False)
    hints: tuple[str, ...] = field(repr=False)
    examine: Check = field(repr=False)

    def numbers(self, seed: int) -> Numbers:
        """The numbers of this seed, made anew, so that an answer cannot change those of the next."""
        return self.make(np.random.default_rng([seed, *map(int, self.id.split("."))]))

    def question(self, seed: int) -> Question:
        """What is asked, with the numbers in their places: «x» is replaced by the number x."""
        numbers, text = self.numbers(seed), inspect.cleandoc(self.examine.__doc__ or "")
        for name, value in numbers.items():
            text = text.replace(f"«{name}»", shown(value))
        return Question(self.id, self.title, text, numbers)

    def check(self, answer: Any, seed: int) -> Verdict:
        """The verdict on an answer; nothing that an answer is or does raises an error, but Ctrl-C."""
        try:
            if is_open(answer):
                return Verdict(self.id, "open", "replace each ... by your answer")
            with np.errstate(all="ignore"), tg.enable_grad():
                return Verdict(self.id, "right", self.examine(answer, **self.numbers(seed)))
        except WrongAnswerError as mistake:
            return Verdict(self.id, "wrong", str(mistake))
        except (Exception, SystemExit) as error:  # of the learner's code, or of what is done with its results
            return Verdict(self.id, "wrong", describe_error(error))


class Chapter:
    """The exercises of one chapter; its methods make them."""

    def __init__(self, number: int, title: str) -> None:
        self.number, self.title = number, title
        self.exercises: list[Exercise] = []

    def exercise(
        self, id: str, title: str, numbers: Callable[[np.random.Generator], Numbers] = lambda rng: {}, *,
        hints: Sequence[str] = (),
    ) -> Callable[[Check], Exercise]:  # fmt: skip
        """Decorate the check of an exercise, ``(answer, **numbers) -> str``, whose docstring is the question."""

        def make(examine: Check) -> Exercise:
            exercise = Exercise(id, title, numbers, tuple(hints), examine)
            self.exercises.append(exercise)
            return exercise

        return make


def is_open(answer: Any) -> bool:
    """Whether an answer, or a part of it, is still ``...``."""
    parts = answer.values() if isinstance(answer, dict) else answer
    return answer is ... or (isinstance(answer, dict | list | tuple) and any(is_open(part) for part in parts))


def describe_error(error: BaseException) -> str:
    """An error with the line of the learner's code that it comes from, and the shapes of the arrays there."""
    said = " ".join(f"{type(error).__name__}: {error}".split())
    trace, found = error.__traceback__, None
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith(NOT_OF_THE_LEARNER):
            found = trace
        trace = trace.tb_next
    if found is None:
        return f"the answer cannot be used: {said}"
    frame = found.tb_frame
    line = linecache.getline(frame.f_code.co_filename, found.tb_lineno).strip()
    arrays = {name: value.shape for name, value in frame.f_locals.items() if isinstance(value, np.ndarray | tg.Tensor)}
    shapes = ", ".join(f"{name} {shape}" for name, shape in arrays.items())
    where = f"your code stops in line {found.tb_lineno}" + (f", `{line}`" if line else "")
    return where + (f", with {shapes}" if shapes and isinstance(error, ValueError) else "") + f": {said}"
