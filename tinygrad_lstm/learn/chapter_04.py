"""Chapter 4, the recurrent network and BPTT: ∂L/∂h_t, ∂L/∂U as a sum over the steps, how many paths there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm.learn.answers import as_function, as_list, count
from tinygrad_lstm.learn.compare import compare
from tinygrad_lstm.learn.exercise import Chapter, Numbers

chapter = Chapter(4, "The recurrent network and BPTT")
EXACT = 1e-6


class Unrolled(NamedTuple):
    """A recurrent network over T = 4 steps, and its gradients as the engine computes them."""

    U: Any  # (H, H)
    h0: Any  # (H,)
    h: Any  # (T, H)
    direct: Any  # (T, H): what the loss alone hands to h_t
    dh: Any  # (T, H): ∂L/∂h_t
    by_step: Any  # (T, H, H): the part of each step


def unrolled() -> Unrolled:
    """h_t = tanh(W x_t + U h_{t-1} + b), and a loss that reads every h_t."""
    rng = np.random.default_rng(4)
    layer = tg.nn.RNN(2, 3, dtype=np.float64)
    for parameter in layer.parameters():
        parameter.data = rng.standard_normal(parameter.shape)
    h0, direct = rng.standard_normal((1, 1, 3)), rng.standard_normal((4, 3))
    trajectory = layer.unroll(tg.tensor(rng.standard_normal((4, 1, 2))), tg.tensor(h0))
    states = [step.h for step in trajectory.steps]
    loss = sum((state * weights).sum() for state, weights in zip(states, direct, strict=True))
    U = dict(layer.named_parameters())["layers.0.U"]
    dh = np.concatenate([each.data for each in tg.grad(loss, states, retain_graph=True)])
    parts = tg.paths.ledger(loss, U).by_step
    return Unrolled(U.data.copy(), h0[0, 0], np.concatenate([state.data for state in states]), direct, dh, parts)


def walk_back(net: Unrolled, hand_back: Callable[[Any, int], Any], *, direct: bool = True) -> Any:
    """∂L/∂h_t from the last step to the first; ``hand_back(g, k)`` gives what row k + 1 hands to row k."""
    found = [net.direct[-1]]
    for k in reversed(range(len(net.h) - 1)):
        found.append(direct * net.direct[k] + hand_back(found[-1], k))
    return np.array(found[::-1])


@chapter.exercise("4.1", "The gradient of every hidden state", hints=(
    "h_t is read twice: by the loss, which hands back direct[t], and by step t + 1.",
    "Step t + 1 computes tanh(a) with a = ... + U h_t. ∂L/∂a is ∂L/∂h_{t+1} times the slope 1 - h_{t+1}².",
    "From a to h_t: a = U h_t + ..., so the rule of the matrix product gives Uᵀ ∂L/∂a. Start at the last step.",
))  # fmt: skip
def hidden_states(answer: Any) -> str:
    """A recurrent network, `h_t = tanh(W x_t + U h_{t-1} + b)`, ran over T steps. The loss reads every h_t.

    Write `back(U, h, direct)`, which gives ∂L/∂h_t of every step as an array (T, H):

    - U (H, H)
    - h (T, H): row k is the state of step k + 1
    - direct (T, H): what the loss itself hands to each state, without what comes through later steps

    Answer with the function.
    """
    back, net = as_function(answer, "U", "h", "direct"), unrolled()
    U, h, direct = net.U, net.h, net.direct
    slope = 1 - h * h
    compare(back(U.copy(), h.copy(), direct.copy()), net.dh, "∂L/∂h_t", within=EXACT, mistakes={
        "the path through the next step is missing: h_t is read by the loss and by step t + 1": direct,
        "the path from the loss at step t is missing: only what comes back through step t + 1 is there":
            walk_back(net, lambda g, k: U.T @ (slope[k + 1] * g), direct=False),
        "U is not transposed": walk_back(net, lambda g, k: U @ (slope[k + 1] * g)),
        "the factor `1 - h²`, the slope of tanh, is missing": walk_back(net, lambda g, k: U.T @ g),
        "the slope is that of h_t; the tanh on the path is that of step t + 1":
            walk_back(net, lambda g, k: U.T @ (slope[k] * g)),
        "the slope is applied after Uᵀ; walking back, the tanh of step t + 1 comes first":
            walk_back(net, lambda g, k: slope[k + 1] * (U.T @ g)),
        "the slope of h_t is applied after Uᵀ; what is missing is that of step t + 1, before Uᵀ":
            walk_back(net, lambda g, k: slope[k] * (U.T @ g)),
        "step t + 1 hands back only what the loss gave it; what came to it from step t + 2 is missing":
            np.vstack([direct[:-1] + (slope[1:] * direct[1:]) @ U, direct[-1:]]),
        "the path through the next step has the wrong sign": walk_back(net, lambda g, k: -U.T @ (slope[k + 1] * g)),
        "the order of the steps is reversed: row 0 is step 1": net.dh[::-1],
        "the slope 1 - h² of each state is multiplied in: that is the gradient before the tanh": net.dh * slope,
        "the first step is walked first: the last step has to be": _forward(net),
    })  # fmt: skip
    return "∂L/∂h_t = direct_t + Uᵀ ((1 - h²_{t+1}) ⊙ ∂L/∂h_{t+1}): two readers, two parts"


def _forward(net: Unrolled) -> Any:
    found = [net.direct[0]]
    for k in range(1, len(net.h)):
        found.append(net.direct[k] + net.U.T @ ((1 - net.h[k] ** 2) * found[-1]))
    return np.array(found)


@chapter.exercise("4.2", "One weight, read at every step", hints=(
    "U is read T times: at step t it is multiplied with h_{t-1}. T parts arrive, and they add up.",
    "The part of step t: ∂L/∂a_t = (1 - h_t²) ⊙ ∂L/∂h_t, and a_t = U h_{t-1} + ...",
    "∂a_i/∂U[i, j] is h_{t-1}[j]: the part is the outer product of ∂L/∂a_t and h_{t-1}. At step 1 that is h_0.",
))  # fmt: skip
def weight(answer: Any) -> str:
    """The same network; ∂L/∂h_t is known for every step.

    Write `gradient(h0, h, dh)`, which gives ∂L/∂U (H, H):

    - h0 (H,): the state before step 1
    - h (T, H): row k is the state of step k + 1
    - dh (T, H): ∂L/∂h_t, all paths included

    Answer with the function.
    """
    gradient, net = as_function(answer, "h0", "h", "dh"), unrolled()
    h, dh = net.h, net.dh
    before, total = np.concatenate([net.h0[None], h[:-1]]), net.by_step.sum(0)
    da = (1 - h * h) * dh
    paths = {f"step {t}": part for t, part in enumerate(net.by_step, 1)}
    compare(gradient(net.h0.copy(), h.copy(), dh.copy()), total, "∂L/∂U", paths=paths, within=EXACT, mistakes={
        "step t reads h_{t-1}; yours takes h_t": da.T @ h,
        "the factor `1 - h²`, the slope of tanh, is missing": dh.T @ before,
        "the slope is that of h_{t-1}; the tanh of step t gives h_t": ((1 - before**2) * dh).T @ before,
        "it is the mean over the steps; the parts add up": total / len(h),
        "it has an axis for the steps: the parts add up": net.by_step,
        "the factor `∂L/∂h_t` is missing": (1 - h * h).T @ before,
    })  # fmt: skip
    return "∂L/∂U = Σ_t ((1 - h_t²) ⊙ ∂L/∂h_t) h_{t-1}ᵀ: one part for each step that reads U"


def sizes(rng: np.random.Generator) -> Numbers:
    """Units and steps."""
    return {"H": int(rng.choice([3, 4, 5])), "T": int(rng.choice([4, 5, 6]))}


@chapter.exercise("4.3", "How many paths", sizes, hints=(
    "A unit of h_1 is read by each of the H units of h_2, and each of those by all H units of h_3.",
    "With the loss at the end only: H choices at each of the steps 2 to T.",
    "With a loss at every step a path may end at h_1, h_2, ... or h_T: add the numbers.",
))  # fmt: skip
def paths(answer: Any, H: int, T: int) -> str:
    """In `h_t = tanh(W x_t + U h_{t-1} + b)` with H = «H» units every unit of h_t reads every unit of h_{t-1}.

    How many paths are there from *one* unit of h_1 to the loss, for T = «T» steps, if the loss reads

    1. all units of the last state h_T only,
    2. all units of every state h_1, ..., h_T?

    Answer with the two numbers, `[first, second]`.
    """
    first, second = as_list(answer, 2, "numbers")
    to_last, to_all = H ** (T - 1), sum(H**k for k in range(T))
    count(first, to_last, "the first number", {
        H**T: "the first number: one step too many; from h_1 to h_T there are T - 1 steps",
        H ** (T - 2): "the first number: one step is missing; from h_1 to h_T there are T - 1",
        H * (T - 1): "the first number: the choices are added; each goes with each of the others: multiply",
        1: "the first number: between states as wholes there is one path; between units there are more",
        T - 1: "the first number: this is the length of a path, not how many there are",
        to_all: "the first number: the loss reads h_T only, so a path cannot end before",
    })  # fmt: skip
    count(second, to_all, "the second number", {
        to_last: "the second number: this is those to h_T; the loss also reads the states before",
        T * to_last: "the second number: the paths that end earlier are shorter, so they are fewer",
        to_all - 1: "the second number: the path from h_1 straight to the loss is missing",
        to_all - to_last: "the second number: those through h_T are missing",
        to_all + H**T: "the second number: one step too many",
        T: "the second number: this counts the ends; to h_t there are several paths from one unit",
    })  # fmt: skip
    return f"the number grows as H^(T-1), while the walk back costs T - 1 products with Uᵀ: {to_last} paths in {T - 1}"
