"""Solutions of chapter 10. A solution takes the numbers of its exercise by name, and returns the answer."""

from __future__ import annotations


def exercise_10_1(T: int) -> list[int]:
    """A step: U h, + W x, + b, tanh, i ⊙ C̃, + f ⊙ C, tanh, o ⊙. Attention: q, q kᵀ, / √D, softmax, A v."""
    return [8 * T, 5]


def exercise_10_2(T: int, B: int, D: int, H: int) -> int:
    """f, i, o, C̃, C_{t-1}, tanh(C_t) and h_{t-1} with H numbers each, x_t with D, at each step of each sequence."""
    return T * B * (7 * H + D)
