"""Drawbacks A, architectural limitations: one step after the other, very long dependencies, a state of fixed size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn, paths
from tinygrad_lstm.lab.attention import Attention
from tinygrad_lstm.lab.cells import sigmoid
from tinygrad_lstm.lab.claim import Run, Section
from tinygrad_lstm.lab.conditions import below, between, exactly, near
from tinygrad_lstm.lab.graphs import depth

section = Section("drawbacks-a", "Drawbacks A: architectural limitations")
D = 8
LENGTHS = (25, 50, 100, 200)


def attention(D: int, H: int) -> Attention:
    """One layer of attention, made like a recurrent layer."""
    return Attention(D)


class StepByStep(nn.MinLSTM):
    """A minLSTM that does not use that its steps can be scanned."""

    def forward(self, x: Any, *options: Any, **named: Any) -> Any:
        """The output and the state."""
        trajectory = self.unroll(x)
        return trajectory.output, trajectory.state


def depths(run: Run, make: Callable[[int, int], Any], lengths: tuple[int, ...] = LENGTHS, B: int = 1) -> list[int]:
    """How many ops of a layer wait for each other, for sequences of these lengths."""
    outputs = [make(D, D)(tg.tensor(run.rng.standard_normal((T, B, D)))) for T in lengths]
    return [depth(output[0] if isinstance(output, tuple) else output) for output in outputs]


@section.count(
    "D1", "LSTMs process sequences token by token: 200 words, one by one.", broken=["attention"], topic="sequential"
)
def one_by_one(run: Run) -> None:
    """The ops that wait for each other, for 25, 50, 100 and 200 words: the same number more for every word."""
    found = depths(run, attention if run.is_broken("attention") else nn.LSTM)
    per_word = [(after - before) / words for before, after, words in zip(found, found[1:], LENGTHS, strict=False)]
    run.expect("ops per word", per_word, exactly([8.0, 8.0, 8.0]))
    run.expect("ops that wait, 200 words", found[-1], exactly(1600))
    kinds = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM, "minLSTM, scanned": nn.MinLSTM, "attention": attention}
    by_length = {name: dict(zip(LENGTHS, depths(run, make), strict=True)) for name, make in kinds.items()}
    run.draw(
        lambda theme: viz.plots.scores(by_length, x="words", y="ops that wait for each other", log="xy", theme=theme)
    )


@section.count("D1b", "Transformers process all 200 words in parallel via self-attention.", broken=["an LSTM"])
def attention_in_parallel(run: Run) -> None:
    """The ops that wait for each other in one layer of attention, for 25 to 200 words."""
    found = depths(run, nn.LSTM if run.is_broken("an LSTM") else attention)
    run.expect("25, 50, 100, 200 words", found, exactly([found[0]] * 4))
    run.expect("of any number of words", found[0], below(15))


@section.count(
    "D1c", "Not every recurrence is sequential: a minLSTM can be scanned.", broken=["step by step"],
    correction="What cannot run in parallel is the dependency of a step on h. A minLSTM's gates do not see h, so its "
    "steps can be combined in pairs: about 2 log2(T) ops wait for each other.",
)  # fmt: skip
def a_scan_is_shallow(run: Run) -> None:
    """The ops that wait for each other: how many more there are for twice as many words."""
    found = depths(run, StepByStep if run.is_broken("step by step") else nn.MinLSTM)
    run.expect("more per doubling", np.diff(found).tolist(), between(-1, 4))


@section.count("D1d", "You can't parallelize time steps, only batches.", broken=["longer"])
def batches_are_parallel(run: Run) -> None:
    """The ops that wait for each other in 50 steps, for batches of 1, 8 and 64."""
    longer = (50, 60, 70) if run.is_broken("longer") else (50, 50, 50)
    found = [depths(run, nn.LSTM, (T,), B)[0] for T, B in zip(longer, (1, 8, 64), strict=True)]
    run.expect("batches of 1, 8, 64", found, exactly([400, 400, 400]))


@section.experiment(
    "D2", "Gradients can still diminish over very long sequences.", dtype=float, broken=["f = 1"], topic="very long"
)
def gradients_still_diminish(run: Run) -> None:
    """A fresh LSTM, b_f = 1: what is left of dL/dC after 100, 500 and 2,000 steps."""
    lstm = nn.LSTM(2, 32)
    if run.is_broken("f = 1"):
        lstm.layers[0].b.data[:32] = 1e3
    trajectory = lstm.unroll(run.rng.standard_normal((2001, 1, 2)))
    norms = paths.horizon(trajectory.steps[-1].c.sum(), trajectory).norms["c"][::-1] / np.sqrt(32)
    for lag, bound in ((100, 0.01), (500, 1e-8), (2000, 1e-40)):
        run.expect(f"left after {lag:,} steps", float(norms[lag]), below(bound))
    left = {"LSTM, b_f = 1": {lag: float(norms[lag]) for lag in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)}}
    run.draw(lambda theme: viz.plots.scores(left, x="steps back", y="‖∂L/∂C‖", log="y", theme=theme))


@section.identity("D2b", "The memory cell helps, but it's not perfect.", broken=["b_f = 1"])
def the_bias_that_is_needed(run: Run) -> None:
    """The forget bias that keeps half of C over 40, 200 and 2,000 steps: σ(b) to the power T is 1/2."""
    for T, bias in ((40, 4.0), (200, 5.7), (2000, 8.0)):
        needed = 1.0 if run.is_broken("b_f = 1") else float(-np.log(2 ** (1 / T) - 1))
        run.expect(f"b_f for {T:,} steps", needed, near(bias, within=0.02))
        run.expect(f"kept over {T:,} steps", float(sigmoid(needed) ** T), near(0.5, within=1e-9))


@section.count("D3c", "All information must be compressed into a fixed-size, limited memory.", broken=["attention"])
def the_state_is_of_fixed_size(run: Run) -> None:
    """The numbers that an LSTM of 8 units keeps after 10 and after 1,000 words; attention keeps 2 D for every word."""
    kept = [sum(part.size for part in nn.LSTM(4, 8)(np.ones((T, 1, 4)))[1]) for T in (10, 1000)]
    kept = [2 * T * 24 for T in (10, 1000)] if run.is_broken("attention") else kept
    run.expect("after 10 and 1,000 words", kept, exactly([16, 16]))
