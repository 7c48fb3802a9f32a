"""Folding of long runs: which steps are drawn, and which become one box, "... 46 steps", in every view.

Only steps that compute the same are folded together; what differs is drawn.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, TypeAlias

from tinygrad_lstm.errors import ArgumentError

Fold: TypeAlias = Literal["auto"] | Collection[int] | None
Run: TypeAlias = tuple[int, int]  # the first and the last of the steps that are folded together

LONGEST = 12  # more steps side by side are too small to read
ENDS = 2  # steps that are always drawn, at each end
OPENED = 24  # steps of the folds that are drawn where the folds are opened
FALL = 10.0  # a step across which the gradient falls by more is drawn


def folded_steps(structure: Mapping[int, object], fold: Fold, norms: Sequence[Mapping[int, float]] = ()) -> list[Run]:
    """The runs of steps to fold: all but the first and last two, those asked for, and those where a norm falls tenfold.

    "auto" folds only what is longer than 12 steps, None nothing. Raises ArgumentError for what is no step.

    >>> folded_steps(dict.fromkeys(range(1, 51), "same"), "auto")
    [(3, 48)]
    >>> folded_steps(dict.fromkeys(range(1, 51), "same"), [20])
    [(3, 19), (21, 48)]
    """
    T = len(structure)
    if fold is None or (fold == "auto" and T <= LONGEST):
        return []
    asked = set() if fold == "auto" else _steps_to_draw(fold, T)
    shown = asked | {*range(1, ENDS + 1), *range(T - ENDS + 1, T + 1)}
    for sizes in norms if fold == "auto" else ():
        falls = [t for t in range(2, T + 1) if _falls(sizes.get(t - 1), sizes.get(t))]
        shown |= set(falls) if len(falls) + len(shown) <= LONGEST else set()  # one that vanishes falls everywhere
    found: list[Run] = []
    for t in sorted(structure):
        if t in shown:
            continue
        if found and found[-1][1] == t - 1 and structure[t] == structure[t - 1]:
            found[-1] = found[-1][0], t
        else:
            found.append((t, t))
    return [run for run in found if run[0] < run[1]]


def steps_when_opened(T: int, hidden: Sequence[Run], chains: int = 1) -> list[int]:
    """The steps to draw where folds are opened: besides those drawn now, in each fold as many at both ends.

    They are 24 in all, of several chains together, for more are too much to carry in a page; the rest of a longer run
    stays folded.

    >>> steps_when_opened(20, [(3, 18)]) == [*range(1, 21)]
    True
    >>> folded_steps(dict.fromkeys(range(1, 51), "same"), steps_when_opened(50, [(3, 48)]))
    [(15, 36)]
    """
    inside = {t for first, last in hidden for t in range(first, last + 1)}
    each = max(OPENED // chains // max(len(hidden), 1) // 2, 1)
    opened = {t for first, last in hidden for t in inside if first <= t < first + each or last - each < t <= last}
    return [t for t in range(1, T + 1) if t not in inside or t in opened]


def _steps_to_draw(fold: object, T: int) -> set[int]:
    """The steps that a caller wants to see."""
    if isinstance(fold, str) or not isinstance(fold, Collection):
        raise ArgumentError(f'fold is "auto", None, or the steps to draw, not {fold!r}')
    wrong = [t for t in fold if not isinstance(t, int) or not 1 <= t <= T]
    if wrong:
        raise ArgumentError(f"fold names the steps to draw, 1 to {T}, not {', '.join(map(repr, wrong))}")
    return set(fold)


def _falls(one: float | None, other: float | None) -> bool:
    return bool(one and other) and not 1 / FALL <= (one or 0) / (other or 1) <= FALL
