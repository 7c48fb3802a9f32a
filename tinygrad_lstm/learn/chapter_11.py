"""Chapter 11, fast: one step back through an LSTM by hand, and the gradients of all steps in one product each."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm.learn.answers import as_array, as_function, as_list
from tinygrad_lstm.learn.compare import compare
from tinygrad_lstm.learn.counted import Counted
from tinygrad_lstm.learn.exercise import Chapter
from tinygrad_lstm.learn.verdict import WrongAnswerError

chapter = Chapter(11, "Fast")
EXACT = 1e-6
THREE = "arrays, ∂L/∂z, ∂L/∂h_{t-1}, and what C_{t-1} gets"


@chapter.exercise("11.1", "The planted bug", hints=(
    "Draw one step. Who reads C_t? Two ops of the forward pass do: one in the next step, one in this one.",
    "dC is what comes along the belt, from step t + 1. h_t = o tanh(C_t) reads C_t too.",
    "dC has to be dC + dh * o * (1 - tanh_C**2) before anything is made from it.",
))  # fmt: skip
def planted_bug(answer: Any) -> str:
    """One step of an LSTM, backward, by hand. It runs, its shapes are right, and something is missing:

        def step_back(dh, dC, f, i, o, candidate, C_before, tanh_C, U):
            dz = np.concatenate([
                dC * C_before * f * (1 - f),
                dC * candidate * i * (1 - i),
                dh * tanh_C * o * (1 - o),
                dC * i * (1 - candidate**2),
            ], axis=-1)
            return dz, dz @ U, dC * f

    The gates, states and gradients are (B, H), U is (4H, H). dh is all of ∂L/∂h_t. dC is what step t + 1 hands back to
    C_t, along the belt. It returns ∂L/∂z, ∂L/∂h_{t-1}, and what the step hands back to C_{t-1}.

    Answer with the function, mended.
    """
    names = ("dh", "dC", "f", "i", "o", "candidate", "C_before", "tanh_C", "U")
    step_back, rng = as_function(answer, *names), np.random.default_rng(11)
    B, H = 4, 2
    dh, dC, before = rng.standard_normal((3, B, H))
    U = rng.standard_normal((4 * H, H))
    z, C = (tg.tensor(a, requires_grad=True) for a in (rng.standard_normal((B, 4 * H)), before))
    f, i, o, g = (
        part(piece) for part, piece in zip((tg.sigmoid,) * 3 + (tg.tanh,), tg.split(z, 4, axis=-1), strict=True)
    )
    now = f * C + i * g
    L = (o * tg.tanh(now) * dh).sum() + (now * dC).sum()
    right_dz, right_dC = (found.data for found in tg.grad(L, [z, C]))
    f, i, o, g, s = (each.data for each in (f, i, o, g, tg.tanh(now)))
    through_h = dh * o * (1 - s * s)
    found = as_list(step_back(*(a.copy() for a in (dh, dC, f, i, o, g, before, s, U))), 3, THREE)
    whole = {  # what C_t gets, as typical mistakes have it
        "the path from C_t through h_t is missing: h_t = o tanh(C_t) reads C_t, as the belt does": dC,
        "the path along the belt is missing: step t + 1 reads C_t too": through_h,
        "in the path through h_t the slope of tanh, `1 - tanh_C**2`, is missing": dC + dh * o,
        "in the path through h_t the factor `o` is missing": dC + dh * (1 - s * s),
        "in the path through h_t the slope is that of σ; C_t is read by a tanh": dC + dh * o * s * (1 - s),
        "in the path through h_t dh is taken as it is: o and the slope of tanh are missing": dC + dh,
        "in the path through h_t the slope is taken of C̃; the tanh is that of C_t": dC + dh * o * (1 - g * g),
        "the path through h_t has the wrong sign": dC - through_h,
        "the path through h_t is multiplied with the belt; the paths add up": dC * through_h,
        "the path through h_t is counted twice": dC + 2 * through_h,
    }  # fmt: skip
    partner = {"f": before, "i": g, "C̃": i}  # in C_t = f C_{t-1} + i C̃ it is multiplied with this
    slope = {"f": f * (1 - f), "i": i * (1 - i), "o": o * (1 - o), "C̃": 1 - g * g}
    mine = as_array(found[0], "∂L/∂z")
    if mine.shape != right_dz.shape:
        raise WrongAnswerError(f"∂L/∂z: its shape is {mine.shape}, and {right_dz.shape} is needed, that of z")
    of_each = dict(zip(slope, np.split(right_dz, 4, axis=-1), strict=True))
    for gate, part in zip(slope, np.split(mine, 4, axis=-1), strict=True):
        typical = {"o is read by h_t, so it gets dh, not dC": (dC + through_h) * s * slope[gate]}
        if gate in partner:
            typical = {words: wrong * partner[gate] * slope[gate] for words, wrong in whole.items()}
        name = "1 - C̃²" if gate == "C̃" else f"{gate} (1 - {gate})"
        for other in of_each.keys() - {gate}:
            typical[f"this is that of {other}; the order is f, i, o, C̃"] = of_each[other]
        compare(part, of_each[gate], f"∂L/∂z of {gate}", mistakes=typical, factors={name: slope[gate]}, within=EXACT)
    compare(found[1], right_dz @ U, "∂L/∂h_{t-1}", within=EXACT, mistakes={
        "this is what C_{t-1} gets; the order is ∂L/∂z, ∂L/∂h_{t-1}, and what C_{t-1} gets": right_dC,
        "what h_t got is added; h_{t-1} is read by z only, in this step": right_dz @ U + dh,
    })  # fmt: skip
    compare(found[2], right_dC, "what C_{t-1} gets", within=EXACT, mistakes={
        "∂L/∂C_t is whole for the gates only; C_{t-1} gets f times all of it": dC * f,
        **{words: wrong * f for words, wrong in whole.items()},
        "the factor `f` is missing: the belt multiplies by the forget gate": dC + through_h,
    })  # fmt: skip
    return "two ops read C_t, so two paths add up: the belt, and dh o (1 - tanh²(C_t)) through h_t"


@chapter.exercise("11.2", "Three gradients, three lines", hints=(
    "The gradient of W is the sum over t and over the batch of the outer products ∂L/∂z xᵀ (chapter 4).",
    "A matrix product sums over its inner axis. Put steps and batch into one axis: `dz.reshape(-1, 4 * H)`.",
    "dW = rowsᵀ @ rows of x: (4H, T·B) @ (T·B, D). dU in the same way. db is the sum of the rows.",
))  # fmt: skip
def weights(answer: Any) -> str:
    """The walk back through an LSTM is over, and ∂L/∂z of every step of every sequence is known, where
    `z = W x + U h_prev + b`.

    Write `gradient(dz, x, h_prev)`, which gives the list `[dW, dU, db]`:

    - dz (T, B, 4H), x (T, B, D)
    - h_prev (T, B, H): the state that the step read

    W is (4H, D), U (4H, H), b (4H,). Use one matrix product for dW, one for dU and one sum for db, whatever T and B
    are: the check counts NumPy's operations. Answer with the function.
    """
    gradient, rng = as_function(answer, "dz", "x", "h_prev"), np.random.default_rng(11)
    T, B, D, H = 5, 4, 3, 2
    dz, x, h = (rng.standard_normal((T, B, n)) for n in (4 * H, D, H))
    found = as_list(gradient(dz.copy(), x.copy(), h.copy()), 3, "arrays, [dW, dU, db]")
    for name, mine, read, other in (("dW", found[0], x, h), ("dU", found[1], h, x)):
        per_row = np.einsum("tbk,tbd->tbkd", dz, read)
        right = per_row.sum((0, 1))
        compare(
            mine, right, name, within=EXACT, mistakes={
                "it is the mean over the steps, where the sum belongs": right / T,
                "it is the mean over the batch, where the sum belongs": right / B,
                "it is the mean over the steps and the batch, where the sum belongs": right / (T * B),
                "the sums over the steps and the batch are missing": per_row,
                "the sum over the steps is missing: every step reads the weight": per_row.sum(1),
                "the sum over the batch is missing: every sequence reads the weight": per_row.sum(0),
                "this is the last step; every step reads the weight, and the parts add up": per_row[-1].sum(0),
                "this is the first step; every step reads the weight, and the parts add up": per_row[0].sum(0),
                "this is one sequence; every one of the batch reads the weight": per_row[:, 0].sum(0),
                "this is the sum of dz times the sum of x or h: a product of sums is not the sum of the products":
                    np.outer(dz.sum((0, 1)), read.sum((0, 1))),
                "the wrong order: dW belongs to x and comes first, dU to h_prev": np.einsum("tbk,tbd->kd", dz, other),
                "the rows do not match: dz and x of the same step and sequence belong together":
                    dz.reshape(-1, 4 * H).T @ read.swapaxes(0, 1).reshape(T * B, -1),
                "h_prev is shifted once more: its row t is what step t read":
                    np.einsum("tbk,tbd->kd", dz[1:], read[:-1]),
            },
        )  # fmt: skip
    compare(found[2], dz.sum((0, 1)), "db", within=EXACT, mistakes={
        "it is the mean over the steps and the batch, where the sum belongs": dz.mean((0, 1)),
        "the sum over the steps is missing: b is added at every step": dz.sum(1),
        "the sum over the batch is missing: b is added to every sequence": dz.sum(0),
        "the sums over the steps and the batch are missing": dz,
        "it is summed over the units too": dz.sum(),
        "it is the mean over the batch, where the sum belongs": dz.mean(1).sum(0),
        "it is the mean over the steps, where the sum belongs": dz.mean(0).sum(0),
    })  # fmt: skip
    few = _operations(gradient, 4, 2)
    for steps, batch in ((12, 2), (4, 6)):
        many = _operations(gradient, steps, batch)
        if many > few:
            raise WrongAnswerError(
                f"the gradients are right, but 4 steps of 2 sequences take {few} operations of NumPy, and {steps} "
                f"steps of {batch} take {many}: put both into one axis, and one product sums over all of them"
            )
    return f"one product sums over all steps and the batch: {few} operations, however many there are"


def _operations(gradient: Any, T: int, B: int) -> int:
    arrays = [np.ones((T, B, n)).view(Counted) for n in (8, 3, 2)]
    Counted.operations = 0
    gradient(*arrays)
    return Counted.operations
