"""The progress bar: what a terminal shows of a training."""

from __future__ import annotations

import io

import pytest

import tinygrad_lstm as tg
from tinygrad_lstm.training import Update

pytest.importorskip("rich")
from rich.console import Console

from tests.support.trainings import UPDATES, by_lengths
from tinygrad_lstm.cli.progress import progress_bar


def test_the_bar_ends_at_the_last_update_with_its_loss_and_score() -> None:
    tg.manual_seed(0)
    console = Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None)
    with progress_bar(UPDATES, console) as show:
        training = by_lengths(callbacks=[show]).run()
    last = training.history[-1]
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert f"{UPDATES}/{UPDATES}" in text
    assert f"loss {last.loss:.3g}, score {last.score:.3g}" in text


def test_a_narrow_terminal_and_words_of_ones_own() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=20, color_system=None)
    with progress_bar(2, console, lambda update: f"number {update.number}") as show:
        show(Update(2, 0.5, 1.0, None))
    assert isinstance(console.file, io.StringIO)
    assert "training" in console.file.getvalue()
