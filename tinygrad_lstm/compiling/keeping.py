"""Where a step of a loop keeps its values for what comes after the loop, so that nothing is copied.

* A value that is read later has an array over time, ``h_at``, and the call that makes it writes there.
* A state also keeps what the first step starts from, in one more place: ``[h, h_1, ..., h_T]``.
* A part of a value that is kept is a view: ``f_at = z_at[..., 0:2]``.
* The parts of a concatenation are written where they belong in it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np

from tinygrad_lstm.compiling.lines import SLICE, Line, plain
from tinygrad_lstm.compiling.recording import Kind, Outputs
from tinygrad_lstm.compiling.rolling import Before, Here, Loop

CALLS = {ast.Add: "np.add", ast.Sub: "np.subtract", ast.Mult: "np.multiply", ast.Div: "np.divide"}
INTO = {  # functions of several calls, and what writes their result into y
    "sigmoid": (
        """def sigmoid(x):
    y = np.asarray(np.minimum(x, _TOP.get(x.dtype, 40.0)))
    np.exp(y, out=y)
    y /= y + _ONE[y.dtype]
    return y""",
        """def sigmoid_into(x, y):
    np.minimum(x, _TOP[y.dtype], out=y)
    np.exp(y, y)
    return np.divide(y, y + _ONE[y.dtype], y)""",
    )
}
CONCATENATE = re.compile(r"np\.concatenate\(\[(, )*\], -?\)")


@dataclass
class Kept:
    """Where values go, by the line that makes them."""

    arrays: dict[int, Kind]  # those with an array over time: shape and dtype of one step
    starts: dict[int, str]  # of these, states: the value that the first step starts from
    views: dict[int, tuple[int, int, int]]  # a part of another line's value: which, from where, up to where
    parts: dict[int, tuple[int, int, int]]  # a part of a concatenation, in the same way


def keep(loop: Loop, later: set[int], names: list[str], outputs: Outputs) -> Kept:
    """Where each of the values of a loop that are read ``later``, at all steps, is kept."""
    kinds = [_kind(made, outputs) for made in loop.made]
    views = {q: view for q in later if (view := _viewed(loop, q)) is not None and kinds[view[0]] is not None}
    kept = {*(later - views.keys()), *(line for line, *_ in views.values())}
    arrays = {q: kind for q in sorted(kept) if (kind := kinds[q]) is not None}
    starts = {}
    for read in (read for reads in loop.reads for read in reads):
        if isinstance(read, Before) and read.line in arrays and outputs.get(plain(read.first)) == arrays[read.line]:
            starts[read.line] = read.first
    parts: dict[int, tuple[int, int, int]] = {}
    uses = loop.uses()
    for q in sorted(arrays):
        lines = _concatenated(loop, q)
        widths = [kind[0][-1] for line in lines if (kind := kinds[line]) is not None]
        alone = all(uses[line] == 1 and line not in later for line in lines) and names.count(names[q]) == 1
        if lines and alone and len(widths) == len(lines) and sum(widths) == arrays[q][0][-1]:
            bounds = pairwise([0, *accumulate(widths)])
            parts |= {line: (q, *pair) for line, pair in zip(lines, bounds, strict=True)}
    return Kept(arrays, starts, views, parts)


def _kind(made: list[str], outputs: Outputs) -> Kind | None:
    """Shape and dtype of what a line makes, if they are known, and the same at all steps."""
    kinds = {outputs.get(plain(value)) for value in made}
    return kinds.pop() if len(kinds) == 1 else None


def _viewed(loop: Loop, q: int) -> tuple[int, int, int] | None:
    """The line of whose value this line takes a part, and which."""
    match loop.reads[q]:
        case [Here(line), int(start), int(stop)] if loop.body[q].pieces == SLICE:
            return line, start, stop
    return None


def _concatenated(loop: Loop, q: int) -> list[int]:
    """The lines whose values this line concatenates along the last axis."""
    if not CONCATENATE.fullmatch(form := "".join(loop.body[q].pieces)):
        return []
    *parts, axis = loop.reads[q]
    lines = [read.line for read in parts if isinstance(read, Here)]
    last = axis == 1 if form.endswith("-)") else isinstance(axis, int) and axis > 0
    return lines if last and len(lines) == len(parts) == len(set(lines)) else []


def written_into(line: Line, values: list[str], place: str, into: Container[str] = ()) -> str | None:
    """The text of a call that writes its result into this place; None for what is no one call.

    ``into`` are the functions of ``INTO`` that the program has.

    >>> written_into(Line("", ("", " * ", ""), ("o", "s")), ["o_t", "s_t"], "h_at[t]")
    'np.multiply(o_t, s_t, h_at[t])'
    """
    return _into(ast.parse(line.fill(values), mode="eval").body, place, into)


def _into(tree: ast.expr, place: str, into: Container[str]) -> str | None:
    if isinstance(tree, ast.BinOp) and type(tree.op) in CALLS:
        return f"{CALLS[type(tree.op)]}({ast.unparse(tree.left)}, {ast.unparse(tree.right)}, {place})"
    if isinstance(tree, ast.Call) and not tree.keywords:
        name = ast.unparse(tree.func)
        function = getattr(np, name.removeprefix("np."), None) if name.startswith("np.") else None
        if isinstance(function, np.ufunc) and function.nin == len(tree.args):
            out = "out=" * (function in (np.maximum, np.minimum))  # NumPy wants the word for these
            return f"{ast.unparse(tree)[:-1]}, {out}{place})"
        if name in into:
            return f"{name}_into({ast.unparse(tree.args[0])}, {place})"
    return None


def steps_into(text: str, name: str, into: Container[str] = ()) -> Iterator[str]:
    """Statements that compute an expression within one array: each writes there, the next one reads it.

    >>> list(steps_into("o * (1 - s * s)", "y"))
    ['np.multiply(s, s, y)', 'np.subtract(1, y, y)', 'np.multiply(o, y, y)']
    """
    tree = ast.parse(text, mode="eval").body
    if isinstance(tree, ast.BinOp):
        for side in ("right", "left"):
            if isinstance(part := getattr(tree, side), ast.BinOp) and type(part.op) in CALLS:
                yield from steps_into(ast.unparse(part), name, into)
                setattr(tree, side, ast.Name(name))
                break
    yield _into(tree, name, into) or f"{name}[...] = {ast.unparse(tree)}"
