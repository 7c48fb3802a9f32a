"""What the options of optimisers and schedulers may be: one table, since a name means the same in all of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from tinygrad_lstm.errors import ArgumentError

Domain: TypeAlias = tuple[str, Callable[[Any], bool]]  # in words, and as a test


def _from_zero(x: Any) -> bool:
    return 0 <= x < math.inf and math.isfinite(x)  # OverflowError for an int that no float can hold


def _all_from_zero(x: Any) -> bool:
    return isinstance(x, list) and all(map(_from_zero, x))


def _rising(x: Any) -> bool:
    return all(isinstance(t, int) and t >= 0 for t in x) and list(x) == sorted(x)


FLAG: Domain = "is True or False", lambda x: isinstance(x, bool)
FROM_ZERO: Domain = "is a number from 0", _from_zero
RATES: Domain = "are numbers from 0, one for each group", _all_from_zero
SHARE: Domain = "is the share that is kept, from 0 to 1, without 1", lambda x: 0 <= x < 1
STEPS: Domain = "is a number of steps, at least 1", lambda x: isinstance(x, int) and x >= 1
DIVISOR: Domain = "is a finite number above 0", lambda x: x > 0 and math.isfinite(x)
MOMENTUMS: Domain = (
    "are shares from 0 to 1, without 1, one for each group",
    lambda x: isinstance(x, list) and all(0 <= share < 1 for share in x),
)
COUNT: Domain = "is a number of steps, from 0", lambda x: isinstance(x, int) and x >= 0

DOMAINS: dict[str, Domain] = {
    "lr": ("is the learning rate, a number from 0", _from_zero),
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
    # Of schedulers
    "gamma": FROM_ZERO,
    "eta_min": FROM_ZERO,
    "step_size": STEPS,
    "T_max": STEPS,
    "T_0": STEPS,
    "T_mult": ("is how many times as long each run is, a whole number from 1", lambda x: isinstance(x, int) and x >= 1),
    "total_iters": STEPS,
    "start_factor": ("is a number from 0 to 1, above 0", lambda x: 0 < x <= 1),
    "end_factor": ("is a number from 0 to 1", lambda x: 0 <= x <= 1),
    "milestones": ("are numbers of steps, rising", _rising),
    "base_lrs": RATES,
    "mode": ("is min or max", lambda x: x in ("min", "max")),
    "threshold_mode": ("is rel or abs", lambda x: x in ("rel", "abs")),
    "threshold": FROM_ZERO,
    "factor": ("is what is left of the learning rate, 0 <= factor < 1", lambda x: 0 <= x < 1),
    "patience": COUNT,
    "cooldown": COUNT,
    "min_lrs": RATES,
    "last_lr": RATES,
    "best": ("is a number", lambda x: not math.isnan(x)),
    "total_steps": STEPS,
    "epochs": STEPS,
    "steps_per_epoch": STEPS,
    "max_lrs": RATES,
    "pct_start": ("is the share of the steps that go up, from 0 to 1", lambda x: 0 <= x <= 1),
    "anneal_strategy": ("is cos or linear", lambda x: x in ("cos", "linear")),
    "cycle_momentum": FLAG,
    "base_momentums": MOMENTUMS,
    "max_momentums": MOMENTUMS,
    "div_factor": DIVISOR,
    "final_div_factor": DIVISOR,
    "three_phase": FLAG,
    "last_epoch": COUNT,
    "num_bad_epochs": COUNT,
    "cooldown_counter": COUNT,
}


def check_option(name: str, value: Any) -> Any:
    """An option's value, if it is in its domain; ArgumentError says what it may be.

    A number of NumPy's becomes a Python one, which never widens a float32. A truth value is no number.
    """
    plain = _plain(value)
    if name in DOMAINS:
        domain = DOMAINS[name]
        parts = plain if isinstance(plain, tuple | list) else (plain,)
        right_kind = all(isinstance(x, bool) == (domain is FLAG) and isinstance(x, int | float | str) for x in parts)
        try:
            fits = right_kind and domain[1](plain)
        except (TypeError, OverflowError):  # a tuple or a string where a number should be, or the other way round
            fits = False
        if not fits:
            raise ArgumentError(f"{name} {domain[0]}, not {value!r}")
    return plain


def _plain(value: Any) -> Any:
    """NumPy's number as Python's, alone or in a tuple or list."""
    if isinstance(value, tuple | list):
        parts = map(_plain, value)
        return list(parts) if isinstance(value, list) else tuple(parts)
    return value.item() if isinstance(value, np.generic | np.ndarray) and value.ndim == 0 else value
