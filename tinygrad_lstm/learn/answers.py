"""An answer as what the check needs: real numbers, a function, one of several choices, a count."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm.learn.verdict import WrongAnswerError, shown
from tinygrad_lstm.micro import Value


def as_array(answer: Any, what: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Numbers as an array of float64; a Tensor and a Value too."""
    if answer is None:
        raise WrongAnswerError(f"{what} is None: does your function return its result?")
    if callable(answer):
        raise WrongAnswerError(f"{what} is numbers, not a function: call it and answer with what it gives")
    plain = answer.data if isinstance(answer, tg.Tensor | Value) else answer
    try:
        found = np.asarray(plain)
    except ValueError:
        raise WrongAnswerError(f"{what} is no array: its rows have different lengths") from None
    if found.dtype.kind not in "iuf":
        raise WrongAnswerError(f"{what} is of type {type(answer).__name__}; real numbers are needed")
    if not found.size:
        raise WrongAnswerError(f"{what} has no entries")
    if not np.isfinite(found).all():
        raise WrongAnswerError(f"{what} has the entry {found[~np.isfinite(found)][0]}{_place(~np.isfinite(found))}")
    return found.astype(np.float64)


def _place(where: Any) -> str:
    return f" at {tuple(map(int, np.argwhere(where)[0]))}" if where.ndim else ""


def as_number(answer: Any, what: str) -> float:
    """One number."""
    found = as_array(answer, what)
    if found.size != 1:
        raise WrongAnswerError(f"{what} is one number, not an array of shape {found.shape}")
    return float(found.item())


def as_whole_number(answer: Any, what: str) -> int:
    """One whole number."""
    found = as_array(answer, what)
    if found.size != 1 or not found.item().is_integer():
        raise WrongAnswerError(f"{what} is one whole number, not {shown(answer)}")
    return int(found.item())


def as_function(answer: Any, *takes: str) -> Any:
    """A function that can be called with as many arguments as are named."""
    call = f"({', '.join(takes)})"
    if not callable(answer):
        raise WrongAnswerError(f"the answer is a function of {call}, not a value of type {type(answer).__name__}")
    try:
        inspect.signature(answer).bind(*takes)
    except TypeError:
        names = ", ".join(inspect.signature(answer).parameters)
        raise WrongAnswerError(f"your function takes ({names}); it is called with {call}") from None
    except ValueError:  # a function of C without a signature: the call will show
        pass
    return answer


def as_list(answer: Any, length: int, what: str) -> list[Any]:
    """Several parts of an answer, so many."""
    if answer is None:
        raise WrongAnswerError(f"a list of {length} {what} is needed, not None: does your function return its result?")
    try:
        found = [] if isinstance(answer, str | dict) else list(answer)
    except TypeError:  # nothing to iterate over
        found = []
    if not found:
        kind = "an empty one" if isinstance(answer, list | tuple) else f"a value of type {type(answer).__name__}"
        raise WrongAnswerError(f"the answer is a list of {length} {what}, not {kind}")
    if len(found) != length:
        whole = isinstance(answer, np.ndarray | tg.Tensor)
        yours = f"is one array of shape {answer.shape}" if whole else f"has {len(found)}"
        raise WrongAnswerError(f"the answer is a list of {length} {what}; yours {yours}")
    return found


def choose(answer: Any, right: str, others: Mapping[str, str]) -> None:
    """One word of several; ``others``: each wrong one, and what is wrong with it."""
    words = sorted([right, *others])
    if not isinstance(answer, str):
        kind = type(answer).__name__
        raise WrongAnswerError(f"the answer is one of {', '.join(map(repr, words))}, not a value of type {kind}")
    word = answer.strip().lower()
    if word not in map(str.lower, words):
        raise WrongAnswerError(f"the answer is one of {', '.join(map(repr, words))}, not {answer!r}")
    for other, reason in others.items():
        if word == other.lower():
            raise WrongAnswerError(reason)


def count(answer: Any, right: int, what: str, mistakes: Mapping[int, str] | Sequence[tuple[int, str]] = ()) -> None:
    """A whole number; ``mistakes``: typical wrong ones, and what is wrong with each."""
    found = as_whole_number(answer, what)
    if found == right:
        return
    for number, reason in dict(mistakes).items():
        if found == number:
            raise WrongAnswerError(reason)
    raise WrongAnswerError(f"{what} is not {found:g}: that is too {'many' if found > right else 'few'}")
