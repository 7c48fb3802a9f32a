"""Chapter 5, vanishing and exploding: the factor of a step, the scale of U that does neither, clipping."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm.learn.answers import as_function, as_list, as_number
from tinygrad_lstm.learn.compare import compare
from tinygrad_lstm.learn.exercise import Chapter, Numbers
from tinygrad_lstm.learn.verdict import WrongAnswerError

chapter = Chapter(5, "Vanishing and exploding, clipping")
EXACT = 1e-5
THREE_DIGITS = 5e-3  # by so much, relative to the number itself, rounding to three digits changes it at most


def one_unit(rng: np.random.Generator) -> Numbers:
    """A weight, a state that stays where it is, and how far back to look."""
    return {
        "w": float(rng.choice([1.3, 1.5, 1.9])),
        "h": float(rng.choice([0.6, 0.7, 0.8])),
        "n": int(rng.choice([10, 15, 20])),
    }


@chapter.exercise("5.1", "The factor of a step", one_unit, hints=(
    "∂h_t/∂h_{t-1}: h_t = tanh(a_t), and a_t = w h_{t-1} + x_t.",
    "The slope of tanh at a_t is 1 - h_t²; the slope of a_t by h_{t-1} is w.",
    "Over n steps the factors multiply; here all n are equal.",
))  # fmt: skip
def factor(answer: Any, w: float, h: float, n: int) -> str:
    """One unit: `h_t = tanh(w h_{t-1} + x_t)` with w = «w». The inputs are such that every h_t is «h».

    1. By which factor does one step multiply the gradient on its way back, ∂h_t/∂h_{t-1}?
    2. What is left of a gradient after n = «n» steps, ∂h_t/∂h_{t-n}?

    Answer with the two numbers, `[first, second]`, the first not rounded, the second to three digits.
    """
    one, all_of_them = as_list(answer, 2, "numbers")
    right = w * (1 - h * h)
    factors = {"w": w, "1 - h²": 1 - h * h}
    compare(one, right, "the factor of one step", factors=factors, right_within=EXACT, mistakes={
        "this is the slope of σ, h (1 - h), times w; the unit has a tanh": w * h * (1 - h),
        "the square is missing: the slope of tanh is 1 - h²": w * (1 - h),
        "the slope is taken at h as if it were the sum in the tanh: h is already the tanh": w * (1 - np.tanh(h) ** 2),
        "this is w h; the chain rule needs slopes": w * h,
    })  # fmt: skip
    compare(all_of_them, right**n, "what is left", within=2e-2, right_within=THREE_DIGITS, mistakes={
        "the factors of the steps are added; on one path they multiply": n * right,
        "this is what is left after one step": right,
        "one step too few": right ** (n - 1),
        "one step too many": right ** (n + 1),
        "this is wⁿ: the slopes of the tanh are missing": w**n,
        "this is (1 - h²)ⁿ: the weights are missing": (1 - h * h) ** n,
        "the slope of tanh is taken once; every step has one": w**n * (1 - h * h),
        "w is taken once; every step has one": w * (1 - h * h) ** n,
        "it is divided by n; factors multiply": right / n,
    })  # fmt: skip
    word = "below 1, so it vanishes" if right < 1 else "above 1, so it explodes"
    return f"w (1 - h²) = {right:.3f} a step is {word}: {right**n:.2g} is left after {n} steps"


def recurrent_weights(rng: np.random.Generator) -> Numbers:
    """A matrix whose largest singular value is well above its spectral radius."""
    q = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    radius = float(rng.choice([0.5, 0.8, 1.6]))
    triangle = np.array([[radius, 2.0, -1.0], [0.0, 0.5 * radius, 1.0], [0.0, 0.0, -0.3 * radius]])
    return {"U": np.round(q @ triangle @ q.T, 3)}


@chapter.exercise("5.2", "The scale at which it neither vanishes nor explodes", recurrent_weights, hints=(
    "Where the slope is 1, n steps back multiply by (s U)ᵀ n times. How does such a product grow with n?",
    "In the long run it grows as |λ|ⁿ, where λ is the largest eigenvalue in size; one step may do more or less.",
    "`np.abs(np.linalg.eigvals(U)).max()` is the spectral radius. Which s makes that of s U equal to 1?",
))  # fmt: skip
def scale(answer: Any, U: Any) -> str:
    """In `h_t = tanh(s U h_{t-1} + x_t)` the states are near 0, so the slope of tanh is 1.

    `U = «U»`

    With which scale s > 0 does the gradient neither vanish nor explode over many steps? Answer with a number; the
    question's `.numbers` has U.
    """
    s, radius = as_number(answer, "s"), float(np.abs(np.linalg.eigvals(U)).max())
    if s <= 0:
        raise WrongAnswerError(f"s is {s:g}; a scale is positive" + (": with 0 nothing comes back" if s == 0 else ""))
    rate = s * gradient_rate(U)
    if abs(rate - 1) < 0.01:
        return f"the spectral radius of s U is 1: over 100 steps the gradient changes by {rate:.4f} a step"
    what = "vanishes" if rate < 1 else "explodes"
    measured = f"the gradient {what}: measured, it changes by {rate:.3g} a step, {rate**100:.0e} over 100 steps"
    typical = {
        "1 / the largest singular value bounds a single step; many steps go by the eigenvalues":
            1 / float(np.linalg.norm(U, 2)),
        "this is 1 / the Frobenius norm; many steps go by the eigenvalues": 1 / float(np.linalg.norm(U)),
        "this is the spectral radius itself; s has to undo it": radius,
        "this is 1 / √H, a rule for random matrices; this U has other eigenvalues": 1 / np.sqrt(len(U)),
        "the largest eigenvalue decides, not the smallest": 1 / float(np.abs(np.linalg.eigvals(U)).min()),
        "U is used as it is": 1.0,
    }  # fmt: skip
    for words, wrong in typical.items():
        if abs(s - wrong) < 5e-3 * wrong:
            raise WrongAnswerError(f"{measured}. {words[0].upper()}{words[1:]}")
    raise WrongAnswerError(measured)


def gradient_rate(U: Any) -> Any:
    """By how much a step changes a gradient in the long run, measured by backward passes through 100 steps."""
    h = start = tg.tensor(np.zeros(len(U)), requires_grad=True)
    for _ in range(100):
        h = tg.tensor(U) @ h

    def back(g: Any) -> Any:
        return tg.grad(h, [start], g, retain_graph=True)[0].data

    settled = back(np.ones(len(U)))  # its direction is that of the long run
    return np.linalg.norm(back(settled / np.linalg.norm(settled))) ** (1 / 100)


@chapter.exercise("5.3", "Clipping by the norm", hints=(
    "All gradients together are one long vector: its norm is the root of the sum of all squares.",
    "Where the norm is above `most`, every gradient is multiplied by most / norm. Else nothing changes.",
))  # fmt: skip
def clipping(answer: Any) -> str:
    """Write `clip(gradients, most)`: it takes a list of arrays, the gradients of all parameters, and gives the list of
    the clipped ones. Their norm, of all numbers together, is afterwards at most `most`, and the direction is the same.

    Answer with the function.
    """
    clip, rng = as_function(answer, "gradients", "most"), np.random.default_rng(5)
    large = [4 * rng.standard_normal((2, 3)), 3 * rng.standard_normal(3), np.array(0.5)]
    for gradients, most, case in (
        (large, 2.0, "above the limit"), ([g / 50 for g in large], 2.0, "below the limit"),
        ([0 * g for g in large], 1.0, "zero"),
    ):  # fmt: skip
        found = as_list(clip([g.copy() for g in gradients], most), len(gradients), "gradients")
        norm = float(np.sqrt(sum((g * g).sum() for g in gradients)))
        one_by_one = [g * min(1.0, most / (np.linalg.norm(g) or 1.0)) for g in gradients]
        for k, g in enumerate(gradients):
            mistakes = {
                "it is clipped entry by entry, which changes the direction": g.clip(-most, most),
                "it is clipped by its own norm; the norm is that of all gradients together": one_by_one[k],
                "it is scaled by the sum of the norms; the norm is the root of the sum of all squares":
                    g * most / (sum(float(np.linalg.norm(each)) for each in gradients) or 1.0),
                "it is divided by the norm: the factor `most` is missing": g / (norm or 1.0),
                "it is divided by the square of the norm: the root is missing": g * most / (norm**2 or 1.0),
                "it is divided by the root of the mean of the squares; the norm has the sum":
                    g * most * np.sqrt(sum(each.size for each in gradients)) / (norm or 1.0),
                "nothing is clipped": g,
            } if norm > most else {
                "it is scaled up: a norm below the limit stays as it is": g * most / (norm or 1.0),
            }  # fmt: skip
            compare(
                found[k],
                g * min(1.0, most / (norm or 1.0)),
                f"norm {case}, gradient {k}",
                mistakes=mistakes,
                within=EXACT,
            )
    return "one factor for all, min(1, most / norm): shorter where it was too long, and the same direction"
