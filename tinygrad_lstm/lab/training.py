"""LSTM training: the output layer, the loss over time, and backpropagation through the unrolled network."""

from __future__ import annotations

import numpy as np

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import losses, nn
from tinygrad_lstm.lab.cells import copies_over_time
from tinygrad_lstm.lab.claim import Run, Section
from tinygrad_lstm.lab.conditions import above, exactly

section = Section("training", "LSTM training")
D, H, B, T = 3, 5, 2, 8


@section.identity("T1", "y_t = W_hy h_t + b_y.", broken=["C read"])
def the_output_layer(run: Run) -> None:
    """A linear layer on h, at every step."""
    trajectory, head = nn.LSTM(D, H).unroll(run.rng.standard_normal((T, B, D))), nn.Linear(H, 2)
    read = trajectory["c"].data if run.is_broken("C read") else trajectory["h"].data
    assert head.b is not None
    run.compare("y at every step", head(trajectory.output), read @ head.W.data.T + head.b.data)


@section.identity("T56", "The total loss is the sum (or mean) over timesteps.", broken=["last step only"])
def the_loss_is_a_sum(run: Run) -> None:
    """The squared error, summed and averaged, against the errors of the steps; and the gradients of both."""
    cell, x, target = nn.LSTMCell(D, H), run.rng.standard_normal((T, B, D)), run.rng.standard_normal((T, B, H))
    output = nn.unroll(cell, x).output
    total, mean = (losses.mse_loss(output, target, reduction) for reduction in ("sum", "mean"))
    steps = [((y_t - target_t) ** 2).sum() for y_t, target_t in zip(output.data, target, strict=True)]
    run.compare("sum of the steps", total.data, np.sum(steps[-1:] if run.is_broken("last step only") else steps))
    by_sum, by_mean = (tg.grad(loss, cell.U, retain_graph=True)[0].data for loss in (total, mean))
    run.compare("gradient of the mean", by_mean, by_sum / (T * B * H))


@section.identity(
    "T56'", "Swapping prediction and target is another loss.", broken=["the same"],
    correction="The notes write ŷ for the target; the usual sign for it is y, and ŷ is the prediction. A squared error "
    "does not notice the swap, a cross-entropy does.",
)  # fmt: skip
def prediction_and_target_differ(run: Run) -> None:
    """Two distributions over five words, either of them as the target: squared error, and cross-entropy."""
    p, q = (tg.softmax(tg.tensor(run.rng.standard_normal(5))).data for _ in range(2))
    q = p if run.is_broken("the same") else q
    run.compare("squared error, swapped", ((p - q) ** 2).sum(), ((q - p) ** 2).sum(), within=0)
    swapped = abs(float((p * np.log(q)).sum() - (q * np.log(p)).sum()))
    run.expect("cross-entropy, swapped, differs by", swapped, above(1e-3))


@section.identity(
    "T57", "You unroll the LSTM across timesteps, like a deep feedforward network with shared weights.",
    broken=["last copy left out"], topic="unrolling",
)  # fmt: skip
def shared_weights(run: Run) -> None:
    """Eight copies of the cell with weights of their own: the same loss, and their gradients sum to the shared one."""
    cell, x = nn.LSTMCell(D, H), run.rng.standard_normal((T, B, D))
    shared = (nn.unroll(cell, x).output ** 2).sum()
    total, parts = copies_over_time(cell, x)
    run.compare("loss", total.data, shared.data)
    summed = (parts[:-1] if run.is_broken("last copy left out") else parts).sum(axis=0)
    run.compare("dL/dU", summed, tg.grad(shared, cell.U, retain_graph=True)[0])
    run.draw(viz.draw, (nn.unroll(cell, x[:3]).output ** 2).sum(), view="op", depth=1)


@section.count(
    "T8", "Gradients at time t depend on h_t, and indirectly on all previous hidden and cell states.",
    broken=["detached"],
)  # fmt: skip
def all_states_have_a_gradient(run: Run) -> None:
    """12 steps, the loss at the last: of the 24 states, those that the loss was computed from, with a gradient."""
    trajectory = nn.LSTM(3, 8).unroll(run.rng.standard_normal((12, 2, 3)))
    last = trajectory.steps[-1].h
    loss = ((last.detach() if run.is_broken("detached") else last) ** 2).sum()
    states, graph = [step.named[name] for step in trajectory.steps for name in "ch"], tg.graph_of(loss)
    reached = [state for state in states if state in graph]
    run.expect("states in the graph", len(reached), exactly(24))
    run.expect(
        "with a gradient", sum(bool(g.data.any()) for g in tg.grad(loss, reached)) if reached[1:] else 0, exactly(24)
    )


@section.count(
    "T9",
    "The error flows back through the output gate and cell state at t, to the previous states, until the start.",
    broken=["forward"],
)
def the_order_of_backward(run: Run) -> None:
    """The backward pass of 12 steps: h comes first at the last step, C before f, i and C̃; steps 12 ... 1."""
    trajectory = nn.LSTM(3, 8).unroll(run.rng.standard_normal((12, 2, 3)))
    events = tg.backward_events((trajectory.steps[-1].h ** 2).sum(), accumulate=False)
    order = [(event.node.step, event.node.label) for event in events if event.node.label in tuple("hcofig")]
    order = order[::-1] if run.is_broken("forward") else order
    last = [name for step, name in order if step == 12]
    run.expect("h comes first at t = 12", last[0], exactly("h"))
    run.expect("C comes before f, i and C̃", last.index("c") < min(map(last.index, "fig")), exactly(True))
    run.expect("steps 12 ... 1", [step for step, name in order if name == "h"], exactly(list(range(12, 0, -1))))
