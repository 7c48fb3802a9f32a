"""Chapter 8, gates and variants: a bias for a half-life, the gradient of a peephole, and the belt of a GRU."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from tinygrad_lstm.learn.answers import as_function
from tinygrad_lstm.learn.compare import compare
from tinygrad_lstm.learn.exercise import Chapter, Numbers

chapter = Chapter(8, "Gates and variants")

Array: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]
TWO_DIGITS = 0.005 + 1e-9  # how far a number is at most from the one that is rounded to two digits behind the point


def half_life(rng: np.random.Generator) -> Numbers:
    """A number of steps."""
    return {"n": int(rng.choice([20, 30, 50, 80, 150, 300]))}


@chapter.exercise("8.1", "A bias for a half-life", half_life, hints=(
    "The belt multiplies by f at every step. After n steps that is f to the n, and it has to be 1/2.",
    "f = (1/2) to the power 1/n. Which b gives σ(b) = f?",
    "σ(b) = 1 / (1 + exp(-b)), so b = ln(f / (1 - f)).",
))  # fmt: skip
def bias_for_a_half_life(answer: Any, n: int) -> str:
    """W and U are 0, so every forget gate is σ(b). Which bias b gives the belt a half-life of «n» steps?

    Answer with a number, to two digits behind the point.
    """
    f = 0.5 ** (1 / n)
    compare(answer, logit(f), "b", right_within=TWO_DIGITS / logit(f), mistakes={
        f"this is the gate f; b is what goes into σ, and σ({f:.3f}) is {1 / (1 + np.exp(-f)):.2f}": f,
        "after so many steps 1/e is left, not 1/2": logit(np.exp(-1 / n)),
        "after so many steps a quarter is left, not a half": logit(0.25 ** (1 / n)),
        "its gate is 1 - 1/(2n): the losses of the steps do not add up, their factors multiply": logit(1 - 0.5 / n),
        "this keeps half over one step: f to the n has to be 1/2": 0.0,
        "this is the base 2 logarithm of n": np.log2(n),
        "this is n times too large: the bias is that of one step": n * logit(f),
        "σ was taken of f; its inverse is needed, ln(f / (1 - f))": 1 / (1 + np.exp(-f)),
    })  # fmt: skip
    return f"σ(b) to the {n} is 1/2; b is near ln(1.44 n), so ten times the half-life needs 2.3 more"


def logit(f: float) -> float:
    """The inverse of σ."""
    return float(np.log(f / (1 - f)))


def peepholes(rng: np.random.Generator) -> Numbers:
    """What the backward pass meets at the gates of a step with peepholes."""
    f, i = rng.uniform(0.2, 0.85, (2, 3)).round(2)
    dC, g, C_prev, p_f, p_i = (rng.uniform(0.4, 0.95, (5, 3)) * rng.choice([-1, 1], (5, 3))).round(2)
    return {"dC": dC, "f": f, "i": i, "g": g, "C_prev": (1.7 * C_prev).round(2), "p_f": p_f, "p_i": p_i}


@chapter.exercise("8.2", "Build the peephole's gradient", peepholes, hints=(
    "C_prev is read three times now: by f * C_prev, by the peephole into f, and by the peephole into i.",
    "Into f: ∂L/∂f = dC * C_prev, then the slope of σ, then the factor p_f, by which a_f reads C_prev.",
    "Into i it is the same, with ∂L/∂i = dC * g.",
))  # fmt: skip
def build_the_peephole(
    answer: Any, dC: Array, f: Array, i: Array, g: Array, C_prev: Array, p_f: Array, p_i: Array
) -> str:
    """The gates of a step read the old cell state: `f = σ(... + p_f * C_prev)`, `i = σ(... + p_i * C_prev)`, and then
    `C = f * C_prev + i * g`. g does not read C_prev, and h_prev is held.

    Derive what C_prev gets, from `dC` = dL/dC, as a function `(dC, f, i, g, C_prev, p_f, p_i)`, where f and i are the
    gates, after σ. Answer with the function. It is tried with dC = «dC», f = «f», i = «i», g = «g», C_prev = «C_prev»,
    p_f = «p_f», p_i = «p_i».
    """
    gradient = as_function(answer, "dC", "f", "i", "g", "C_prev", "p_f", "p_i")
    belt, by_f, by_i = dC * f, dC * C_prev * f * (1 - f) * p_f, dC * g * i * (1 - i) * p_i
    found = gradient(*(array.copy() for array in (dC, f, i, g, C_prev, p_f, p_i)))
    mistakes = {  # of one peephole, or of both
        "the slope of σ is missing": (dC * C_prev * p_f, dC * g * p_i),
        "the weight p is missing: the gates read p * C_prev": (dC * C_prev * f * (1 - f), dC * g * i * (1 - i)),
        "the other factor is missing: ∂L/∂f = dC * C_prev, ∂L/∂i = dC * g": (
            dC * f * (1 - f) * p_f, dC * i * (1 - i) * p_i
        ),
        "it is the slope of tanh, 1 - y²; a gate has y (1 - y)": (
            dC * C_prev * (1 - f * f) * p_f, dC * g * (1 - i * i) * p_i
        ),
        "the factor 1 - y of σ's slope y (1 - y) is missing": (dC * C_prev * f * p_f, dC * g * i * p_i),
        "the factor dC is missing": (C_prev * f * (1 - f) * p_f, g * i * (1 - i) * p_i),
        "the factors of the two gates are swapped: ∂L/∂f = dC * C_prev, ∂L/∂i = dC * g": (
            dC * g * f * (1 - f) * p_f, dC * C_prev * i * (1 - i) * p_i
        ),
    }  # fmt: skip
    compare(found, belt + by_f + by_i, "dL/dC_prev", within=1e-6, mistakes={
        "this is a plain LSTM: what comes back through the two peepholes is missing": belt,
        "only the peepholes are there: C_prev is also read by f * C_prev": by_f + by_i,
        **{f"at both peepholes {words}": belt + at_f + at_i for words, (at_f, at_i) in mistakes.items()},
        **{f"at f {words}": belt + at_f + by_i for words, (at_f, _) in mistakes.items()},
        **{f"at i {words}": belt + by_f + at_i for words, (_, at_i) in mistakes.items()},
        "the slope of σ is on the belt as well; nothing but f is there": belt * (1 - f) + by_f + by_i,
        "p_f and p_i are swapped": belt + dC * (C_prev * f * (1 - f) * p_i + g * i * (1 - i) * p_f),
        "the factor dC is missing": f + C_prev * f * (1 - f) * p_f + g * i * (1 - i) * p_i,
    }, paths={"f * C_prev, the belt": belt, "f, by its peephole": by_f, "i, by its peephole": by_i})  # fmt: skip
    return "f + C_prev f (1 - f) p_f + g i (1 - i) p_i, all times dC: claim X1', three paths of one step"


def update_gates(rng: np.random.Generator) -> Numbers:
    """Gates of four steps, for which no typical mistake gives the same array."""
    while True:
        z, r = rng.uniform(0.1, 0.9, (2, 4, 3)).round(2)
        wrong = [np.prod(1 - z, axis=0), *wrong_belts(z, r).values()]
        apart = [np.abs(one - other).max() for k, one in enumerate(wrong) for other in wrong[:k]]
        if min(apart) > 0.01:
            return {"z": z, "r": r}


def wrong_belts(z: Array, r: Array) -> dict[str, Array]:
    """What the typical mistakes give."""
    kept = 1 - z
    return {
        "z is what writes in this equation; 1 - z keeps": np.prod(z, axis=0),
        "r is on the path into n, which crosses; it is not on the belt": np.prod(kept * r, axis=0),
        "r and z are no factors of the belt: 1 - z is": np.prod(z * r, axis=0),
        "the step from h₀ to h₁ is lacking": np.prod(kept[1:], axis=0),
        "the step from h₃ to h₄ is lacking": np.prod(kept[:-1], axis=0),
        "this is one step only, the last": kept[-1],
        "this is one step only, the first": kept[0],
        "the steps are added; along one path factors multiply": kept.sum(axis=0),
        "this is the mean over the steps; along one path factors multiply": kept.mean(axis=0),
        "this is 1 minus the product of z; multiply the factors 1 - z": 1 - np.prod(z, axis=0),
    }


@chapter.exercise("8.3", "The belt of a GRU", update_gates, hints=(
    "The belt is the read of h_prev that is only scaled: which factor stands at h_prev in the last equation?",
    "The reads of h_prev inside z, r and n are crossings.",
    "L reads h₄, and the four steps from h₀ to h₄ have one factor each: multiply over axis 0.",
))  # fmt: skip
def belt_of_a_gru(answer: Any, z: Array, r: Array) -> str:
    """Chung et al. (2014) write the GRU with the letters the other way around: `h = (1 - z) * h_prev + z * n`, where n
    reads `r * h_prev`. Their cell ran four steps, with z = «z» and r = «r», a row for each step.

    L is the sum of the entries of h₄. Write a function `(z, r)` of such arrays that gives the part of dL/dh₀ which
    never crossed, an entry for each unit. Answer with the function.
    """
    along = as_function(answer, "z", "r")
    compare(along(z.copy(), r.copy()), np.prod(1 - z, axis=0), "λ₀", within=1e-6, mistakes=wrong_belts(z, r))
    return "each step has the factor 1 - z; in this course's letters it is z, and in both what keeps the old h"
