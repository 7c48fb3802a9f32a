"""Chapter 7, two paths: the norm of a route, a belt that carries, and the crossing that carries most."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import nn, paths
from tinygrad_lstm.learn.answers import as_array, as_list, as_number
from tinygrad_lstm.learn.compare import compare
from tinygrad_lstm.learn.exercise import Chapter, Numbers
from tinygrad_lstm.learn.verdict import WrongAnswerError

chapter = Chapter(7, "Two paths")

Array: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]
Measure: TypeAlias = Callable[[float, float], tuple[float, float]]
STEEPEST = 12.0  # σ'(12) is 6e-6: a gate that is wider open hardly learns to shut
FAINTEST = 1e-6  # of a smaller U a sum in float32 shows nothing
NAMES = {"f": "f", "i": "i", "o": "o", "g": "C̃"}


def forget_gates(rng: np.random.Generator) -> Numbers:
    """The forget gates of five steps, for which no two mistakes give the same number."""
    while True:
        f = rng.uniform(0.45, 0.98, (5, 3)).round(2)
        found = np.sort([norm_of_product(f[1:]), *wrong_norms(f).values()])
        if (np.diff(found) > 0.012 * found[1:]).all():
            return {"f": f}


def norm_of_product(rows: Array) -> float:
    """Multiply the rows entry by entry, and take the norm."""
    return float(np.linalg.norm(np.prod(rows, axis=0)))


def wrong_norms(f: Array) -> dict[str, float]:
    """What the typical mistakes give."""
    kept = np.prod(f[1:], axis=0)
    return {
        "f₁ is in it: it stands between C₀ and C₁, before C₁": norm_of_product(f),
        "f₅ is lacking: it stands between C₄ and C₅": norm_of_product(f[1:-1]),
        "f₁ is in it and f₅ is lacking: shift the rows by one step": norm_of_product(f[:-1]),
        "norms are multiplied; multiply the gates entry by entry, and take one norm at the end": (
            float(np.prod(np.linalg.norm(f[1:], axis=1)))
        ),
        "the gates of a step are averaged; each unit has its own belt": 3**0.5 * float(np.prod(f[1:].mean(axis=1))),
        "this is the sum of the entries; the norm is the root of the sum of their squares": float(kept.sum()),
        "this is the square of the norm: take the root": float((kept**2).sum()),
        "the gates of a unit are averaged; each step has its own gate": float(
            np.linalg.norm(f[1:].mean(axis=0) ** len(f[1:]))
        ),
        "the units are multiplied with one another; each has its own belt": float(np.prod(kept)),
        "this is the mean of the entries": float(kept.mean()),
        "this is the largest entry": float(kept.max()),
        "the gates are added; along one path factors multiply": float(np.linalg.norm(f[1:].sum(axis=0))),
        "this is one step only": float(np.linalg.norm(f[1])),
    }


@chapter.exercise("7.1", "The norm of a route", forget_gates, hints=(
    "The route that never crosses has one edge for each step: from C₅ to C₄, ..., from C₂ to C₁.",
    "Which forget gate stands between C₁ and C₂? Step 2 computes C₂ = f₂ ⊙ C₁ + ..., so it is f₂.",
    "Multiply rows f₂ to f₅ entry by entry, and take the norm at the end: the square root of the sum of squares.",
))  # fmt: skip
def norm_of_the_belt(answer: Any, f: Array) -> str:
    """An LSTM with three units ran five steps. The rows are its forget gates f₁ to f₅: «f».

    L is the sum of the entries of C₅. What is the norm ‖λ₀‖ of the part of dL/dC₁ that never crossed? Predict it from
    the gates. Answer with a number.
    """
    if as_array(answer, "‖λ₀‖").size > 1:
        raise WrongAnswerError("this has several entries: the norm is one number, the root of the sum of their squares")
    compare(answer, norm_of_product(f[1:]), "‖λ₀‖", mistakes=wrong_norms(f))
    return "λ₀ = f₂ ⊙ f₃ ⊙ f₄ ⊙ f₅, and nothing else: no U and no slope is on the belt"


def fresh(rng: np.random.Generator, D: int, H: int) -> tuple[nn.LSTM, nn.LSTMCell]:
    """An LSTM and its cell with weights from this generator; the package's own generator is left where it was."""
    bits = tg.generator().bit_generator
    before = bits.state
    cell = nn.LSTMCell(D, H, dtype=np.float64)
    lstm = nn.LSTM(D, H, cell=lambda D, H, **options: cell)
    bits.state = before
    cell.W.data = rng.uniform(-1, 1, (4 * H, D)) * (6 / (D + H)) ** 0.5
    cell.U.data = np.concatenate([np.linalg.qr(rng.standard_normal((H, H)))[0] for _ in range(4)])
    return lstm, cell


def belt(rng: np.random.Generator) -> Numbers:
    """How far, and how much has to arrive; ``measure`` tries an answer."""
    T, percent, seed = int(rng.choice([20, 30, 40])), int(rng.choice([50, 60, 70])), int(rng.integers(10**6))

    def measure(forget_bias: float, factor: float) -> tuple[float, float]:
        """What the belt keeps of the gradient, and the belt's share of the whole gradient, T steps back."""
        draws = np.random.default_rng(seed)
        lstm, cell = fresh(draws, 3, 8)
        assert cell.b is not None
        cell.U.data *= factor
        cell.b.data[:8] = forget_bias
        steps = lstm.unroll(draws.standard_normal((T + 1, 1, 3))).steps
        routes = paths.routes(steps[-1].c.sum(), steps[0].c, max_crossings=0)
        return float(routes.norms[0] / 8**0.5), float(routes.shares[0])

    return {"T": T, "percent": percent, "measure": measure}


@chapter.exercise("7.2", "Make the belt carry", belt, hints=(
    "What the belt keeps is a product of T forget gates. How near to 1 must one of them be? f = σ(b).",
    "An open forget gate keeps what crossed as well. What multiplies a gradient at a crossing, and only there?",
    "U multiplies at each crossing. Open the gate until the first figure is right, then make U smaller.",
))  # fmt: skip
def make_it_carry(answer: Any, T: int, percent: int, measure: Measure) -> str:
    """A fresh LSTM has 8 units and L reads its last C. Choose the bias b of its forget gates, and a factor for its U:

    1. of dL/dC at the last step, the belt keeps at least «percent» % over «T» steps: ‖λ₀‖ there over the norm here;
    2. the belt's share of the whole gradient is between 80 % and 120 %;
    3. b is at most 12, so that a gate can still learn to shut, and the factor is above 0, so that U is still there.

    The question's `.numbers["measure"](b, factor)` gives both figures, as parts of 1. Answer with `[b, factor]`.
    """
    b, factor = (as_number(part, name) for part, name in zip(as_list(answer, 2, "numbers"), BIAS, strict=True))
    if abs(factor) < FAINTEST:
        as_none = f", and {factor:g} is as good as none" if factor else ""
        raise WrongAnswerError(f"without U no gate sees what the cell has shown{as_none}")
    if factor < 0:
        raise WrongAnswerError(
            f"the factor of U is above 0: {factor:g} turns every sign, and makes U no smaller than {-factor:g} does"
        )
    if b > STEEPEST:
        raise WrongAnswerError(f"σ({b:g}) is so near 1 that its slope is almost 0: such a gate never learns to shut")
    f = 1 / (1 + np.exp(-b))
    kept, share = measure(b, factor)
    if 100 * kept < percent:
        if 0 < factor <= STEEPEST and is_enough(measure(factor, b) if b > 0 else (0, 0), percent):
            raise WrongAnswerError("the two are in the other order: first the bias, then the factor of U")
        if 0.9 < b < 1:
            raise WrongAnswerError(f"{b:g} looks like f itself; the bias is what goes into σ, and σ({b:g}) = {f:.2f}")
        if b < 0:
            raise WrongAnswerError(f"a negative bias shuts the forget gate: σ({b:g}) = {f:.2f}")
        said = (
            f"the belt keeps {kept:.1%} over {T} steps: f is near σ({b:g}) = {f:.3f}, and {f:.3f} to the {T} is small"
        )
        raise WrongAnswerError(said)
    if not 0.8 <= share <= 1.2:
        raise WrongAnswerError(
            f"the belt keeps {kept:.0%}, and its share of the whole gradient is {share:.0%}: open gates keep what "
            "crossed as well, and U is still too large where it crosses"
        )
    return f"the belt keeps {kept:.0%}, by the forget gates; its share is {share:.0%}, by a small U at the crossings"


BIAS = "the bias", "the factor of U"


def is_enough(measured: tuple[float, float], percent: int) -> bool:
    """Whether both figures are as they should be."""
    kept, share = measured
    return 100 * kept >= percent and 0.8 <= share <= 1.2


def crossings(rng: np.random.Generator) -> Numbers:
    """A run of a few steps in which one crossing carries clearly more than any other, and one gate of it."""
    T = int(rng.choice([5, 6, 7]))
    while True:
        lstm, cell = fresh(rng, 2, 4)
        cell.U.data *= 1.5
        trajectory = lstm.unroll(1.5 * rng.standard_normal((T, 1, 2)))
        L = trajectory.steps[-1].h.sum()
        found = Flows(trajectory, L)
        by_step, gates = found.by_step, sorted(found.by_gate.values())
        top = sorted(by_step.values())[::-1]
        if top[0] > 1.3 * max(top[1], 0.02) and gates[-1] > 1.3 * max(gates[-2], 0.02) and found.best > 2:
            return {"T": T, "trajectory": trajectory, "L": L}


class Flows:
    """What crosses into each step on the way from C₁ to L, and into each gate at the step into which most crosses."""

    def __init__(self, trajectory: nn.Trajectory, L: tg.Tensor) -> None:
        flow = paths.flow(L, trajectory.steps[0].c)
        self.total, T = flow.total, len(trajectory.steps)
        self.by_step = {t: float(flow.cuts["crossing"][t - 1]) for t in range(2, T + 1)}
        self.by_belt = {t: float(flow.cuts["carry"][t - 1]) for t in range(2, T + 1)}
        self.best = max(self.by_step, key=lambda t: self.by_step[t])
        step = trajectory.steps[self.best - 1]
        self.by_gate = {name: flow.inflow[flow.graph.id_of(step.named[name])] for name in NAMES}
        self.gate = max(self.by_gate, key=lambda name: self.by_gate[name])


@chapter.exercise("7.3", "The crossing that carries most", crossings, hints=(
    "Look at `viz.flow(L, trajectory)`, or print `paths.flow(L, trajectory.steps[0].c)`: row t is behind step t.",
    "What passes from step t - 1 by a crossing is read by the gates of step t: row t - 1 belongs to step t.",
    "Of that flow, `flow.inflow[flow.graph.id_of(trajectory.steps[t - 1].f)]` is what flows into f of step t.",
))  # fmt: skip
def most_crossed(answer: Any, T: int, trajectory: nn.Trajectory, L: tg.Tensor) -> str:
    """The question's `.numbers` has the `trajectory` of an LSTM over «T» steps and a loss `L` that reads its last h.

    C₁ moves along its gradient. Into which step t does the largest flow cross, out of h of step t - 1 into the gates,
    and which of `"f"`, `"i"`, `"o"`, `"g"` gets most of it there? Answer with `[t, gate]`.
    """
    step, gate = as_list(answer, 2, "parts, a step and a gate")
    number, found = as_number(step, "the step"), Flows(trajectory, L)
    best, by_step = found.best, found.by_step
    if number not in by_step:
        raise WrongAnswerError(f"the step is a whole number from 2 to {T}: C₁ is where the flow starts")
    if number == best - 1:
        raise WrongAnswerError("one step too early: the crossing out of h of step t - 1 is into the gates of step t")
    if number != best:
        if number == max(found.by_belt, key=lambda t: found.by_belt[t]):
            raise WrongAnswerError(f"into step {number:g} the belt carries most; the largest crossing is another one")
        part = by_step[int(number)] / found.total
        raise WrongAnswerError(f"{part:.0%} of the flow crosses into step {number:g}; another crossing carries more")
    names = {"c̃": "g", "c": "g", "n": "g"}
    if not isinstance(gate, str) or (name := names.get(gate.strip().lower(), gate.strip().lower())) not in NAMES:
        raise WrongAnswerError(f"the step is right; the gate is one of 'f', 'i', 'o', 'g', not {gate!r}")
    if name != found.gate:
        part = found.by_gate[name]
        if part < 0:
            raise WrongAnswerError(f"the step is right; through {NAMES[name]} the flow is negative, against the rest")
        raise WrongAnswerError(f"the step is right; {NAMES[name]} gets {part / found.total:.0%}, and another gate more")
    share = by_step[best] / found.total
    return f"{share:.0%} of the flow crosses into step {best}, most of it through {NAMES[found.gate]}"
