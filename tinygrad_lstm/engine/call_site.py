"""The call site: where in the user's code the engine was called, for error messages and pictures.

It is kept as a code object (a function's compiled code) and an offset in it, never as a frame (a running call), which
would keep its locals alive. File, line and columns are looked up only when they are shown: see ``source_line``.
"""

from __future__ import annotations

from collections.abc import Callable
from os.path import dirname, join
from sys import _getframe
from types import CodeType, FrameType
from typing import Any, TypeAlias

CallSite: TypeAlias = tuple[CodeType, int]  # code object and instruction offset
PACKAGE = dirname(dirname(_getframe().f_code.co_filename))
# Never a call site: their code runs between the user's call and the new node (tags and anomaly call the engine)
ENGINE = tuple(join(PACKAGE, *parts) for parts in (
    ("engine", ""), ("func", ""), ("errors.py",), ("tags.py",), ("explain", "anomaly.py"))
)  # fmt: skip


class Cache(dict[Any, Any]):
    """What a function of one argument returned: ``cache[x]`` is function(x), in half the time of a call."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def __missing__(self, x: Any) -> Any:
        if len(self) > 4096:  # a bound; most programs have few
            self.clear()
        result = self[x] = self.function(x)
        return result


in_engine = Cache(lambda file: file.startswith(ENGINE))  # whether a file of code is the engine's: every op asks


def first_outside(frame: FrameType) -> FrameType:
    """The first frame that is not the engine's, from this one outward."""
    while in_engine[frame.f_code.co_filename] and frame.f_back is not None:
        frame = frame.f_back
    return frame
