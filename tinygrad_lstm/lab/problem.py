"""The RNN problem: what backpropagation through time multiplies, and why the product vanishes or explodes."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn, paths
from tinygrad_lstm.lab.claim import Run, Section
from tinygrad_lstm.lab.conditions import above, below, difference, exactly, near
from tinygrad_lstm.training import gradient_left

section = Section("problem", "The RNN problem")
Unrolled = tuple[tg.Tensor, nn.Trajectory]


def rnn_with_gain(gain: float, x: np.ndarray) -> Unrolled:
    """An RNN whose U is a rotation times ``gain``: one element of its last h, and the steps."""
    rnn = nn.RNN(3, 32)
    cell = rnn.layers[0]
    cell.U.data = gain * cell.U.data
    trajectory = rnn.unroll(x)
    return trajectory.steps[-1].h[0, 0], trajectory


@section.count(
    "P1", "In BPTT the gradient has to pass backward through many time steps.", broken=["detached"], topic="bptt"
)
def gradient_passes_every_step(run: Run) -> None:
    """An RNN over 40 steps, the loss at the last: the gradient crosses from step to step, 40, 39, ... 2."""
    cell, h = nn.RNNCell(3, 8), tg.zeros(2, 8)
    for t, x in enumerate(tg.randn(40, 2, 3), 1):
        with tg.scope(f"t={t}", step=t):
            h = cell(x, h.detach() if run.is_broken("detached") else h)
    crossed = [
        contribution.edge.reader.step
        for event in tg.backward_events((h**2).sum(), accumulate=False)
        for contribution in event.contributions
        if paths.edge_class(contribution.edge) == "crossing"
    ]
    run.expect("crossings", len(crossed), exactly(39))
    run.expect("in the order 40 ... 2", crossed == list(range(40, 1, -1)), exactly(True))
    short = nn.RNN(3, 8).unroll(tg.randn(4, 2, 3))
    loss = (short.steps[-1].h ** 2).sum()
    run.draw(viz.gradient_paths, loss, short)


@section.identity(
    "P2", "Each step multiplies the gradient by weight matrices and derivatives of activations.", broken=["no tanh'"]
)
def each_step_multiplies(run: Run) -> None:
    """At every step of an RNN, the gradient by h before it is the gradient by h, times 1 - h², times Uᵀ."""
    rnn = nn.RNN(3, 8)
    steps = rnn.unroll(tg.randn(40, 2, 3)).steps
    gradients = tg.grad((steps[-1].h ** 2).sum(), [step.h for step in steps])
    U, worst = rnn.layers[0].U.data, 0.0
    for step, after, before in zip(steps[1:], gradients[1:], gradients, strict=False):
        slope = 1.0 if run.is_broken("no tanh'") else 1 - step.h.data**2
        worst = max(worst, difference((after.data * slope) @ U, before))
    run.expect("largest difference at any step", worst, below(1e-12))


@section.identity(
    "P3", "This repeated multiplication causes vanishing or exploding gradients.", broken=["U fixed"], topic="vanishing"
)
def the_gain_decides(run: Run) -> None:
    """U a rotation times a gain, x = 0: per step the gradient is multiplied by the gain, to the last digit."""
    gains = (0.5, 0.9, 1.0, 1.5)
    runs = {
        f"gain {gain}": rnn_with_gain(1.0 if run.is_broken("U fixed") else gain, np.zeros((100, 1, 3)))
        for gain in gains
    }
    for gain, unrolled in zip(gains, runs.values(), strict=True):
        run.expect(f"rate per step, gain {gain}", gradient_left(*unrolled) ** (1 / 99), near(gain, within=1e-12))
    run.draw(viz.plots.gradient_by_lag, runs)


@section.experiment("P4", "Gradients shrink: the vanishing gradient.", dtype=float, broken=["gain 3"])
def gradients_shrink(run: Run) -> None:
    """Gain 0.9 and random inputs: over 99 steps less is left than 0.9 to the 99th, for the slope of tanh is below 1."""
    unrolled = rnn_with_gain(3.0 if run.is_broken("gain 3") else 0.9, run.rng.standard_normal((100, 1, 3)))
    run.expect("what is left after 99 steps", gradient_left(*unrolled), below(0.9**99))


@section.experiment("P5", "Earlier layers (the long-term past) get almost no updates.", dtype=float, broken=["U fixed"])
def the_past_teaches_nothing(run: Run) -> None:
    """U uniform in ±1/√H, 100 steps, the loss at the last: what steps 1 to 50 add to dL/dU."""
    if run.is_broken("U fixed"):
        rnn = nn.RNN(3, 32)
        rnn.layers[0].W.data = 0.01 * rnn.layers[0].W.data
    else:
        rnn = nn.RNN(3, 32, init="uniform")
    output, _ = rnn(run.rng.standard_normal((100, 4, 3)))
    book = paths.ledger((output[-1] ** 2).sum(), rnn.layers[0].U)
    share = np.linalg.norm(book.by_step[:50].sum(axis=0)) / np.linalg.norm(book.total)
    run.expect("share of steps 1 to 50 in dL/dU", float(share), below(1e-6))
    run.draw(viz.plots.ledger, book)


@section.experiment(
    "P5'", "How fast it vanishes is a matter of U, and of how far tanh is driven.", dtype=float, broken=["U fixed"],
    correction="A vanilla RNN does not vanish by nature: with an orthogonal U and small inputs a tenth of the gradient "
    "is left after 99 steps. With U uniform in ±1/√H, as PyTorch draws it, nothing is.",
)  # fmt: skip
def how_fast_depends_on_the_weights(run: Run) -> None:
    """Small inputs, 99 steps back, two ways to draw U: uniform in ±1/√H, and a rotation."""
    runs = {}
    for init in ("uniform", "orthogonal"):
        rnn = nn.RNN(3, 32, init="orthogonal" if run.is_broken("U fixed") else init)
        rnn.layers[0].b.data = 0 * rnn.layers[0].b.data
        trajectory = rnn.unroll(0.1 * run.rng.standard_normal((100, 1, 3)))
        runs[f"U {init}"] = trajectory.steps[-1].h[0, 0], trajectory
    uniform, orthogonal = (gradient_left(*unrolled) for unrolled in runs.values())
    run.expect("left with a uniform U", uniform, below(1e-15))
    run.expect("left with an orthogonal U", orthogonal, above(1e-6))
    run.draw(viz.plots.gradient_by_lag, runs)


@section.identity("P6", "Gradients grow exponentially: the exploding gradient.", topic="exploding", broken=["gain 1"])
def gradients_grow(run: Run) -> None:
    """U a rotation times 1.5, x = 0: over 99 steps the gradient grows by 1.5 to the 99th."""
    gain = 1.0 if run.is_broken("gain 1") else 1.5
    unrolled = rnn_with_gain(gain, np.zeros((100, 1, 3)))
    run.expect("growth over 99 steps", gradient_left(*unrolled), near(1.5**99, within=1e-12))
    steady = rnn_with_gain(1.0, np.zeros((100, 1, 3)))
    run.draw(viz.plots.gradient_by_lag, {"U × 1.5": unrolled, "U × 1": steady})


# The cliff (Pascanu 2013, figure 6): one unit, h' = tanh(u h + b), 50 steps from h = -1/2. For a small b it falls to
# -0.9, for a larger one it climbs to 0.96, and between the two the loss (h - 1/2)² is a wall.


def height(u: Any, b: Any) -> np.ndarray:
    """The loss over the plane of u and b."""
    h = np.full(np.broadcast(u, b).shape, -0.5)
    for _ in range(50):
        h = np.tanh(u * h + b)
    return np.asarray((h - 0.5) ** 2)


class Descent:
    """Gradient descent from a point on the wall, with the norm of the gradient held to ``clip``."""

    def __init__(self, u: float, clip: float, updates: int) -> None:
        low, high = 0.0, 2.0
        while (middle := (low + high) / 2) not in (low, high):  # the wall stands where h ends at 0
            low, high = (low, middle) if height(u, middle) < 0.25 else (middle, high)
        rnn = nn.RNN(1, 1)
        cell = rnn.layers[0]
        cell.W.data, cell.U.data, cell.b.data = np.zeros((1, 1)), np.array([[u]]), np.array([low])
        sgd = tg.optim.SGD([cell.U, cell.b], lr=0.05)
        self.points, self.norms = [(u, low)], list[float]()
        for _ in range(updates):
            loss = ((rnn(np.zeros((50, 1, 1)), np.full((1, 1, 1), -0.5))[0][-1] - 0.5) ** 2).sum()
            sgd.zero_grad()
            loss.backward()
            self.norms.append(float(nn.utils.clip_grad_norm_([cell.U, cell.b], clip)))
            sgd.step()
            self.points.append((cell.U.data.item(), cell.b.data.item()))
        self.jump = float(np.linalg.norm(np.subtract(self.points[1], self.points[0])))
        self.loss = float(height(*self.points[-1]))


def without_clipping(run: Run) -> Descent:
    """Twenty updates, of which the first one throws the weights away."""
    return Descent(2.0 + 0.1 * run.rng.random(), np.inf, updates=20)


@section.experiment("P7", "Exploding gradients make training unstable.", dtype=float, broken=["clipped"])
def training_is_unstable(run: Run) -> None:
    """Start on the wall of the cliff, learning rate 0.05: one update throws the two weights far away, for good."""
    clipped = run.is_broken("clipped")
    found = Descent(2.05, 1.0, updates=3) if clipped else run.share(without_clipping)
    run.expect("norm of the first gradient", found.norms[0], above(1e5))
    run.expect("length of the first update", found.jump, above(1e3))
    run.expect("loss at the end", found.loss, above(0.1))


@section.experiment("P8", "Often fixed by gradient clipping.", dtype=float, broken=["no clipping"], topic="clipping")
def clipping_fixes_it(run: Run) -> None:
    """The same start, the norm held to 1: the first update is 0.05 long, and the descent arrives."""
    thrown = run.share(without_clipping)
    start = thrown.points[0][0]
    found = thrown if run.is_broken("no clipping") else Descent(start, 1.0, updates=400)
    run.expect("length of the first update", found.jump, below(0.05 + 1e-9))
    run.expect("loss at the end", found.loss, below(1e-3))
    descents = {"no clipping": thrown.points, "norm held to 1": found.points}
    run.draw(viz.plots.surface, height, (0.6, 2.6), (-0.2, 1.0), descents, names=("u", "b"))
