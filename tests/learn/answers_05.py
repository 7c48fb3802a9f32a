"""Answers to the exercises of chapter 5, right ones and wrong ones; each takes the numbers that it names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_lstm as tg


def measured(w: float, h: float, n: int) -> list[Any]:
    start = state = tg.tensor(np.array(h), requires_grad=True)
    first = None
    for _ in range(n):
        state = tg.tanh(w * state + (np.arctanh(h) - w * h))
        first = first or state
    assert first is not None
    return [tg.grad(y, [start], retain_graph=True)[0] for y in (first, state)]


def by_powers(U: Any) -> float:
    v, size = np.ones(len(U)), 1.0
    for _ in range(500):
        v = U.T @ v
        size = float(np.linalg.norm(v))
        v = v / size
    return 1 / size


def norm_of(gradients: list[Any]) -> float:
    return float(np.sqrt(sum((g * g).sum() for g in gradients)))


def by_the_library(gradients: list[Any], most: float) -> list[Any]:
    tensors = [tg.tensor(g, requires_grad=True) for g in gradients]
    for tensor, g in zip(tensors, gradients, strict=True):
        tensor.grad = tg.tensor(g)
    tg.nn.utils.clip_grad_norm_(tensors, most)
    return [tensor.grad for tensor in tensors]


def in_place(gradients: list[Any], most: float) -> list[Any]:
    factor = min(1.0, most / max(norm_of(gradients), 1e-12))
    for g in gradients:
        g *= factor
    return gradients


def flat(gradients: list[Any], most: float) -> Any:
    norm = np.linalg.norm(np.concatenate([np.ravel(g) for g in gradients]))
    return (g / max(norm / most, 1.0) for g in gradients)


def clip(change: Callable[[Any, float, float], Any], always: bool = False) -> Callable[[], Any]:
    """A function that changes each gradient, given ``most`` and the norm; where that is small, only if ``always``."""

    def make() -> Any:
        def function(gradients: list[Any], most: float) -> list[Any]:
            norm = norm_of(gradients)
            return [change(g, most, norm) for g in gradients] if always or norm > most else gradients

        return function

    return make


RIGHT = {
    "5.1": [
        measured,
        lambda w, h, n: (round(w - w * h**2, 3), float(f"{(w - w * h**2) ** n:.3g}")),
        lambda w, h, n: np.array([w * (1 - h) * (1 + h), (w * (1 - h) * (1 + h)) ** n]),
    ],
    "5.2": [by_powers, lambda U: [round(1 / max(abs(np.linalg.eigvals(U.T))), 3)], lambda U: tg.tensor(by_powers(U))],
    "5.3": [lambda: by_the_library, lambda: in_place, lambda: flat],
}
WRONG = {
    "5.1": [
        ("the factor `1 - h²` is missing", lambda w, n: [w, w**n]),
        ("the factor `w` is missing", lambda h, n: [1 - h * h, (1 - h * h) ** n]),
        ("the slope of σ", lambda w, h, n: [w * h * (1 - h), 0.1]),
        ("the square is missing", lambda w, h, n: [w * (1 - h), (w * (1 - h)) ** n]),
        ("on one path they multiply", lambda w, h, n: [w * (1 - h * h), n * w * (1 - h * h)]),
        ("slopes of the tanh are missing", lambda w, h, n: [w * (1 - h * h), w**n]),
        ("one step too few", lambda w, h, n: [w * (1 - h * h), (w * (1 - h * h)) ** (n - 1)]),
        ("every step has one", lambda w, h, n: [w * (1 - h * h), w**n * (1 - h * h)]),
        ("after one step", lambda w, h, n: [w * (1 - h * h), w * (1 - h * h)]),
        ("what is left: the sign is wrong", lambda w, h, n: [w * (1 - h * h), -((w * (1 - h * h)) ** n)]),
        ("the factor of one step: ", lambda w, h, n: [1.004 * w * (1 - h * h), (w * (1 - h * h)) ** n]),
        ("what is left: ", lambda w, h, n: [w * (1 - h * h), 1.006 * (w * (1 - h * h)) ** n]),
        ("the size is not", lambda w, h, n: [w * (1 - h * h), 1.15 * (w * (1 - h * h)) ** n]),
        ("is near, and not near", lambda w, h, n: [w * (1 - h * h), 0.935 * (w * (1 - h * h)) ** n]),
        ("not even the sign", lambda w, h, n: [w * (1 - h * h), -0.7 * (w * (1 - h * h)) ** n]),
        ("it is zero: nothing arrives", lambda w, h, n: [w * (1 - h * h), 0]),
        ("a list of 2 numbers", lambda w, h, n: w * (1 - h * h)),
    ],
    "5.2": [
        ("the largest singular value bounds a single step", lambda U: 1 / np.linalg.norm(U, 2)),
        ("Frobenius", lambda U: 1 / np.linalg.norm(U)),
        ("the spectral radius itself", lambda U: max(abs(np.linalg.eigvals(U)))),
        ("1 / √H", lambda U: len(U) ** -0.5),
        ("the gradient explodes: measured", lambda U: 1.2 * by_powers(U)),
        ("the gradient vanishes: measured", lambda U: 0.9 * by_powers(U)),
        ("U is used as it is", lambda: 1),
        ("a scale is positive", lambda U: -by_powers(U)),
        ("nothing comes back", lambda: 0),
        ("one number", lambda U: U),
    ],
    "5.3": [
        ("entry by entry", clip(lambda g, most, norm: g.clip(-most, most))),
        ("by its own norm", lambda: lambda gradients, most: [
            g * min(1.0, most / max(1e-12, float(np.linalg.norm(g)))) for g in gradients]),
        ("is scaled up", clip(lambda g, most, norm: g * most / norm, always=True)),
        ("the factor `most` is missing", clip(lambda g, most, norm: g / norm)),
        ("the root is missing", clip(lambda g, most, norm: g * most / norm**2)),
        ("nothing is clipped", lambda: lambda gradients, most: gradients),
        ("the sum of the norms", lambda: lambda gradients, most: [
            g * most / sum(np.linalg.norm(each) for each in gradients) for g in gradients]),
        ("norm zero, gradient 0 has the entry nan", lambda: lambda gradients, most: [
            g * np.minimum(1, most / norm_of(gradients)) if norm_of(gradients) else g / 0.0 for g in gradients]),
        ("None", lambda: lambda gradients, most: [g.fill(0) for g in gradients]),
        ("a list of 3 gradients", lambda: lambda gradients, most: gradients[:1]),
    ],
}  # fmt: skip
