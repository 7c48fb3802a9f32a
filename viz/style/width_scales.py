"""Scales of widths: the width of a line for a number, a legend's samples, and the formula printed beside them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from viz.style.text import number, power_of_ten

FINEST, THICKEST = 0.8, 6.5  # points
FAINTEST = 0.55  # the opacity of the finest line
FEWEST, MOST = 2, 30  # decades of a scale


@dataclass(frozen=True)
class LogWidth:
    """The width of a line by the logarithm of a norm, from ``10**low`` to ``10**high``: the decades of one figure.

    All lines of a figure, and all runs that are compared, share one scale. A second channel says the same: a finer line
    is fainter.

    >>> scale = LogWidth(-26, 1)
    >>> [scale.width(norm) for norm in (0.0, 1e-26, 1.0, 10.0, 1e9, math.nan)]
    [0.8, 0.8, 6.286, 6.497, 6.5, 6.5]
    >>> scale.formula
    'width 0.8 + 0.211·log₁₀(‖∇‖ / 10⁻²⁶) points'
    """

    low: int = -2
    high: int = 1

    @classmethod
    def of(cls, norms: Iterable[float]) -> LogWidth:
        """The scale that has all of these norms on it, as far as 30 decades reach; zeros have no place on any.

        >>> LogWidth.of([0.02, 3.0, 0.0, math.inf])
        LogWidth(low=-2, high=1)
        """
        levels = [math.log10(norm) for norm in norms if norm > 0 and math.isfinite(norm)]
        if not levels:
            return cls()
        high = math.ceil(max(levels))
        return cls(max(min(math.floor(min(levels)), high - FEWEST), high - MOST), high)

    @property
    def per_decade(self) -> float:
        """Points for ten times the norm, as they are printed."""
        return math.floor(1000 * (THICKEST - FINEST) / (self.high - self.low)) / 1000

    def width(self, norm: float) -> float:
        """The line width, in points. What is not finite is as wide as a line gets, 0 as fine."""
        if not math.isfinite(norm):
            return THICKEST
        if norm <= 0:
            return FINEST
        return min(max(FINEST + self.per_decade * (math.log10(norm) - self.low), FINEST), THICKEST)

    def opacity(self, norm: float) -> float:
        """How strong the line's colour is, from 0.55 to 1."""
        return round(FAINTEST + (1 - FAINTEST) * (self.width(norm) - FINEST) / (THICKEST - FINEST), 2)

    def has(self, norm: float) -> bool:
        """Whether a norm has its place on the scale; a line of any other is at one of the ends."""
        return math.isfinite(norm) and norm > 0 and math.log10(norm) >= self.low

    def samples(self) -> list[float]:
        """Powers of ten for a legend, from one end of the scale to the other.

        >>> LogWidth(-26, 1).samples()
        [1e-26, 1e-17, 1e-08, 10.0]
        """
        gaps = min(3, self.high - self.low)
        return [10.0 ** round(self.low + (self.high - self.low) * k / gaps) for k in range(gaps + 1)]

    def label(self, norm: float) -> str:
        """A sample in figures."""
        return f"‖∇‖ {power_of_ten(round(math.log10(norm)))}"

    @property
    def formula(self) -> str:
        """The scale in a sentence."""
        return f"width {FINEST} + {self.per_decade:g}·log₁₀(‖∇‖ / {power_of_ten(self.low)}) points"


@dataclass(frozen=True)
class RatioWidth:
    """The width of a line for a ratio of two norms: ten times is 1.5 points more.

    >>> [RatioWidth().width(ratio) for ratio in (1e-9, 0.1, 1.0, 10.0, 1e9)]
    [0.8, 1.5, 3.0, 4.5, 6.5]
    """

    before: str = "before"
    after: str = "after"

    def width(self, ratio: float) -> float:
        """The line width, in points."""
        return min(max(3 + 1.5 * math.log10(ratio), FINEST), THICKEST)

    def samples(self) -> list[float]:
        """Ratios for a legend."""
        return [0.1, 0.5, 1.0, 2.0, 10.0]

    def label(self, ratio: float) -> str:
        """A sample in figures."""
        return f"× {ratio:g}"

    @property
    def formula(self) -> str:
        """The scale in a sentence."""
        return f"width 3 + 1.5·log₁₀({self.after} / {self.before}) points, within {FINEST} to {THICKEST}"


@dataclass(frozen=True)
class LinearWidth:
    """The width of a line in proportion to an amount, ``unit`` of it ``widest`` points.

    >>> LinearWidth(0.5).width(-0.25)
    8.0
    """

    unit: float
    write: Callable[[float], str] = number  # an amount in figures
    widest: float = 16.0

    @classmethod
    def of(cls, amounts: Iterable[float], whole: float = 1.0, write: Callable[[float], str] = number) -> LinearWidth:
        """The scale whose unit is a round part of a whole that no amount is much more than: 1, 2 or 5 tenths, say.

        >>> [LinearWidth.of(amounts).unit for amounts in ([0.03, -0.42], [1.1], [])]
        [0.5, 1.0, 1.0]
        """
        largest = max((abs(amount / whole) for amount in amounts if math.isfinite(amount)), default=0.0)
        if not largest:
            return cls(whole, write)
        power = math.floor(math.log10(largest))
        part = next(unit for k in (1, 2, 5, 10) if (unit := float(f"{k}e{power}")) >= 0.8 * largest)
        return cls(whole * part, write)

    def width(self, amount: float) -> float:
        """The line width, in points."""
        return max(FINEST, self.widest * abs(amount) / self.unit)

    def samples(self) -> list[float]:
        """Amounts for a legend."""
        return [self.unit / 8, self.unit / 4, self.unit / 2, self.unit]

    def label(self, amount: float) -> str:
        """A sample in figures."""
        return self.write(amount)

    @property
    def formula(self) -> str:
        """The scale in a sentence."""
        return f"width {self.widest:g} points · |flow| / {self.write(self.unit)}, at least {FINEST}"
