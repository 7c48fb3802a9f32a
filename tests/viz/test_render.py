"""Graphviz, whatever it does, gives a whole picture or an error, in time, and leaves no process."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tinygrad_lstm as tg
import viz
import viz.output.png_by_graphviz
from tinygrad_lstm.errors import ArgumentError
from viz.output.png_by_graphviz import NoGraphvizError, RenderError, is_whole, render

SOURCE = "digraph { a -> b }"
FORMATS = ["svg", "png", "pdf", "json0"]


@pytest.fixture(scope="module")
def real() -> dict[str, bytes]:
    """What a real Graphviz draws."""
    try:
        return {format: render(SOURCE, format) for format in FORMATS}
    except NoGraphvizError:
        pytest.skip("no Graphviz here")


@pytest.fixture
def picture() -> viz.Picture:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    return viz.draw((x * x).sum())


class Dot:
    """A program in place of ``dot``, the only renderer there is; it writes its process number, and its child's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def does(self, lines: str) -> None:
        program = self.folder / "dot"
        program.write_text(
            f"#!{sys.executable}\n"
            "import os, signal, subprocess, sys, time\n"
            f"def note(number):\n    open({str(self.folder / 'processes')!r}, 'a').write(f'{{number}} ')\n"
            f"note(os.getpid())\nout = sys.stdout.buffer\n{lines}\n"
        )
        program.chmod(0o755)

    def running(self) -> list[int]:
        """Its processes that still run."""
        numbers = map(int, (self.folder / "processes").read_text().split())
        return [number for number in numbers if self._runs(number)]

    @staticmethod
    def _runs(number: int) -> bool:
        try:
            state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        return state != "Z"  # a zombie does not run; it waits for init, which is not ours


def children_of_ours() -> set[str]:
    """The processes that this one started and has not waited for, where the system says so."""
    lists = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    return {number for children in lists if children.exists() for number in children.read_text().split()}


@pytest.fixture
def dot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dot]:
    fake = Dot(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(fake.folder))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    threads, children = threading.active_count(), children_of_ours()
    yield fake
    if (fake.folder / "processes").exists():
        until = time.monotonic() + 5
        while fake.running() and time.monotonic() < until:
            time.sleep(0.01)
        assert fake.running() == []
    assert children_of_ours() == children, "each child has been waited for"
    assert threading.active_count() <= threads + 1  # an alarm may be on its way to its end


SLEEPER = "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); note(child.pid)"
HANGS = {
    "sleeps": "time.sleep(60)",
    "ignores signals": "for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): "
    "signal.signal(number, signal.SIG_IGN)\ntime.sleep(60)",
    "draws, and sleeps": "out.write(b'<svg></svg>'); out.flush(); time.sleep(60)",
    "waits for a child": f"{SLEEPER}\nchild.wait()",
    "reads nothing": "os.close(0); time.sleep(60)",
    "says much": "while True: sys.stderr.write('x' * 1000 + chr(10)); time.sleep(0.001)",
    "stops": "os.kill(os.getpid(), signal.SIGSTOP)",
}


@pytest.mark.parametrize("what", HANGS)
def test_a_dot_that_hangs_is_killed_with_its_children(
    what: str, dot: Dot, picture: viz.Picture, tmp_path: Path
) -> None:
    dot.does(HANGS[what])
    path = tmp_path / "graph.png"
    path.write_bytes(b"old")
    started = time.monotonic()
    with pytest.raises(RenderError, match=r"could not draw the png: dot gave no picture within 0\.5 s$"):
        picture.save(path, timeout=0.5)
    assert time.monotonic() - started < 10
    assert path.read_bytes() == b"old"
    assert {file.name for file in tmp_path.iterdir()} == {"bin", "graph.png"}


WRONG = {
    "prints garbage": "out.write(b'garbage' * 1000)",
    "prints nothing": "",
    "prints the source": "out.write(sys.stdin.buffer.read())",
    "prints HTML": "out.write(b'<html><body>404</body></html>')",
    "prints an error as a picture": "out.write(b'Error: no font')",
    "leaves a child, and no picture": SLEEPER,
}


def drawn_by_dot(picture: viz.Picture, format: str, folder: Path) -> object:
    """Ask for what Graphviz draws in this format: a file, or the places of an op view."""
    if format in ("png", "pdf"):
        return picture.save(folder / f"graph.{format}")
    if format == "json0":
        return viz.draw(tg.tensor(1.0, requires_grad=True) * 2, engine="dot")
    return render(SOURCE, format)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("what", WRONG)
def test_what_is_no_picture_is_not_saved(
    what: str, format: str, dot: Dot, picture: viz.Picture, tmp_path: Path
) -> None:
    dot.does(WRONG[what])
    started = time.monotonic()
    with pytest.raises(RenderError, match=f"could not draw the {format}: what dot gave is no whole {format}$"):
        drawn_by_dot(picture, format, tmp_path)
    assert time.monotonic() - started < 20
    assert {file.name for file in tmp_path.iterdir()} == {"bin"}


@pytest.mark.parametrize("format", FORMATS)
def test_half_a_picture_is_not_saved(
    format: str, dot: Dot, picture: viz.Picture, tmp_path: Path, real: dict[str, bytes]
) -> None:
    dot.does(f"out.write({real[format][: len(real[format]) // 2]!r})")
    with pytest.raises(RenderError, match=f"what dot gave is no whole {format}$"):
        drawn_by_dot(picture, format, tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"bin"}


@pytest.mark.parametrize("format", FORMATS)
def test_a_whole_picture_is_taken_though_a_child_lives_on(
    format: str, dot: Dot, tmp_path: Path, real: dict[str, bytes]
) -> None:
    """A child has the output open: it is not waited for, and ends."""
    dot.does(f"{SLEEPER}\nout.write({real[format]!r})")
    started = time.monotonic()
    assert render(SOURCE, format) == real[format]
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("sys.exit('syntax error in line 1')", "syntax error in line 1"),
        ("sys.exit(3)", "no word from it"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "its process died of signal 11"),
        ("out.write(b'<svg></svg>'); out.flush(); sys.exit('too late')", "too late"),
    ],
)
def test_a_dot_that_fails_is_an_error_in_its_words(lines: str, said: str, dot: Dot) -> None:
    dot.does(lines)
    with pytest.raises(RenderError, match=f"could not draw the svg: {said}$"):
        render(SOURCE, "svg")


def test_a_dot_that_is_no_program(dot: Dot) -> None:
    (dot.folder / "dot").write_text("#!/no/such/interpreter\n")
    (dot.folder / "dot").chmod(0o755)
    with pytest.raises(RenderError, match=r"could not draw the svg: .*dot does not run: No such file or directory$"):
        render(SOURCE, "svg")


def test_much_text_in_and_out_is_no_deadlock(dot: Dot) -> None:
    dot.does("out.write(b'<svg>' + b' ' * 1_000_000 + b'</svg>'); sys.stderr.write('x' * 1_000_000); sys.stdin.read()")
    assert len(render("/" * 1_000_000, "svg")) == 1_000_011


def test_an_interrupt_ends_the_child(dot: Dot, monkeypatch: pytest.MonkeyPatch) -> None:
    dot.does("time.sleep(60)")
    wait = subprocess.Popen.wait
    interrupted: list[Any] = []

    def interrupt(process: Any, *args: Any) -> int:
        if not interrupted:
            interrupted.append(process)
            raise KeyboardInterrupt
        return wait(process, *args)

    monkeypatch.setattr(subprocess.Popen, "wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        render(SOURCE, "svg")
    assert interrupted[0].returncode is not None


def test_where_dot_hangs_pygraphviz_draws(dot: Dot, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pygraphviz")
    dot.does("time.sleep(60)")
    monkeypatch.undo()
    monkeypatch.setattr("shutil.which", lambda name: str(dot.folder / "dot"))
    assert is_whole(render(SOURCE, "svg", timeout=3), "svg")


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_timeout_is_above_zero(timeout: float) -> None:
    with pytest.raises(ArgumentError, match="a timeout is a number of seconds above 0"):
        render(SOURCE, "svg", timeout)


def test_a_timeout_may_be_endless(real: dict[str, bytes]) -> None:
    assert render(SOURCE, "svg", float("inf")) == real["svg"]


# What a whole picture is --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
def test_a_picture_cut_anywhere_is_not_whole(format: str, real: dict[str, bytes]) -> None:
    whole = real[format]
    assert is_whole(whole, format)
    end = len(whole.rstrip())
    assert not any(is_whole(whole[:length], format) for length in {*range(0, end, 97), *range(end - 40, end)})
    assert not is_whole(b"x" + whole, format)
    assert not any(is_whole(whole, other) for other in FORMATS if other != format)


def test_a_wrong_byte_of_a_png_is_noticed(real: dict[str, bytes]) -> None:
    whole = real["png"]
    for at in {*range(120), *range(120, len(whole), 31), *range(len(whole) - 12, len(whole))}:
        broken = bytearray(whole)
        broken[at] ^= 1
        assert not is_whole(bytes(broken), "png"), at
    assert not is_whole(whole + b"\0", "png")
    assert not is_whole(whole[:33] + whole[-12:], "png")  # a header and an end


@pytest.mark.parametrize(
    "drawn", [b"", b"<svg>", b"<svg/>x", b"<html/>", b"<svg></svg><svg/>", b"<notsvg/>", b'<?xml encoding="x"?><svg/>']
)
def test_what_is_no_svg(drawn: bytes) -> None:
    assert not is_whole(drawn, "svg")


def test_a_crash_in_the_c_library_is_an_error_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr(viz.output.png_by_graphviz, "_CHILD", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    with pytest.raises(RenderError, match="could not draw the svg: its process died of signal 11"):
        render("digraph {}", "svg")


def test_the_last_word_of_a_renderer_is_passed_on_without_fontconfigs(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RenderError, match="could not draw the svg"):
        render("digraph { a -> ", "svg")
    done = subprocess.CompletedProcess([], 1, b"", b"it is so\nFontconfig warning: no reset-dirs\n")
    assert viz.output.png_by_graphviz._complaint(done) == "it is so"
