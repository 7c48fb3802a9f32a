"""Ops of one's own, annotated as what they are, functions of arrays: called with tensors, arrays and numbers."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

import tinygrad_lstm as tg

Floats: TypeAlias = NDArray[np.float64]


@tg.primitive
def cube(x: np.ndarray) -> np.ndarray:
    """The third power."""
    return x**3


cube.defvjp(x=lambda g, x: 3 * g * x**2)


@tg.primitive
def power(x: Floats, exponent: int = 2, scale: float = 1.0) -> Floats:
    """The power, scaled."""
    return scale * x**exponent


power.defvjp(x=lambda g, x, exponent, scale: scale * exponent * g * x ** (exponent - 1))


@tg.primitive(saves=True)
def bilinear(x: Floats, W: Floats, scale: float = 1.0) -> tuple[Floats, Floats]:
    """Scale x W, and what backward needs of it."""
    return scale * (x @ W), x


bilinear.defvjp_all(lambda g, saved, W, scale: (scale * g @ W.T, scale * saved.T @ g))


@tg.primitive
def fused(x: Floats, W: Floats, b: Floats) -> Floats:
    """One affine map."""
    return x @ W + b


fused.defvjp(x=lambda g, W: g @ W.T, W=lambda g, x: x.T @ g, b=lambda g: g)


@tg.primitive
def joined(parts: Sequence[np.ndarray], axis: int = 0) -> np.ndarray:
    """All parts, one after the other, of one length each."""
    return np.concatenate(parts, axis=axis)


joined.defvjp_args(lambda k, g, parts_shape: g[k * parts_shape[0][0] : (k + 1) * parts_shape[0][0]])


@tg.primitive_multi
def halves(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first and the second half."""
    middle = len(x) // 2
    return x[:middle], x[middle:]


halves.defvjp(x=lambda gs: np.concatenate(gs))

x = tg.tensor(np.ones((2, 2)), requires_grad=True)
y: tg.Tensor = cube(x) + cube(np.ones((2, 2))) + cube(2.0) + cube(np.float64(2)) + cube([[1.0, 2.0]])
y = y + power(x) + power(x, 3) + power(x, exponent=3, scale=2.0)
y = y + bilinear(x, x) + bilinear(np.ones((2, 2)), x, scale=2.0) + fused(x, np.eye(2), 0.0)
first, second = halves(joined([y, x], axis=0))
(first.sum() + second.sum()).backward()
assert x.grad is not None
assert tg.gradcheck(cube, tg.tensor(np.ones(3), requires_grad=True))
print(x.grad.shape, cube.__doc__)
