"""The command line as a stranger uses it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lstm as tg
import viz
from tests.support.commands import command
from tests.support.writing import become_nobody, folder_for_all  # noqa: F401  # one is a fixture
from tinygrad_lstm.training import CharModel, Fit, Update

pytest.importorskip("typer")
pytest.importorskip("rich")
pytest.importorskip("threadpoolctl")
from typer.main import get_command  # they need what was just asked for

from tinygrad_lstm.cli.app import app
from tinygrad_lstm.cli.demo import run
from tinygrad_lstm.demo import pictures


def test_demo_writes_everything_it_promises(tmp_path: Path) -> None:
    done = command("demo", "--quick", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    for word in ("uniform", "unigram", "bigram", "LSTM", "goes on from"):
        assert word in done.stdout
    out = tmp_path / "out"
    page = (out / "index.html").read_text("utf-8")
    for name in ("gradient_paths", "collapsed_graph", "unrolled_graph", "gradient_by_lag", "training_curve"):
        assert (out / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        for file in (f"{name}.svg", f"{name}_dark.svg"):
            assert "<svg" in (out / file).read_text("utf-8")
            assert f'href="{file}"' in page
    for name in ("collapsed_graph", "gradient_by_lag", "training_curve"):
        assert f'src="{name}.svg"' in page
    assert set(os.listdir(out)) == {"weights.npz", "index.html", *pictures.FILES}  # all tried before training
    assert "http" not in page.replace("http://www.w3.org", "")  # no network
    saved = tg.load(out / "weights.npz")
    model = CharModel(len(str(saved["vocabulary"])), 32)
    model.load_state_dict(saved["weights"])


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no file"), (b"", "empty"), (bytes(range(256)) * 30, "UTF-8"), (b"short", "too short")],
)
def test_a_text_that_cannot_be_used_is_one_line_and_exit_code_2(
    tmp_path: Path, content: bytes | None, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises((tg.errors.TinygradError, OSError), match=message):
        run(path, tmp_path / "out", True, 0)
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", ["--out", "--text"])
def test_an_empty_path_is_refused(tmp_path: Path, option: str) -> None:
    done = command("demo", option, "", folder=tmp_path)
    assert done.returncode == 2
    assert f"Invalid value for '{option}': the path is empty" in done.stderr
    assert not list(tmp_path.iterdir())


def folder_in_the_way(out: Path, name: str) -> Path:
    (out / name).mkdir(parents=True)
    return out


def file_in_the_way(out: Path) -> Path:
    out.write_text("in the way")
    return out


def loop_of_links(out: Path) -> Path:
    out.symlink_to(out)
    return out


BLOCKED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a file": (file_in_the_way, "it is a file"),
    "below a file": (lambda out: file_in_the_way(out) / "deeper", "Not a directory"),
    "a device": (lambda _: Path("/dev/null"), "it is a file"),
    "a link to itself": (loop_of_links, "it is a file"),
    "a name too long": (lambda out: out.with_name("n" * 300), "File name too long"),
    "a folder of the system": (lambda _: Path("/proc/demo"), "No such file"),
    **{f"{name} is a folder": (partial(folder_in_the_way, name=name), f"to {name}: it is a folder")
       for name in ("weights.npz", "index.html", "player.html", "training_curve_dark.svg", "unrolled_graph.png")},
}  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="the names of the causes are those of Unix")
@pytest.mark.parametrize("case", BLOCKED)
def test_an_output_that_cannot_be_written_is_one_line_before_any_training(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, reason = BLOCKED[case]
    out = make(tmp_path / "out")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OSError, match=re.escape(reason)) as error:
        run(None, out, True, 0)
    assert str(error.value).startswith(f"cannot write to the folder {out}")
    assert capsys.readouterr().out == "", "it begins to train"
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["weights.npz", "index.html"])
def test_what_may_not_be_written_is_found_before_training(
    open_folder: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if os.geteuid() == 0:  # who may write everywhere
        become_nobody()
    out = open_folder / "out"
    out.mkdir()
    (out / name).write_text("mine")
    out.chmod(0o555)
    with pytest.raises(OSError, match="Permission denied"):
        run(None, out, True, 0)
    assert capsys.readouterr().out == ""
    assert (out / name).read_text() == "mine"
    out.chmod(0o755)


@pytest.mark.slow
def test_every_command_explains_itself_in_ascii() -> None:
    commands = [[], *([name] for name in get_command(app).commands)]  # type: ignore[attr-defined]  # it is a group
    assert ["demo"] in commands
    for words in commands:
        done = command(*words, "--help", PYTHONIOENCODING="ascii:strict")
        assert done.returncode == 0
        assert "--help" in done.stdout
        assert "?" not in done.stdout
    for words in (["--version"], ["--help"], ["demo", "--help"]):
        for pipe in ("| true", ">&-", "2>&1 | head -n 1"):
            shell = f'"$@" {pipe}; exit "${{PIPESTATUS[0]}}"'
            call = ["bash", "-c", shell, "bash", sys.executable, "-m", "tinygrad_lstm", *words]
            done = subprocess.run(call, capture_output=True, text=True, timeout=60)
            assert (done.returncode, done.stderr) == (0, "")


def test_an_unknown_command_is_exit_code_2() -> None:
    assert command("nonsense").returncode == 2


def test_version() -> None:
    assert command("--version").stdout.split() == ["tinygrad-lstm", tg.__version__]


@pytest.fixture
def short_text(tmp_path: Path) -> Path:
    text = tmp_path / "text.txt"
    text.write_text("to be or not to be, that is the question. " * 100, "utf-8")
    return text


@pytest.mark.slow
def test_ctrl_c_keeps_the_best_weights(tmp_path: Path, short_text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fit = run_stopped_by(KeyboardInterrupt(), short_text, tmp_path / "out", monkeypatch, exit_code=130)
    assert fit.best is not None
    weights = tg.load(tmp_path / "out" / "weights.npz")["weights"]
    assert set(weights) == set(fit.best)
    assert all(np.array_equal(weights[name], fit.best[name]) for name in weights)
    assert (tmp_path / "out" / "index.html").exists()


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_real_interrupt_of_the_process(tmp_path: Path, short_text: Path) -> None:
    short_text.write_text(short_text.read_text("utf-8") * 20, "utf-8")  # long enough to be still training when stopped
    out = tmp_path / "out"
    call = [sys.executable, "-m", "tinygrad_lstm", "demo", "--text", str(short_text), "--out", str(out)]
    obey = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # which a shell in the background ignores
    process = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=obey)
    deadline = time.monotonic() + 120
    while not (out / "weights.npz").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 130, stderr
    assert "Stopped" in stdout + stderr
    assert "Traceback" not in stderr
    assert tg.load(out / "weights.npz")["weights"]


@pytest.mark.slow
def test_without_graphviz_there_is_svg_all_the_same_and_the_source_for_a_png(
    tmp_path: Path, short_text: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("viz.output.png_by_graphviz.commands", lambda *_: iter(()))
    out = tmp_path / "out"
    assert run(short_text, out, True, 0) == 0
    assert (out / "gradient_paths.gv").exists()
    assert not list(out.glob("gradient_paths*.png"))
    page = (out / "index.html").read_text("utf-8")
    assert page.count('href="gradient_paths.gv"') == 1
    for name in ("gradient_paths.svg", "gradient_paths_dark.svg", "unrolled_graph.svg", "player.html"):
        assert (out / name).exists()
    assert "Not drawn" not in page
    assert capsys.readouterr().out.count("pip install") <= 3  # once for each picture at most


@pytest.mark.slow
def test_control_characters_of_a_text_do_not_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("\x1b[2J" * 1000, "utf-8")
    assert run(text, tmp_path / "out", True, 0) == 0
    assert "\x1b[2J" not in capsys.readouterr().out
    assert "\x1b" not in (tmp_path / "out" / "index.html").read_text("utf-8")


CHARACTERS = "zwölf Boxkämpfer, \U0001f94a\u2615 \u4f60\u597d! "  # Latin, emoji, Chinese


@pytest.fixture
def foreign_text(tmp_path: Path) -> Path:
    """A text that no terminal but a Unicode one can show, with the line ends of Windows, under such a name."""
    text = tmp_path / "\u4f60 \U0001f94a.txt"
    text.write_bytes(f"\ufeff{CHARACTERS}\r\n".encode() * 200)
    return text


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_the_demo_in_a_terminal_that_cannot_show_its_text(tmp_path: Path, foreign_text: Path, encoding: str) -> None:
    out = tmp_path / "out \u4f60"
    done = command(
        "demo", "--quick", "--text", str(foreign_text), "--out", str(out), PYTHONIOENCODING=f"{encoding}:strict",
        PYTHONUTF8="0",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "goes on from" in done.stdout
    assert "\U0001f94a" in (out / "index.html").read_text("utf-8")


@pytest.mark.slow
def test_a_reader_who_leaves_does_not_stop_the_demo(tmp_path: Path, short_text: Path) -> None:
    out = tmp_path / "out"
    shell = '"$@" | head -n 1; exit "${PIPESTATUS[0]}"'
    call = [sys.executable, "-m", "tinygrad_lstm", "demo", "--quick", "--text", str(short_text), "--out", str(out)]
    done = subprocess.run(["bash", "-c", shell, "bash", *call], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["text.txt: 4,200 characters, 15 different ones"]
    assert set(os.listdir(out)) == {"weights.npz", "index.html", *pictures.FILES}


@pytest.mark.slow
def test_a_picture_that_graphviz_cannot_draw_costs_only_this_picture(
    tmp_path: Path, short_text: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> bytes:
        raise viz.RenderError("out of memory")

    monkeypatch.setattr("viz.output.picture.render", refuse)
    assert run(short_text, tmp_path / "out", True, 0) == 0
    assert "gradient_paths.png is not drawn: out of memory" in capsys.readouterr().out
    page = (tmp_path / "out" / "index.html").read_text("utf-8")
    assert "gradient_paths.png" not in page
    assert 'src="collapsed_graph.svg"' in page


@pytest.mark.slow
def test_a_text_of_one_character(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "text.txt"
    text.write_text("a" * 3000)
    assert run(text, tmp_path / "out", True, 0) == 0
    assert "the LSTM needs as many bits per character as" in capsys.readouterr().out
