"""The rest of NumPy's functions of single elements (ufuncs), as a table of derivatives.

x, or a and b: any shapes that broadcast; y: the result. The forward of each is NumPy's own. The functions that a reader
meets first are in arithmetic and nonlinear.
"""

from __future__ import annotations

import math
from math import log, pi, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lstm.engine.ops.primitive import Array, Primitive, primitive
from tinygrad_lstm.engine.ops.reductions import off_zero
from tinygrad_lstm.engine.ops.rules import Rule

if TYPE_CHECKING:  # for types only
    from tinygrad_lstm.engine.call_types import Tensor


def derive(ufunc: Any, says: str, **rules: Rule) -> Primitive[..., Tensor]:
    """The primitive of a ufunc of x, or of a and b, with this docstring and these rules."""

    def of_one(x: Array) -> Array:
        return ufunc(x)

    def of_two(a: Array, b: Array) -> Array:
        return ufunc(a, b)

    forward = of_one if ufunc.nin == 1 else of_two
    forward.__name__ = forward.__qualname__ = ufunc.__name__
    forward.__doc__ = says
    op: Primitive[..., Tensor] = primitive(numpy=ufunc)(forward)
    op.defvjp(**rules)
    return op


# Powers, exponentials and logarithms ---------------------------------------------------------------------------------

positive = derive(np.positive, "+x.", x=lambda g: g)
square = derive(np.square, "x², with slope 2x.", x=lambda g, x: 2 * g * x)
reciprocal = derive(np.reciprocal, "y = 1/x, with slope -y².", x=lambda g, y: -g * y * y)
cbrt = derive(np.cbrt, "y = ∛x, also for x < 0: ∂y/∂x = 1/(3y²), infinite at 0.", x=lambda g, y: g / y / y / 3)
cbrt.defslope(x="1/(3y²)")
exp2 = derive(np.exp2, "y = 2ˣ, with slope y log 2.", x=lambda g, y: g * y * log(2))
expm1 = derive(  # of y + 1, which is the slope too, no digit is left where x is far below 0
    np.expm1, "y = eˣ - 1, exact for small x, with slope eˣ.", x=lambda g, x: g * np.exp(x)
)
log1p = derive(np.log1p, "log(1 + x), exact for small x, with slope 1/(1 + x).", x=lambda g, x: g / (1 + x))
log2 = derive(np.log2, "The logarithm to base 2, with slope 1/(x log 2).", x=lambda g, x: g / x / log(2))
log10 = derive(np.log10, "The logarithm to base 10, with slope 1/(x log 10).", x=lambda g, x: g / x / log(10))


def _less(a: Array, b: Array) -> Array:
    """a - b, and 0 where both are the same infinity, which have no difference."""
    tied = np.isinf(a) & (a == b)
    return np.where(tied, 0, a) - np.where(tied, 0, b)


logaddexp = derive(
    np.logaddexp, "y = log(eᵃ + eᵇ) without overflow: ∂y/∂a = σ(a - b) and ∂y/∂b = σ(b - a), and 0 where y is -inf.",
    a=lambda g, a, b, y: np.where(y == -np.inf, 0, g * np.exp(-np.logaddexp(0, _less(b, a)))),
    b=lambda g, a, b, y: np.where(y == -np.inf, 0, g * np.exp(-np.logaddexp(0, _less(a, b)))),
)  # fmt: skip
logaddexp.defslope(a="σ(a - b)", b="σ(b - a)")
logaddexp2 = derive(
    np.logaddexp2, "y = log₂(2ᵃ + 2ᵇ) without overflow: ∂y/∂a = 1/(1 + 2ᵇ⁻ᵃ), ∂y/∂b = 1/(1 + 2ᵃ⁻ᵇ), 0 where y is -inf.",
    a=lambda g, a, b, y: np.where(y == -np.inf, 0, g * np.exp2(-np.logaddexp2(0, _less(b, a)))),
    b=lambda g, a, b, y: np.where(y == -np.inf, 0, g * np.exp2(-np.logaddexp2(0, _less(a, b)))),
)  # fmt: skip
logaddexp2.defslope(a="1/(1 + 2ᵇ⁻ᵃ)", b="1/(1 + 2ᵃ⁻ᵇ)")

_erf = np.frompyfunc(math.erf, 1, 1)


@primitive
def erf(x: Array) -> Array:
    """The error function 2/√π ∫₀ˣ e^(-t²) dt in (-1, 1), with slope 2/√π e^(-x²).

    Exact, by Python's own ``math.erf``, element by element: some ten times the price of tanh.
    """
    return np.asarray(_erf(x), np.result_type(x, np.float16))  # a whole number becomes a float


erf.defvjp(x=lambda g, x: g * np.exp(-x * x) * (2 / sqrt(pi)))


# Angles and hyperbolas -----------------------------------------------------------------------------------------------

sin = derive(np.sin, "The sine, with slope cos x.", x=lambda g, x: g * np.cos(x))
cos = derive(np.cos, "The cosine, with slope -sin x.", x=lambda g, x: -g * np.sin(x))
tan = derive(np.tan, "y = tan x, with slope 1 + y².", x=lambda g, y: g * (1 + y * y))
arcsin = derive(np.arcsin, "The angle whose sine is x; slope 1/√(1-x²).", x=lambda g, x: g / np.sqrt((1 - x) * (1 + x)))
arccos = derive(
    np.arccos, "The angle whose cosine is x; slope -1/√(1-x²).", x=lambda g, x: -g / np.sqrt((1 - x) * (1 + x))
)
arctan = derive(
    np.arctan, "The angle whose tangent is x: ∂y/∂x = 1/(1 + x²).", x=lambda g, x: g / np.hypot(x, 1) / np.hypot(x, 1)
)
arctan.defslope(x="1/(1 + x²)")


def _distance(a: Array, b: Array) -> Array:
    """√(a² + b²) without overflow, but 1 at (0, 0), so that 0/r is 0."""
    return off_zero(np.hypot(a, b))


arctan2 = derive(
    np.arctan2, "The angle of the point (b, a) in (-π, π]: ∂y/∂a = b/(a² + b²) and ∂y/∂b = -a/(a² + b²), 0 at (0, 0).",
    a=lambda g, a, b: g * (b / _distance(a, b)) / _distance(a, b),
    b=lambda g, a, b: -g * (a / _distance(a, b)) / _distance(a, b),
)  # fmt: skip
arctan2.defslope(a="b/(a² + b²)", b="-a/(a² + b²)")
hypot = derive(
    np.hypot, "The distance y = √(a² + b²): ∂y/∂a = a/y and ∂y/∂b = b/y, 0 at the kink a = b = 0.",
    a=lambda g, a, y: g * (a / off_zero(y)),
    b=lambda g, b, y: g * (b / off_zero(y)),
)  # fmt: skip
hypot.defslope(a="a/y", b="b/y")
sinh = derive(np.sinh, "The hyperbolic sine, with slope cosh x.", x=lambda g, x: g * np.cosh(x))
cosh = derive(np.cosh, "The hyperbolic cosine, with slope sinh x.", x=lambda g, x: g * np.sinh(x))
arcsinh = derive(np.arcsinh, "The inverse of sinh; slope 1/√(x²+1).", x=lambda g, x: g / np.hypot(x, 1))
arccosh = derive(
    np.arccosh, "The inverse of cosh, for x ≥ 1; slope 1/√(x²-1).", x=lambda g, x: g / np.sqrt(x - 1) / np.sqrt(x + 1)
)
arctanh = derive(np.arctanh, "The inverse of tanh; slope 1/(1-x²).", x=lambda g, x: g / ((1 - x) * (1 + x)))
deg2rad = derive(np.deg2rad, "x π/180.", x=lambda g: g * (pi / 180))
rad2deg = derive(np.rad2deg, "x 180/π.", x=lambda g: g * (180 / pi))

# Steps: flat nearly everywhere, so their slope is 0, at the jumps too (as in PyTorch) --------------------------------

sign = derive(np.sign, "-1, 0 or 1; slope 0.", x=lambda g: np.zeros_like(g))
floor = derive(np.floor, "The nearest whole number below; slope 0.", x=lambda g: np.zeros_like(g))
ceil = derive(np.ceil, "The nearest whole number above; slope 0.", x=lambda g: np.zeros_like(g))
trunc = derive(np.trunc, "The nearest whole number towards 0; slope 0.", x=lambda g: np.zeros_like(g))
rint = derive(np.rint, "The nearest whole number, of two the even one; slope 0.", x=lambda g: np.zeros_like(g))
floor_divide = derive(
    np.floor_divide, "⌊a/b⌋; slope 0.", a=lambda g: np.zeros_like(g), b=lambda g: np.zeros_like(g)
)  # fmt: skip
heaviside = derive(
    np.heaviside, "0 for a < 0, b at a = 0, 1 for a > 0.",
    a=lambda g: np.zeros_like(g),
    b=lambda g, a: np.where(a == 0, g, 0),
)  # fmt: skip
remainder = derive(
    np.remainder, "a - b ⌊a/b⌋, between 0 and b: a sawtooth, with slopes 1 and -⌊a/b⌋.",
    a=lambda g: g,
    b=lambda g, a, b: -g * np.floor_divide(a, b),
)  # fmt: skip
fmod = derive(
    np.fmod, "The remainder with the sign of a: a - b trunc(a/b).",
    a=lambda g: g,
    b=lambda g, a, b: -g * np.trunc(a / b),
)  # fmt: skip


@primitive(numpy=(np.round, np.around))
def round(x: Array, decimals: int = 0) -> Array:
    """x rounded to so many decimals; slope 0."""
    return np.round(x, decimals)


round.defvjp(x=lambda g: np.zeros_like(g))

# Choices -------------------------------------------------------------------------------------------------------------

fmax = derive(
    np.fmax, "The larger of a and b, of a number and NaN the number; a tie shares evenly.",
    a=lambda g, a, b: np.where((a > b) | np.isnan(b), g, np.where(a == b, 0.5 * g, 0)),
    b=lambda g, a, b: np.where((b > a) | np.isnan(a), g, np.where(a == b, 0.5 * g, 0)),
)  # fmt: skip
fmin = derive(
    np.fmin, "The smaller of a and b, of a number and NaN the number; a tie shares evenly.",
    a=lambda g, a, b: np.where((a < b) | np.isnan(b), g, np.where(a == b, 0.5 * g, 0)),
    b=lambda g, a, b: np.where((b < a) | np.isnan(a), g, np.where(a == b, 0.5 * g, 0)),
)  # fmt: skip
copysign = derive(
    np.copysign, "|a| with the sign of b; slope 0 at the kink a = 0, and in b.",
    a=lambda g, a, b: g * np.sign(a) * np.copysign(1.0, b),
    b=lambda g: np.zeros_like(g),
)  # fmt: skip

Primitive.by_numpy |= {np.radians: deg2rad, np.degrees: rad2deg}  # NumPy's second names, which are other objects
