"""The call site: the line of the user's code that called the engine, for error messages and pictures.

It is kept as a code object and an offset, never as a frame, which would keep its locals alive. File, line and columns
are looked up only when they are shown.
"""

from __future__ import annotations

import functools
import itertools
from sys import _getframe
from types import CodeType, FrameType
from typing import NamedTuple, TypeAlias

CallSite: TypeAlias = tuple[CodeType, int]  # code object and instruction offset
# The code between the user and a node that is no call site: packages, and modules, by the beginning of their names
ENGINE = ("tinygrad_lstm.engine", "tinygrad_lstm.func", "tinygrad_lstm.errors", "tinygrad_lstm.explain.anomaly")


class _Inside(dict[str, bool]):
    """Whether a module of this name is the engine's. Every op asks, so the answers are kept."""

    def __missing__(self, module: str) -> bool:
        answer = self[module] = any(module == name or module.startswith(name + ".") for name in ENGINE)
        return answer


inside = _Inside()


def caller(depth: int) -> FrameType:
    """The frame that called the engine: the first one outside, looked for from ``depth`` frames above our caller."""
    frame = _getframe(depth + 1)  # every frame skipped here is one that need not be made an object
    try:
        while inside[frame.f_globals["__name__"]] and frame.f_back is not None:
            frame = frame.f_back
    except KeyError:  # code that exec() runs in a namespace without a name
        pass
    return frame


def call_site() -> CallSite:
    """Where the engine was called from."""
    frame = caller(2)
    return frame.f_code, frame.f_lasti


class SourceLine(NamedTuple):
    """A line in the user's code; columns are None where Python does not know them."""

    file: str
    line: int
    first_column: int | None
    last_column: int | None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def source_line(site: CallSite) -> SourceLine:
    """File, line and columns of a call site."""
    code, offset = site
    return _source_line(code, offset, code.co_filename)  # the same function in two files is equal code


@functools.lru_cache(maxsize=4096)  # a loop makes all its nodes at a few call sites
def _source_line(code: CodeType, offset: int, file: str) -> SourceLine:
    for line, _, first, last in itertools.islice(code.co_positions(), offset // 2, None):
        return SourceLine(file, line or code.co_firstlineno, first, last)
    return SourceLine(file, code.co_firstlineno, None, None)
