"""Answers to the exercises of chapter 7, right ones and wrong ones; each takes the numbers that it names."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lstm import paths

norm = np.linalg.norm
SOLUTIONS = runpy.run_path(str(Path(__file__).parents[2] / "docs/course/solutions/chapter_07.py"))
solved: Callable[..., list[Any]] = SOLUTIONS["exercise_7_3"]


def by_loop(f: Any) -> float:
    kept = np.ones(3)
    for row in reversed(f[1:]):
        kept = kept * row
    return float(sum(kept**2) ** 0.5)


def by_gates(T: int, trajectory: Any, L: Any) -> list[Any]:
    """By the rows of the table alone, then by what each gate hands on."""
    flow = paths.flow(L, trajectory.steps[0].c)
    crossing = list(flow.cuts["crossing"])
    t = crossing.index(max(crossing[1:T])) + 1
    ids = {flow.graph.id_of(trajectory.steps[t - 1].named[gate]): gate for gate in "fiog"}
    into = dict.fromkeys("fiog", 0.0)
    for edge in flow.edges:
        if edge.reader in ids:
            into[ids[edge.reader]] += edge.flow
    return [float(t), max(into, key=into.__getitem__).upper()]


def other_step(T: int, trajectory: Any, L: Any, pick: Callable[[Any, int], int | None]) -> list[Any]:
    t, gate = solved(T, trajectory, L)
    chosen = pick(paths.flow(L, trajectory.steps[0].c), t)
    return [chosen, gate]


def least(flow: Any, best: int) -> int:
    """A step into which little crosses, that is neither the one before the best nor the belt's."""
    crossing, belt = flow.cuts["crossing"][:-1], flow.cuts["carry"][:-1]
    strong = int(np.argmax(belt[1:])) + 2
    return min((t for t in range(2, len(belt) + 1) if t not in (best, best - 1, strong)), key=lambda t: crossing[t - 1])


def another_gate(T: int, trajectory: Any, L: Any) -> list[Any]:
    t, gate = solved(T, trajectory, L)
    return [t, "f" if gate != "f" else "i"]


RIGHT = {
    "7.1": [by_loop, lambda f: [round(norm(f[1] * f[2] * f[3] * f[4]), 4)],
            lambda f: np.sqrt(np.sum(np.exp(2 * np.log(f[1:]).sum(axis=0))))],
    "7.2": [lambda: [8.0, 0.03], lambda: (7, 0.02), lambda: np.array([6.5, 0.01])],
    "7.3": [by_gates, lambda T, trajectory, L: tuple(solved(T, trajectory, L)),
            lambda T, trajectory, L: [np.int64(solved(T, trajectory, L)[0]), f" {solved(T, trajectory, L)[1]} "]],
}  # fmt: skip
WRONG: dict[str, list[tuple[str, Callable[..., Any]]]] = {
    "7.1": [
        ("f₁ is in it: it", lambda f: norm(np.prod(f, axis=0))),
        ("f₅ is lacking: it", lambda f: norm(np.prod(f[1:-1], axis=0))),
        ("shift the rows", lambda f: norm(np.prod(f[:-1], axis=0))),
        ("norms are multiplied", lambda f: np.prod(norm(f[1:], axis=1))),
        ("averaged", lambda f: 3**0.5 * np.prod(f[1:].mean(axis=1))),
        ("gates of a unit are averaged", lambda f: norm(f[1:].mean(axis=0) ** 4)),
        ("units are multiplied", lambda f: f[1:].prod()),
        ("sum of the entries", lambda f: np.prod(f[1:], axis=0).sum()),
        ("square of the norm", lambda f: (np.prod(f[1:], axis=0) ** 2).sum()),
        ("gates are added", lambda f: norm(f[1:].sum(axis=0))),
        ("several entries", lambda f: np.prod(f[1:], axis=0)),
    ],
    "7.2": [
        ("the belt keeps", lambda: [1.0, 0.1]),
        ("what crossed as well", lambda: [8.0, 1.0]),
        ("negative bias shuts", lambda: [-4.0, 0.1]),
        ("looks like f itself", lambda: [0.98, 0.1]),
        ("other order", lambda: [0.05, 8.0]),
        ("without U no gate sees", lambda: [8.0, 0.0]),
        ("1e-09 is as good as none", lambda: [8.0, 1e-9]),
        ("-0.1 turns every sign, and makes U no smaller than 0.1", lambda: [8.0, -0.1]),
        ("never learns to shut", lambda: [40.0, 0.05]),
        ("a list of 2 numbers", lambda: 8.0),
    ],
    "7.3": [
        ("one step too early", lambda T, trajectory, L: other_step(T, trajectory, L, lambda flow, t: t - 1)),
        ("another crossing carries more", lambda T, trajectory, L: other_step(T, trajectory, L, least)),
        ("a whole number from 2 to", lambda T, trajectory, L: [1, "f"]),
        ("the step is right", another_gate),
        ("one of 'f', 'i', 'o', 'g', not 'h'", lambda T, trajectory, L: [solved(T, trajectory, L)[0], "h"]),
        ("a list of 2 parts", lambda: 3),
        ("the step is one number", lambda: [[2, 3], "f"]),
    ],
}
