"""How numbers and counts are written: 5.1e+4, 3 edges, 97%."""

from __future__ import annotations

import math
from collections.abc import Iterable

from tinygrad_lstm.escaping import printable

FONT = "Helvetica,Arial,sans-serif"


def number(x: float) -> str:
    """A number as a caption has it: two decimals where they say something, two digits elsewhere.

    >>> [number(x) for x in (0.7634, -0.00412, 0.0, 312.4, 3.2e-7, 51234.0, math.nan, -math.inf)]
    ['0.76', '−0.0041', '0', '312', '3.2e−7', '5.1e+4', 'NaN', '−inf']
    """
    size = abs(x)
    if size == 0:
        return "0"
    if math.isnan(x):
        return "NaN"
    if math.isinf(x):
        return "inf" if x > 0 else "−inf"
    if 1e-3 <= size < 1e4:
        shown = f"{x:.0f}" if size >= 100 else f"{x:.2f}" if size >= 0.0995 else f"{x:.2g}"
        return shown.replace("-", "−")
    digits, exponent = f"{x:.1e}".split("e")
    return f"{digits}e{int(exponent):+d}".replace("-", "−")


def number_of_points(x: float) -> str:
    """A length or a place in points, to a tenth.

    >>> number_of_points(12.04), number_of_points(-0.5)
    ('12', '-0.5')
    """
    return f"{x:.1f}".removesuffix(".0")


def quantity(count: int, noun: str, plural: str = "") -> str:
    """So many of something, in figures.

    >>> quantity(1, "vertex", "vertices"), quantity(3, "edge")
    ('1 vertex', '3 edges')
    """
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def percent(part: float) -> str:
    """A part of 1 as a whole percentage.

    >>> percent(0.968), percent(-0.04), percent(-0.001)
    ('97%', '−4%', '0%')
    """
    return f"{100 * part:z.0f}%".replace("-", "−")


def letter(name: str, lstm: bool = True) -> str:
    """The name of a value as the equations write it: an LSTM's c is C, and its candidate g is C̃."""
    return printable({"c": "C", "g": "C̃"}.get(name, name) if lstm else name)


def power_of_ten(exponent: int) -> str:
    """A power of ten: in figures where it is short.

    >>> power_of_ten(-2), power_of_ten(1), power_of_ten(-26)
    ('0.01', '10', '10⁻²⁶')
    """
    if -3 <= exponent <= 3:
        return f"{10.0**exponent:g}"
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def ranges(places: Iterable[int]) -> str:
    """Whole numbers in order, with runs of them in short.

    >>> ranges([0, 3, 4, 5, 9])
    '0, 3–5, 9'
    """
    runs: list[list[int]] = []
    for place in places:
        if runs and runs[-1][-1] == place - 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return ", ".join(f"{run[0]}" if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)


def in_words(count: int) -> str:
    """A small count as a word.

    >>> in_words(3), in_words(40)
    ('three', '40')
    """
    words = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    return words[count] if count < len(words) else str(count)
