"""Why LSTM is better than vanilla RNN: it decides what to erase, stores for long, and knows the recent and the far."""

from __future__ import annotations

import numpy as np

import tinygrad_lstm as tg
import viz
from tinygrad_lstm.data import copy_memory, first_and_last
from tinygrad_lstm.lab.claim import Run, Section
from tinygrad_lstm.lab.conditions import above, below
from tinygrad_lstm.lab.dependencies import CLOSED, layer_of, rate_of
from tinygrad_lstm.lab.learning import learn, measured_on, score
from tinygrad_lstm.lab.trained import STUCK, Adding, RunningSum, at_its_mean
from tinygrad_lstm.training import SequenceModel

section = Section("better", "Why LSTM is better than vanilla RNN")


@section.experiment("S6", "Forget gate explicitly decides what to erase.", broken=[STUCK, "untrained"], topic="erasing")
def it_decides_what_to_erase(run: Run) -> None:
    """A network that follows a running sum: how much lower f is at a reset than elsewhere, on average of all units."""
    found = run.share(RunningSum)
    at_resets, elsewhere = float(found.f[found.reset].mean()), float(found.f[~found.reset].mean())
    run.expect("f elsewhere, less f at resets", elsewhere - at_resets, above(0.15))
    read = found.x[:, 0]
    run.draw(viz.plots.gates, found.trajectory, ("f", "c"), signal=read, sort="f")


@section.experiment(
    "S6'", "What came before a reset has no influence any more.", broken=["untrained"],
    correction="The notes speak of a gate that decides. The gradient shows it as well: nothing passes a reset.",
)  # fmt: skip
def nothing_passes_a_reset(run: Run) -> None:
    """The derivative of the last sum by each of the 12 numbers before: with a reset since, over without, on average."""
    found = run.share(RunningSum)
    x = tg.tensor(found.x, requires_grad=True)
    (by_x,) = tg.grad(found.model(x)[0][-1].sum(), x)
    size, reset = np.abs(by_x.data[-13:-1, :, 0]), np.cumsum(found.reset[:-13:-1], axis=0)[::-1] > 0
    before, after = size[reset].mean(), size[~reset].mean()
    run.expect("before, over after", float(before / after), below(0.2))


@section.experiment(
    "S6b", "Forget gate: erase old notes; held at its mean, the network fails.", broken=[STUCK, "untrained"]
)
def without_forgetting_it_fails(run: Run) -> None:
    """The running sum, with the forget gate as it was learned and held at its mean: the error, of the variance."""
    found = run.share(RunningSum)
    with at_its_mean(found.trajectory, "f"):
        held = found.error_now()
    run.expect("held at its mean", held, above(0.04))
    run.expect("times the error as learned", held / found.error, above(3))


def missed(run: Run, kind: str) -> list[float]:
    """A network that says the first and the last number, 40 apart: how much of the variance of each it misses."""
    far, task = first_and_last(40), measured_on(first_and_last((0, 40)), first_and_last(40))
    model, (x, y, *_) = SequenceModel(task, 32, layer_of(kind, run)), far.batch(512)
    learn(model, task, 1000, lr=rate_of(kind, run), until=0.003)
    return [float(error) for error in ((model(x)[0].data - y) ** 2).mean(axis=0) / far.chance]


@section.experiment("S7", "LSTM is capable of learning both short-term and long-term dependencies.", broken=[CLOSED])
def both_at_once(run: Run) -> None:
    """One network says the first and the last of 42 numbers: the variance that it misses; 1 knows nothing."""
    first, last = missed(run, "LSTM")
    run.expect("of the first", first, below(0.05))
    run.expect("of the last", last, below(0.05))


@section.experiment("S8", "A vanilla RNN keeps the recent past and blurs the far past.", broken=["gated RNN"])
def an_rnn_blurs_the_far(run: Run) -> None:
    """The same with an RNN, U uniform in ±1/√H, 1,000 updates."""
    first, last = missed(run, "RNN")
    run.expect("of the first", first, above(0.15))
    run.expect("of the last", last, below(0.05))


@section.experiment(
    "S9", "Input gate: add new notes; held at its mean, the trained network fails.", broken=["untrained"]
)
def without_the_input_gate_it_fails(run: Run) -> None:
    """The adding problem, as learned and with the input gate held at its mean: the squared error."""
    found = run.share(Adding)
    run.expect("as learned", found.error(), below(0.01))
    run.expect("i at its mean", found.error("i"), above(0.1))


@section.experiment(
    "S9'", "In adding, f and o may be held at their means.", broken=["untrained"],
    correction="Not every task needs every gate: to add two numbers there is nothing to forget and nothing to hide.",
)  # fmt: skip
def not_every_gate_is_needed(run: Run) -> None:
    """The error with f or o at its mean, over that with i at its mean."""
    found = run.share(Adding)
    errors = {gate: found.error(gate) for gate in "fio"}
    run.expect("f, over i", errors["f"] / errors["i"], below(0.25))
    run.expect("o, over i", errors["o"] / errors["i"], below(0.25))


@section.experiment(
    "S10", "Input gate and cell state keep useful info across long sequences.", broken=[CLOSED, "gated RNN"]
)
def symbols_over_silence(run: Run) -> None:
    """Three symbols, said again after 20 steps of silence, at most 1,500 updates each: the share that is right."""
    for kind, condition in (("LSTM", above(0.8)), ("RNN", below(0.3))):
        model = SequenceModel(copy_memory(), 48, layer_of(kind, run), embedding=10)
        learn(model, copy_memory(), 1500, lr=rate_of(kind, run), until=0.99, every=100)
        run.expect(kind, score(model, copy_memory()), condition)
