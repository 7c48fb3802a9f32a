"""Tasks on numbers: adding, the first and the last, a running sum, a sine; the answers are numbers too."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lstm.arguments import NUMBER, integer, takes
from tinygrad_lstm.data.task import ERROR, Batch, Between, Task, ends
from tinygrad_lstm.engine.arrays import get_default_dtype
from tinygrad_lstm.errors import ArgumentError


def as_numbers(x: Any) -> np.ndarray:
    """An array in the default dtype."""
    return np.asarray(x, get_default_dtype())


@takes(T=integer(2))
def adding(T: int = 50) -> Task:
    """The sum of two marked numbers among T (Hochreiter & Schmidhuber 1997).

    x (T, B, 2): numbers uniform in [0, 1), and a 1 beside one of them in each half. Who always answers 1 has a squared
    error of 1/6.

    >>> x, y, *_ = adding(T=4).batch(1, rng=0)
    >>> x[:, 0].astype(float).round(2).tolist(), y.astype(float).round(2).tolist()
    ([[0.64, 1.0], [0.27, 0.0], [0.04, 0.0], [0.02, 1.0]], [[0.65]])
    """

    def draw(rng: np.random.Generator, B: int) -> Batch:
        numbers, marks, rows = rng.random((T, B)), np.zeros((T, B)), np.arange(B)
        marks[rng.integers(0, T // 2, B), rows] = 1
        marks[rng.integers(T // 2, T, B), rows] = 1
        return Batch(as_numbers(np.stack([numbers, marks], -1)), as_numbers((numbers * marks).sum(axis=0)[:, None]))

    return Task("adding", 2, 1, draw, ERROR, 1 / 6, 0.01)


def first_and_last(between: Between = (0, 40)) -> Task:
    """The first number and the last, with so many others ``between``: the far past and the present in one state.

    x (T, B, 2): numbers uniform in [-1, 1), and a 1 beside the first; the answers are two numbers. One distance for a
    batch, drawn if ``between`` is a pair. (After the latch of Bengio 1994, with a number in place of a bit.)

    >>> x, y, *_ = first_and_last(between=1).batch(1, rng=0)
    >>> x[:, 0].astype(float).round(2).tolist(), y.astype(float).round(2).tolist()
    ([[0.27, 1.0], [-0.46, 0.0], [-0.92, 0.0]], [[0.27, -0.92]])
    """
    low, high = ends(between)

    def draw(rng: np.random.Generator, B: int) -> Batch:
        numbers = rng.uniform(-1, 1, (int(rng.integers(low, high + 1)) + 2, B))
        first = np.zeros_like(numbers)
        first[0] = 1
        return Batch(as_numbers(np.stack([numbers, first], -1)), as_numbers(np.stack([numbers[0], numbers[-1]], -1)))

    return Task("first_and_last", 2, 2, draw, ERROR, 1 / 3, 0.01)


@takes(T=integer(1), resets=NUMBER)
def running_sum(T: int = 40, resets: float = 0.08) -> Task:
    """The sum of -1, 0 and 1 since the last reset, at every step, times 0.2: what to forget, and when (Gers 2000).

    x (T, B, 2): the number, and a 1 at the steps, a share ``resets`` of all, at which the sum starts again.

    >>> x, y, *_ = running_sum(T=6, resets=0.3).batch(1, rng=3)
    >>> x[:, 0].T.tolist(), y[:, 0, 0].astype(float).round(1).tolist()
    ([[1.0, -1.0, -1.0, -1.0, -1.0, 1.0], [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]], [0.2, -0.2, -0.4, -0.6, -0.2, 0.0])
    """
    if not 0 < resets <= 1:
        raise ArgumentError(f"resets is a share of the steps, above 0 and at most 1, not {resets}")
    scale, variance = 0.2, 2 / 3
    summed = (1 - (1 - resets) ** np.arange(1, T + 1)) / resets  # how many numbers the sum at t has, on average

    def draw(rng: np.random.Generator, B: int) -> Batch:
        x = np.stack([rng.integers(-1, 2, (T, B)), rng.random((T, B)) < resets], -1).astype(float)
        total, totals = np.zeros(B), []
        for number, reset in x.swapaxes(1, 2):
            total = total * (1 - reset) + number
            totals.append(scale * total)
        return Batch(as_numbers(x), as_numbers(totals)[..., None])

    chance = float(scale**2 * variance * summed.mean())
    return Task("running_sum", 2, 1, draw, ERROR, chance, 0.05 * chance, every_step=True)


@takes(T=integer(4))
def sine(T: int = 60) -> Task:
    """The next value of a sine wave, whose period (10 to 40 steps) and phase have to be read from its values.

    x (T, B, 1), answers (T, B, 1), which count from the fourth step on: x' = 2 cos ω · x - x'' needs two values and ω.

    >>> x, y, *_ = sine(T=4).batch(1, rng=0)
    >>> x[:, 0, 0].astype(float).round(2).tolist(), y[:, 0, 0].astype(float).round(2).tolist()
    ([0.99, 0.94, 0.85, 0.72], [0.94, 0.85, 0.72, 0.55])
    """

    def draw(rng: np.random.Generator, B: int) -> Batch:
        omega, phase = 2 * np.pi / rng.uniform(10, 40, B), rng.uniform(0, 2 * np.pi, B)
        wave = as_numbers(np.sin(omega * np.arange(T + 1)[:, None] + phase))[..., None]
        return Batch(wave[:-1], wave[1:], mask=np.tile(np.arange(T)[:, None] >= 3, B))

    return Task("sine", 1, 1, draw, ERROR, 0.5, 0.005, every_step=True)
