"""Gradients in LSTM: the two paths of the error, the gates' own gradients, and the sum over time."""

from __future__ import annotations

import numpy as np

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn, optim, paths
from tinygrad_lstm.lab.cells import copies_over_time, look_at_c
from tinygrad_lstm.lab.claim import Run, Section
from tinygrad_lstm.lab.conditions import Condition, above, below, difference
from tinygrad_lstm.lab.trained import Adding

section = Section("gradients", "Gradients in LSTM")
Array = np.ndarray
EXACT = below(1e-12)


class Backward:
    """An LSTM over 15 steps with a loss at each, and for every step the value and the gradient of f, i, g, o, c, h.

    All are arrays (T, B, H), as the equations name them: ``v["f"]``, ``dL["c"]``; ``old["c"]`` is the C that a step
    reads.
    """

    def __init__(self, run: Run, broken: str = "") -> None:
        peephole = run.is_broken("peephole") and broken == "peephole"
        lstm = nn.LSTM(3, 6, cell=nn.PeepholeLSTMCell if peephole else nn.LSTMCell)
        self.cell = lstm.layers[0]
        look_at_c(run, self.cell)
        self.x = run.rng.standard_normal((15, 4, 3))
        self.trajectory = lstm.unroll(self.x)
        self.loss = (self.trajectory.output * run.rng.standard_normal((15, 4, 6))).sum()
        self.v = {name: self.trajectory[name].data for name in "figoch"}
        self.dL = {name: self.gradient(name) for name in "figoch"}
        self.old = {name: np.concatenate([np.zeros((1, 4, 6)), self.v[name][:-1]]) for name in "ch"}

    def gradient(self, name: str, loss: tg.Tensor | None = None) -> Array:
        """The gradient of the loss, or of another one, by a value of every step."""
        values = [step.named[name] for step in self.trajectory.steps]
        return np.array([g.data for g in tg.grad(self.loss if loss is None else loss, values, retain_graph=True)])

    @property
    def from_h(self) -> Array:
        """Of dL/dC at each step, the part that comes from the h of that step."""
        return np.asarray(self.dL["h"] * self.v["o"] * (1 - np.tanh(self.v["c"]) ** 2))


def at_worst(run: Run, found: Array, wanted: Array, condition: Condition = EXACT) -> None:
    """State the largest difference at any step, relative to the largest element of the step."""
    apart = max(difference(one, other) for one, other in zip(found, wanted, strict=True))
    run.expect("difference at the worst step", apart, condition)


@section.experiment(
    "T60", "Two paths for error flow: via the hidden state, and via the cell state.", broken=["untrained"],
    topic="highway",
    correction="In a fresh LSTM with b_f = 1 practically nothing of a gradient 45 steps back came along the belt. The "
    "carousel is learned, by a few units: the mean forget gate hardly moves.",
)  # fmt: skip
def the_belt_is_learned(run: Run) -> None:
    """Of dL/dC 45 steps back, the share that never left the belt, before and after it has learned to add."""
    found = run.share(Adding)
    run.expect("share before training", found.before[-1].share, below(0.1))
    run.expect("share after training", found.after[-1].share, above(0.2))
    run.expect("the mean forget gate moves by", abs(found.f_after - found.f_before), below(0.15))
    shares = {"before": found.before, "after": found.after}
    run.draw(viz.plots.belt_shares, shares)


@section.experiment(
    "T60'", "Fresh from b_f = 1, nearly nothing of a far gradient is on the belt.", broken=["trained"],
    correction="One step back the belt carries all of it. But σ(1) = 0.73, and 0.73 to the 45th is a millionth.",
)  # fmt: skip
def a_fresh_belt_is_short(run: Run) -> None:
    """The belt's share of dL/dC at lags 1 and 45, untrained."""
    found = run.share(Adding)
    shares = [at.share for at in (found.after if run.is_broken("trained") else found.before)]
    run.expect("lag 1", shares[0], above(0.8))
    run.expect("lag 45", shares[-1], below(0.1))


@section.experiment("T60b", "Gradients flow more freely after training.", broken=["untrained"])
def gradients_flow_after_training(run: Run) -> None:
    """The norm of dL/dC 45 steps back, after training over before."""
    found = run.share(Adding)
    run.expect("times as large", found.after[-1].norm / found.before[-1].norm, above(50))


@section.identity(
    "T62", "dL/dC_(t-1) = dL/dC_t ⊙ f_t is not the whole gradient.", broken=["h detached"],
    correction="C also leaves its step through h. The notes' formula is exact only for the gradient of 1997, with h "
    "detached from the gates; as the whole gradient it is off by about 40 % at its worst step.",
)  # fmt: skip
def the_notes_formula_is_a_part(run: Run) -> None:
    """The notes' formula against the gradient of a loss at the last step."""
    back = Backward(run)
    last = back.trajectory.steps[-1].c.sum()
    if run.is_broken("h detached"):
        with paths.cut("crossing"):
            whole = back.gradient("c", last)
    else:
        whole = back.gradient("c", last)
    at_worst(run, whole[1:] * back.v["f"][1:], whole[:-1], above(0.1))


@section.identity(
    "T62'", "dL/dC_(t-1) = dL/dC_t ⊙ f_t + dL/dh_(t-1) ⊙ o_(t-1) ⊙ (1 - tanh² C_(t-1)).", broken=["peephole"],
    topic="two paths",
    correction="The second term is the path over h. Both together are the gradient, at every step, to the last digit.",
)  # fmt: skip
def both_terms_are_the_gradient(run: Run) -> None:
    """A loss at every step: the belt's term and that of h, against the engine."""
    back = Backward(run, "peephole")
    at_worst(run, back.dL["c"][1:] * back.v["f"][1:] + back.from_h[:-1], back.dL["c"][:-1])
    short = nn.LSTM(3, 6).unroll(run.rng.standard_normal((2, 1, 3)))
    loss = (short.output**2).sum()
    run.draw(viz.gradient_paths, loss, short)


@section.identity(
    "T62''", "For the truncated gradient of 1997 the notes' formula is exact.", broken=["peephole"],
    correction="Hochreiter & Schmidhuber cut the gradient where h enters the gates. Then the belt is all there is.",
)  # fmt: skip
def exact_with_h_detached(run: Run) -> None:
    """The crossings are cut: dL/dC before is dL/dC times f at every step."""
    back = Backward(run, "peephole")
    with paths.cut("crossing"):
        cut = back.gradient("c", back.trajectory.steps[-1].c.sum())
    at_worst(run, cut[1:] * back.v["f"][1:], cut[:-1])


DIRECT = "direct dL/dC only"


def from_c(run: Run, back: Backward) -> Array:
    """All of dL/dC; or, broken, the part that comes from h of the same step."""
    return back.from_h if run.is_broken(DIRECT) else back.dL["c"]


@section.identity("T64f", "Forget gate: dL/df_t = dL/dC_t ⊙ C_(t-1).", broken=[DIRECT], topic="gate gradients")
def by_the_forget_gate(run: Run) -> None:
    """At every step, with all of dL/dC that arrives there."""
    back = Backward(run)
    at_worst(run, from_c(run, back) * back.old["c"], back.dL["f"])


@section.identity("T64i", "Input gate: dL/di_t = dL/dC_t ⊙ C̃_t.", broken=[DIRECT])
def by_the_input_gate(run: Run) -> None:
    """At every step."""
    back = Backward(run)
    at_worst(run, from_c(run, back) * back.v["g"], back.dL["i"])


@section.identity("T64g", "Candidate: dL/dC̃_t = dL/dC_t ⊙ i_t.", broken=[DIRECT])
def by_the_candidate(run: Run) -> None:
    """At every step."""
    back = Backward(run)
    at_worst(run, from_c(run, back) * back.v["i"], back.dL["g"])


@section.identity("T64o", "Output gate: dL/do_t = dL/dh_t ⊙ tanh(C_t).", broken=["C without tanh"])
def by_the_output_gate(run: Run) -> None:
    """At every step, with all of dL/dh that arrives there."""
    back = Backward(run)
    shown = back.v["c"] if run.is_broken("C without tanh") else np.tanh(back.v["c"])
    at_worst(run, back.dL["h"] * shown, back.dL["o"])


@section.identity(
    "T64'", "dL/dC_t there is everything that arrives at C_t.", broken=["all of it"],
    correction="It comes from h_t and from C_(t+1). With the part from h_t alone, the gradient by the input gate is "
    "wrong by more than its own size at its worst step.",
)  # fmt: skip
def all_that_arrives(run: Run) -> None:
    """The input gate's formula with the part of dL/dC that comes from h of the same step."""
    back = Backward(run)
    at_worst(run, (back.dL["c"] if run.is_broken("all of it") else back.from_h) * back.v["g"], back.dL["i"], above(0.1))


@section.identity(
    "T65", "Then you backprop through the activations, and compute the parameters' gradients.", broken=["no slopes"]
)
def by_the_parameters(run: Run) -> None:
    """dL/dW, dL/dU and dL/db by hand: the gates' gradients times their slopes, times x, h or 1, summed over time."""
    back = Backward(run)
    slope = {gate: back.v[gate] * (1 - back.v[gate]) for gate in "fio"} | {"g": 1 - back.v["g"] ** 2}
    dz = np.concatenate(
        [back.dL[gate] * (1 if run.is_broken("no slopes") else slope[gate]) for gate in "fiog"], axis=-1
    )
    wanted = tg.grad(back.loss, [back.cell.W, back.cell.U, back.cell.b], retain_graph=True)
    by_hand = np.einsum("tbg,tbd->gd", dz, back.x), np.einsum("tbg,tbh->gh", dz, back.old["h"]), dz.sum(axis=(0, 1))
    for name, found, gradient in zip("WUb", by_hand, wanted, strict=True):
        run.compare(f"dL/d{name}", found, gradient)
    run.draw(viz.plots.ledger, paths.ledger(back.loss, back.cell.U))


@section.identity("T65b", "The gradient is the sum over t of each step's own part.", broken=["step 1 left out"])
def a_sum_over_time(run: Run) -> None:
    """Each step's part of dL/dU from a copy of the cell with weights of its own; then their sum."""
    cell, x = nn.LSTMCell(3, 5), run.rng.standard_normal((8, 2, 3))
    book = paths.ledger((nn.unroll(cell, x).output ** 2).sum(), cell.U)
    run.compare("each step's part of dL/dU", book.by_step, copies_over_time(cell, x)[1])
    run.compare("their sum", book.by_step[2 if run.is_broken("step 1 left out") else 0 :].sum(axis=0), book.total)


@section.identity(
    "T65'", "The update is -η times that sum.", broken=["no η"],
    correction="Σ_t ∂L/∂W_t, which the notes call ΔW, is the gradient. The update is ΔW = -η Σ_t ∂L/∂W_t.",
)  # fmt: skip
def the_update(run: Run) -> None:
    """One update of gradient descent with η = 0.1."""
    back = Backward(run)
    U, before = back.cell.U, back.cell.U.data.copy()
    (gradient,) = tg.grad(back.loss, U, retain_graph=True)
    back.loss.backward()
    optim.SGD([U], lr=0.1).step()
    run.compare("ΔU", U.data - before, -(1 if run.is_broken("no η") else 0.1) * gradient.data)


@section.experiment(
    "T63'", "An LSTM does not only not vanish: it can explode.", dtype=float, broken=["f=-5"],
    correction='"Almost unchanged" is what f alone does. The paths over h come on top: with f near 1 the gradient of a '
    "fresh LSTM grows by 4 % and more per step, so clipping is not for RNNs only.",
)  # fmt: skip
def an_lstm_can_explode(run: Run) -> None:
    """A fresh LSTM with U uniform in ±1/√H and b_f = 4: the growth of dL/dC per step, over 50 steps."""
    run.expect("growth per step", growth(run, -5.0 if run.is_broken("f=-5") else 4.0), above(1.02))


def growth(run: Run, forget_bias: float) -> float:
    """The factor per step by which dL/dC of a fresh LSTM changes over 50 steps; the mean of four of them."""
    rates = []
    for _ in range(4):
        lstm = nn.LSTM(2, 64, init="uniform", forget_bias=forget_bias)
        steps = lstm.unroll(run.rng.standard_normal((60, 1, 2))).steps
        late, early = tg.grad(steps[-1].c, [steps[-1].c, steps[-51].c], run.rng.standard_normal((1, 64)))
        rates.append(np.log(np.linalg.norm(early.data) / np.linalg.norm(late.data)) / 50)
    return float(np.exp(np.mean(rates)))
