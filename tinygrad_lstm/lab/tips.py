"""Implementation and performance tips: stacked products, the forget gate's bias, masks and packed sequences."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import losses, nn, paths
from tinygrad_lstm.lab.cells import sigmoid
from tinygrad_lstm.lab.claim import Run, Section
from tinygrad_lstm.lab.conditions import above, below, exactly, near
from tinygrad_lstm.lab.equations import ops_of_a_step
from tinygrad_lstm.lab.learning import france_up_to, learn, lstm, word_reader

section = Section("tips", "Implementation and performance tips")
LENGTHS = np.array([9, 4, 1, 6])


@section.count(
    "I1", "Efficient compute: two big products W x and U h, then split into four chunks.", broken=["separate"]
)
def two_products_and_a_split(run: Run) -> None:
    """The ops of one step with stacked matrices, and with a matrix for each gate."""
    x = run.rng.standard_normal((3, 3, 5))
    stacked = nn.SeparateLSTMCell(5, 7) if run.is_broken("separate") else nn.LSTMCell(5, 7)
    one, four = ops_of_a_step(stacked, x), ops_of_a_step(nn.SeparateLSTMCell(5, 7), x)
    run.expect("products and splits, stacked", [one["linear"], one["split"]], exactly([2, 1]))
    run.expect("products and splits, separate", [four["linear"], four["split"]], exactly([8, 0]))


def cpu_times(layers: list[nn.LSTM], T: int, B: int, D: int) -> list[float]:
    """The median processor time of a forward and a backward pass of each layer, taken in turns."""
    x, rows = tg.randn(T, B, D), []
    for _ in range(12):
        row = []
        for layer in layers:
            started = time.process_time()
            (layer(x)[0] ** 2).sum().backward()
            row.append(time.process_time() - started)
        rows.append(row)
    return [float(t) for t in np.median(rows[1:], axis=0)]


@section.experiment("I1b", "Combining the gates into single products is faster.", broken=["both separate"])
def stacked_is_faster(run: Run) -> None:
    """Processor time of a forward and a backward pass, separate over stacked: T = 50, D = 32, H = 64, a batch of 16."""
    stacked = nn.SeparateLSTMCell if run.is_broken("both separate") else nn.LSTMCell
    times = cpu_times([nn.LSTM(32, 64, cell=cell) for cell in (nn.SeparateLSTMCell, stacked)], 50, 16, 32)
    run.expect("separate over stacked", times[0] / times[1], above(1.08))


@section.experiment("I1c", "This is how frameworks implement it: one op for all steps.", broken=["both step by step"])
def fused_is_faster_again(run: Run) -> None:
    """The same with one fused op for all steps."""
    layers = [nn.LSTM(32, 64, fused=fused) for fused in (False, not run.is_broken("both step by step"))]
    times = cpu_times(layers, 50, 16, 32)
    run.expect("step by step over fused", times[0] / times[1], above(1.2))


@section.identity(
    "I2", "The forget gate's bias is often initialized to 1, so that f starts near 1.", broken=["b_f = 0"]
)
def forget_bias_is_one(run: Run) -> None:
    """f at the first step of a fresh LSTM that reads zeros: σ(1)."""
    lstm = nn.LSTM(2, 64)
    if run.is_broken("b_f = 0"):
        lstm.layers[0].b.data[:64] = 0
    f = lstm.unroll(np.zeros((1, 1, 2)))["f"].data
    run.expect("f at t = 1", float(f.mean()), near(float(sigmoid(1.0)), within=1e-6))


@section.identity(
    "I2'", "A forget gate of σ(1) = 0.73 has a half-life of 2.2 steps.", topic="forget bias", broken=["b_f = 3"],
    correction="f starts at 0.73, which is not near 1: after 2.2 steps half is gone. To keep half over T steps b_f has "
    "to be about log(1.44 T): 4 for 40 words, 8 for 2,000.",
)  # fmt: skip
def half_life_of_the_bias(run: Run) -> None:
    """The half-life at b_f = 1, and the bias that keeps half over 40 steps."""
    f = sigmoid(3.0 if run.is_broken("b_f = 3") else 1.0)
    run.expect("half-life in steps at b_f = 1", float(paths.half_life(f)), near(2.2125, within=1e-3))
    needed = -np.log(2 ** (1 / 40) - 1)
    run.expect("b_f that keeps half over 40 steps", float(needed), near(4.05, within=1e-2))
    run.expect("half-life at that bias", float(paths.half_life(sigmoid(needed))), near(40, within=1e-9))


def h_of(state: Any) -> Any:
    """The hidden state of an LSTM, or of another layer."""
    return (state[0] if isinstance(state, tuple) else state).data


def padded_rows(run: Run, Layer: Any) -> None:
    """Two layers, both directions, four rows of different lengths, NaN in the padding: each row is as by itself."""
    layer, x = Layer(3, 6, 2, bidirectional=True), run.rng.standard_normal((9, 4, 3))
    for row, length in enumerate(LENGTHS):
        x[length:, row] = np.nan
    ignored = run.is_broken("no mask")
    output, state = layer(np.nan_to_num(x)) if ignored else layer(x, lengths=LENGTHS)
    parameters = list(layer.parameters())
    gradients = [part.data for part in tg.grad((output**2).sum(), parameters)]
    found, wanted, sums = [], [], [np.zeros(part.shape) for part in parameters]
    for row, length in enumerate(LENGTHS):
        alone, end = layer(x[:length, row : row + 1])
        found += [output.data[:length, row], h_of(state)[:, row]]
        wanted += [alone.data[:, 0], h_of(end)[:, 0]]
        sums = [total + part.data for total, part in zip(sums, tg.grad((alone**2).sum(), parameters), strict=True)]
    run.compare("outputs and final states", np.concatenate(found, axis=None), np.concatenate(wanted, axis=None))
    run.compare("gradients", np.concatenate(gradients, axis=None), np.concatenate(sums, axis=None))


@section.experiment("I2b", "It encourages remembering at the start of training.", broken=["f=-5"])
def forget_bias_and_learning(run: Run) -> None:
    """France over 40 words, sentences of 0 to 40: the updates until it is learned, at most 600, by b_f."""
    took = {}
    for bias in (-2.0, 0.0, 1.0, 3.0):
        model = word_reader(lstm(-5.0 if run.is_broken("f=-5") else bias))
        took[bias] = learn(model, france_up_to(40), 600, until=0.99)
    run.expect("b_f = 3", took[3.0], below(301))
    run.expect("b_f = -2, over that", took[-2.0] / took[3.0], above(1.99))
    shown = {"France over 40 words": took}
    run.draw(viz.plots.scores, shown, x="b_f", y="updates until learned")


@section.identity("I4L", "Handle variable lengths with masks: an LSTM.", broken=["no mask"], topic="masks")
def masks_in_an_lstm(run: Run) -> None:
    """Rows of 9, 4, 1 and 6 steps, NaN in the padding, two layers, both directions: each row is as by itself."""
    padded_rows(run, nn.LSTM)


@section.identity("I4G", "Handle variable lengths with masks: a GRU.", broken=["no mask"])
def masks_in_a_gru(run: Run) -> None:
    """The same rows, of a GRU."""
    padded_rows(run, nn.GRU)


@section.identity("I4R", "Handle variable lengths with masks: an RNN.", broken=["no mask"])
def masks_in_an_rnn(run: Run) -> None:
    """The same rows, of a plain RNN."""
    padded_rows(run, nn.RNN)


@section.identity("I4l", "A masked mean counts the valid steps only.", broken=["no mask"])
def masked_mean(run: Run) -> None:
    """The mean squared error over the 20 steps of 36 that are valid."""
    y, target = run.rng.standard_normal((2, 9, 4, 6))
    mask = nn.utils.lengths_to_mask(LENGTHS, (9, 4))
    mask = np.ones_like(mask) if run.is_broken("no mask") else mask
    by_hand = sum(((y[:n, row] - target[:n, row]) ** 2).sum() for row, n in enumerate(LENGTHS)) / (LENGTHS.sum() * 6)
    run.compare("loss", losses.mse_loss(tg.tensor(y), target, mask=mask).data, by_hand)
    whole, mean = (losses.mse_loss(tg.tensor(y), target, reduction).item() for reduction in ("sum", "mean"))
    run.compare("sum over mean, without a mask", whole / mean, y.size)


@section.identity("I4p", "Or with packed sequences.", broken=["wrong lengths"])
def packed_sequences(run: Run) -> None:
    """Packed, the 20 valid steps alone are run; the numbers are those of a mask."""
    lstm, x = nn.LSTM(3, 6), run.rng.standard_normal((9, 4, 3))
    lengths = LENGTHS + (LENGTHS < 9) if run.is_broken("wrong lengths") else LENGTHS
    packed, (_, c) = lstm(nn.utils.pack_padded_sequence(x, lengths, enforce_sorted=False))
    output, (_, masked_c) = lstm(x, lengths=LENGTHS)
    run.expect("steps packed", len(packed.data), exactly(20))
    run.compare("outputs", nn.utils.pad_packed_sequence(packed)[0], output, within=1e-15)
    run.compare("C at the end", c, masked_c, within=1e-15)
