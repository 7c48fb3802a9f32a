"""What a run costs, counted: the same on every machine, busy or not."""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

CALLING = {dis.opmap[name] for name in ("CALL", "CALL_KW", "CALL_FUNCTION_EX", "BINARY_OP") if name in dis.opmap}


def python_calls(run: Callable[[], object]) -> int:
    """How many functions are called, of Python and built in, but for operators and NumPy's ufuncs."""
    count = 0

    def watch(frame: FrameType, event: str, arg: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    outer = sys.getprofile()
    sys.setprofile(watch)
    try:
        run()
    finally:
        sys.setprofile(outer)
    return count


def array_calls(run: Callable[[], object], inside: Callable[[CodeType], bool]) -> int:
    """How many calls and arithmetic operations the code that ``inside`` picks executes: in a kernel all are NumPy's.

    An index is counted apart from them, as it takes a tenth of the time: not at all.
    """
    count = 0

    def watch(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal count
        if event == "call":
            if not inside(frame.f_code):
                return None
            frame.f_trace_opcodes = True
        elif event == "opcode":
            count += frame.f_code.co_code[frame.f_lasti] in CALLING
        return watch

    outer = sys.gettrace()
    sys.settrace(watch)
    try:
        run()
    finally:
        sys.settrace(outer)
    return count
