"""The dtype of numbers and lists: that of the arrays beside them, so that they neither widen nor round anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

WEAK = {"c": 1j, "f": 1.0, "i": 1, "u": 1, "b": True}  # a Python number of each kind


def dtype_beside(dtypes: Sequence[np.dtype], literal: np.ndarray) -> np.dtype:
    """What a number or a list becomes beside arrays of these dtypes: as NumPy 2 has it for a number alone.

    >>> dtype_beside([np.dtype("f8"), np.dtype("f4")], np.array([1, 2]))
    dtype('float64')
    """
    if literal.dtype.kind not in WEAK:
        raise TypeError(f"numbers are expected, not {literal.dtype}")
    return np.result_type(*dtypes, WEAK[literal.dtype.kind])


def alike(*values: Any) -> list[Any]:
    """The values, with numbers and lists among them as arrays of the dtype that the arrays have, if there are any."""
    dtypes = [value.dtype for value in values if hasattr(value, "dtype") and not isinstance(value, np.generic)]
    if not dtypes:
        return list(values)
    return [value if hasattr(value, "ndim") and not isinstance(value, np.generic) else _array(dtypes, value)
            for value in values]  # fmt: skip


def _array(dtypes: Sequence[np.dtype], value: Any) -> np.ndarray:
    literal = np.array(value.item() if isinstance(value, np.generic) else value)
    return literal.astype(dtype_beside(dtypes, literal))
