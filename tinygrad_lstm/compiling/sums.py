"""Sums of gradients begin at zero, so that the step that adds first has the same lines as the steps that add later.

The program says ``dU = A`` in the step that comes first and ``dU = dU + A`` in all others. Here the first says
``dU = dU_start + A`` too, where dU_start is 0.0.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from tinygrad_lstm.compiling.lines import MARK, Line, plain

ZERO = "0.0"
Kind = tuple[str, str, tuple[str, ...]]  # of what is added: the name without its step, the place, and the form


@lru_cache(maxsize=4096)
def base_name(name: str) -> str:
    """A name without its step and without the mark of a later value.

    >>> base_name("dh_19·2"), base_name("dh_19__2"), base_name("dh__2"), base_name("z_19_part3")
    ('dh', 'dh__2', 'dh__2', 'z_part3')
    """
    return re.sub(r"(?<!_)_\d+(__\d+)?(_part\d+)?$", r"\1\2", plain(name))


def added(line: Line) -> tuple[str, ...] | None:
    """The pieces of what a line adds to an earlier value of its own name; None for another line."""
    adds = len(line.holes) > 1 and line.pieces[0] == "" and line.pieces[1].startswith(" + ")
    if not (adds and isinstance(line.holes[0], str) and MARK in line.target):
        return None
    if plain(line.holes[0]) != plain(line.target):
        return None
    return line.pieces[1].removeprefix(" + "), *line.pieces[2:]


def begin_at_zero(lines: Sequence[Line]) -> list[Line]:
    """The lines, where each first summand whose kind is added elsewhere is added too."""
    sums = [added(line) for line in lines]
    kinds = {_kind(line, pieces) for line, pieces in zip(lines, sums, strict=True) if pieces is not None}
    summed = {kind[:2] for kind in kinds}
    starts: list[Line] = []
    begun: list[Line] = []
    for line in lines:
        fitting = []
        if len(line.pieces) > 1 and MARK not in line.target and (base_name(line.target), line.place) in summed:
            bracketed = (f"({line.pieces[0]}", *line.pieces[1:-1], f"{line.pieces[-1]})")
            fitting = [pieces for pieces in (line.pieces, bracketed) if _kind(line, pieces) in kinds]
        if fitting:
            start = f"{line.target}_start"
            starts.append(Line(start, (ZERO,), ()))
            first, *rest = fitting[0]
            line = line._replace(pieces=("", f" + {first}", *rest), holes=(start, *line.holes))
        begun.append(line)
    return starts + begun


def _kind(line: Line, pieces: tuple[str, ...]) -> Kind:
    return base_name(line.target), line.place, pieces
