"""The MyST pages of docs/ run: the one of a training script in PyTorch, and the one of real networks."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

import viz
from tests.support.notebooks import results_of
from tinygrad_lstm.paths import Routes

DOCS = Path(__file__).parents[2] / "docs"
REAL = {"voice_activity": "faster_whisper", "diacritiser": "nakdimon", "text_generator": "textgenrnn"}


@pytest.mark.oracle
@pytest.mark.slow
def test_a_training_script_of_pytorch(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    *_, before, after, routes = results_of(DOCS / "from_a_training_script.md")
    assert isinstance(before, viz.Picture)
    assert isinstance(after, viz.Picture)
    assert isinstance(routes, Routes)
    stuck, trained, largest = capsys.readouterr().out.splitlines()[:3]
    assert float(stuck.split(";")[0].split()[1]) > 0.1
    assert float(trained.split(";")[0].split()[1]) < 0.03
    assert float(largest.split()[-1]) < 1e-5


def test_real_networks_that_are_not_installed_are_shown_as_saved(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    display = pytest.importorskip("IPython.display")
    find = importlib.util.find_spec

    def without(name: str, *rest: Any) -> Any:
        return None if name in REAL.values() else find(name, *rest)

    monkeypatch.chdir(DOCS)
    monkeypatch.setattr(importlib.util, "find_spec", without)
    shown = [result for result in results_of(DOCS / "real_models.md") if result is not None]
    assert [type(result) for result in shown] == [display.SVG] * 3
    said = capsys.readouterr().out.splitlines()
    assert said == [f"The package {name} is not installed: this is the saved picture." for name in REAL.values()]


@pytest.mark.parametrize("name", REAL)
def test_the_saved_pictures_are_small(name: str) -> None:
    assert 10_000 < (DOCS / "images" / f"{name}.svg").stat().st_size < 300_000


@pytest.mark.slow  # and skipped where their packages, the extra "models", are not installed
def test_real_networks(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in [*REAL.values(), "onnx", "h5py", "IPython"]:
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    monkeypatch.chdir(DOCS)
    shown = [result for result in results_of(DOCS / "real_models.md") if result is not None]
    assert [type(result) for result in shown] == [viz.Picture] * 3
    said = capsys.readouterr().out
    for figure in ("0.96 0.97 0.97\n", "its probability is 0.994", "a space: 0.94; attention to the last letter: 0.99"):
        assert figure in said, said
