"""Whether a backward pass that a learner wrote for the scalar engine waits, adds up, and visits each value once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from tinygrad_lstm.learn.compare import compare
from tinygrad_lstm.learn.verdict import WrongAnswerError
from tinygrad_lstm.micro import Value

Walk: TypeAlias = Callable[[Value], Any]  # adds to the grad of every value that the loss was made from
MANY = 200  # reads of a value's sources, where a few are enough


def check_walk(walk: Walk) -> None:
    """Return if the walk is right; else raise WrongAnswerError, with the gradient and the path that are wrong."""
    _compare_gradients(walk, _square(0.75), "`a = 1.5 x`, `L = a * a`")
    _compare_gradients(walk, _fan_out(0.75), "`a = 1.5 x`, `b = a + x`, `L = b * a`")
    _compare_gradients(walk, _fan_out(0.75, a_is_last=False), "`a = 1.5 x`, `b = a + x`, `L = a * b`")
    _count_visits(walk)
    _walk_far(walk)


def _square(x: float) -> dict[str, Value]:
    first = Value(x)
    a = first * 1.5
    return {"x": first, "a": a, "L": a * a}


def _fan_out(x: float, a_is_last: bool = True) -> dict[str, Value]:
    first = Value(x)
    a = first * 1.5
    b = a + first
    return {"x": first, "a": a, "b": b, "L": b * a if a_is_last else a * b}


def _compare_gradients(walk: Walk, values: dict[str, Value], words: str) -> None:
    """Compare each gradient, newest first, with the sum over all paths from L."""
    for value in values.values():
        value.grad = 0.0
    vars(values["L"])["backward"] = _refuse
    walk(values["L"])
    for name, value in reversed(values.items()):
        paths = _paths(values, name)
        what = f"with {words}, ∂L/∂{name}"
        compare(value.grad, sum(paths.values()), what, paths=paths if len(paths) > 1 else {}, within=1e-6, mistakes={
            "nothing arrives, its grad stays 0": 0.0,
        })  # fmt: skip


def _refuse() -> None:
    raise WrongAnswerError("it calls `Value.backward`, which is what is to be written")


def _paths(values: dict[str, Value], to: str) -> dict[str, float]:
    """The product of the slopes along every path from L to a value, by the names on it."""
    names = {value: name for name, value in values.items()}
    found, open_ends = dict[str, float](), [("L", values["L"], 1.0)]
    while open_ends:
        path, value, product = open_ends.pop()
        if value is values[to]:
            found[f"{path} again" if path in found else path] = product  # L = a * a reads a twice
        open_ends += [
            (f"{path} → {names[source]}", source, product * slope) for source, slope in value.sources if source in names
        ]
    return found


class _Watched(Value):
    """A value that counts how often its sources are read, and stops a walk that comes back again and again."""

    reads = 0

    @property
    def sources(self) -> Any:
        self.reads += 1
        if self.reads > MANY:
            raise WrongAnswerError(
                "a value is visited once for every path to it, which is a million times here; once is enough, "
                "when all its parts have arrived"
            )
        return self._sources

    @sources.setter
    def sources(self, sources: Any) -> None:
        self._sources = sources


def _count_visits(walk: Walk) -> None:
    value: Value = _Watched(1.0)
    for _ in range(20):
        value = _Watched(1.0, ((value, 0.5), (value, 0.5)))
    walk(value)


def _walk_far(walk: Walk) -> None:
    first = value = Value(1.0)
    for _ in range(5000):
        value = value + 0.0
    try:
        walk(value)
    except RecursionError:
        raise WrongAnswerError(
            "it calls itself for each value: 5,000 in a row are too many for Python; use a loop"
        ) from None
    compare(first.grad, 1.0, "after 5,000 sums in a row, ∂L/∂x", within=1e-6)
