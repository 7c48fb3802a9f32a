"""Translating a call of a NumPy function on tensors into a call of the op that stands for it.

Some arguments of NumPy's have no derivative here: ``out``, ``dtype``, ``where``, ``order``. One that has its default
value, or no effect on the result, is left out; any other is an error that says what to do instead. And some arguments
have other names: a_min and a_max of clip.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeAlias

from tinygrad_lstm.errors import UnsupportedError

Order: TypeAlias = tuple[tuple[inspect.Parameter, ...], tuple[str, ...], int]
RENAMED = {"a_min": "min", "a_max": "max", "correction": "ddof"}
INSTEAD = {
    "dtype": "say x.astype(dtype) first", "out": "use the result", "where": "choose with tg.where first",
    "initial": "use tg.maximum, tg.minimum or + with the result", "order": "elements are taken row by row",
    "mean": "it is computed anyway", "mode": "bring the indices into range first",
}  # fmt: skip
WITHOUT_EFFECT = {"kind", "stable", "copy", "casting", "subok"}  # on the values, whatever they are


def as_ours(
    function: Callable[..., Any], ours: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call of NumPy's function as ours takes them; UnsupportedError for one that it does not take.

    >>> import numpy as np, tinygrad_lstm as tg
    >>> as_ours(np.clip, tg.clip, ([3.0],), {"a_min": 0, "a_max": 1, "out": None})
    (([3.0],), {'min': 0, 'max': 1})
    """
    theirs, own_names, alike = _order(function, ours)
    if not kwargs and len(args) <= alike:
        return args, kwargs
    known = {parameter.name: parameter for parameter in theirs}
    beyond = zip([parameter.name for parameter in theirs[alike:]], args[alike:], strict=False)
    given: dict[str, Any] = {}
    for name, value in (*beyond, *kwargs.items()):
        own = own_names[0] if theirs[0].name == name else RENAMED.get(name, name)
        if own not in own_names:
            if name not in WITHOUT_EFFECT and (name not in known or not _as_it_is(value, known[name].default)):
                instead = INSTEAD.get(name, "leave it out")
                raise UnsupportedError(f"np.{function.__name__} of a tensor has no derivative with {name}=: {instead}")
        elif name not in known or value is not known[name].default or value is None:
            given[own] = value
    return args[:alike], given


def _as_it_is(value: Any, default: Any) -> bool:
    return value is default or (isinstance(value, str | bool) and value == default)


@functools.cache
def _order(function: Callable[..., Any], ours: Callable[..., Any]) -> Order:
    """NumPy's arguments, the names of ours, and how many of them mean the same by their position."""
    theirs = tuple(inspect.signature(function).parameters.values())
    names = tuple(inspect.signature(ours).parameters)
    alike = 0
    for position, (their, own) in enumerate(zip(theirs, names, strict=False)):
        if their.kind is their.VAR_POSITIONAL:
            return theirs, names, 1 << 30
        if position and their.kind is not their.POSITIONAL_ONLY and RENAMED.get(their.name, their.name) != own:
            break
        alike += their.kind is not their.KEYWORD_ONLY
    return theirs, names, alike
