"""The cell state as a conveyor belt: it is linear, it adds, and it has no bounds."""

from __future__ import annotations

import numpy as np

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn
from tinygrad_lstm.lab.cells import held, look_at_c
from tinygrad_lstm.lab.claim import Run, Section
from tinygrad_lstm.lab.conditions import below, exactly

section = Section("belt", "The conveyor belt")


@section.identity(
    "B1", "C is not held to [-1, 1]; only h is.", broken=["gates off"],
    correction="The notes bound the gates, the candidate and h, and say nothing about C: it has no bounds. That is why "
    "an LSTM can count, and a GRU or a coupled LSTM cannot.",
)  # fmt: skip
def the_cell_state_can_count(run: Run) -> None:
    """f, i and the candidate held at 1: after t steps C is t, exactly, and h stays below 1."""
    with held(run, f=1, i=1, g=1):
        counting = nn.LSTM(3, 6).unroll(np.zeros((50, 1, 3)))
    run.compare("C after 1 ... 50 steps", counting["c"].data[:, 0, 0], np.arange(1.0, 51.0), within=0)
    run.expect("largest h", float(counting["h"].data.max()), below(1))
    run.draw(viz.plots.gates, counting, ("c", "h"))


@section.identity("B2", "A linear path with elementwise gating.", broken=["peephole", "U left in"])
def the_path_is_linear(run: Run) -> None:
    """U = 0, so that no gate sees h: C after ten steps is a linear function of the first C, plus what was read."""
    cell = (nn.PeepholeLSTMCell if run.is_broken("peephole") else nn.LSTMCell)(3, 8)
    if not run.is_broken("U left in"):
        cell.U.data = 0 * cell.U.data
    look_at_c(run, cell)
    x, (a, b) = run.rng.standard_normal((10, 3)), run.rng.standard_normal((2, 8))

    def after(start: np.ndarray) -> np.ndarray:
        return np.asarray(nn.unroll(cell, x, (np.zeros(8), start)).state[1].data)

    read = after(0 * a)
    run.compare("2a + 3b at the start", after(2 * a + 3 * b) - read, 2 * (after(a) - read) + 3 * (after(b) - read))


@section.count(
    "B3", "Gradients flow back through the addition instead of repeated nonlinear compressions.", broken=["an RNN"]
)
def the_belt_multiplies_and_adds(run: Run) -> None:
    """The ops on the belt over 20 steps: times f, plus what is written, and nothing else."""
    x = run.rng.standard_normal((21, 3))
    steps = (nn.RNN(3, 8) if run.is_broken("an RNN") else nn.LSTM(3, 8)).unroll(x).steps
    state = "h" if run.is_broken("an RNN") else "c"
    graph = tg.graph_of(steps[-1].named[state])
    op = {vertex.id: vertex.op for vertex in graph.vertices}
    belt = {edge.source: edge.reader for edge in graph.edges if edge.tag == "carry" or op[edge.reader] == "add"}
    at, ops = graph.id_of(steps[0].named[state]), list[str]()
    while at in belt:
        at = belt[at]
        ops.append(op[at])
    run.expect(
        "multiplications, additions, all", [ops.count("multiply"), ops.count("add"), len(ops)], exactly([20, 20, 40])
    )
