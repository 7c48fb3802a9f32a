"""The exercises of the course, which check themselves.

    show    the question of an exercise: ``learn.show("0.1")``; ``.numbers`` has its numbers by name
    check   the verdict on an answer, a number, an array or a function: ``learn.check("0.1", answer)``
    hint    the next hint: ``learn.hint("0.1")``
    make    the exercises of a chapter with other numbers: ``learn.make("0", seed=7).show("0.1")``

A verdict says what is wrong in the terms of the chapter: which entry, which path is missing, a wrong sign, a forgotten
sum. Progress is kept in a small file (``tinygrad_lstm/learn/progress.py`` says where). Read in this order: verdict,
progress, exercise, course, answers, compare, then the chapters.
"""

from tinygrad_lstm.learn.course import ExerciseSet, chapters, check, hint, make, show
from tinygrad_lstm.learn.verdict import Hint, Question, Verdict

__all__ = ["ExerciseSet", "Hint", "Question", "Verdict", "chapters", "check", "hint", "make", "show"]
