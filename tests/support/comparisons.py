"""Pairs of runs, and what their pictures show of them."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

import tinygrad_lstm as tg
from tests.support import runs

Pair: TypeAlias = tuple[tg.Tensor, tg.nn.Trajectory]


KINDS = ("RNN", "GRU", "LSTM")


def pair(kind: str = "LSTM", steps: int = 3, loss: runs.Loss = runs.of_last, **options: Any) -> Pair:
    trajectory, value = runs.run(kind, steps, loss, **options)
    return value, trajectory


def triptych(steps: int = 3, **options: Any) -> dict[str, Pair]:
    return {kind: pair(kind, steps, **options) for kind in KINDS}


def norms_of(loss: tg.Tensor, trajectory: tg.nn.Trajectory, name: str) -> list[float]:
    """‖∂L/∂state‖ at each step, as the engine has it."""
    states = [step.named[name] for step in trajectory.steps]
    gradients = tg.grad(loss, states, retain_graph=True, allow_unused=True)
    return [0.0 if g is None else float(np.linalg.norm(g.numpy())) for g in gradients]
