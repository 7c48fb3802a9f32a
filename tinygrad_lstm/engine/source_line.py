"""Source lines: file, line and columns of a call site, and how errors name the node that was made there."""

from __future__ import annotations

import functools
import itertools
from types import CodeType
from typing import NamedTuple

from tinygrad_lstm.engine.call_site import CallSite
from tinygrad_lstm.engine.node import Node


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


def describe(node: Node) -> str:
    """How errors name it: ``h (multiply) of shape (4, 8), made at train.py:41 in lstm/t=35``."""
    what = node.op.name if node.op else "leaf" if node.requires_grad else "constant"
    name = f"{node.label} ({what})" if node.label else what
    shapes = " and ".join(map(str, node.shapes)) if len(node.shapes) < 4 else f"{len(node.shapes)} x {node.shapes[0]}"
    return f"{name} of shape {shapes}, made at {source_line(node.call_site)}" + (
        f" in {node.scope}" if node.scope else ""
    )


Node.describe = describe
