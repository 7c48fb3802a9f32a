"""Drawbacks A, architectural limitations: one step after the other, very long dependencies, a state of fixed size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn, paths
from tinygrad_lstm.data import france, recall
from tinygrad_lstm.lab.attention import AttentionReader, attention
from tinygrad_lstm.lab.cells import sigmoid
from tinygrad_lstm.lab.claim import Run, Section
from tinygrad_lstm.lab.conditions import above, below, between, exactly, falling, near
from tinygrad_lstm.lab.learning import france_up_to, learn, lstm, score, word_reader
from tinygrad_lstm.lab.result import ThemeName
from tinygrad_lstm.training import SequenceModel

section = Section("drawbacks-a", "Drawbacks A: architectural limitations")
D = 8
LENGTHS = (25, 50, 100, 200)


class StepByStep(nn.MinLSTM):
    """A minLSTM that does not use that its steps can be scanned."""

    def forward(self, x: Any, *options: Any, **named: Any) -> Any:
        """The output and the state."""
        trajectory = self.unroll(x)
        return trajectory.output, trajectory.state


def depths(run: Run, make: Callable[[int, int], Any], lengths: tuple[int, ...] = LENGTHS, B: int = 1) -> list[int]:
    """How many ops of a layer wait for each other, for sequences of these lengths."""
    outputs = [make(D, D)(tg.tensor(run.rng.standard_normal((T, B, D)))) for T in lengths]
    return [int(paths.depth(output)) for output, _ in outputs]


def plot_depths(run: Run, theme: ThemeName) -> Any:
    """The same for several layers, by the number of words."""
    kinds: dict[str, Any] = {"RNN": nn.RNN, "LSTM": nn.LSTM, "minLSTM, scanned": nn.MinLSTM, "attention": attention}
    found = {name: dict(zip(LENGTHS, depths(run, make), strict=True)) for name, make in kinds.items()}
    return viz.plots.scores(found, x="words", y="ops that wait", log="xy", theme=theme)


@section.count(
    "D1", "LSTMs process sequences token by token: 200 words, one by one.", broken=["attention"], topic="sequential"
)
def one_by_one(run: Run) -> None:
    """The ops that wait for each other, for 25, 50, 100 and 200 words: the same number more for every word."""
    found = depths(run, attention if run.is_broken("attention") else nn.LSTM)
    per_word = [(after - before) / words for before, after, words in zip(found, found[1:], LENGTHS, strict=False)]
    run.expect("ops per word", per_word, exactly([8.0, 8.0, 8.0]))
    run.expect("ops that wait, 200 words", found[-1], exactly(1600))
    run.draw(plot_depths, run)


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
    run.draw(viz.plots.scores, left, x="steps back", y="‖∂L/∂C‖", log="y")


@section.identity("D2b", "The memory cell helps, but it's not perfect.", broken=["b_f = 1"])
def the_bias_that_is_needed(run: Run) -> None:
    """The forget bias that keeps half of C over 40, 200 and 2,000 steps: σ(b) to the power T is 1/2."""
    for T, bias in ((40, 4.0), (200, 5.7), (2000, 8.0)):
        needed = 1.0 if run.is_broken("b_f = 1") else float(-np.log(2 ** (1 / T) - 1))
        run.expect(f"b_f for {T:,} steps", needed, near(bias, within=0.02))
        run.expect(f"kept over {T:,} steps", float(sigmoid(needed) ** T), near(0.5, within=1e-9))


@section.experiment("D2c", "They still struggle with dependencies spanning hundreds of steps.", broken=["easy"])
def one_long_distance_is_not_learned(run: Run) -> None:
    """France, trained at one distance only, 300 updates, b_f = 3: the share of right languages; chance is 0.125."""
    for distance, condition in ((5, above(0.9)), (100, below(0.4)), (200, below(0.4))):
        model, task = word_reader(lstm()), france(0 if run.is_broken("easy") else distance)
        learn(model, task, 300, until=0.99)
        run.expect(f"{distance} words between", score(model, task), condition)


@section.experiment(
    "D2d", "Connecting a noun introduced 100 sentences earlier is often beyond an LSTM's capacity.", broken=["f=-5"],
    correction="Beyond its training, not its memory: trained on at most 40 words between, it knows the country after "
    "200. After 2,000 words most networks still do, but some have lost it: nothing in training asked for so much.",
)  # fmt: skip
def it_remembers_a_hundred_sentences(run: Run) -> None:
    """Trained on 0 to 40 words, 600 updates, asked after 40 and after 200; the picture goes on to 2,000."""
    model = word_reader(lstm(-5.0 if run.is_broken("f=-5") else 3.0))
    learn(model, france_up_to(40), 600)
    found = {distance: score(model, france(distance), 64) for distance in (40, 80, 200, 500, 1000, 2000)}
    for distance, bound in ((40, 0.9), (200, 0.6)):
        run.expect(f"{distance:,} words between", found[distance], above(bound))
    shown, chance = {"LSTM, trained on 0 to 40": found}, {"chance": 1 / 8}
    run.draw(viz.plots.scores, shown, x="words between", y="right languages", log="x", lines=chance)


def recalls(run: Run) -> dict[str, dict[int, float]]:
    """K symbols, then the place of one of them: the share that is right, by K, after 500 updates each."""
    found: dict[str, dict[int, float]] = {"LSTM": {}, "attention": {}}
    for K in (2, 4, 8, 16):
        task = recall(K)
        reader = SequenceModel(task, 128 if run.is_broken("H grows") else 8, lstm())
        models: dict[str, nn.Module] = {"LSTM": reader, "attention": AttentionReader(task, K + 1)}
        for name, model in models.items():
            learn(model, task, 500, lr=1e-2 if name == "LSTM" else 5e-3)
            found[name][K] = score(model, task, 512)
    return found


@section.experiment(
    "D3", "Fixed-length bottleneck: information loss for long texts.", broken=["H grows"], topic="bottleneck"
)
def the_state_overflows(run: Run) -> None:
    """Eight units, 2, 4, 8 and 16 symbols, one of them asked for: the share that is right; chance is 0.125."""
    found, chance = run.share(recalls), {"chance": 1 / 8}
    right = list(found["LSTM"].values())
    run.expect("2 symbols", right[0], above(0.9))
    run.expect("2, 4, 8 symbols", right[:3], falling())
    run.expect("16 symbols", right[3], below(0.5))
    run.draw(viz.plots.scores, found, x="symbols to keep", y="right answers", log="x", lines=chance)


@section.experiment("D3b", "Attention has no such bottleneck.", broken=["an LSTM"])
def attention_keeps_all(run: Run) -> None:
    """16 symbols: the right answers of attention, less those of the LSTM with eight units."""
    found, kind = run.share(recalls), "LSTM" if run.is_broken("an LSTM") else "attention"
    run.expect("more right answers", found[kind][16] - found["LSTM"][16], above(0.2))


@section.count("D3c", "All information must be compressed into a fixed-size, limited memory.", broken=["attention"])
def the_state_is_of_fixed_size(run: Run) -> None:
    """The numbers that an LSTM of 8 units keeps after 10 and after 1,000 words; attention keeps 2 D for every word."""
    kept = [sum(part.size for part in nn.LSTM(4, 8)(np.ones((T, 1, 4)))[1]) for T in (10, 1000)]
    kept = [2 * T * 24 for T in (10, 1000)] if run.is_broken("attention") else kept
    run.expect("after 10 and 1,000 words", kept, exactly([16, 16]))
