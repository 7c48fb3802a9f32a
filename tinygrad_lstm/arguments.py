"""What a public function takes: checked once, where it is called, with one kind of error.

``@takes(loss=LOSS, wrt=TENSORS)`` stands above a function whose arguments must be of a kind. What is of another kind is
an error that names the function, what it takes and what came, before anything is computed.
"""

from __future__ import annotations

import functools
import inspect
import math
import numbers
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import numpy as np

from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import ArgumentError, DtypeError, ShapeError, TinygradError, check_call
from tinygrad_lstm.escaping import printable

P = ParamSpec("P")
R = TypeVar("R")


class Mismatch(Exception):  # noqa: N818  # never seen outside: it becomes one of the errors
    """Says what came instead, and the class of the error that this is."""

    def __init__(self, came: str, error: type[TinygradError] = DtypeError) -> None:
        self.came, self.error = came, error


@dataclass(frozen=True)
class Kind:
    """A kind of argument: its name in errors, and a function that checks a value and gives it to the call."""

    words: str
    take: Callable[[Any], Any]  # raises Mismatch

    def or_none(self) -> Kind:
        """The same, or None."""
        return Kind(f"{self.words.rstrip(',')} or None", lambda value: None if value is None else self.take(value))


def takes(**kinds: Kind) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator: the arguments of these names are of these kinds; what is not named is not looked at.

    >>> @takes(loss=LOSS, steps=integer(1))
    ... def look(loss, steps=3):
    ...     return steps
    >>> look(Tensor(1.0), 2)
    2
    >>> look([1.0])
    Traceback (most recent call last):
    ...
    tinygrad_lstm.errors.DtypeError: look(loss, steps) takes a tensor of one number as loss, not a list
    """

    def checking(function: Callable[P, R]) -> Callable[P, R]:
        signature, fitting = inspect.signature(function), check_call(function)
        plain = [p.name for p in signature.parameters.values() if p.kind is not p.KEYWORD_ONLY and p.name != "self"]
        call = f"{function.__qualname__.removesuffix('.__init__')}({', '.join(plain)})"

        @functools.wraps(function)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                given = signature.bind(*args, **kwargs)
            except TypeError:
                return fitting(*args, **kwargs)  # which raises Python's own error
            for name, kind in kinds.items():
                if name in given.arguments:
                    given.arguments[name] = taken(call, kind, name, given.arguments[name])
            return function(*given.args, **given.kwargs)

        return checked

    return checking


def taken(call: str, kind: Kind, name: str, value: Any) -> Any:
    """An argument as the function gets it; the error names the call, e.g. ``look(loss, steps)``."""
    try:
        return kind.take(value)
    except Mismatch as other:
        raise other.error(f"{call} takes {kind.words} as {name}, not {other.came}") from None


def came(value: Any) -> str:
    """A wrong argument in a few words.

    >>> [came(value) for value in (None, 3, "a", np.zeros(2), [], dict)]
    ['None', 'the number 3', "the text 'a'", 'a NumPy array of shape (2,)', 'an empty list', 'the class dict']
    """
    if value is None or isinstance(value, bool):
        return repr(value)
    if isinstance(value, numbers.Number):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {printable(value[:40])!r}"
    if isinstance(value, Tensor | np.ndarray):
        return f"a {'tensor' if isinstance(value, Tensor) else 'NumPy array'} of shape {value.shape}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    what = "function" if inspect.isroutine(value) else type(value).__name__
    if isinstance(value, list | tuple | dict | set) and not value:
        return f"an empty {what}"
    return f"{'an' if what[0] in 'AEIOaeio' else 'a'} {what}"


# Kinds of values


def instance(words: str, *types: type, error: type[TinygradError] = DtypeError) -> Kind:
    """A value of one of these types."""

    def take(value: Any) -> Any:
        if not isinstance(value, types):
            raise Mismatch(came(value), error)
        return value

    return Kind(words, take)


def several(one: Kind, words: str, alone: bool = False) -> Kind:
    """At least one of a kind, in a list, a tuple or another iterable; with ``alone`` also one by itself."""

    def take(value: Any) -> Any:
        if isinstance(value, Tensor) and alone:
            return one.take(value)
        if isinstance(value, Tensor | np.ndarray | Mapping | str | bytes) or not isinstance(value, Iterable):
            raise Mismatch(came(value))
        found = list(value)
        if not found:
            raise Mismatch(came(value) if isinstance(value, list | tuple) else "nothing", ArgumentError)
        for part in found:
            try:
                one.take(part)
            except Mismatch as other:
                raise Mismatch(f"{came(value)} with {other.came} in it", other.error) from None
        return found

    return Kind(words, take)


def named(one: Kind, words: str) -> Kind:
    """At least one of a kind, each under a name, in a dict."""

    def take(value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise Mismatch(came(value))
        if not value:
            raise Mismatch(came(value), ArgumentError)
        found = {}
        for name, part in value.items():
            try:
                found[name] = one.take(part)
            except Mismatch as other:
                raise Mismatch(f"{other.came} under {printable(str(name)[:40])!r}", other.error) from None
        return found

    return Kind(words, take)


def one_of(*words: str) -> Kind:
    """One of these words."""

    def take(value: Any) -> Any:
        if not isinstance(value, str) or value not in words:
            raise Mismatch(came(value), ArgumentError)
        return value

    return Kind(f"one of {', '.join(map(repr, words))}", take)


def integer(least: int | None = 0) -> Kind:
    """A whole number, at least so large if a least one is given."""

    def take(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise Mismatch(came(value), ArgumentError if isinstance(value, float | np.floating) else DtypeError)
        if least is not None and value < least:
            raise Mismatch(came(value), ArgumentError)
        return int(value)

    return Kind("a whole number" if least is None else f"a whole number, at least {least},", take)


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, numbers.Real | np.number):
        raise Mismatch(came(value))
    if not math.isfinite(value):
        raise Mismatch(came(value), ArgumentError)
    return value


def _names(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return list(several(TEXT, "").take(value)) if not isinstance(value, tuple | list) or value else []


def _run(value: Any) -> Any:
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise Mismatch(came(value))
    try:
        return LOSS.take(value[0]), TRAJECTORY.take(value[1])
    except Mismatch as other:
        raise Mismatch(f"{came(value)} with {other.came} in it", other.error) from None


def _array(value: Any) -> Any:
    try:
        array = np.asarray(value.data if isinstance(value, Tensor) else value)
    except (TypeError, ValueError, TinygradError):  # ragged, or with tensors that need a gradient in it
        raise Mismatch(came(value)) from None
    if array.dtype.kind not in "biufc":
        raise Mismatch(came(value))
    return array


def _loss(value: Any) -> Any:
    if isinstance(value, Tensor) and value.size != 1:
        raise Mismatch(f"{came(value)}: reduce it with .sum() or .mean()", ShapeError)
    return TENSOR.take(value)


def _trajectory(value: Any) -> Any:
    chains = getattr(value, "chains", None)
    if not (isinstance(chains, tuple) and chains and isinstance(getattr(value, "output", None), Tensor)):
        raise Mismatch(came(value))
    return value


TENSOR = instance("a tensor", Tensor)
ARRAY = Kind("a tensor or an array of numbers", _array)
LOSS = Kind("a tensor of one number", _loss)
TENSORS = several(TENSOR, "a tensor or a list of tensors", alone=True)
LOSSES = several(LOSS, "a list of losses, each a tensor of one number,")
TRAJECTORY = Kind("a trajectory, which is what layer.unroll(x) gives,", _trajectory)
NUMBER = Kind("a finite number", _number)
TEXT = instance("a text", str)
TEXTS = Kind("a text or a list of texts", lambda value: value if isinstance(value, str) else _names(value))
NAMES = Kind("a name or a list of names", _names)
RUN = Kind("a pair of a loss and its trajectory", _run)
RUNS = named(RUN, "runs by name, {name: (loss, trajectory)},")
