"""Chapter 9, training in practice: the chunk of truncated BPTT, the mean over a masked batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_lstm.learn.answers import as_function, as_whole_number
from tinygrad_lstm.learn.compare import compare
from tinygrad_lstm.learn.exercise import Chapter, Numbers
from tinygrad_lstm.learn.verdict import WrongAnswerError

chapter = Chapter(9, "Training in practice")
EXACT = 1e-6


def lags(f: float, T: int) -> Any:
    """G[τ, t] = f to the power τ - t on and below the diagonal, 0 above: (T, T)."""
    lag = np.subtract.outer(np.arange(T), np.arange(T))
    return np.where(lag >= 0, f ** np.maximum(lag, 0).astype(float), 0.0)


def error(f: float, T: int, k: int) -> float:
    """The share of the full gradient that chunks of k steps drop."""
    G, chunk = lags(f, T), np.arange(T) // k
    return float(G[np.not_equal.outer(chunk, chunk)].sum() / G.sum())


def first(T: int, good: Callable[[int], bool]) -> int:
    """The smallest chunk for which this holds; T where it never does."""
    return next((k for k in range(1, T) if good(k)), T)


def smallest(f: float, T: int, bound: float) -> int:
    """The smallest chunk whose error is at most the bound."""
    return first(T, lambda k: error(f, T, k) <= bound)


def typical(f: float, T: int, bound: float) -> dict[str, int]:
    """What typical mistakes give for k, by what to say of each."""
    G = lags(f, T)
    per_lag = np.array([np.diagonal(G, -lag).sum() for lag in range(T)])
    return {
        "this keeps all pairs at most k - 1 steps apart; chunks also drop near pairs, on both sides of a border":
            first(T, lambda k: per_lag[k:].sum() <= bound * G.sum()),
        "this is where one path has faded to the bound; the error is about the sum of all that is dropped":
            first(T, lambda k: f**k <= bound),
        "this is where the chunks keep no less than the bound; the error is what they drop":
            first(T, lambda k: 1 - error(f, T, k) >= bound),
    }  # fmt: skip


def one_gate(rng: np.random.Generator) -> Numbers:
    """A gate, steps and a bound; with none of these 36 choices do two typical mistakes give one k, or the right one."""
    return {
        "f": float(rng.choice([0.8, 0.85, 0.9])), "T": int(rng.choice([36, 40, 48])),
        "bound": float(rng.choice([0.15, 0.2, 0.25, 0.3])),
    }  # fmt: skip


@chapter.exercise("9.1", "Choose k", one_gate, hints=(
    "The full gradient is the sum of f^(τ - t) over all pairs t ≤ τ, from 1 to T.",
    "Chunks of k steps: t and τ are in the same chunk if (t - 1) // k == (τ - 1) // k. All other pairs are dropped.",
    "The error is what is dropped over the full sum. Try k = 1, 2, 3, ... until it is at most the bound.",
))  # fmt: skip
def choose_k(answer: Any, f: float, T: int, bound: float) -> str:
    """A unit whose gate stays at f = «f» reads T = «T» steps, and each step has its own loss. The gradient of the loss
    at step τ through the weight as it was used at step t ≤ τ is G[τ, t] = f^(τ - t).

    Truncated BPTT in chunks of k steps drops every pair t, τ that is not in the same chunk. The chunks are the steps
    1 to k, k + 1 to 2k, and so on; the last one may be shorter.

    What is the smallest k with which the relative error of the gradient, |truncated - full| / full, is at most «bound»?
    """
    k, right = as_whole_number(answer, "k"), smallest(f, T, bound)
    if not 1 <= k <= T:
        raise WrongAnswerError(f"k is {k}; a chunk has 1 to {T} steps")
    left = f"chunks of {k} leave an error of {error(f, T, k):.3f}"
    if k == right:
        return f"{left}, while one path has faded to {bound:g} after {np.log(bound) / np.log(f):.0f} steps"
    if k == T:
        raise WrongAnswerError(f"{left}: with all {T} steps in one chunk nothing is truncated; smaller ones will do")
    for words, wrong in typical(f, T, bound).items():
        if k == wrong:
            raise WrongAnswerError(f"{left}: {words}")
    if error(f, T, k) > bound:
        raise WrongAnswerError(f"{left}, which is above {bound:g}")
    raise WrongAnswerError(f"{left}, which is at most {bound:g}, but a smaller k will do too")


@chapter.exercise("9.2", "The mean that counts", hints=(
    "Step t, counted from 0, of sequence n is valid if t < lengths[n]. That is an array of bools (T, B).",
    "`np.arange(T)[:, None] < lengths` compares every step with every length.",
    "Add up the valid losses, and divide by how many there are: sum(lengths).",
))  # fmt: skip
def masked(answer: Any) -> str:
    """Write `masked_mean(losses, lengths)`, the mean over the valid steps of a batch:

    - losses (T, B): the loss at every step of B sequences, numbers without meaning in the padding too
    - lengths (B,): how many steps of each sequence are valid, from its first one on

    Every valid step counts the same, whatever sequence it is in. Answer with the function.
    """
    masked_mean, rng = as_function(answer, "losses", "lengths"), np.random.default_rng(9)
    for lengths in (np.array([5, 2, 3, 1]), np.array([4, 4])):
        T, B = 6, len(lengths)
        losses = rng.uniform(1.0, 2.0, (T, B))
        steps = np.arange(T)[:, None]
        valid = steps < lengths
        part = losses * valid
        compare(
            masked_mean(losses.copy(), lengths.copy()), part.sum() / valid.sum(),
            f"with {T} steps and the lengths {lengths.tolist()}, the mean", within=EXACT, mistakes={
                "the padding takes part: there is no mask": losses.mean(),
                "the padding is not in the sum, but it is counted: divide by the number of valid steps": part.mean(),
                "the padding is in the sum: mask it before you divide": losses.sum() / valid.sum(),
                "it is the sum; divide by the number of valid steps": part.sum(),
                "it is the mean of each sequence's mean: steps of short sequences count more":
                    (part.sum(0) / lengths).mean(),
                "it is divided by the number of sequences; the number of valid steps is needed": part.sum() / B,
                "it is divided by the number of steps; the number of valid ones in all sequences is needed":
                    part.sum() / T,
                "one step too many is valid: counted from 0, the last one is lengths - 1":
                    losses[steps <= lengths].mean(),
                "one step is missing: counted from 0, the last valid one is lengths - 1":
                    losses[steps < lengths - 1].mean(),
                "the padding is averaged, and the valid steps are left out": losses[~valid].mean(),
                "it has one entry for each sequence; one number for the batch is needed": part.sum(0) / lengths,
            },
        )  # fmt: skip
    return "every valid step counts 1 / sum(lengths), so its gradient does not depend on the padding beside it"
