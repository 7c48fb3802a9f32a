"""What a learner gets to see: a question, a hint, and the verdict on an answer, in a notebook and at the prompt."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from tinygrad_lstm.escaping import markup_lines

COLOURS = {"right": "#2b9348", "wrong": "#e03131", "open": "#868e96"}  # seen on white and on black
WORDS = {"right": "Right", "wrong": "Not yet right", "open": "Not answered yet"}
CODE = re.compile(r"`([^`]+)`")


class WrongAnswerError(Exception):
    """What is wrong with an answer, as one sentence in the learner's terms: the check of an exercise raises it."""


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is right, and what is wrong with it; true exactly if it is right.

    >>> Verdict("0.1", "wrong", "the sign is wrong")
    0.1 Not yet right: the sign is wrong
    """

    id: str
    state: Literal["right", "wrong", "open"]
    message: str
    note: str = ""  # about the progress file, once

    def __bool__(self) -> bool:
        return self.state == "right"

    def __repr__(self) -> str:
        return f"{self.id} {WORDS[self.state]}: {self.message}" + (f"\n{self.note}" if self.note else "")

    def _repr_html_(self) -> str:
        said = f"<strong>{self.id} {WORDS[self.state]}:</strong> {with_code(self.message)}"
        note = f"<br><small>{with_code(self.note)}</small>" if self.note else ""
        return _beside_a_bar(self.state, said + note)


@dataclass(frozen=True)
class Hint:
    """One of the hints of an exercise."""

    id: str
    number: int
    of: int
    text: str

    def __repr__(self) -> str:
        return f"{self.id} hint {self.number} of {self.of}: {self.text}"

    def _repr_html_(self) -> str:
        head = f"<strong>{self.id} hint {self.number} of {self.of}:</strong>"
        return _beside_a_bar("open", f"{head} {with_code(self.text)}")


@dataclass(frozen=True)
class Question:
    """The question of an exercise in Markdown, and its numbers by name, to compute with."""

    id: str
    title: str
    text: str
    numbers: dict[str, Any] = field(repr=False)

    @property
    def markdown(self) -> str:
        """The question below its head."""
        return f"**Exercise {self.id}: {self.title}**\n\n{self.text}"

    def _repr_markdown_(self) -> str:
        return self.markdown

    def __repr__(self) -> str:
        return f"Exercise {self.id}: {self.title}\n\n{self.text}"


def _beside_a_bar(state: str, content: str) -> str:
    """Text in the page's own colour, so that it can be read in light and dark, beside a coloured bar."""
    return f'<div role="note" style="border-left:.3em solid {COLOURS[state]};padding:.2em .8em">{content}</div>'


def with_code(text: str) -> str:
    """Text as HTML, with what stands between backticks as code.

    >>> with_code("`a < b` holds")
    '<code>a &lt; b</code> holds'
    """
    return CODE.sub(r"<code>\1</code>", markup_lines(text)).replace("\n", "<br>")


def shown(value: Any) -> str:
    """A number of an exercise as the question prints it.

    >>> import numpy as np
    >>> shown(0.5), shown(np.array([[1.0, -2.5]])), shown("tanh")
    ('0.5', '[[1, -2.5]]', 'tanh')
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(shown, value))}]"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
