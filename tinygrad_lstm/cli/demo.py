"""The demo: a character LSTM learns a real text, is measured, speaks, and shows its gradient's paths."""

from __future__ import annotations

import importlib.util
import re
import time
from collections.abc import Mapping
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
from tinygrad_lstm.errors import TinygradError
from tinygrad_lstm.losses import cross_entropy
from tinygrad_lstm.training import CharModel, Fit, baselines, sample
from viz import plots
from viz.style import ThemeName

HELD_OUT = 0.1  # the share of the text, at its end, that training never sees
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


def run(text_file: Path | None, out: Path, quick: bool, seed: int) -> int:
    """The whole demo; returns the exit code."""
    console, errors = Console(), Console(stderr=True)
    started = time.perf_counter()
    try:
        text = language_reference() if text_file is None else read_text(text_file)
        out.mkdir(parents=True, exist_ok=True)
        manual_seed(seed)
        vocabulary = Vocabulary(text)
        numbers = vocabulary.encode(text)
        cut = round(len(numbers) * (1 - HELD_OUT))
        train, held_out = numbers[:cut], numbers[cut:]
        name = "Python's language reference" if text_file is None else text_file.name
        console.print(f"{name}: {len(text):,} characters, {len(vocabulary)} different ones", highlight=False)

        size = QUICK if quick else FULL
        model = CharModel(len(vocabulary), size.hidden)
        fit = Fit(model, train, held_out, size.updates, batch=min(size.batch, max(1, len(train) // 200)))
        with threadpool_limits(
            1
        ):  # products this small gain nothing from a second thread, and lose much on a busy machine
            interrupted = not _train(fit, console)
        if fit.best is not None:
            model.load_state_dict(fit.best)
        weights = out / "weights.npz"
        saving.save({"weights": model.state_dict(), "vocabulary": vocabulary.characters}, weights)

        bits = {
            "uniform": baselines.uniform(len(vocabulary)),
            "unigram": baselines.unigram(train, held_out, len(vocabulary)),
            "bigram": baselines.bigram(train, held_out, len(vocabulary)),
        }
        if fit.best is not None:
            bits["LSTM"] = fit.best_bits
        console.print(_table(bits))
        prompt = _prompt(text[cut:])
        spoken = sample(model, vocabulary, prompt, size.sample)
        console.print(f"\nThe model goes on from {prompt!r}:\n", highlight=False, markup=False)
        console.print(spoken, highlight=False, markup=False)

        pictures = _draw(model, held_out, fit, bits, out)
        page = out / "index.html"
        page.write_text(demo_page.html(name, model, bits, spoken, pictures, time.perf_counter() - started), "utf-8")
        console.print(f"\nWeights, pictures and the page that shows them are in {out}: open {page}", highlight=False)
        return 130 if interrupted else 0
    except (TinygradError, OSError) as error:
        errors.print(
            f"error: {' '.join(str(error).split())}", style="red", highlight=False, markup=False, soft_wrap=True
        )
        return 2


def _train(fit: Fit, console: Console) -> bool:
    """Run all updates under a progress bar; False if Ctrl-C stopped it before the end."""
    columns = (
        TextColumn("training"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[shown]}"),
    )  # fmt: skip
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=fit.updates, shown="")
        held_out = ""
        try:
            for update in fit:
                if update.held_out is not None:
                    held_out = f", held out {update.held_out:.2f}"
                progress.update(task, completed=update.number, shown=f"{update.bits:.2f} bits per character{held_out}")
        except KeyboardInterrupt:
            progress.stop()
            kept = (
                f"the best so far, {fit.best_bits:.2f} bits held out"
                if fit.best is not None
                else "those of this moment"
            )
            console.print(f"Stopped. The weights kept are {kept}.", highlight=False)
            return False
    return True


def _prompt(held_out: str) -> str:
    """The beginning of the first line of prose in the held-out text, or of whatever there is."""
    prose = re.search(r"^[A-Z][a-z]+ [a-z ,]{20}", held_out, re.MULTILINE)
    return prose.group() if prose else held_out[:20]


def _table(bits: Mapping[str, float]) -> Table:
    table = Table(title="Held-out text, bits per character", title_justify="left", min_width=40)
    for heading in ("model", "bits", "below bigram"):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    for name, value in bits.items():
        below = f"{bits['bigram'] - value:.2f}" if name == "LSTM" else ""
        table.add_row(name, f"{value:.2f}", below, style="bold" if name == "LSTM" else None)
    return table


def _draw(
    model: CharModel, held_out: np.ndarray, fit: Fit, bits: Mapping[str, float], out: Path
) -> dict[str, list[Path]]:
    """The pictures of one real batch: eight windows of the held-out text; for each, the files that were written."""
    starts = np.linspace(0, len(held_out) - STEPS_DRAWN - 1, 8).astype(int)
    window = starts + np.arange(STEPS_DRAWN + 1)[:, None]
    indices = held_out[window]
    logits, trajectory = model.unroll(indices[:-1])
    loss = cross_entropy(logits, indices[-1])
    written: dict[str, list[Path]] = {}
    for theme in ("light", "dark"):
        pictures = {
            "gradient_paths": viz.gradient_paths(loss, trajectory, theme=theme),
            "unrolled_graph": viz.draw(loss, view="op", theme=theme),
        }
        for name, picture in pictures.items():
            stem = name if theme == "light" else f"{name}_dark"
            for suffix in (".svg", ".png") if theme == "light" else (".svg",):
                written.setdefault(name, []).append(picture.save(out / f"{stem}{suffix}"))
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
        figure.savefig(out / name, dpi=144, facecolor="white" if name.endswith(".png") else "none")
    return [out / name for name in files]
