"""The core idea: a cell state that is carried along like a conveyor belt, and gates that control it."""

from __future__ import annotations

import numpy as np

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn
from tinygrad_lstm.lab.cells import held, sigmoid
from tinygrad_lstm.lab.claim import Run, Section

section = Section("core", "Core idea")


@section.identity(
    "L1", "LSTM is a special type of RNN architecture.", broken=["gates off"],
    correction="It is the other way round as well: an LSTM with f held at 0, i and o at 1 is an RNN, "
    "with tanh taken twice.",
)  # fmt: skip
def an_rnn_is_an_lstm_with_held_gates(run: Run) -> None:
    """f held at 0, i and o at 1: h' = tanh(tanh(W x + U h + b)), step after step."""
    cell, x = nn.LSTMCell(3, 6), run.rng.standard_normal((10, 4, 3))
    W, U, b = (np.split(weight.data, 4)[3] for weight in (cell.W, cell.U, cell.b) if weight is not None)
    h, wanted = np.zeros((4, 6)), []
    for now in x:
        h = np.tanh(np.tanh(now @ W.T + h @ U.T + b))
        wanted.append(h)
    with held(run, f=0, i=1, o=1):
        run.compare("h of ten steps", nn.unroll(cell, x).output, np.array(wanted))


@section.identity(
    "C1", "The cell state is a conveyor belt that carries memory through the sequence with minimal changes.",
    broken=["gates off"], topic="conveyor belt",
)  # fmt: skip
def the_belt_carries(run: Run) -> None:
    """f held at 1, i at 0: after 2,000 steps of noise C is what it was, bit for bit."""
    lstm, start, noise = nn.LSTM(3, 6), run.rng.standard_normal((1, 4, 6)), run.rng.standard_normal((2000, 4, 3))
    state = tg.zeros(1, 4, 6), start
    with held(run, f=1, i=0):
        run.compare("C after 2,000 steps", lstm(noise, state)[1][1], start, within=0)
        seen = lstm.unroll(noise[:40], state)
    run.draw(viz.plots.gates, seen, ("f", "i", "g", "c"))


@section.identity(
    "C2", "Gates control what information is added, removed, or output from memory.", broken=["gates off"]
)
def gates_control(run: Run) -> None:
    """i held at 0: nothing is added. f at 0: nothing of the old C is left. o at 0: nothing is shown."""
    cell, x, (h, c) = nn.LSTMCell(3, 6), run.rng.standard_normal((4, 3)), run.rng.standard_normal((2, 4, 6))
    W, U, b = (np.split(weight.data, 4)[0] for weight in (cell.W, cell.U, cell.b) if weight is not None)
    with held(run, i=0):
        run.compare("i = 0: C is f ⊙ C", cell(x, (h, c))[1], sigmoid(x @ W.T + h @ U.T + b) * c, within=1e-15)
    with held(run, f=0):
        run.compare("f = 0: C, whatever it was", cell(x, (h, c))[1], cell(x, (h, 9 * c))[1], within=0)
    with held(run, o=0):
        run.compare("o = 0: h", cell(x, (h, c))[0], np.zeros((4, 6)), within=0)
