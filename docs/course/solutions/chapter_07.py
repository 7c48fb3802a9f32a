"""Solutions of chapter 7. A solution takes the numbers of its exercise by name, and returns the answer."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lstm import paths


def exercise_7_1(f: Any) -> Any:
    """Between C₁ and C₅ stand f₂ to f₅; the first row is f₁."""
    return np.linalg.norm(np.prod(f[1:], axis=0))


def exercise_7_2(T: int, percent: int) -> list[float]:
    """f to the T is percent / 100, with something to spare; and a U that lets little cross."""
    f = (percent / 100) ** (1 / T)
    return [float(np.log(f / (1 - f))) + 0.5, 0.03]


def exercise_7_3(T: int, trajectory: Any, L: Any) -> list[Any]:
    """The row of the largest crossing, and the gate with the largest inflow one step later."""
    flow = paths.flow(L, trajectory.steps[0].c)
    t = int(np.argmax(flow.cuts["crossing"][1:T])) + 2
    step = trajectory.steps[t - 1]
    inflow = {gate: flow.inflow[flow.graph.id_of(step.named[gate])] for gate in "fiog"}
    return [t, max(inflow, key=lambda gate: inflow[gate])]
