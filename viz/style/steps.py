"""The words for time steps in pictures: t = 3, t = 3 to 48, every t, C₃, three time steps, 1 of 2 rows masked."""

from __future__ import annotations

from collections.abc import Iterable

from viz.style.text import in_words, quantity, ranges

TIME = "t"  # the name of an axis along time
EVERY_STEP = f"every {TIME}"  # the one step of a rolled picture stands for all
MASKED = "masked"

SUBSCRIPTS = str.maketrans("-0123456789", "₋₀₁₂₃₄₅₆₇₈₉")


def at_step(t: int, last: int | None = None) -> str:
    """A time step, or several in a row. The player writes its own, in ``player.js``.

    >>> at_step(3), at_step(3, 48)
    ('t = 3', 't = 3 to 48')
    """
    return f"{TIME} = {t}" if last is None else f"{TIME} = {t} to {last}"


def at_steps(steps: Iterable[int]) -> str:
    """Any time steps, in order.

    >>> at_steps([3, 4, 5, 9])
    't = 3–5, 9'
    """
    return f"{TIME} = {ranges(steps)}"


def subscript(t: int) -> str:
    """A time step as an index.

    >>> subscript(-10)
    '₋₁₀'
    """
    return str(t).translate(SUBSCRIPTS)


def time_steps(count: int) -> str:
    """So many time steps.

    >>> time_steps(1), time_steps(3)
    ('one time step', 'three time steps')
    """
    return f"{in_words(count)} time step{'s' * (count > 1)}"


def masked_rows(masked: int, rows: int) -> str:
    """How many rows of a batch keep their old state in a step.

    >>> masked_rows(1, 2)
    '1 of 2 rows masked'
    """
    return f"{masked} of {quantity(rows, 'row')} {MASKED}"
