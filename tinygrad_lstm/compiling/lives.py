"""How long the value of a line in a loop lives, and which lines may therefore give theirs the same name.

A value lives from the line that makes it to the last line that reads it, which may be in the next step. A name is given
to another value only after the last read of the one before. Two lives in one name would be silently wrong, so
``assign_names`` decides by lives alone, and ``check_names`` confirms it for every loop that is written.
"""

from __future__ import annotations

from collections.abc import Callable

from tinygrad_lstm.compiling.rolling import Before, Here, Loop
from tinygrad_lstm.compiling.sums import base_name


def lives(loop: Loop, last: set[int]) -> list[set[int]]:
    """For each line, after which lines of the body its value is still needed; those in ``last`` after the loop too."""
    count = len(loop.body)
    alive: list[set[int]] = [set(range(q, count)) if q in last else set() for q in range(count)]
    for reader, reads in enumerate(loop.reads):
        for read in reads:
            if isinstance(read, Here):
                alive[read.line] |= set(range(read.line, reader))
            elif isinstance(read, Before):
                alive[read.line] |= {*range(read.line, count), *range(reader)}
    return alive


def assign_names(loop: Loop, last: set[int], free: Callable[[str], str]) -> list[str]:
    """A name for the value of each line: the same for ``dc`` before and after a sum, if their lives allow it."""
    alive = lives(loop, last)
    shared: dict[str, list[tuple[str, list[int]]]] = {}
    names: list[str] = []
    for q, made in enumerate(loop.made):
        known = shared.setdefault(base_name(made[0]), [])
        for name, lines in known:
            if all(_apart(alive, q, other) for other in lines):
                lines.append(q)
                names.append(name)
                break
        else:
            name = free(f"{base_name(made[0])}_t")
            known.append((name, [q]))
            names.append(name)
    check_names(loop, last, names)
    return names


def _apart(alive: list[set[int]], a: int, b: int) -> bool:
    return a not in alive[b] and b not in alive[a]


def check_names(loop: Loop, last: set[int], names: list[str]) -> None:
    """Go through two steps of the loop, and see that each read finds the value that it wants under its name."""
    holds: dict[str, tuple[int, int]] = {}  # by name: the line that made the value there, and the step
    for reads in loop.reads:
        for read in reads:
            if isinstance(read, Before):
                holds[names[read.line]] = read.line, -1
    for step in range(2):
        for q, reads in enumerate(loop.reads):
            for read in reads:
                if isinstance(read, Here | Before):
                    wanted = read.line, step - isinstance(read, Before)
                    assert holds[names[read.line]] == wanted, f"{names[read.line]} was overwritten before its last read"
            holds[names[q]] = q, step
    for q in last:
        assert holds[names[q]] == (q, 1), f"{names[q]} is read after the loop, and was overwritten"
