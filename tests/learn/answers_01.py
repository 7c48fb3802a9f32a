"""Answers to the exercises of chapter 1, right ones and wrong ones; each takes the numbers that it names."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import TypeAlias

from tinygrad_lstm.micro import Value

Readers: TypeAlias = dict[str, list[str]]
Walk: TypeAlias = Callable[[Value], None]


def written(program: str) -> list[str]:
    """The names in the order in which the program makes them."""
    return ["x", *(line.split(" = ")[0] for line in program.splitlines())]


def by_counting(readers: Readers) -> list[str]:
    """Kahn's order: whatever has no reader left; of several the last in the alphabet."""
    left, order = {name: set(read) for name, read in readers.items()}, list[str]()
    while left:
        name = max(name for name in left if not left[name] - set(order))
        order.append(name)
        del left[name]
    return order


def by_depth_first_search(readers: Readers) -> tuple[str, ...]:
    order: list[str] = []

    def visit(name: str) -> None:
        if name not in order:
            for reader in readers[name]:
                visit(reader)
            order.append(name)

    visit("x")
    return tuple(order)


def swapped(program: str, first: int, second: int) -> list[str]:
    order = written(program)[::-1]
    order[first], order[second] = order[second], order[first]
    return order


# Walks -------------------------------------------------------------------------------------------------------------


def all_of(loss: Value) -> set[Value]:
    found, to_visit = set[Value](), [loss]
    while to_visit:
        value = to_visit.pop()
        if value not in found:
            found.add(value)
            to_visit += [source for source, _ in value.sources]
    return found


def with_a_heap() -> Walk:
    def walk(loss: Value) -> None:
        loss.grad, heap, seen = 1.0, [(-loss.number, loss)], {loss}
        while heap:
            _, value = heapq.heappop(heap)
            for source, slope in value.sources:
                source.grad += value.grad * slope
                if source not in seen:
                    seen.add(source)
                    heapq.heappush(heap, (-source.number, source))

    return walk


def with_counts() -> Walk:
    def walk(loss: Value) -> None:
        values = all_of(loss)
        waiting = dict.fromkeys(values, 0)
        for value in values:
            for source, _ in value.sources:
                waiting[source] += 1
        ready, loss.grad = [loss], 1.0
        while ready:
            value = ready.pop()
            for source, slope in value.sources:
                source.grad += value.grad * slope
                waiting[source] -= 1
                if not waiting[source]:
                    ready.append(source)

    return walk


def with_a_dict() -> Walk:
    def walk(loss: Value) -> None:
        arrived = {loss: 1.0}
        for value in sorted(all_of(loss), key=lambda value: -value.number):
            value.grad += arrived[value]
            for source, slope in value.sources:
                arrived[source] = arrived.get(source, 0.0) + arrived[value] * slope

    return walk


def planted() -> Walk:
    def backward(loss: Value) -> None:
        loss.grad = 1.0
        to_visit, seen = [loss], {loss}
        while to_visit:
            value = to_visit.pop()
            for source, slope in value.sources:
                source.grad += value.grad * slope
                if source not in seen:
                    seen.add(source)
                    to_visit.append(source)

    return backward


def every_path() -> Walk:
    def walk(loss: Value) -> None:
        parts = [(loss, 1.0)]
        while parts:
            value, g = parts.pop()
            value.grad += g
            parts += [(source, g * slope) for source, slope in value.sources]

    return walk


def without_seen() -> Walk:
    def walk(loss: Value) -> None:
        loss.grad, to_visit = 1.0, [loss]
        while to_visit:
            value = to_visit.pop()
            for source, slope in value.sources:
                source.grad += value.grad * slope
                to_visit.append(source)

    return walk


def recursive() -> Walk:
    def walk(loss: Value) -> None:
        order: list[Value] = []
        seen: set[Value] = set()

        def visit(value: Value) -> None:
            if value not in seen:
                seen.add(value)
                for source, _ in value.sources:
                    visit(source)
                order.append(value)

        visit(loss)
        loss.grad = 1.0
        for value in reversed(order):
            for source, slope in value.sources:
                source.grad += value.grad * slope

    return walk


def over_all(
    update: Callable[[Value, Value, float], float], start: float = 1.0, newest_first: bool = True
) -> Callable[[], Walk]:
    """A walk over all values that sets what a source has now."""

    def make() -> Walk:
        def walk(loss: Value) -> None:
            loss.grad = start
            for value in sorted(all_of(loss), key=lambda value: value.number, reverse=newest_first):
                for source, slope in value.sources:
                    source.grad = update(value, source, slope)

        return walk

    return make


RIGHT = {
    "1.1": [by_counting, by_depth_first_search, lambda readers: iter(by_counting(readers))],
    "1.2": [with_a_heap, with_counts, with_a_dict],
    "1.3": [
        lambda n: (n + 1.0, 2.0 ** (n + 1) - 1),
        lambda n: {n + 1: None, 2 * 2**n - 1: None}.keys(),
        lambda n: iter([len(range(n + 1)), int("1" * (n + 1), 2)]),
    ],
}
WRONG = {
    "1.1": [
        ("the walk starts at L", written),
        ("comes before", lambda program: swapped(program, 1, 2)),
        ("nothing has arrived", lambda program: swapped(program, 1, 5)),
        ("it has only the part from", lambda program: swapped(program, 5, 6)),
        ("a list of 7 names; yours has 6", lambda program: written(program)[:0:-1]),
        ("is not visited", lambda program: [*written(program)[:0:-1], "L"]),
        ("no value `y`", lambda program: [*written(program)[:0:-1], "y"]),
    ],
    "1.2": [
        ("the path through `L → b → a → x` is missing", planted),
        ("once for every path", every_path),
        ("is counted twice", without_seen),
        ("5,000 in a row are too many", recursive),
        ("`L → a` is missing: the paths", over_all(lambda value, source, slope: value.grad * slope)),
        ("∂L/∂L: nothing arrives", over_all(lambda value, source, slope: source.grad + value.grad * slope, 0.0)),
        ("∂L/∂x: nothing arrives", over_all(lambda v, s, slope: s.grad + v.grad * slope, newest_first=False)),
        ("the sign is wrong", over_all(lambda value, source, slope: source.grad - value.grad * slope)),
        ("calls `Value.backward`", lambda: lambda loss: loss.backward()),
        ("∂L/∂a: ", over_all(lambda value, source, slope: source.grad + value.grad)),
    ],
    "1.3": [
        ("count values, not multiplications", lambda n: [n, 2 ** (n + 1) - 1]),
        ("each value is visited once", lambda n: [2 ** (n + 1) - 1, n + 1]),
        ("x alone", lambda n: [n + 1, 2**n]),
        ("visits double", lambda n: [n + 1, 2 * n + 1]),
        ("the visit of L is missing", lambda n: [n + 1, 2 ** (n + 1) - 2]),
        ("the visits of x are missing", lambda n: [n + 1, 2**n - 1]),
        ("a list of 2 numbers", lambda n: n + 1),
        ("one too many", lambda n: [n + 1, 2 ** (n + 1)]),
    ],
}  # fmt: skip
