"""The command line as a stranger uses it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm.training import CharModel, Fit, Update

for library in ("typer", "rich", "threadpoolctl"):
    pytest.importorskip(library)
from tinygrad_lstm.cli.demo import run  # noqa: E402  # it needs what was just asked for


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


@pytest.fixture
def short_text(tmp_path: Path) -> Path:
    text = tmp_path / "text.txt"
    text.write_text("to be or not to be, that is the question. " * 100, "utf-8")
    return text


def test_ctrl_c_keeps_the_best_weights(tmp_path: Path, short_text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fit = run_stopped_by(KeyboardInterrupt(), short_text, tmp_path / "out", monkeypatch, exit_code=130)
    assert fit.best is not None
    weights = tg.load(tmp_path / "out" / "weights.npz")["weights"]
    assert set(weights) == set(fit.best)
    assert all(np.array_equal(weights[name], fit.best[name]) for name in weights)
    assert (tmp_path / "out" / "index.html").exists()


def test_a_training_that_breaks_off_keeps_the_best_weights(
    tmp_path: Path, short_text: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = tg.errors.GradError("the norm of the gradients is nan")
    fit = run_stopped_by(error, short_text, tmp_path / "out", monkeypatch, exit_code=1)
    assert fit.best is not None
    weights = tg.load(tmp_path / "out" / "weights.npz")["weights"]
    assert all(np.array_equal(weights[name], fit.best[name]) for name in weights)
    assert "Training broke off: the norm of the gradients is nan" in capsys.readouterr().out


def run_stopped_by(error: BaseException, text: Path, out: Path, monkeypatch: pytest.MonkeyPatch, exit_code: int) -> Fit:
    """Run the demo with a training that is measured every 5 updates and stopped after 12."""
    fits = []
    iterate = Fit.__iter__

    def stopped(self: Fit) -> Iterator[Update]:
        fits.append(self)
        self.measure_every = 5
        for update in iterate(self):
            yield update
            if update.number == 12:
                raise error

    monkeypatch.setattr(Fit, "__iter__", stopped)
    assert run(text, out, True, 0) == exit_code
    (fit,) = fits
    return fit


def test_a_real_interrupt_of_the_process(tmp_path: Path, short_text: Path) -> None:
    short_text.write_text(short_text.read_text("utf-8") * 20, "utf-8")  # long enough to be still training when stopped
    out = tmp_path / "out"
    call = [sys.executable, "-m", "tinygrad_lstm", "demo", "--text", str(short_text), "--out", str(out)]
    process = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (out / "weights.npz").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 130, stderr
    assert "Stopped" in stdout + stderr
    assert "Traceback" not in stderr
    assert tg.load(out / "weights.npz")["weights"]


def test_without_graphviz_there_is_svg_all_the_same_and_the_source_for_a_png(
    tmp_path: Path, short_text: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("viz.render.commands", lambda format: iter(()))
    out = tmp_path / "out"
    assert run(short_text, out, True, 0) == 0
    assert (out / "gradient_paths.gv").exists()
    assert not list(out.glob("gradient_paths*.png"))
    page = (out / "index.html").read_text("utf-8")
    assert page.count('href="gradient_paths.gv"') == 1
    for name in ("gradient_paths.svg", "gradient_paths_dark.svg", "unrolled_graph.svg", "player.html"):
        assert (out / name).exists()
    assert "Not drawn" not in page
    assert capsys.readouterr().out.count("pip install") <= 2  # once for each picture at most


def test_a_folder_that_cannot_be_written_to_is_found_before_training(tmp_path: Path, short_text: Path) -> None:
    (tmp_path / "out").write_text("a file in the way")
    done = command("demo", "--text", str(short_text), "--out", str(tmp_path / "out" / "deeper"))
    assert done.returncode == 2
    assert "cannot write to the folder" in done.stderr
    assert "characters" not in done.stdout


def test_control_characters_of_a_text_do_not_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("\x1b[2J" * 1000, "utf-8")
    assert run(text, tmp_path / "out", True, 0) == 0
    assert "\x1b[2J" not in capsys.readouterr().out
    assert "\x1b" not in (tmp_path / "out" / "index.html").read_text("utf-8")
