"""How long a training step of a recurrent layer takes: in our ways and in PyTorch's, measured in turns.

A way is a function of (T, B, D, H) that returns a function without arguments, which runs one step: forward and
backward, the loss being the sum of all outputs, in float32. Where PyTorch is missing its way is an ImportError.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

import tinygrad_lstm as tg

Step: TypeAlias = Callable[[], object]
Way: TypeAlias = Callable[[int, int, int, int], Step]
IN_A_ROW = 3  # memory that one gives back must be fetched again by the other


def data(T: int, B: int, D: int, H: int) -> tuple[Any, list[Any]]:
    """The sequence, and W (4H, D), U (4H, H), b (4H,): the same for all."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((T, B, D)).astype(np.float32)
    return x, [(rng.standard_normal(shape) / H**0.5).astype(np.float32) for shape in ((4 * H, D), (4 * H, H), (4 * H,))]


def layer(kind: str, **options: Any) -> Way:
    """A training step of one of our layers."""

    def make(T: int, B: int, D: int, H: int) -> Step:
        x, run = tg.tensor(data(T, B, D, H)[0]), getattr(tg.nn, kind)(D, H, **options)

        def step() -> None:
            run.zero_grad()
            run(x)[0].sum().backward()

        return step

    return make


def compiled(T: int, B: int, D: int, H: int) -> Step:
    """A training step of ``nn.LSTM``, compiled from its recording."""
    x, run = data(T, B, D, H)[0], tg.nn.LSTM(D, H)
    program = tg.compile(lambda x: run(x)[0].sum())
    program(x)
    for p in run.parameters():
        p.data = 0.9 * p.data
    program(x)  # with other weights: the program is confirmed

    def step() -> None:
        run.zero_grad()
        program(x)

    return step


def torch_layer(kind: str, train: bool = True) -> Way:
    """A training step, or a forward pass, of PyTorch's layer."""

    def make(T: int, B: int, D: int, H: int) -> Step:
        import torch

        torch.set_num_threads(1)
        x, run = torch.tensor(data(T, B, D, H)[0]), getattr(torch.nn, kind)(D, H)

        def forward() -> object:
            with torch.no_grad():
                return run(x)[0]

        def step() -> None:
            run.zero_grad()
            run(x)[0].sum().backward()

        return step if train else forward

    return make


WAYS: dict[str, Way] = {
    "nn.LSTM": layer("LSTM"), "nn.LSTM, fused": layer("LSTM", fused=True), "nn.LSTM, compiled": compiled,
    "torch.nn.LSTM": torch_layer("LSTM"),
}  # fmt: skip


def in_turns(steps: Sequence[Step], seconds: float) -> list[list[float]]:
    """Milliseconds of process CPU time of each step, again and again for so many seconds, at least six times."""
    times: list[list[float]] = [[] for _ in steps]
    end = time.monotonic() + seconds
    while len(times[0]) < 2 * IN_A_ROW or time.monotonic() < end:
        for step, found in zip(steps, times, strict=True):
            found += cpu(step)
    return times


def cpu(step: Step) -> list[float]:
    """Milliseconds of each of some steps in a row."""
    times = []
    for _ in range(IN_A_ROW):
        start = time.process_time_ns()
        step()
        times.append((time.process_time_ns() - start) / 1e6)
    return times
