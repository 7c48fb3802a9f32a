"""The demo on a terminal: a progress bar while a character LSTM learns a real text, then what it learned."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from tinygrad_lstm.cli.messages import BROKE_OFF, DONE, INTERRUPTED, make_writable, say
from tinygrad_lstm.cli.progress import progress_bar
from tinygrad_lstm.data import language_reference, read_text
from tinygrad_lstm.demo.learning import FILES, FULL, PAGE, QUICK, learn
from tinygrad_lstm.demo.results import SLICES, Report, rows, verdict
from tinygrad_lstm.errors import GradError
from tinygrad_lstm.escaping import printable
from tinygrad_lstm.training import Fit, Update


def run(text_file: Path | None, out: Path, quick: bool, seed: int) -> int:
    """The whole demo; returns the exit code."""
    console = Console()
    try:
        text = language_reference() if text_file is None else read_text(text_file)
        make_writable(out, FILES)
        name = "Python's language reference" if text_file is None else printable(text_file.name)
        code = learn(
            text, name, out, QUICK if quick else FULL, seed, train=partial(_train, console),
            show=partial(_print, console), say=partial(say, console),
        )  # fmt: skip
    except KeyboardInterrupt:
        say(Console(stderr=True), f"Stopped. What was finished is in {out}.")
        return INTERRUPTED
    say(console, f"\nWeights, pictures and the page that shows them are in {out}: open {out / PAGE}")
    return code


def _train(console: Console, fit: Fit, save: Callable[[], None]) -> int:
    """Run the updates under a progress bar, saving the best weights so far; returns the exit code."""
    best = float("inf")

    def describe(update: Update) -> str:
        return f"{update.bits:.2f} bits per character" + (f", validation {best:.2f}" if best < 99 else "")

    # products this small gain nothing from a second thread, and lose much on a busy machine
    with threadpool_limits(1), progress_bar(fit.updates, console, describe) as show:
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


def _print(console: Console, report: Report) -> None:
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
