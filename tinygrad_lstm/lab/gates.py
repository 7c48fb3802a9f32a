"""The gates, one by one: their ranges, what each of them does to the cell state, and what training makes of them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn, paths
from tinygrad_lstm.lab.cells import held
from tinygrad_lstm.lab.claim import Run, Section
from tinygrad_lstm.lab.conditions import above, below, between, difference, exactly
from tinygrad_lstm.lab.trained import Adding, RunningSum

section = Section("gates", "Gates, candidate and hidden state")


@section.count("G1", "The elements of the gates are in (0, 1), by the sigmoid.", broken=["wild input"])
def gates_are_between_0_and_1(run: Run) -> None:
    """All 3,600 values of f, i and o over 50 steps of inputs of scale 2 lie strictly inside."""
    scale = 2000.0 if run.is_broken("wild input") else 2.0
    trajectory = nn.LSTM(3, 6).unroll(scale * run.rng.standard_normal((50, 4, 3)))
    values = np.concatenate([trajectory[gate].data.ravel() for gate in "fio"])
    run.expect("smallest and largest value", [float(values.min()), float(values.max())], between(0, 1))
    run.draw(viz.plots.gates, trajectory, ("f", "i", "o", "g"))


@section.identity(
    "G1'", "In floating numbers a gate does reach 1, and then it learns nothing.", broken=["z a tenth"],
    correction="σ(z) is exactly 1 above z = 37 in float64 and above 17 in float32. Its slope is then exactly 0, and "
    "nothing can open or shut the gate again.",
)  # fmt: skip
def a_gate_saturates(run: Run) -> None:
    """σ at 40, 20 and 16, and its slope at 40."""
    z = np.array([40, 20, 16]) * (0.1 if run.is_broken("z a tenth") else 1)
    wide, narrow = (tg.tensor(z, dtype, requires_grad=True) for dtype in (np.float64, np.float32))
    (slope,) = tg.grad(tg.sigmoid(wide).sum(), wide)
    at_64, at_32 = tg.sigmoid(wide).data, tg.sigmoid(narrow).data
    run.expect("float64: σ(40) is 1, and σ(20)", [at_64[0] == 1, at_64[1] == 1], exactly([True, False]))
    run.expect("float32: σ(20) is 1, and σ(16)", [at_32[1] == 1, at_32[2] == 1], exactly([True, False]))
    run.expect("slope of σ at 40", float(slope.data[0]), below(1e-17))


@section.identity(
    "G2", "Where f is near 0 that dimension of C is erased; where it is near 1, it is retained.", broken=["gates off"],
    topic="forget gate",
)  # fmt: skip
def the_forget_gate_erases(run: Run) -> None:
    """f held at 0 in units 0, 2, 4 and at 1 in units 1, 3, 5; i held at 0."""
    x, (h, c) = run.rng.standard_normal((4, 3)), run.rng.standard_normal((2, 4, 6))
    with held(run, f=np.arange(6) % 2, i=0):
        after = nn.LSTMCell(3, 6)(x, (h, c))[1].data
    run.compare("units 0, 2, 4 are erased", after[:, ::2], np.zeros((4, 3)), within=0)
    run.compare("units 1, 3, 5 are retained", after[:, 1::2], c[:, 1::2], within=0)


@section.count("G3", "The candidate is in [-1, 1], by tanh.", broken=["C in its place"])
def the_candidate_is_bounded(run: Run) -> None:
    """The candidate over 50 steps of inputs of scale 2, and h, which is bounded too."""
    lstm, x, name = nn.LSTM(3, 6), 2 * run.rng.standard_normal((50, 4, 3)), "g"
    trajectory = lstm.unroll(x)
    if run.is_broken("C in its place"):
        with paths.pinned(f=1.0, i=1.0):
            trajectory, name = lstm.unroll(x), "c"
    run.expect("largest |candidate|", float(np.abs(trajectory[name].data).max()), below(1 + 1e-15))
    run.expect("largest |h|", float(np.abs(trajectory["h"].data).max()), below(1))


@section.identity("G4", "i ⊙ C̃ is the update term added into the cell.", broken=["no input gate"])
def the_update_term(run: Run) -> None:
    """At every step, C less f times the C before it is i times the candidate."""
    steps = nn.LSTM(3, 6).unroll(run.rng.standard_normal((20, 4, 3))).steps
    worst = 0.0
    for before, now in pairwise(steps):
        written = now.g.data if run.is_broken("no input gate") else now.i.data * now.g.data
        worst = max(worst, difference(now.c.data - now.f.data * before.c.data, written))
    run.expect("largest difference at any step", worst, below(1e-12))


@section.identity("G6", "The output gate decides which parts of the cell state to expose.", broken=["gates off"])
def hidden_is_not_forgotten(run: Run) -> None:
    """o held at 0: h is 0 everywhere, and C is nowhere."""
    with held(run, o=0):
        h, c = nn.LSTMCell(3, 6)(run.rng.standard_normal((4, 3)), tuple(run.rng.standard_normal((2, 4, 6))))
    run.expect("largest |h|", float(np.abs(h.data).max()), exactly(0.0))
    run.expect("smallest |C|", float(np.abs(c.data).min()), above(0))


@section.identity("G7", "h is typically fed to the next layer.", broken=["C in its place"])
def h_goes_up(run: Run) -> None:
    """Two layers: at every step, what the second one reads is the h of the first, bit for bit."""
    below_it, above_it = nn.LSTM(3, 6, 2).unroll(run.rng.standard_normal((9, 4, 3))).chains
    read = [step.x.data for step in above_it.steps]
    name = "c" if run.is_broken("C in its place") else "h"
    run.compare("x of layer 2", read, [step.named[name].data for step in below_it.steps], within=0)


@section.experiment("G5", "Selective forgetting: the network learns when not to keep old info.", broken=["untrained"])
def it_learns_when_to_forget(run: Run) -> None:
    """Trained to say the sum since the last reset: the squared error, of the variance."""
    found = run.share(RunningSum)
    run.expect("error", found.error, below(0.05))
    read = found.x[:, 0]
    run.draw(viz.plots.gates, found.trajectory, ("f", "c"), signal=read, sort="f")


@section.experiment(
    "G8", "The input gate decides how much of the candidate to write.", broken=["untrained"], topic="input gate"
)
def it_writes_where_it_should(run: Run) -> None:
    """Trained to add two marked numbers: the derivative of the sum by each number that was read, marked or not."""
    found = run.share(Adding)
    x = tg.tensor(found.x, requires_grad=True)
    (by_x,) = tg.grad(found.model(x)[0].sum(), x)
    size, marked = np.abs(by_x.data[..., 0]), found.x[..., 1] == 1
    run.expect("by the two marked numbers", float(size[marked].mean()), between(0.7, 1.3))
    run.expect("by the others", float(size[~marked].mean()), below(0.1))
    run.draw(viz.plots.gates, found.trajectory, ("i", "c"), signal=found.x[:, 0], sort="i")
