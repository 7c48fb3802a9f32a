"""Bare arrays that ops only borrow: after each op the caller overwrites them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinygrad_lstm import Tensor
from tinygrad_lstm.engine.call_site import in_engine
from tinygrad_lstm.engine.ops.primitive import Primitive

in_engine[__file__] = True  # these frames are not the user's code


@contextmanager
def ops_that_borrow() -> Iterator[None]:
    """Every op inside gets copies of the bare arrays, and they are overwritten as soon as it returns."""
    engine = Primitive.interpreter, Primitive.of_one, Primitive.of_two
    every = lent(engine[0])
    Primitive.interpreter = every
    Primitive.of_one = lambda op, x: every(op, (x,), {})
    Primitive.of_two = lambda op, a, b: every(op, (a, b), {})
    try:
        yield
    finally:
        Primitive.interpreter, Primitive.of_one, Primitive.of_two = engine


def lent(run: Callable[..., Any]) -> Callable[..., Any]:
    """An interpreter of ops that hands on copies of the caller's arrays and lists, and overwrites these afterwards."""

    def interpreter(op: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        copies: list[Any] = []
        args = tuple(copied(part, copies) for part in args)
        kwargs = {name: copied(part, copies) for name, part in kwargs.items()}
        try:
            return run(op, args, kwargs)
        finally:
            for one in copies:
                overwrite(one)

    return interpreter


def copied(value: Any, copies: list[Any]) -> Any:
    """The value, with arrays and lists in it as copies, which are added to ``copies``."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, np.ndarray):
        copies.append(np.array(value, subok=True))
        return copies[-1]
    if type(value) is tuple:
        return tuple(copied(part, copies) for part in value)
    if type(value) is list:
        copies.append([copied(part, copies) for part in value])
        return copies[-1]
    return value


def overwrite(value: Any) -> None:
    """Other numbers in an array, other elements in a list: of the same kind, so that nothing fails by itself."""
    if isinstance(value, list):
        value[:] = value[::-1] + [0]
    elif value.dtype.kind == "b":
        np.logical_not(value, out=value)
    elif value.dtype.kind in "iu":
        value[...] = 0
    else:
        value[...] = 7
