"""Why LSTM helps vanishing gradients: the derivative of C by the C before it, on the belt and in full."""

from __future__ import annotations

import numpy as np

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn, paths
from tinygrad_lstm.lab.cells import look_at_c
from tinygrad_lstm.lab.claim import Run, Section
from tinygrad_lstm.lab.conditions import above, near

section = Section("why", "Why LSTM helps vanishing gradients")
H = 8


def thirty_steps(run: Run, broken: str = "") -> tuple[nn.LSTM, nn.Trajectory]:
    """An LSTM over 30 steps of one sequence; broken, with gates that look at C."""
    cell = nn.PeepholeLSTMCell if broken and run.is_broken(broken) else nn.LSTMCell
    lstm = nn.LSTM(3, H, cell=cell)
    look_at_c(run, lstm.layers[0])
    return lstm, lstm.unroll(run.rng.standard_normal((30, 3)))


def on_the_belt(after: tg.Tensor, before: tg.Tensor) -> np.ndarray:
    """∂C/∂C before, with the hidden state held fixed."""
    with paths.cut("crossing"):
        rows = [tg.grad(after, before, direction, retain_graph=True)[0].data for direction in np.eye(len(after.data))]
    return np.stack(rows)


@section.identity("V1", "∂C_t/∂C_(t-1) = diag(f_t).", broken=["peephole"], topic="derivative")
def one_step_is_f(run: Run) -> None:
    """One step of the belt, with h of the step before held fixed."""
    _, trajectory = thirty_steps(run, "peephole")
    before, now = trajectory.steps[9:11]
    run.compare("Jacobian at t = 11", on_the_belt(now.c, before.c), np.diag(now.f.data), within=1e-14)


@section.identity(
    "V1'", "In full, dC_t/dC_(t-1) is diag(f) plus the path over h into f, i and the candidate.", broken=["peephole"],
    correction="diag(f) is one edge of several: h also comes from the C before, and C_t reads h in f, i and C̃. The "
    "notes' formula holds only with h held fixed, or detached.",
)  # fmt: skip
def in_full_there_is_more(run: Run) -> None:
    """The whole Jacobian of one step against its closed form, and how much of it the belt is not."""
    lstm, trajectory = thirty_steps(run, "peephole")
    before, now = trajectory.steps[9:11]
    found = paths.state_jacobian(now.c, before.c)
    f, i, g, c = now.f.data, now.i.data, now.g.data, before.c.data
    U_f, U_i, _, U_g = np.split(lstm.layers[0].U.data, 4)
    slopes = np.stack([c * f * (1 - f), g * i * (1 - i), i * (1 - g**2)])
    over_h = np.einsum("kr,krc->rc", slopes, np.stack([U_f, U_i, U_g])) * before.o.data * (1 - np.tanh(c) ** 2)
    run.compare("whole Jacobian", found.matrix, np.diag(f) + over_h)
    run.expect("share that is not diag(f)", float(np.linalg.norm(found.matrix - found.belt) / found.norm), above(0.05))
    short = nn.LSTM(3, H).unroll(run.rng.standard_normal((3, 3)))
    loss = short.steps[-1].c.sum()
    run.draw(viz.gradient_paths, loss, short)


@section.identity(
    "V2", "The signal is multiplied elementwise by f, not by weight matrices and tanh derivatives.",
    broken=["an edge more"],
)  # fmt: skip
def twenty_steps_are_a_product(run: Run) -> None:
    """The belt over 20 steps is the product of their forget gates, unit by unit."""
    _, trajectory = thirty_steps(run)
    passed = trajectory.steps[9 if run.is_broken("an edge more") else 10 :]
    product = np.prod([step.f.data for step in passed], axis=0)
    run.compare(
        "belt over 20 steps", paths.state_jacobian(trajectory.steps[29].c, trajectory.steps[9].c).belt, np.diag(product)
    )


@section.identity(
    "V3", "If f ≈ 1, gradients are preserved across many steps: the constant error carousel.", broken=["f=-5"],
    topic="carousel",
    correction='"Almost unchanged" is a matter of k: over 500 steps f = 0.99 leaves 0.0066 of the gradient, and 0.9 '
    "leaves nothing. In total the gradient can also grow: see T63'.",
)  # fmt: skip
def the_carousel(run: Run) -> None:
    """One unit with a constant f: over 500 steps the gradient is multiplied by f to the 500th."""
    runs = {}
    for f in (1.0, 0.999, 0.99, 0.9):
        lstm = nn.LSTM(1, 1)
        cell = lstm.layers[0]
        cell.W.data, cell.U.data = 0 * cell.W.data, 0 * cell.U.data
        bias = 1e3 if f == 1 else np.log(f / (1 - f))
        assert cell.b is not None
        cell.b.data[0] = -5.0 if run.is_broken("f=-5") else bias
        trajectory = lstm.unroll(np.zeros((501, 1)))
        runs[f"f = {f:g}"] = trajectory.steps[-1].c.sum(), trajectory
        left = tg.grad(trajectory.steps[-1].c.sum(), trajectory.steps[0].c, retain_graph=True)[0].item()
        run.expect(f"left after 500 steps, f = {f:g}", left, near(f**500, within=1e-9))
    run.draw(viz.plots.gradient_by_lag, runs, state="c")
