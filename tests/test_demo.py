"""The command line as a stranger uses it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm.training import CharModel, Fit, Update

pytest.importorskip("typer")
pytest.importorskip("rich")


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"COLUMNS": "100", "NO_COLOR": "1", "OPENBLAS_NUM_THREADS": "1"}
    call = [sys.executable, "-m", "tinygrad_lstm", *arguments]
    return subprocess.run(call, capture_output=True, text=True, env=environment, timeout=300)


def test_demo_writes_everything_it_promises(tmp_path: Path) -> None:
    done = command("demo", "--quick", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    for word in ("uniform", "unigram", "bigram", "LSTM", "goes on from"):
        assert word in done.stdout
    out = tmp_path / "out"
    page = (out / "index.html").read_text("utf-8")
    for name in ("gradient_paths", "unrolled_graph", "training_curve"):
        assert (out / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (out / f"{name}.svg").read_text("utf-8")
        assert f'src="{name}.svg"' in page
    assert "http" not in page.replace("http://www.w3.org", "")  # no network
    saved = tg.load(out / "weights.npz")
    model = CharModel(len(str(saved["vocabulary"])), 32)
    model.load_state_dict(saved["weights"])


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no file"), (b"", "empty"), (bytes(range(256)) * 30, "UTF-8"), (b"short", "too short")],
)
def test_a_text_that_cannot_be_used_is_one_line_and_exit_code_2(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)
    done = command("demo", "--text", str(path), "--out", str(tmp_path / "out"))
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_a_file_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("in the way")
    done = command("demo", "--quick", "--out", str(tmp_path / "out"))
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1


def test_an_unknown_command_is_exit_code_2() -> None:
    assert command("nonsense").returncode == 2


def test_version() -> None:
    assert command("--version").stdout.split() == ["tinygrad-lstm", tg.__version__]


def test_ctrl_c_keeps_the_best_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tinygrad_lstm.cli.demo import run

    fits = []
    iterate = Fit.__iter__

    def interrupted(self: Fit) -> Iterator[Update]:
        fits.append(self)
        self.measure_every = 5
        for update in iterate(self):
            yield update
            if update.number == 12:
                raise KeyboardInterrupt

    monkeypatch.setattr(Fit, "__iter__", interrupted)
    text = tmp_path / "text.txt"
    text.write_text("to be or not to be, that is the question. " * 100, "utf-8")
    assert run(text, tmp_path / "out", True, 0) == 130
    (fit,) = fits
    assert fit.best is not None
    weights = tg.load(tmp_path / "out" / "weights.npz")["weights"]
    assert set(weights) == set(fit.best)
    assert all(np.array_equal(weights[name], fit.best[name]) for name in weights)
    assert (tmp_path / "out" / "index.html").exists()
