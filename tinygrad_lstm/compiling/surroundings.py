"""What a function reads from outside: a program is made for it, so where it has changed, another is made.

These are the values that a function knows by name, in its closure and among the globals that it names, and those of the
plain functions that it calls: numbers and texts by value, tensors and arrays by identity, and of a module the mode of
each module in it, training or not, and which parameters it has; and the gates that ``paths.pinned`` holds. What is
deeper, such as a number in an attribute, is not seen.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from tinygrad_lstm.engine.naming import holding
from tinygrad_lstm.engine.tensor import Tensor

PLAIN = (bool, int, float, complex, str, bytes, type(None))


class Surroundings:
    """What a function reads from outside at a moment; two are equal if nothing has changed."""

    def __init__(self, f: Any) -> None:
        self.values = [holding.get(), *_values(f, set())]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Surroundings) or len(self.values) != len(other.values):
            return False
        pairs = zip(self.values, other.values, strict=True)
        return all(a is b or (isinstance(a, PLAIN) and type(a) is type(b) and a == b) for a, b in pairs)

    __hash__ = None  # type: ignore[assignment]  # it holds what has none


def _values(value: Any, seen: set[int]) -> Iterator[Any]:
    """The values that count, each object once."""
    if isinstance(value, PLAIN):
        yield value
        return
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, MethodType):
        yield from _values(value.__self__, seen)
        yield from _values(value.__func__, seen)
    elif isinstance(value, FunctionType):
        if (value.__module__ or "").partition(".")[0] in ("tinygrad_lstm", "numpy"):
            return
        for cell in value.__closure__ or ():
            yield from _values(_content(cell), seen)
        for name in value.__code__.co_names:
            if name in value.__globals__:
                yield from _values(value.__globals__[name], seen)
    elif isinstance(value, Tensor | np.ndarray):
        yield value
    elif hasattr(value, "_parts") and not inspect.isclass(value):
        modules = [value]
        for module in modules:  # which grows as we go
            yield module.training
            for _, part in module._parts():
                yield part
                if not isinstance(part, Tensor) and id(part) not in seen:
                    seen.add(id(part))
                    modules.append(part)
    elif isinstance(value, tuple | list):
        yield len(value)
        for part in value:
            yield from _values(part, seen)


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return None
