"""Sums of float16 are computed in float32: it is a format to store numbers in, not one to add them up in.

It has eleven bits, so 2048 + 1 is 2048, and it ends at 65504, so 300² is infinite. NumPy (in places) and PyTorch
accumulate in float32 and round once, at the end. Here an op that says ``wide=True`` does so, forward and backward; what
adds float16 numbers elsewhere calls ``wide`` first. Any other dtype is left as it is.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np

HALF = np.dtype(np.float16)
P = ParamSpec("P")
R = TypeVar("R")


def wide(x: Any) -> Any:
    """x (an array, a Tensor, or what is neither) in float32 if it is float16, else x itself; so each part of a list."""
    if type(x) in (list, tuple):
        return type(x)(map(wide, x))
    return x.astype(np.float32) if getattr(x, "dtype", None) == HALF else x


def in_float32(function: Callable[P, R]) -> Callable[P, R]:
    """The function, computed in float32 where its first argument is float16, and its result rounded back.

    The first argument may also be a list or tuple of arrays, all of float16.

    >>> ones = np.ones(4000, np.float16)
    >>> int(np.cumsum(ones)[-1]), int(in_float32(np.cumsum)(ones)[-1])
    (2048, 4000)
    """

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        first: Any = args[0] if args else None
        if type(first) is np.ndarray and first.dtype != HALF:  # nearly every call
            return function(*args, **kwargs)
        parts = first if type(first) in (list, tuple) else (first,)
        if not parts or any(getattr(part, "dtype", None) != HALF for part in parts):
            return function(*args, **kwargs)
        widened: Any = (wide(first), *args[1:])
        y: Any = function(*widened, **kwargs)
        return y.astype(HALF)  # type: ignore[no-any-return]  # an R, as y is

    return run


def rule_in_float32(rule: Callable[..., Any]) -> Callable[..., Any]:
    """The rule, with g and all that it asked to keep in float32 where g is float16; the backward loop rounds back."""

    @functools.wraps(rule)
    def run(g: Any, *kept: Any) -> Any:
        return rule(*map(wide, (g, *kept))) if g.dtype == HALF else rule(g, *kept)

    return run
