"""What the options of optimisers may be: one table, since a name means the same in all of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from tinygrad_lstm.errors import ArgumentError

Domain: TypeAlias = tuple[str, Callable[[Any], bool]]  # in words, and as a test

FLAG: Domain = "is True or False", lambda x: isinstance(x, bool)
FROM_ZERO: Domain = "is a number from 0", lambda x: 0 <= x < math.inf
SHARE: Domain = "is the share that is kept, from 0 to 1, without 1", lambda x: 0 <= x < 1

DOMAINS: dict[str, Domain] = {
    "lr": ("is the learning rate, a number from 0", FROM_ZERO[1]),
    "initial_lr": FROM_ZERO,
    "lr_decay": FROM_ZERO,
    "momentum": SHARE,
    "dampening": ("is a finite number", math.isfinite),
    "nesterov": FLAG,
    "alpha": SHARE,
    "centered": FLAG,
    "betas": ("are two numbers from 0 to 1, without 1", lambda x: len(x) == 2 and all(0 <= beta < 1 for beta in x)),
    "amsgrad": FLAG,
    "eps": FROM_ZERO,
    "initial_accumulator_value": FROM_ZERO,
    "weight_decay": FROM_ZERO,
    "maximize": FLAG,
}


def checked(name: str, value: Any) -> Any:
    """An option's value, if it is in its domain; ArgumentError says what it may be.

    A number of NumPy's becomes a Python one, which never widens a float32.
    """
    if isinstance(value, np.generic | np.ndarray) and value.ndim == 0:
        value = value.item()
    if name in DOMAINS:
        words, holds = DOMAINS[name]
        try:
            fits = isinstance(value, int | float | tuple | list) and holds(value)
        except TypeError:  # a tuple where a number should be, or the other way round
            fits = False
        if not fits:
            raise ArgumentError(f"{name} {words}, not {value!r}")
    return value
