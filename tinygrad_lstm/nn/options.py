"""What the arguments of modules and their helpers may be: one table, since a name means the same in all of them."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any, ParamSpec, TypeAlias, TypeVar

import numpy as np

from tinygrad_lstm.engine.arrays import numpy_array
from tinygrad_lstm.engine.handle import bare_array
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import ArgumentError, DtypeError, TinygradError, check_call

P = ParamSpec("P")
R = TypeVar("R")
Domain: TypeAlias = tuple[str, Callable[[Any], bool]]  # in words, and as a test


def is_number(value: object) -> bool:
    """Whether it is one real number; True and False are none."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def is_whole(value: object) -> bool:
    """Whether it is an integer, Python's or NumPy's."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _is_array_of_numbers(value: object) -> bool:
    try:
        return array_of(value).dtype.kind in "biuf"
    except TinygradError:
        return False


SIZES = frozenset({
    "input_size", "hidden_size", "num_layers", "in_features", "out_features", "num_embeddings", "embedding_dim",
    "features", "gates", "embed_dim", "num_heads",
})  # fmt: skip
FLAG: Domain = "is True or False", lambda x: isinstance(x, bool | np.bool_)
DROPPED: Domain = "is the probability of dropping an element, 0 <= p < 1", lambda x: is_number(x) and 0 <= x < 1
FINITE: Domain = "is a finite number", lambda x: is_number(x) and math.isfinite(x)
ASLEEP: Domain = "is the probability of staying as it was, 0 <= p <= 1", lambda x: is_number(x) and 0 <= x <= 1

NUMBERS: Domain = "is an array of numbers, or None", lambda x: x is None or _is_array_of_numbers(x)
AXIS: Domain = "is the number of an axis", is_whole
ABOVE_ZERO: Domain = "is a number above 0", lambda x: is_number(x) and x > 0

DOMAINS: dict[str, Domain] = {
    "bias": FLAG,
    "batch_first": FLAG,
    "reverse": FLAG,
    "fused": FLAG,
    "norm_first": FLAG,
    "p": DROPPED,
    "eps": ("is a number from 0", lambda x: is_number(x) and 0 <= x < math.inf),
    "forget_bias": ("is a finite number, or None", lambda x: x is None or FINITE[1](x)),
    "clip": ("is a bound above 0", lambda x: is_number(x) and x > 0),
    "padding_idx": ("is the number of a row, a whole number, or None", lambda x: x is None or is_whole(x)),
    "proj_size": ("is a whole number", is_whole),
    "hidden": ("is a width, at least 1, or None", lambda x: x is None or (is_whole(x) and x >= 1)),
    "axis": AXIS,
    "start_axis": AXIS,
    "end_axis": AXIS,
    "weight": NUMBERS,
    "pos_weight": NUMBERS,
    "ignore_index": ("is a whole number", is_whole),
    "label_smoothing": ("is a share of the target, 0 to 1", lambda x: is_number(x) and 0 <= x <= 1),
    "log_target": FLAG,
    "delta": ABOVE_ZERO,
    "beta": ABOVE_ZERO,
    "layer": ("is a module, made already, or a function", lambda x: callable(x) and not isinstance(x, type)),
    "loss_of": ("is a function of the output and of the steps that are new", callable),
    "max_norm": ("is the largest norm allowed, at least 0", lambda x: is_number(x) and x >= 0),
    "norm_type": ("is the p of a p-norm, a number above 0, or inf", lambda x: is_number(x) and x > 0),
    "error_if_nonfinite": FLAG,
    "padding_value": ("is a number", is_number),
    "clip_value": ("is the largest size allowed, at least 0", lambda x: is_number(x) and x >= 0),
    "eta": FINITE,
    "gamma": FINITE,
    "step": FINITE,
}


def whole(*sizes: object) -> None:
    """ArgumentError unless all sizes are whole numbers of at least 1."""
    if not all(is_whole(size) and size >= 1 for size in sizes):  # type: ignore[operator]  # whole numbers compare
        raise ArgumentError(f"sizes are whole numbers, at least 1, not {', '.join(map(repr, sizes))}")


def check(name: str, value: object, domain: Domain) -> None:
    """ArgumentError unless the argument of this name is in its domain."""
    words, holds = domain
    if not holds(value):
        raise ArgumentError(f"{name} {words}, not {value!r}")


def array_of(value: Any) -> np.ndarray:
    """A tensor's array, an array as it is, or what NumPy makes of numbers in lists; ShapeError for ragged ones."""
    array: np.ndarray = value.data if isinstance(value, Tensor) else value
    return np.asarray(bare_array(array) if isinstance(array, np.ndarray) else numpy_array(array, None))


def real_dtype(dtype: Any) -> np.dtype:
    """The floating dtype of this name; DtypeError for anything else."""
    try:
        found: np.dtype = np.dtype(np.bool_ if dtype is None else dtype)  # of None NumPy would make float64
    except TypeError:
        raise DtypeError(f"parameters are of a floating dtype, not {dtype!r}") from None
    if found.kind != "f":
        raise DtypeError(f"parameters are of a floating dtype, not {dtype if dtype is None else found}")
    return found


def check_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """A function, mostly an ``__init__``, that first checks its arguments by their names: so nothing is half made.

    >>> @check_arguments
    ... def drop(p):
    ...     print(f"drops {p:.0%}")
    >>> drop(0.5)
    drops 50%
    >>> drop(1.5)
    Traceback (most recent call last):
    tinygrad_lstm.errors.ArgumentError: p is the probability of dropping an element, 0 <= p < 1, not 1.5
    """
    signature, fitting = inspect.signature(function), check_call(function)
    single = {name for name, p in signature.parameters.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    own = [name for name in signature.parameters if name != "self"]
    domains = {name: domain for name, domain in DOMAINS.items() if name in single}

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            call = signature.bind(*args, **kwargs)
        except TypeError:
            if not_here := [name for name in kwargs if name not in single and name in DOMAINS]:
                owner = function.__qualname__.removesuffix(".__init__")
                raise ArgumentError(f"{owner} has no {', '.join(not_here)}: it takes {', '.join(own)}") from None
            return fitting(*args, **kwargs)  # which says what is wrong with the call
        call.apply_defaults()
        given = call.arguments
        whole(*[value for name, value in given.items() if name in SIZES])
        for name, domain in domains.items():
            check(name, given[name], domain)
        return function(*args, **kwargs)

    return run
