"""PNG and PDF by Graphviz, from DOT text to bytes: by ``dot`` on the PATH, or by pygraphviz in a process of its own.

pygraphviz brings Graphviz inside a wheel, so pip alone is enough to draw. It is C code: in a child process a crash
there is an error here, and never the end of a training run. A child that takes too long is killed with all that it
started, and what a child gives is a picture only if it is a whole one.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import zlib
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree

from tinygrad_lstm.errors import ArgumentError, TinygradError

TIMEOUT = 60.0  # seconds; a thousand nodes take two
ADVICE = 'no Graphviz found: pip install "tinygrad-lstm[viz]" (or pygraphviz) draws it'

_CHILD = """
import sys, pygraphviz
source, format, arguments = sys.stdin.buffer.read().decode(), sys.argv[1], sys.argv[2]
sys.stdout.buffer.write(pygraphviz.AGraph(string=source).draw(prog="dot", format=format, args=arguments))
"""


class RenderError(TinygradError, RuntimeError):
    """Graphviz was there and could not draw the picture."""


class NoGraphvizError(RenderError):
    """There is no Graphviz; the message says what to install."""


def render(source: str, format: str, timeout: float = TIMEOUT, **attributes: str) -> bytes:
    """A DOT text as svg, png or pdf, or its layout as json0, by the first renderer that gives a whole one.

    ``attributes`` are those of the graph that its text leaves open, such as dpi and size.

    Raises NoGraphvizError where neither ``dot`` nor pygraphviz is there, RenderError where each of them fails, or takes
    longer than ``timeout`` seconds.
    """
    if not timeout > 0:
        raise ArgumentError(f"a timeout is a number of seconds above 0, not {timeout}")
    complaints: list[str] = []
    for command in commands(format, attributes):
        try:
            drawn = _run(command, source.encode(), timeout)
        except RenderError as complaint:
            complaints.append(str(complaint))
        else:
            if is_whole(drawn, format):
                return drawn
            complaints.append(f"what {os.path.basename(command[0])} gave is no whole {format}")
    if not complaints:
        raise NoGraphvizError(ADVICE)
    raise RenderError(f"Graphviz could not draw the {format}: " + "; ".join(complaints))


def commands(format: str, attributes: Mapping[str, str] | None = None) -> Iterator[list[str]]:
    """The commands that can draw on this machine, best first."""
    arguments = [f"-G{name}={value}" for name, value in (attributes or {}).items()]
    if dot := shutil.which("dot"):
        yield [dot, f"-T{format}", *arguments]
    if importlib.util.find_spec("pygraphviz") is not None:
        # -P: no pygraphviz.py of the user's folder
        yield [sys.executable, "-P", "-c", _CHILD, format, " ".join(arguments)]


def is_whole(drawn: bytes, format: str) -> bool:
    """Whether these bytes are a picture in this format from its beginning to its end."""
    if format == "png":
        return _is_whole_png(drawn)
    if format == "pdf":
        return drawn.startswith(b"%PDF-") and drawn.rstrip().endswith(b"%%EOF")
    if format == "json0":
        return _is_whole_json(drawn)
    try:
        return ElementTree.fromstring(drawn).tag.rpartition("}")[2] == "svg"
    except (ElementTree.ParseError, ValueError):  # ValueError: an encoding that Python does not know
        return False


def _is_whole_json(drawn: bytes) -> bool:
    try:
        return isinstance(json.loads(drawn), dict)
    except ValueError:
        return False


def _is_whole_png(drawn: bytes) -> bool:
    """Whether chunk follows chunk, each with its checksum right, from IHDR to IEND."""
    at, kind, kinds = 8, b"", []
    while at + 12 <= len(drawn) and kind != b"IEND":
        end = at + 8 + int.from_bytes(drawn[at : at + 4], "big")
        kind = drawn[at + 4 : at + 8]
        if zlib.crc32(drawn[at + 4 : end]) != int.from_bytes(drawn[end : end + 4], "big"):
            return False
        kinds.append(kind)
        at = end + 4
    whole = at == len(drawn) and kinds[:1] == [b"IHDR"] and b"IDAT" in kinds and kind == b"IEND"
    return whole and drawn.startswith(b"\x89PNG\r\n\x1a\n")


def _run(command: list[str], source: bytes, timeout: float) -> bytes:
    """What a renderer writes when it reads this; RenderError, in its own words, if it fails or takes too long.

    It works on files, not on pipes: a pipe stays open as long as any child of it lives. It is in a session of its own,
    so that its children end with it.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as drawn, tempfile.TemporaryFile() as said:
        given.write(source)
        given.seek(0)
        try:
            process = subprocess.Popen(command, stdin=given, stdout=drawn, stderr=said, start_new_session=True)
        except OSError as error:
            raise RenderError(f"{command[0]} does not run: {error.strerror}") from None
        late = threading.Event()

        def stop() -> None:
            late.set()
            _kill(process)

        alarm = threading.Timer(min(timeout, threading.TIMEOUT_MAX), stop)
        try:
            alarm.start()
            code = process.wait()  # with a timeout of its own it would look only every 50 ms
        finally:
            alarm.cancel()
            _kill(process)
            process.wait()
        if code and late.is_set():
            raise RenderError(f"{os.path.basename(command[0])} gave no picture within {timeout:g} s")
        drawn.seek(0)
        said.seek(0)
        done = subprocess.CompletedProcess(command, code, drawn.read(), said.read())
        if code:
            raise RenderError(_complaint(done))
        return done.stdout


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and its children, as far as they still run."""
    if sys.platform == "win32":
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says so where none runs any more
            os.killpg(process.pid, signal.SIGKILL)


def _complaint(done: subprocess.CompletedProcess[bytes]) -> str:
    """The last thing a renderer said, without the warnings that Fontconfig has for every occasion."""
    lines = [line for line in done.stderr.decode(errors="replace").splitlines() if "Fontconfig" not in line]
    if done.returncode < 0:
        return f"its process died of signal {-done.returncode}"
    return lines[-1] if lines else "no word from it"
