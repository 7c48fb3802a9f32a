"""The summary with its analogies: paper with an eraser that smudges, and a notebook with tabs."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn
from tinygrad_lstm.lab.claim import Run, Section
from tinygrad_lstm.lab.conditions import below, near
from tinygrad_lstm.lab.result import ThemeName

section = Section("summary", "Summary with intuition")
WRITE, READS, ERASE, T = 10, [400, 999], 500, 1000
LATER = (1, 3, 10, 30, 100, 300, 989)  # steps after a number was written


def smudging(u: float, start: float, steps: int) -> nn.Trajectory:
    """One RNN unit without input, h' = tanh(u h)."""
    rnn = nn.RNN(1, 1)
    cell = rnn.layers[0]
    cell.W.data, cell.U.data = np.zeros((1, 1)), np.full((1, 1), u)
    return rnn.unroll(np.zeros((steps, 1, 1)), np.full((1, 1, 1), start))


class Notebook:
    """One LSTM unit whose gates are driven by tabs: it reads (value, write, erase, read), 1,000 steps of noise."""

    def __init__(self, run: Run, erase: bool = False) -> None:
        lstm = nn.LSTM(4, 1)
        cell, far = lstm.layers[0], 1.0 if run.is_broken("tabs weak") else 60.0
        cell.U.data = 0 * cell.U.data
        cell.W.data = np.array([[0, 0, -2 * far, 0], [0, 2 * far, 0, 0], [0, 0, 0, 2 * far], [1, 0, 0, 0]])
        cell.b.data = np.array([far, -far, -far, 0])
        self.x = np.zeros((T, 1, 4))
        self.x[:, 0, 0] = run.rng.standard_normal(T)
        self.x[WRITE, 0, 1] = self.x[READS, 0, 3] = 1
        self.x[ERASE, 0, 2] = float(erase)
        self.trajectory = lstm.unroll(self.x)
        self.c, self.h = (self.trajectory[name].data[:, 0, 0] for name in "ch")
        self.note = np.tanh(self.x[WRITE, 0, 0])


def plot_what_is_left(run: Run, h: np.ndarray, theme: ThemeName) -> Any:
    """The number that h began with, and the note in C, as they are some steps later."""
    book = Notebook(run)
    left = {"RNN, h' = tanh(h)": {t: h[t - 1] / 0.9 for t in LATER},
            "LSTM, the note in C": {t: book.c[WRITE + t] / book.note for t in LATER}}  # fmt: skip
    return viz.plots.scores(left, x="steps since it was written", y="what is left", log="x", theme=theme)


@section.experiment(
    "S1", "Vanilla RNN: paper with an eraser that smudges over time; the old info fades.", dtype=float, broken=["u = 2"]
)
def the_old_info_fades(run: Run) -> None:
    """h' = tanh(h), the best that a unit can do for a number: 0.9 fades as √(3 / 2t)."""
    steps = smudging(2.0 if run.is_broken("u = 2") else 1.0, 0.9, 1000)
    h = steps["h"].data[:, 0, 0]
    run.expect("h after 1,000 steps", float(h[-1]), near(np.sqrt(3 / 2000), within=0.01))
    run.draw(plot_what_is_left, run, h)


@section.identity(
    "S1'", "With u = 2 an RNN keeps one bit, and loses the number.", broken=["u = 1"],
    correction="An RNN can remember: with u = 2 the sign stays. What it cannot keep is how large the number was.",
)  # fmt: skip
def one_bit_stays(run: Run) -> None:
    """h' = tanh(2h) from 0.1, 0.5 and 0.9, and from -0.1, after 100 steps."""
    u = 1.0 if run.is_broken("u = 1") else 2.0
    ends = [smudging(u, start, 100).steps[-1].h.item() for start in (0.1, 0.5, 0.9, -0.1)]
    run.compare("from 0.1, 0.5, 0.9, -0.1", ends, np.array([1, 1, 1, -1]) * 0.957504024087, within=1e-10)


@section.identity("S2", "Notebook with tabs. Input gate: add new notes.", broken=["tabs weak"], topic="notebook")
def a_note_is_written(run: Run) -> None:
    """The note written at t = 11 stands over 989 steps of noise."""
    book = Notebook(run)
    run.compare("C from t = 11 to 1,000", book.c[WRITE:], np.full(T - WRITE, book.note))
    run.draw(viz.plots.gates, book.trajectory, ("f", "i", "o", "c", "h"), signal=book.x[:, 0, 1:])


@section.identity("S3", "Output gate: decide which notes to share now.", broken=["tabs weak"])
def a_note_is_shared(run: Run) -> None:
    """h is tanh of the note at t = 401 and 1,000, where the tab says read, and 0 elsewhere."""
    book = Notebook(run)
    run.compare("h where it is read", book.h[READS], np.full(2, np.tanh(book.note)))
    run.expect("largest |h| elsewhere", float(np.abs(np.delete(book.h, READS)).max()), below(1e-12))


@section.identity("S4", "Forget gate: erase old notes.", broken=["tabs weak"])
def a_note_is_erased(run: Run) -> None:
    """Erased at t = 501: C is the note before, and 0 afterwards."""
    book = Notebook(run, erase=True)
    run.compare("C at t = 500", book.c[ERASE - 1], book.note)
    run.expect("largest |C| from t = 501", float(np.abs(book.c[ERASE:]).max()), below(1e-12))


@section.identity("S5", "The gradient of a note comes back whole.", broken=["tabs weak"])
def the_gradient_of_a_note(run: Run) -> None:
    """dC at t = 1,000 by C at t = 11; and the same of the RNN that smudges, over all its steps."""
    steps = Notebook(run).trajectory.steps
    run.compare("notebook", tg.grad(steps[-1].c.sum(), steps[WRITE].c)[0], np.ones((1, 1)))
    smudged = smudging(1.0, 0.9, 1000).steps
    run.expect("smudging RNN", tg.grad(smudged[-1].h.sum(), smudged[0].h)[0].item(), below(1e-3))
