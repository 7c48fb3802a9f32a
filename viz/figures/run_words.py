"""Several runs in words: how much of a gradient is left over at the first step."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from viz.figures.runs import Run
from viz.style.steps import at_step, subscript
from viz.style.text import in_words, number, percent


def list_names(names: Sequence[str]) -> str:
    """Names in a sentence; of many or long ones only how many there are.

    >>> list_names(["RNN", "GRU", "LSTM"])
    'RNN, GRU and LSTM'
    """
    text = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    return text if len(text) <= 90 else f"{in_words(len(names))} runs"


def left_over(norms: Mapping[int, float], order: Sequence[int]) -> str:
    """How much of a gradient's norm at the last step there is at the first.

    >>> left_over({1: 0.02, 2: 0.5}, [1, 2]), left_over({1: 3e-9, 2: 1.0}, [1, 2]), left_over({1: 0.0}, [1, 2])
    ('4.0%', '3.0e−9', 'nothing to compare')
    """
    first, last = norms.get(order[0]), norms.get(order[-1])
    if first is None or not last or not math.isfinite(first / last):
        return "nothing to compare"
    part = first / last
    if not 1e-4 <= part < 100:
        return number(part)
    return percent(part) if part >= 0.0995 else f"{100 * part:.2g}%" if part < 0.01 else f"{100 * part:.1f}%"


def describe_left_over(run: Run) -> str:
    """What stands beside the name of a run: how much of its gradient is left at the first step."""
    order, words = run.top.cells.order, list[str]()
    for name in run.states if len(order) > 1 else []:
        norms, sign = run.norms(name), run.top.cells.letter(name)
        share, (first, *_, last) = left_over(norms, order), map(subscript, order)
        some = bool(norms.get(order[-1]))
        words.append(f"{share} of ‖∂L/∂{sign}{last}‖ is left at {sign}{first}" if some else f"{sign}: {share}")
    return ", ".join(words) + (f" ({run.where})" if run.where else "")


def compare_in_words(runs: Sequence[Run]) -> str:
    """The story of all runs, after a sentence that compares them."""
    names = list_names([run.name for run in runs])
    counted = (
        f"{in_words(len(runs)).capitalize()} runs on one scale: {names}." if len(runs) > 1 else f"One run: {names}."
    )
    groups: dict[tuple[int, int], list[str]] = {}
    for run in runs:
        order, cells = run.top.cells.order, run.top.cells
        if len(order) > 1:
            shares = [f"{left_over(run.norms(name), order)} of ∂L/∂{cells.letter(name)}" for name in run.states]
            where = f" ({run.where})" if run.where else ""
            groups.setdefault((order[0], order[-1]), []).append(f"{run.name} {' and '.join(shares)}{where}")
    compared = [
        f"Of the gradient's norm at {at_step(last)} there is left at {at_step(first)}: {'; '.join(shares)}."
        for (first, last), shares in groups.items()
    ]
    return " ".join([counted, *compared, *(f"{run.name}: {run.describe()}" for run in runs)])
