"""The demo from a text to a page: a character LSTM learns it, is measured, writes, and its gradient is drawn."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from tinygrad_lstm import saving
from tinygrad_lstm.data import Vocabulary
from tinygrad_lstm.demo import page, pictures
from tinygrad_lstm.demo.results import Report, measure
from tinygrad_lstm.engine.creation import manual_seed
from tinygrad_lstm.files import whole_file
from tinygrad_lstm.losses import cross_entropy
from tinygrad_lstm.training import CharModel, Fit, gradient_left, sample, untrained_runs

T = TypeVar("T")
SLICE = 0.05  # of the text, twice, at its end: the validation text, then the test text
WEIGHTS, PAGE = "weights.npz", "index.html"
FILES = (WEIGHTS, PAGE, *pictures.FILES)


class Size(NamedTuple):
    """How much work a run is."""

    hidden: int
    updates: int
    batch: int
    sample: int


FULL = Size(hidden=128, updates=800, batch=32, sample=400)
QUICK = Size(hidden=32, updates=20, batch=16, sample=80)


def learn(
    text: str, name: str, out: Path, size: Size, seed: int, *, train: Callable[[Fit, Callable[[], None]], T],
    show: Callable[[Report], None], say: Callable[[str], None],
) -> T:  # fmt: skip
    """Everything, into the folder; returns what ``train`` returned.

    ``train`` runs the updates, and calls its second argument to save the weights; ``show`` gets the results before
    anything is drawn; ``say`` gets lines for a person.
    """
    manual_seed(seed)
    vocabulary = Vocabulary(text)
    numbers = vocabulary.encode(text)
    held = round(len(numbers) * SLICE)
    texts = numbers[: -2 * held], numbers[-2 * held : -held], numbers[-held:]
    say(f"{name}: {len(text):,} characters, {len(vocabulary)} different ones")
    model = CharModel(len(vocabulary), size.hidden)
    fit = Fit(model, *texts[:2], size.updates, batch=min(size.batch, max(1, len(texts[0]) // 200)))

    def save() -> None:
        saving.save({"weights": model, "vocabulary": vocabulary.characters}, out / WEIGHTS)

    started = time.perf_counter()
    answer = train(fit, save)
    seconds = time.perf_counter() - started
    if fit.best is not None:
        model.load_state_dict(fit.best)
    save()

    prompt = find_prompt(text[-held:])
    spoken = drop_controls(sample(model, vocabulary, prompt, size.sample))
    report = Report(
        name, model.parameter_count(), len(text), len(fit.history), seconds, measure(fit, texts[2], len(vocabulary)),
        drop_controls(prompt), spoken, pictures.LAGS - 1,
    )  # fmt: skip
    show(report)
    draw(report, fit, texts[2], len(vocabulary), out, say)
    with whole_file(out / PAGE) as file:
        file.write(page.html(report).encode())
    return answer


def draw(report: Report, fit: Fit, test: np.ndarray, characters: int, out: Path, say: Callable[[str], None]) -> None:
    """The pictures and plots, and what is left of the gradients that the plots show."""
    model = fit.model
    report.drawings = pictures.of_one_batch(model, test, out, say)
    indices = pictures.windows_of(test, pictures.LAGS, 16)
    runs = untrained_runs(indices, characters, model.lstm.hidden_size)
    logits, trajectory = model.unroll(indices[:-1])
    runs["LSTM, trained"] = cross_entropy(logits, indices[-1]), trajectory
    report.left = {name: gradient_left(*run) for name, run in runs.items()}
    report.drawings |= pictures.of_training(fit.history, report.bits, runs, report.left, out, say)


def find_prompt(test: str) -> str:
    """The beginning of the first line of prose in the test text, or else of the text."""
    prose = re.search(r"^[A-Z][a-z]+( [a-z]+){3} ", test, re.MULTILINE)
    return prose.group() if prose else test[:20]


def drop_controls(text: str) -> str:
    """Text of several lines without control characters, which a terminal would obey."""
    return "".join(character if character.isprintable() or character in "\n\t" else "\ufffd" for character in text)
