"""First weights. Each returns an array in the default dtype, drawn from the generator that ``manual_seed`` starts."""

from __future__ import annotations

import numpy as np

from tinygrad_lstm.engine.arrays import get_default_dtype
from tinygrad_lstm.engine.creation import generator
from tinygrad_lstm.errors import public


@public()
def uniform(shape: tuple[int, ...], bound: float) -> np.ndarray:
    """Uniform in (-bound, bound)."""
    return generator().uniform(-bound, bound, shape).astype(get_default_dtype())


@public()
def normal(shape: tuple[int, ...], scale: float = 1.0) -> np.ndarray:
    """Normal, with mean 0 and this standard deviation."""
    return (scale * generator().standard_normal(shape)).astype(get_default_dtype())


@public()
def glorot(rows: int, columns: int) -> np.ndarray:
    """Uniform with variance 2 / (rows + columns), which keeps values and gradients in scale (Glorot 2010, eq. 16)."""
    return uniform((rows, columns), float(np.sqrt(6 / max(1, rows + columns))))


@public()
def orthogonal(n: int) -> np.ndarray:
    """A random rotation (n, n): a vector multiplied by it again and again keeps its length (Saxe 2013)."""
    q, r = np.linalg.qr(generator().standard_normal((n, n)))
    return (q * np.sign(np.diag(r))).astype(get_default_dtype())
