"""The core idea: a cell state that is carried along like a conveyor belt, and gates that control it."""

from __future__ import annotations

import numpy as np

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn
from tinygrad_lstm.lab.cells import held_cell, sigmoid
from tinygrad_lstm.lab.claim import Run, Section

section = Section("core", "Core idea")


@section.identity(
    "L1", "LSTM is a special type of RNN architecture.", broken=["gates off"],
    correction="It is the other way round as well: an LSTM with f held at 0, i and o at 1 is an RNN, "
    "with tanh taken twice.",
)  # fmt: skip
def an_rnn_is_an_lstm_with_held_gates(run: Run) -> None:
    """f held at 0, i and o at 1: h' = tanh(tanh(W x + U h + b)), step after step."""
    cell, x = held_cell(f=0, i=1, o=1, half=run.is_broken("gates off")), run.rng.standard_normal((10, 4, 3))
    W, U, b = (np.split(weight.data, 4)[3] for weight in (cell.W, cell.U, cell.b) if weight is not None)
    h, wanted = np.zeros((4, 6)), []
    for now in x:
        h = np.tanh(np.tanh(now @ W.T + h @ U.T + b))
        wanted.append(h)
    run.compare("h of ten steps", nn.unroll(cell, x).output, np.array(wanted))


@section.identity(
    "C1", "The cell state is a conveyor belt that carries memory through the sequence with minimal changes.",
    broken=["gates off"], topic="conveyor belt",
)  # fmt: skip
def the_belt_carries(run: Run) -> None:
    """f held at 1, i at 0: after 2,000 steps of noise C is what it was, bit for bit."""
    cell, start = held_cell(f=1, i=0, half=run.is_broken("gates off")), run.rng.standard_normal((4, 6))
    noise = run.rng.standard_normal((2000, 4, 3))
    _, c = nn.unroll(cell, noise, (tg.zeros(4, 6), start), collect=False).state
    run.compare("C after 2,000 steps", c, start, within=0)
    seen = nn.unroll(cell, noise[:40], (tg.zeros(4, 6), start))
    whole = nn.Trajectory((seen,), seen.output, seen.state)
    run.draw(lambda theme: viz.plots.gates(whole, ("f", "i", "g", "c"), theme=theme))


@section.identity(
    "C2", "Gates control what information is added, removed, or output from memory.", broken=["gates off"]
)
def gates_control(run: Run) -> None:
    """i held at 0: nothing is added. f at 0: nothing of the old C is left. o at 0: nothing is shown."""
    half = run.is_broken("gates off")
    x, (h, c) = run.rng.standard_normal((4, 3)), run.rng.standard_normal((2, 4, 6))
    cell = held_cell(i=0, half=half)
    W, U, b = (np.split(weight.data, 4)[0] for weight in (cell.W, cell.U, cell.b) if weight is not None)
    run.compare("i = 0: C is f ⊙ C", cell(x, (h, c))[1], sigmoid(x @ W.T + h @ U.T + b) * c, within=1e-15)
    cell = held_cell(f=0, half=half)
    run.compare("f = 0: C, whatever it was", cell(x, (h, c))[1], cell(x, (h, 9 * c))[1], within=0)
    run.compare("o = 0: h", held_cell(o=0, half=half)(x, (h, c))[0], np.zeros((4, 6)), within=0)
