"""The demo: a character LSTM learns a real text, is measured, speaks, and shows its gradient's paths."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from tinygrad_lstm import saving
from tinygrad_lstm.cli import demo_page, demo_pictures
from tinygrad_lstm.cli.demo_results import SLICES, Report, measure, rows, verdict
from tinygrad_lstm.cli.messages import BROKE_OFF, DONE, INTERRUPTED, make_writable, say
from tinygrad_lstm.cli.progress import progress_bar
from tinygrad_lstm.data import Vocabulary, language_reference, read_text
from tinygrad_lstm.engine.creation import manual_seed
from tinygrad_lstm.errors import GradError
from tinygrad_lstm.escaping import printable
from tinygrad_lstm.files import whole_file
from tinygrad_lstm.losses import cross_entropy
from tinygrad_lstm.training import CharModel, Fit, Update, gradient_left, sample, untrained_runs

SLICE = 0.05  # of the text, twice, at its end: the validation text, then the test text


@dataclass(frozen=True)
class Size:
    """How much work a run is."""

    hidden: int
    updates: int
    batch: int
    sample: int


FULL = Size(hidden=128, updates=800, batch=32, sample=400)
QUICK = Size(hidden=32, updates=20, batch=16, sample=80)
WEIGHTS, PAGE = "weights.npz", "index.html"


def run(text_file: Path | None, out: Path, quick: bool, seed: int) -> int:
    """The whole demo; returns the exit code."""
    try:
        text = language_reference() if text_file is None else read_text(text_file)
        make_writable(out, [WEIGHTS, PAGE, *demo_pictures.FILES])
        return _learn_and_show(text, text_file, out, QUICK if quick else FULL, seed, Console())
    except KeyboardInterrupt:
        say(Console(stderr=True), f"Stopped. What was finished is in {out}.")
        return INTERRUPTED


def _learn_and_show(text: str, text_file: Path | None, out: Path, size: Size, seed: int, console: Console) -> int:
    manual_seed(seed)
    vocabulary = Vocabulary(text)
    numbers = vocabulary.encode(text)
    held = round(len(numbers) * SLICE)
    train, validation, test = numbers[: -2 * held], numbers[-2 * held : -held], numbers[-held:]
    name = "Python's language reference" if text_file is None else printable(text_file.name)
    say(console, f"{name}: {len(text):,} characters, {len(vocabulary)} different ones")

    model = CharModel(len(vocabulary), size.hidden)
    fit = Fit(model, train, validation, size.updates, batch=min(size.batch, max(1, len(train) // 200)))
    started = time.perf_counter()
    with threadpool_limits(1):  # products this small gain nothing from a second thread, and lose much on a busy machine
        code = _train(fit, console, lambda: _save(model, vocabulary, out))
    seconds = time.perf_counter() - started
    if fit.best is not None:
        model.load_state_dict(fit.best)
    _save(model, vocabulary, out)

    bits = measure(fit, test, len(vocabulary))
    prompt = _prompt(text[-held:])
    spoken = drop_controls(sample(model, vocabulary, prompt, size.sample))
    report = Report(
        name, model.parameter_count(), len(text), len(fit.history), seconds, bits, drop_controls(prompt), spoken,
        demo_pictures.LAGS - 1,
    )  # fmt: skip
    _print(report, console)
    _draw(report, model, fit, test, len(vocabulary), out, lambda text: say(console, text))
    with whole_file(out / PAGE) as file:
        file.write(demo_page.html(report).encode())
    say(console, f"\nWeights, pictures and the page that shows them are in {out}: open {out / PAGE}")
    return code


def drop_controls(text: str) -> str:
    """Text of several lines without control characters, which a terminal would obey."""
    return "".join(character if character.isprintable() or character in "\n\t" else "\ufffd" for character in text)


def _save(model: CharModel, vocabulary: Vocabulary, out: Path) -> None:
    saving.save({"weights": model, "vocabulary": vocabulary.characters}, out / "weights.npz")


def _train(fit: Fit, console: Console, save: Callable[[], None]) -> int:
    """Run the updates under a progress bar, saving the best weights so far; returns the exit code."""
    best = float("inf")

    def describe(update: Update) -> str:
        return f"{update.bits:.2f} bits per character" + (f", validation {best:.2f}" if best < 99 else "")

    with progress_bar(fit.updates, console, describe) as show:
        try:
            for update in fit:
                if fit.best_bits < best:
                    best = fit.best_bits
                    save()
                show(update)
            return DONE
        except KeyboardInterrupt:
            why, code = "Stopped", INTERRUPTED
        except GradError as error:
            why, code = f"Training broke off: {error}", BROKE_OFF
    best_so_far = f"the best so far, {best:.2f} bits on the validation text"
    kept = "those of this moment" if fit.best is None else best_so_far
    say(console, f"{why}. The weights kept are {kept}.")
    return code


def _prompt(test: str) -> str:
    """The beginning of the first line of prose in the test text, or else of the text."""
    prose = re.search(r"^[A-Z][a-z]+( [a-z]+){3} ", test, re.MULTILINE)
    return prose.group() if prose else test[:20]


def _print(report: Report, console: Console) -> None:
    """The results, for the terminal."""
    table = Table(title="Bits per character, less is better", title_justify="left", min_width=44)
    for heading in ("model", "validation text", "test text"):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    for row in rows(report.bits):
        table.add_row(*row, style="bold" if row[0] == "LSTM" else None)
    console.print(table)
    say(console, verdict(report.bits, report.updates))
    say(console, SLICES)
    say(console, f"\nThe model goes on from {report.prompt!r}:\n\n{report.spoken}")


def _draw(
    report: Report, model: CharModel, fit: Fit, test: np.ndarray, characters: int, out: Path, say: Callable[[str], None]
) -> None:
    """The pictures and plots, and what is left of the gradients that the plots show."""
    report.drawings = demo_pictures.of_one_batch(model, test, out, say)
    indices = demo_pictures.windows_of(test, demo_pictures.LAGS, 16)
    runs = untrained_runs(indices, characters, fit.model.lstm.hidden_size)
    logits, trajectory = model.unroll(indices[:-1])
    runs["LSTM, trained"] = cross_entropy(logits, indices[-1]), trajectory
    report.left = {name: gradient_left(*run) for name, run in runs.items()}
    report.drawings |= demo_pictures.of_training(fit.history, report.bits, runs, report.left, out, say)
