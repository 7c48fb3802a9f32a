"""Where the same lines come again and again: the steps of a recurrent network, in a list of lines that knows no steps.

Lines have the same form if they differ only in the values and the whole numbers they read. A run of n lines that comes
k times in a row, form by form, is a loop of k steps, if the reads fit too, which ``rolling`` finds out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from tinygrad_lstm.compiling.lines import Line

FEWEST = 3  # times, for a loop
DISTANCES = 24  # that are looked at


class Repeat(NamedTuple):
    """``times`` times ``period`` lines from ``start`` on, and how many more lines go on in the same way."""

    start: int
    period: int
    times: int
    more: int


def find_repeats(lines: Sequence[Line]) -> list[Repeat]:
    """Repeats that do not overlap, first the one with the most lines; in the order of the lines."""
    numbers: dict[object, int] = {}
    keys = [line.form if line.holes else k for k, line in enumerate(lines)]  # a line that reads nothing stays alone
    forms = np.array([numbers.setdefault(key, len(numbers)) for key in keys], int)
    found = sorted(_all_repeats(forms), key=lambda r: (-r.period * r.times, r.period))
    free = np.ones(len(forms), bool)
    chosen = []
    for repeat in found:
        span = slice(repeat.start, repeat.start + repeat.period * repeat.times + repeat.more)
        if free[span].all():
            free[span] = False
            chosen.append(repeat)
    return sorted(chosen)


def _all_repeats(forms: np.ndarray) -> Iterator[Repeat]:
    last: dict[int, int] = {}
    distances: Counter[int] = Counter()
    for k, form in enumerate(forms.tolist()):
        if form in last:
            distances[k - last[form]] += 1
        last[form] = k
    for period, _ in distances.most_common(DISTANCES):
        if period > len(forms) // FEWEST:
            continue
        same = np.concatenate([[False], forms[:-period] == forms[period:], [False]])
        ends = np.flatnonzero(np.diff(same))
        for start, end in zip(ends[::2].tolist(), ends[1::2].tolist(), strict=True):
            times, more = divmod(end - start + period, period)
            if times >= FEWEST:
                yield Repeat(start, period, times, more)
