"""Solutions of chapter 2. A solution takes the numbers of its exercise by name, and returns the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def exercise_2_1(y: Any, g: Any) -> Any:
    """The slope of tanh is 1 - y²."""
    return g * (1 - y**2)


def exercise_2_2() -> Callable[..., Any]:
    """Sum over the axes that broadcasting added, and over those that it stretched."""

    def rule(g: Any, shape: tuple[int, ...]) -> Any:
        g = g.sum(axis=tuple(range(g.ndim - len(shape))))
        stretched = tuple(k for k, size in enumerate(shape) if size == 1)
        return g.sum(axis=stretched, keepdims=True)

    return rule


def exercise_2_3() -> Callable[..., Any]:
    """∂L/∂A[i, j] = Σₖ g[i, k] B[j, k], and ∂L/∂B[j, k] = Σᵢ A[i, j] g[i, k]."""

    def rule(g: Any, A: Any, B: Any) -> Any:
        return g @ B.T, A.T @ g

    return rule
