"""A program as lines: each gives one value a name that no other line gives, so it can be dropped, moved or rolled.

The text of ``tg.program`` gives a gradient its name several times, ``dW = dW + ...``. Here each of these values has a
name of its own, ``dW``, ``dW·2``, ``dW·3``; where lines are written straight again, the marks go.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from tinygrad_lstm.compiling.recording import Outputs, Recording
from tinygrad_lstm.errors import UnsupportedError

MARK = "·"
ADD = ("", " + ", "")  # the pieces of a sum
NUMBER = re.compile(r"""(?<![\w.])(\d+)(?![\w.])|'[^']*'|"[^"]*"|[\w.]*\d[eE][-+]\d+""")  # a whole one, or none
SLICE = ("", "[..., ", ":", "]")  # a part along the last axis
ELEMENT = ("", "[", "]")
INPUT_PRODUCTS = {("_product(", ", ", ".T)"), ("", ".dot(", ".T)")}  # W x_t
STEP = ("", "[(slice(None),) * (", " % ", ".ndim) + (", ",)]")  # the rule of stack
STEPS = ("list(np.moveaxis(", ", ", ", ", "))")  # of unstack
ADD_AT = """def add_at(x, where, values):
    np.add.at(x, where, values)
    return x"""


class Line(NamedTuple):
    """``target = text``, where the text has a hole for each value of the program and for each whole number."""

    target: str
    pieces: tuple[str, ...]  # the text around the holes, one more than there are holes
    holes: tuple[str | int, ...]
    scope: str = ""
    place: str = ""

    def fill(self, values: Sequence[str]) -> str:
        """The right side with these texts in the holes."""
        return "".join(piece + value for piece, value in zip(self.pieces, [*values, ""], strict=True))

    @property
    def reads(self) -> list[str]:
        """The values that it reads."""
        return [hole for hole in self.holes if isinstance(hole, str)]

    @property
    def form(self) -> tuple[tuple[str, ...], tuple[object, ...]]:
        """What two lines have in common that do the same with other values."""
        return self.pieces, self.holes[1:] if self.pieces == SLICE else tuple(isinstance(x, str) for x in self.holes)


def beside(line: Line) -> str:
    """A comment with the place where a line comes from."""
    return f"  # {line.place}" if line.place else ""


@dataclass
class Lines:
    """A program: what it takes, its functions, its lines, and the names of what it returns."""

    inputs: list[str]
    functions: str
    lines: list[Line]
    loss: Line
    gradients: dict[str, str]  # by leaf
    outputs: Outputs


def plain(name: str) -> str:
    """A name without the mark of a later value."""
    return name.partition(MARK)[0]


def read_lines(recording: Recording) -> Lines:
    """The lines of a recording."""
    now = {name: name for name in recording.names()}  # of each name, the name of its present value
    count: dict[str, int] = {}
    lines: list[Line] = []
    for targets, text, scope, place, adds in recording.forward + recording.backward:
        pieces, holes = cut(text, now)
        if adds:
            pieces = (pieces[0].replace("np.add.at", "add_at"), *pieces[1:])
        fresh = [_version(name, count) for name in targets]
        if len(fresh) == 1:
            lines.append(Line(fresh[0], pieces, holes, scope, place))
        else:  # the output, and what a forward saves for its rules
            both = f"{fresh[0]}_both"
            lines.append(Line(both, pieces, holes, scope, place))
            lines += [Line(name, ELEMENT, (both, k), scope, place) for k, name in enumerate(fresh)]
        now.update(zip(targets, fresh, strict=True))
    if any(MARK in name for name in count):
        raise UnsupportedError(f"a name with {MARK} in it cannot be compiled")
    text, found = recording.result
    functions = str(recording.prelude).strip() + f"\n\n\n{ADD_AT}" * any(s.adds for s in recording.backward)
    gradients = {leaf: now[name] for leaf, name in found.items()}
    return Lines(recording.names(), functions, lines, Line("", *cut(text, now)), gradients, recording.outputs)


def cut(text: str, now: dict[str, str]) -> tuple[tuple[str, ...], tuple[str | int, ...]]:
    """A text, cut at the values and the whole numbers in it.

    >>> cut("\\0x\\0[..., 0:6] * 2.0", {"x": "x·2"})
    (('', '[..., ', ':', '] * 2.0'), ('x·2', 0, 6))
    """
    parts = text.split("\0")
    pieces, holes = _cut(tuple(parts[::2]))
    names = iter(parts[1::2])
    return pieces, tuple([now[next(names)] if hole is None else hole for hole in holes])


@lru_cache(maxsize=4096)
def _cut(texts: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[int | None, ...]]:
    """The same for the texts between values, with None for each value."""
    pieces, holes = [""], list[int | None]()
    for k, text in enumerate(texts):
        if k:
            holes.append(None)
            pieces.append("")
        at = 0
        for found in NUMBER.finditer(text):
            if found[1]:
                pieces[-1] += text[at : found.start()]
                holes.append(int(found[1]))
                pieces.append("")
                at = found.end()
        pieces[-1] += text[at:]
    return tuple(pieces), tuple(holes)


def drop_second_names(program: Lines, lines: Sequence[Line]) -> tuple[Lines, list[Line]]:
    """The program and its lines, where ``dv = dc`` is left out and ``dc`` is read instead."""
    same: dict[str | int, str] = {}
    kept: list[Line] = []

    def renamed(line: Line) -> Line:
        if same.keys().isdisjoint(line.holes):
            return line
        return line._replace(holes=tuple([same.get(hole, hole) for hole in line.holes]))

    for line in map(renamed, lines):
        if line.pieces == STEPS:  # the steps of x are its rows
            pieces = ("np.moveaxis(", ", ", ", 0)") if line.holes[1] else ("", "")
            line = line._replace(pieces=pieces, holes=line.holes[: len(pieces) - 1])
        for k in _products(line.pieces):
            kind = program.outputs.get(plain(str(line.holes[k])))
            if kind is not None and len(kind[0]) == 2:  # a matrix
                before, after = (*line.pieces[:k], line.pieces[k].removesuffix("_product(")), line.pieces[k + 2 :]
                line = line._replace(pieces=(*before, ".dot(", *after))
        if line.pieces == STEP and line.holes[1] == 0:
            line = line._replace(pieces=ELEMENT, holes=(line.holes[0], line.holes[3]))
        if line.pieces == ("", "") and isinstance(line.holes[0], str):
            same[line.target] = line.holes[0]
        else:
            kept.append(line)
    gradients = {leaf: same.get(name, name) for leaf, name in program.gradients.items()}
    return replace(program, loss=renamed(program.loss), gradients=gradients), kept


@lru_cache(maxsize=4096)
def _products(pieces: tuple[str, ...]) -> list[int]:
    """The holes x of ``_product(x, ``."""
    return [k for k, (piece, after) in enumerate(pairwise(pieces)) if piece.endswith("_product(") and after == ", "]


def _version(name: str, count: dict[str, int]) -> str:
    count[name] = count.get(name, 0) + 1
    return name if count[name] == 1 else f"{name}{MARK}{count[name]}"
