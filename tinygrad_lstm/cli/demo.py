"""The demo: a character LSTM learns a real text, is measured, speaks, and shows its gradient's paths."""

from __future__ import annotations

import importlib.util
import re
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from threadpoolctl import threadpool_limits

import viz
from tinygrad_lstm import saving
from tinygrad_lstm.cli import demo_page
from tinygrad_lstm.data import Vocabulary, language_reference, read_text
from tinygrad_lstm.engine.creation import manual_seed
from tinygrad_lstm.errors import GradError, TinygradError
from tinygrad_lstm.files import whole_file
from tinygrad_lstm.losses import cross_entropy
from tinygrad_lstm.training import CharModel, Fit, baselines, bits_per_character, sample
from viz import plots
from viz.style import ThemeName

HELD_OUT = 0.05  # of the text, twice, at its end: one part chooses the best weights, the other gives the figures
STEPS_DRAWN = 3


@dataclass(frozen=True)
class Size:
    """How much work a run is."""

    hidden: int
    updates: int
    batch: int
    sample: int


FULL = Size(hidden=128, updates=800, batch=32, sample=400)
QUICK = Size(hidden=32, updates=20, batch=16, sample=80)
DONE, BROKE_OFF, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130  # exit codes


def run(text_file: Path | None, out: Path, quick: bool, seed: int) -> int:
    """The whole demo; returns the exit code."""
    console, errors = Console(), Console(stderr=True)
    try:
        text = language_reference() if text_file is None else read_text(text_file)
        _make_writable(out)
        return _learn_and_show(text, text_file, out, QUICK if quick else FULL, seed, console)
    except (TinygradError, OSError) as error:
        message = " ".join(str(error).split())
        errors.print(f"error: {message}", style="red", highlight=False, markup=False, soft_wrap=True)
        return WRONG_INPUT
    except KeyboardInterrupt:
        errors.print(f"Stopped. What was finished is in {out}.", highlight=False, markup=False, soft_wrap=True)
        return INTERRUPTED


def _make_writable(out: Path) -> None:
    """Make the folder, and find out now, not after training, if nothing can be written there."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise OSError(f"cannot write to the folder {out}: {error.strerror}") from None


def _learn_and_show(text: str, text_file: Path | None, out: Path, size: Size, seed: int, console: Console) -> int:
    manual_seed(seed)
    vocabulary = Vocabulary(text)
    numbers = vocabulary.encode(text)
    held = round(len(numbers) * HELD_OUT)
    train, choose, test = numbers[: -2 * held], numbers[-2 * held : -held], numbers[-held:]
    name = "Python's language reference" if text_file is None else text_file.name
    _say(console, f"{name}: {len(text):,} characters, {len(vocabulary)} different ones")

    model = CharModel(len(vocabulary), size.hidden)
    fit = Fit(model, train, choose, size.updates, batch=min(size.batch, max(1, len(train) // 200)))
    started = time.perf_counter()
    with threadpool_limits(1):  # products this small gain nothing from a second thread, and lose much on a busy machine
        code = _train(fit, console, lambda: _save(model, vocabulary, out))
    seconds = time.perf_counter() - started
    if fit.best is not None:
        model.load_state_dict(fit.best)
    _save(model, vocabulary, out)

    bits = {
        "uniform": baselines.uniform(len(vocabulary)),
        "unigram": baselines.unigram(train, test, len(vocabulary)),
        "bigram": baselines.bigram(train, test, len(vocabulary)),
        "LSTM": bits_per_character(model, test),
    }
    console.print(_table(bits))
    prompt = _prompt(text[-held:])
    spoken = sample(model, vocabulary, prompt, size.sample)
    spoken = "".join(character if character.isprintable() or character in "\n\t" else "\ufffd" for character in spoken)
    _say(console, f"\nThe model goes on from {prompt!r}:\n\n{spoken}")

    pictures = _draw(model, test, fit, bits, out, console)
    page = out / "index.html"
    with whole_file(page) as file:
        file.write(demo_page.html(name, model, bits, spoken, pictures, seconds).encode())
    _say(console, f"\nWeights, pictures and the page that shows them are in {out}: open {page}")
    return code


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def _save(model: CharModel, vocabulary: Vocabulary, out: Path) -> None:
    saving.save({"weights": model.state_dict(), "vocabulary": vocabulary.characters}, out / "weights.npz")


def _train(fit: Fit, console: Console, save: Callable[[], None]) -> int:
    """Run the updates under a progress bar, saving whenever the held-out text is read better; returns the exit code."""
    columns = (
        TextColumn("training"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[shown]}"),
    )  # fmt: skip
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=fit.updates, shown="")
        best = float("inf")
        try:
            for update in fit:
                if fit.best_bits < best:
                    best = fit.best_bits
                    save()
                shown = f"{update.bits:.2f} bits per character" + (f", held out {best:.2f}" if best < 99 else "")
                progress.update(task, completed=update.number, shown=shown)
            return DONE
        except KeyboardInterrupt:
            why, code = "Stopped", INTERRUPTED
        except GradError as error:
            why, code = f"Training broke off: {error}", BROKE_OFF
    kept = f"the best so far, {best:.2f} bits held out" if fit.best is not None else "those of this moment"
    _say(console, f"{why}. The weights kept are {kept}.")
    return code


def _prompt(held_out: str) -> str:
    """The beginning of the first line of prose in the held-out text, or of whatever there is."""
    prose = re.search(r"^[A-Z][a-z]+( [a-z]+){3} ", held_out, re.MULTILINE)
    return prose.group() if prose else held_out[:20]


def _table(bits: Mapping[str, float]) -> Table:
    table = Table(title="Held-out text, bits per character", title_justify="left", min_width=40)
    for heading in ("model", "bits", "below bigram"):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    for row in demo_page.rows(bits):
        table.add_row(*row, style="bold" if row[0] == "LSTM" else None)
    return table


def _draw(
    model: CharModel, test: np.ndarray, fit: Fit, bits: Mapping[str, float], out: Path, console: Console
) -> dict[str, list[Path]]:
    """The pictures of one real batch, eight windows of the held-out text; for each, the files that were written."""
    starts = np.linspace(0, len(test) - STEPS_DRAWN - 1, 8).astype(int)
    indices = test[starts + np.arange(STEPS_DRAWN + 1)[:, None]]
    logits, trajectory = model.unroll(indices[:-1])
    loss = cross_entropy(logits, indices[-1])
    written: dict[str, list[Path]] = {"gradient_paths": [], "unrolled_graph": []}
    files: list[tuple[ThemeName, str]] = [("light", ".svg"), ("dark", "_dark.svg"), ("light", ".png")]
    with warnings.catch_warnings(record=True) as advice:
        warnings.simplefilter("always")
        for theme, suffix in files:
            drawn = {
                "gradient_paths": viz.gradient_paths(loss, trajectory, theme=theme),
                "unrolled_graph": viz.draw(loss, view="op", theme=theme),
            }
            for name, picture in drawn.items():
                written[name].append(picture.save(out / f"{name}{suffix}"))
    written["gradient_paths"].append(viz.player(loss, trajectory).save(out / "player.html"))
    for message in dict.fromkeys(str(warning.message) for warning in advice):
        _say(console, message)
    if curve := _draw_curve(fit, bits, out):
        written["training_curve"] = curve
    return written


def _draw_curve(fit: Fit, bits: Mapping[str, float], out: Path) -> list[Path]:
    """The training curve; nothing where matplotlib is missing or nothing was trained."""
    if not fit.history or importlib.util.find_spec("matplotlib") is None:
        return []
    lines = {name: value for name, value in bits.items() if name != "LSTM"}
    files: dict[str, ThemeName] = {
        "training_curve.svg": "light", "training_curve_dark.svg": "dark", "training_curve.png": "light",
    }  # fmt: skip
    for name, theme in files.items():
        figure = plots.training_curve(fit.history, lines, theme=theme).get_figure(root=True)
        assert figure is not None
        format = name.rpartition(".")[2]
        with whole_file(out / name) as file:
            figure.savefig(file, format=format, dpi=144, facecolor="white" if format == "png" else "none")
    return [out / name for name in files]
