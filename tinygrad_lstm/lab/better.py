"""Why LSTM is better than vanilla RNN: it decides what to erase, stores for long, and knows the recent and the far."""

from __future__ import annotations

import numpy as np

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import losses
from tinygrad_lstm.lab import tasks
from tinygrad_lstm.lab.claim import Run, Section
from tinygrad_lstm.lab.conditions import above, below
from tinygrad_lstm.lab.dependencies import CLOSED, layer_of, rate_of
from tinygrad_lstm.lab.learning import Reader, learn, same, squared_error
from tinygrad_lstm.lab.trained import STUCK, Adding, RunningSum, holding

section = Section("better", "Why LSTM is better than vanilla RNN")


@section.experiment("S6", "Forget gate explicitly decides what to erase.", broken=[STUCK, "untrained"], topic="erasing")
def it_decides_what_to_erase(run: Run) -> None:
    """In the unit that follows a running sum best: how much lower f is at a reset than elsewhere, on average."""
    found = run.share(RunningSum)
    f = found.f[..., found.unit()]
    at_resets, elsewhere = float(f[found.reset].mean()), float(f[~found.reset].mean())
    run.expect("f elsewhere, less f at resets", elsewhere - at_resets, above(0.25))
    read = found.x[:, 0]
    run.draw(lambda theme: viz.plots.gates(found.trajectory, ("f", "c"), signal=read, sort="f", theme=theme))


@section.experiment(
    "S6'", "What came before a reset has no influence any more.", broken=["untrained"],
    correction="The notes speak of a gate that decides. The gradient shows it as well: nothing passes a reset.",
)  # fmt: skip
def nothing_passes_a_reset(run: Run) -> None:
    """The derivative of the last sum by every step read: before the last reset, over after it, on average."""
    found = run.share(RunningSum)
    x = tg.tensor(found.x[:, :64], requires_grad=True)
    (by_x,) = tg.grad(found.exact(x)[-1].sum(), x)
    since = np.cumsum(found.reset[::-1, :64], axis=0)[::-1]  # resets that are still to come, this step's own among them
    size, own = np.abs(by_x.data[..., 0]), found.reset[:, :64]
    before, after = size[since - own > 0].mean(), size[since - own == 0].mean()
    run.expect("before, over after", float(before / after), below(0.2))


@section.experiment(
    "S6b", "Forget gate: erase old notes; held at its mean, the network fails.", broken=[STUCK, "untrained"]
)
def without_forgetting_it_fails(run: Run) -> None:
    """The running sum, with the forget gate as it was learned and held at its mean: the error, of the variance."""
    found = run.share(RunningSum)
    mean = found.f.mean(axis=(0, 1)).astype(np.float32)
    held = found.error(same(found.model, holding(found.model.layer, {"f": mean})))
    run.expect("held at its mean", held, above(0.04))
    run.expect("times the error as learned", held / found.error(), above(3))


def first_and_last(run: Run, kind: str) -> list[float]:
    """A network that says the first and the last number, 40 apart: how much of the variance of each it misses."""
    model = Reader(layer_of(kind, run, 2, 32), 2)

    def missed(batches: int = 8) -> np.ndarray:
        return 3 * squared_error(model, lambda: tasks.first_and_last(run.rng, 40, 64), batches)

    learn(
        model, lambda: tasks.first_and_last(run.rng, int(run.rng.integers(0, 41))), losses.mse_loss, 1000,
        lr=rate_of(kind, run), until=lambda model: bool(missed(2).max() < 0.02),
    )  # fmt: skip
    return [float(part) for part in missed()]


@section.experiment("S7", "LSTM is capable of learning both short-term and long-term dependencies.", broken=[CLOSED])
def both_at_once(run: Run) -> None:
    """One network says the first and the last of 42 numbers: the variance that it misses; 1 knows nothing."""
    first, last = first_and_last(run, "LSTM")
    run.expect("of the first", first, below(0.05))
    run.expect("of the last", last, below(0.05))


@section.experiment("S8", "A vanilla RNN keeps the recent past and blurs the far past.", broken=["gated RNN"])
def an_rnn_blurs_the_far(run: Run) -> None:
    """The same with an RNN, U uniform in ±1/√H, 1,000 updates."""
    first, last = first_and_last(run, "RNN")
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
    """Three symbols, said again after 20 steps of silence, at most 1,500 updates: the share that is right."""
    for kind, condition in (("LSTM", above(0.8)), ("RNN", below(0.3))):
        model = Reader(layer_of(kind, run, 10, 48), 9, words=10, every=True)

        def right(model: Reader = model) -> float:
            x, y = tasks.copy_memory(run.rng, B=256)
            with tg.no_grad():
                return float((model(x).data.argmax(axis=-1) == y)[-3:].mean())

        updates = 1500 if kind == "LSTM" else 600
        learn(model, lambda: tasks.copy_memory(run.rng), losses.cross_entropy, updates, lr=rate_of(kind, run),
              until=lambda model: right(model) > 0.99, every=100)  # fmt: skip
        run.expect(kind, right(), condition)
