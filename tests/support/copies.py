"""The ways in which a value is copied: by copy, and through pickle in each of its forms."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest


def pickled(value: Any, protocol: int = pickle.HIGHEST_PROTOCOL) -> Any:
    return pickle.loads(pickle.dumps(value, protocol))


def slowly_pickled(value: Any) -> Any:
    """By the pickler that is written in Python."""
    file = io.BytesIO()
    pickle._Pickler(file).dump(value)
    return pickle._loads(file.getvalue())  # type: ignore[attr-defined]  # there it is


WAYS: dict[str, Callable[[Any], Any]] = {
    "deepcopy": copy.deepcopy,
    "pickle": pickled,
    "pickle 0": partial(pickled, protocol=0),
    "pickle 2": partial(pickled, protocol=2),
    "in Python": slowly_pickled,
}


every_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
