"""Solutions of chapter 1. A solution takes the numbers of its exercise by name, and returns the answer."""

from __future__ import annotations

from collections.abc import Callable

from tinygrad_lstm.micro import Value


def exercise_1_1(program: str) -> list[str]:
    """The lines of the program, the last one first: what reads a value stands below it."""
    return [line.split(" = ")[0] for line in reversed(program.splitlines())] + ["x"]


def exercise_1_2() -> Callable[[Value], None]:
    """First find all values, then walk from the newest to the oldest."""

    def backward(loss: Value) -> None:
        found, to_visit = set[Value](), [loss]
        while to_visit:
            value = to_visit.pop()
            if value not in found:
                found.add(value)
                to_visit += [source for source, _ in value.sources]
        loss.grad = 1.0
        for value in sorted(found, key=lambda value: value.number, reverse=True):
            for source, slope in value.sources:
                source.grad += value.grad * slope

    return backward


def exercise_1_3(n: int) -> list[int]:
    """Each value once; or L once, the one before it twice, then four times, up to 2ⁿ times."""
    return [n + 1, sum(2**k for k in range(n + 1))]
