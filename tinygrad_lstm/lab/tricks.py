"""Tricks used in practice: truncated BPTT, clipping, the forget gate's bias, layer normalization and dropout."""

from __future__ import annotations

from functools import partial

import numpy as np

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn, paths
from tinygrad_lstm.data import ACCURACY, Batch, Task, cat
from tinygrad_lstm.lab.claim import Run, Section
from tinygrad_lstm.lab.conditions import above, below, between, exactly, rising
from tinygrad_lstm.lab.gradients import growth
from tinygrad_lstm.lab.learning import learn, score, word_reader

section = Section("tricks", "Tricks used in practice")


def lags(run: Run, forget_bias: float, T: int = 60) -> tuple[nn.LSTM, np.ndarray, np.ndarray, paths.LagMatrix]:
    """An LSTM with a loss at every step, its input and targets, and what the loss at each step owes to each other."""
    x, target = run.rng.standard_normal((T, 4, 3)), run.rng.standard_normal((T, 4, 16))
    lstm = nn.LSTM(3, 16, init="uniform", forget_bias=forget_bias)
    errors = [((h - y) ** 2).sum() for h, y in zip(lstm(x)[0], target, strict=True)]
    return lstm, x, target, paths.lag_matrix(errors, list(lstm.parameters()))


def at_bias_1(run: Run) -> tuple[nn.LSTM, np.ndarray, np.ndarray, paths.LagMatrix]:
    """The same with a forget bias of 1, which several claims look at."""
    return lags(run, 1.0)


@section.identity(
    "T66a", "Truncated BPTT: cut the sequence into smaller chunks.", broken=["chunks of 12"], topic="truncated"
)
def chunks_are_blocks(run: Run) -> None:
    """Chunks of 10 with the state detached between them: the gradient is that of the paths within each chunk."""
    lstm, x, target, matrix = run.share(at_bias_1)
    size = 12 if run.is_broken("chunks of 12") else 10
    lstm.zero_grad()
    for loss in nn.truncated_bptt(lstm, x, lambda output, now: ((output - target[now]) ** 2).sum(), k1=size):
        loss.backward()
    for (name, weight), wanted in zip(lstm.layers[0].named_parameters(), matrix.truncated(10), strict=True):
        run.compare(f"dL/d{name}", weight.grad, wanted)
    run.draw(viz.plots.lag_matrix, matrix)


@section.count("T66b", "It prevents memory blowup.", broken=["no truncation"])
def truncation_saves_memory(run: Run) -> None:
    """The most nodes alive at once, with chunks of 20 and without, for 100 and for 400 steps."""

    def alive(T: int, k: int) -> int:
        chunks = nn.truncated_bptt(nn.LSTM(3, 16), np.zeros((T, 1, 3)), lambda output, now: (output**2).sum(), k1=k)
        return max(len(tg.graph_of(loss).vertices) for loss in chunks)

    chunk = 400 if run.is_broken("no truncation") else 20
    run.expect("times as many for 400 steps, in chunks", alive(400, chunk) / alive(100, chunk), exactly(1.0))
    run.expect("times as many, whole", alive(400, 400) / alive(100, 100), between(3.8, 4.2))


@section.experiment("T66c", "Chunks of e.g. 20 to 50 steps.", dtype=float, broken=["one chunk"])
def twenty_steps_cost_something(run: Run) -> None:
    """b_f = 1, 60 steps: how far the gradient of chunks of 20, and of one chunk, is from the whole one."""
    *_, matrix = run.share(at_bias_1)
    run.expect("error of chunks of 20", matrix.bias(60 if run.is_broken("one chunk") else 20), between(0.05, 0.6))
    run.expect("error of one chunk", matrix.bias(60), below(1e-12))


@section.experiment(
    "T66'", "Truncation changes the gradient, the more the better the network remembers.", dtype=float, broken=["f=-5"],
    correction="It is not free: chunks of 10 leave an error of a fifth of the gradient at b_f = 0, and of nearly all "
    "of it at b_f = 3. The better the memory, the more wrong the truncated gradient.",
)  # fmt: skip
def truncation_costs_memory(run: Run) -> None:
    """The error of chunks of 10 at b_f = 0, 1 and 3, relative to the whole gradient."""
    errors = [lags(run, -5.0 if run.is_broken("f=-5") else bias)[-1].bias(10) for bias in (0.0, 1.0, 3.0)]
    run.expect("b_f = 0, 1, 3", errors, rising())
    run.expect("b_f = 0", errors[0], below(0.3))
    run.expect("b_f = 3", errors[2], above(0.5))


def clipped(run: Run, clip: str) -> tuple[np.ndarray, np.ndarray]:
    """A gradient of norm 500 of two weights, before and after clipping."""
    weights = [tg.tensor(np.zeros(shape), requires_grad=True) for shape in ((5, 3), (7,))]
    slopes = [100 * run.rng.standard_normal(weight.shape) for weight in weights]
    (weights[0] * slopes[0]).sum().backward()
    (weights[1] * slopes[1]).sum().backward()
    if clip == "norm":
        nn.utils.clip_grad_norm_(weights, 1.0)
    elif clip == "value":
        nn.utils.clip_grad_value_(weights, 50.0)
    after = np.concatenate([weight.grad.data.ravel() for weight in weights if weight.grad is not None])
    return np.concatenate([slope.ravel() for slope in slopes]), after


def turn(a: np.ndarray, b: np.ndarray) -> float:
    """How far two directions are apart: 1 - cos."""
    return float(1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@section.identity("T67", "Gradient clipping caps the gradient norm.", broken=["no clipping"])
def clipping_caps_the_norm(run: Run) -> None:
    """A gradient of several hundred, its norm held to 1: the length changes, the direction does not."""
    before, after = clipped(run, "" if run.is_broken("no clipping") else "norm")
    run.expect("norm", float(np.linalg.norm(after)), below(1 + 1e-12))
    run.expect("1 - cos of the turn", abs(turn(before, after)), below(1e-12))


@section.identity(
    "T67'", "Clipping by value caps each element, and turns the gradient.", broken=["by norm"],
    correction="There are two kinds of clipping. By norm the gradient keeps its direction; by value it does not.",
)  # fmt: skip
def clipping_by_value_turns(run: Run) -> None:
    """The same gradient, every element held to 50."""
    before, after = clipped(run, "norm" if run.is_broken("by norm") else "value")
    run.expect("largest element", float(np.abs(after).max()), below(50 + 1e-9))
    run.expect("1 - cos of the turn", turn(before, after), above(0.005))


@section.experiment(
    "T68", "A positive forget bias helps preserve memory early in training.", dtype=float, broken=["f=-5"]
)
def forget_bias_preserves(run: Run) -> None:
    """A fresh LSTM: what a step leaves of dL/dC, over 50 steps, at b_f = -1, 0, 1, 2."""
    rates = [growth(run, -5.0 if run.is_broken("f=-5") else bias) for bias in (-1.0, 0.0, 1.0, 2.0)]
    run.expect("b_f = -1, 0, 1, 2", rates, rising())
    for name, rate, condition in (
        ("-1", rates[0], below(0.55)),
        ("1", rates[2], above(0.8)),
        ("2", rates[3], above(0.95)),
    ):
        run.expect(f"b_f = {name}", rate, condition)


@section.identity("T69a", "Layer normalization helps stabilize.", broken=["not normalized"])
def normalized_weights_may_grow(run: Run) -> None:
    """W and U a hundred times as large: how far the outputs of a normalized and of a plain LSTM move."""
    x, moved = run.rng.standard_normal((10, 8, 4)), []
    for cell in (nn.LSTMCell if run.is_broken("not normalized") else nn.LayerNormLSTMCell, nn.LSTMCell):
        lstm = nn.LSTM(4, 16, cell=cell)
        before = lstm(x)[0].data
        lstm.layers[0].W.data, lstm.layers[0].U.data = 100 * lstm.layers[0].W.data, 100 * lstm.layers[0].U.data
        moved.append(float(np.abs(lstm(x)[0].data - before).max()))
    run.expect("normalized, moves by", moved[0], below(0.01))
    run.expect("plain, moves by", moved[1], above(0.1))


@section.experiment("T69b", "Layer normalization helps stabilize training.", broken=["no norm"])
def normalization_rescues_a_bad_start(run: Run) -> None:
    """The cat sat on the mat, weights 300 times too large, 100 updates: plain and normalized; and plain as drawn."""
    normal = nn.LSTMCell if run.is_broken("no norm") else nn.LayerNormLSTMCell
    starts = (("plain, as drawn", nn.LSTMCell, 1), ("plain, too large", nn.LSTMCell, 300), ("normalized", normal, 300))
    for (name, cell, scale), condition in zip(starts, (above(0.95), below(0.9), above(0.95)), strict=True):
        model = word_reader(partial(nn.LSTM, cell=cell))
        weights = model.layer.layers[0]
        weights.W.data, weights.U.data = scale * weights.W.data, scale * weights.U.data
        learn(model, cat(3), 100)
        run.expect(name, score(model, cat(3)), condition)


class Dropping(nn.Module):
    """Two layers with dropout before, between and after them: digits (T, B) -> two scores (B, 2)."""

    def __init__(self, p: float) -> None:
        self.embedding, self.before, self.after = nn.Embedding(10, 16), nn.LockedDropout(p), nn.Dropout(p)
        self.lstm, self.head = nn.LSTM(16, 48, 2, dropout=p, fused=True), nn.Linear(48, 2)

    def forward(self, x: np.ndarray) -> tg.Tensor:
        """The scores."""
        y: tg.Tensor = self.head(self.after(self.lstm(self.before(self.embedding(x)))[0][-1]))
        return y


@section.experiment(
    "T69c", "Dropout helps.", broken=["no dropout"],
    correction="Dropout does not stabilize training, it regularizes: the training loss is higher with it, and the loss "
    "on other data lower.",
)  # fmt: skip
def dropout_regularizes(run: Run) -> None:
    """48 sequences, a fifth of the labels wrong, 150 updates: the loss there and on 2,000 others, p = 0 and 0.6."""

    def data(n: int) -> Batch:
        x = run.rng.integers(0, 10, (12, n))
        return Batch(x, np.where(run.rng.random(n) < 0.2, x[-1] < 5, x[-1] >= 5).astype(int))

    few, others, found = data(48), data(2000), []
    task = Task("noisy halves", 10, 2, lambda rng, B: few, ACCURACY, 0.5, 0.8, tuple("0123456789"))
    for p in (0.0, 0.0 if run.is_broken("no dropout") else 0.6):
        model = Dropping(p)
        learn(model, task, 150, lr=5e-3)
        model.eval()
        with tg.no_grad():
            found.append([task.loss(model(batch.inputs), batch).item() for batch in (few, others)])
    (training, held_out), (dropped_training, dropped_held_out) = found
    run.expect("held-out loss without, over with", held_out / dropped_held_out, above(1.3))
    run.expect("training loss without, over with", training / dropped_training, below(1))
