"""Repeated lines rolled into loops over t.

What a line reads decides whether it fits into a loop. Over the steps, the reads in the same place must be

* the same value, made before the loop: W;
* made in the same step: f_3 in step 3;
* made in the step before, with a value from before the loop for the first step: c_2 in step 3;
* one after the other out of values made before the loop: x_1, x_2, x_3, or what another loop made.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from tinygrad_lstm.compiling.lines import Line
from tinygrad_lstm.compiling.repeats import Repeat, find_repeats


class Here(NamedTuple):
    """Made by this line of the body, in the same step."""

    line: int


class Before(NamedTuple):
    """Made by this line of the body in the step before; ``first`` is what the first step reads."""

    line: int
    first: str


class Each(NamedTuple):
    """One of these values at each step, all made before the loop."""

    values: tuple[str, ...]


class Count(NamedTuple):
    """A whole number that grows from step to step."""

    first: int
    slope: int


Read = str | int | Here | Before | Each | Count


@dataclass
class Loop:
    """``body`` is the first step's lines; ``reads`` says what the holes of each read; ``made`` what each line makes."""

    count: int
    body: list[Line]
    reads: list[list[Read]]
    made: list[list[str]]
    backward: bool  # whether t goes from the last step to the first

    @property
    def t(self) -> Count:
        """The number of a step, which goes down in a backward loop."""
        return Count(self.count - 1, -1) if self.backward else Count(0, 1)

    def uses(self) -> Counter[int]:
        """How often the value of each line is read, in the same step or in the next one."""
        return Counter(read.line for reads in self.reads for read in reads if isinstance(read, Here | Before))

    def read_after(self, number: int, last: dict[str, int]) -> set[str]:
        """Of what the loop makes, what is read after it; the loop is the item of this number."""
        return {name for made in self.made for name in made if last.get(name, -1) > number}

    def outer_reads(self) -> Iterator[str]:
        """The values from before the loop that it reads."""
        for read in (read for reads in self.reads for read in reads):
            if isinstance(read, str):
                yield read
            elif isinstance(read, Each):
                yield from read.values
            elif isinstance(read, Before):
                yield read.first

    def only(self, lines: Sequence[int]) -> Loop:
        """The loop of these lines of its body."""
        new = {q: k for k, q in enumerate(lines)}
        reads = [[_renumber(read, new) for read in self.reads[q]] for q in new]
        return Loop(self.count, [self.body[q] for q in new], reads, [self.made[q] for q in new], self.backward)


Item = Line | Loop


def reads_of(item: Item) -> Iterable[str]:
    """The values that a line reads, or a loop reads from before it."""
    return item.reads if isinstance(item, Line) else item.outer_reads()


def roll(lines: Sequence[Line]) -> list[Item]:
    """The lines, with loops in the place of what repeats itself."""
    items: list[Item] = []
    at = 0
    for repeat in find_repeats(lines):
        items += lines[at : repeat.start]
        rolled, at = _roll_one(lines, repeat)
        items += rolled
    return [*items, *lines[at:]]


def _roll_one(lines: Sequence[Line], repeat: Repeat) -> tuple[list[Item], int]:
    """A loop of a repeat, begun where its reads fit, best where a scope begins; the lines as they are if nowhere."""
    start, period, count, more = repeat
    starts = range(start, start + min(more, period - 1) + 1)
    begins = sorted(starts, key=lambda k: (k > 0 and lines[k].scope == lines[k - 1].scope, k))
    for first in begins[:8]:
        loop = make_loop(lines[first : first + period * count], period)
        if loop is not None:
            return [*lines[start:first], loop], first + period * count
    if count > 4:  # the first step may be another: what it reads was not made by a step
        rest, end = _roll_one(lines, Repeat(start + period, period, count - 1, more))
        return [*lines[start : start + period], *rest], end
    return [], start


def make_loop(lines: Sequence[Line], period: int) -> Loop | None:
    """The loop that does these lines, ``period`` in each step; None where a read does not fit."""
    count = len(lines) // period
    place = {line.target: divmod(k, period) for k, line in enumerate(lines)}
    reads: list[list[Read]] = []
    for q in range(period):
        over_time = zip(*(lines[r * period + q].holes for r in range(count)), strict=True)
        found = [_read(values, place) for values in over_time]
        if any(read is None for read in found):
            return None
        reads.append([read for read in found if read is not None])
    made = [[lines[r * period + q].target for r in range(count)] for q in range(period)]
    backward = sum(_slope(read) for row in reads for read in row) < 0
    return _hold_earlier(Loop(count, list(lines[:period]), reads, made, backward))


def _slope(read: Read) -> int:
    """How a number that is read changes in one step: a whole one, or that of an output such as ``x_part3``."""
    if isinstance(read, Each):
        numbers = [int(found[1]) for name in read.values[:2] if (found := re.search(r"_part(\d+)$", name))]
        return numbers[1] - numbers[0] if len(numbers) == 2 else 0
    return read.slope if isinstance(read, Count) else 0


def _hold_earlier(loop: Loop) -> Loop:
    """The loop, where a value of the step before that is read after this step's is made gets a second name first."""
    late = {read for q, reads in enumerate(loop.reads) for read in reads if isinstance(read, Before) and read.line < q}
    held = {read: k for k, read in enumerate(sorted(late))}
    shift = {q: q + len(held) for q in range(len(loop.body))}
    body, rows, made = [], list[list[Read]](), []
    for read in held:
        made.append([f"{name}_before" for name in loop.made[read.line]])
        body.append(Line(made[-1][0], ("", ""), ("",), loop.body[read.line].scope))
        rows.append([_renumber(read, shift)])
    for q, reads in enumerate(loop.reads):
        rows.append([Here(held[read]) if isinstance(read, Before) and read.line < q else _renumber(read, shift)
                     for read in reads])  # fmt: skip
    return Loop(loop.count, body + loop.body, rows, made + loop.made, loop.backward)


def _read(values: tuple[str | int, ...], place: dict[str, tuple[int, int]]) -> Read | None:
    """What the reads in one place of the body are, over the steps."""
    first = values[0]
    if isinstance(first, int):
        numbers = [value for value in values if isinstance(value, int)]
        slopes = {b - a for a, b in pairwise(numbers)}
        return None if len(slopes) != 1 else Count(first, slopes.pop()) if slopes != {0} else first
    names = [str(value) for value in values]
    spots = [place.get(name) for name in names]
    if all(spot is None for spot in spots):
        return first if len(set(names)) == 1 else Each(tuple(names))
    lines = {spot[1] for spot in spots if spot is not None}
    ages = {r - spot[0] for r, spot in enumerate(spots) if spot is not None}
    if len(lines) == 1 and ages == {0} and None not in spots:
        return Here(lines.pop())
    if len(lines) == 1 and ages == {1} and spots[0] is None and None not in spots[1:]:
        return Before(lines.pop(), first)
    return None


def drop_dead(items: Sequence[Item], wanted: Iterable[str]) -> list[Item]:
    """The items that the wanted values need; of a loop, the lines whose values are read at some step."""
    needed = set(wanted)
    kept: list[Item] = []
    for item in reversed(items):
        if isinstance(item, Line):
            if item.target in needed:
                needed.update(item.reads)
                kept.append(item)
        elif (loop := _drop_in_loop(item, needed)) is not None:
            needed.update(loop.outer_reads())
            kept.append(loop)
    return kept[::-1]


def last_reads(items: Sequence[Item], wanted: Iterable[str]) -> dict[str, int]:
    """By value, the number of the last item that reads it; the wanted ones are read after all items."""
    last = {name: number for number, item in enumerate(items) for name in reads_of(item)}
    return last | dict.fromkeys(wanted, len(items))


def _drop_in_loop(loop: Loop, needed: set[str]) -> Loop | None:
    alive = {q for q, made in enumerate(loop.made) if not needed.isdisjoint(made)}
    todo = list(alive)
    for q in todo:  # which grows as we go
        for read in loop.reads[q]:
            if isinstance(read, Here | Before) and read.line not in alive:
                alive.add(read.line)
                todo.append(read.line)
    return loop.only(sorted(alive)) if alive else None


def _renumber(read: Read, new: dict[int, int]) -> Read:
    return read._replace(line=new[read.line]) if isinstance(read, Here | Before) else read
