"""From DOT text to bytes: by ``dot`` on the PATH, or by pygraphviz in a process of its own.

pygraphviz brings Graphviz inside a wheel, so pip alone is enough to draw. It is C code: in a child process a crash
there is an error here, and never the end of a training run.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator

from tinygrad_lstm.errors import TinygradError

PNG_DPI = 144
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


def render(source: str, format: str) -> bytes:
    """The picture of a DOT text as svg, png or pdf.

    Raises NoGraphvizError where neither ``dot`` nor pygraphviz is there, RenderError where they fail.
    """
    complaints: list[str] = []
    for command in commands(format):
        done = subprocess.run(command, input=source.encode(), capture_output=True, check=False)
        if done.returncode == 0 and done.stdout:
            return done.stdout
        complaints.append(_complaint(done))
    if not complaints:
        raise NoGraphvizError(ADVICE)
    raise RenderError(f"Graphviz could not draw the {format}: " + "; ".join(complaints))


def commands(format: str) -> Iterator[list[str]]:
    """The ways to draw that this machine has, best first."""
    arguments = f"-Gdpi={PNG_DPI}" if format == "png" else ""
    if dot := shutil.which("dot"):
        yield [dot, f"-T{format}", *filter(None, [arguments])]
    if importlib.util.find_spec("pygraphviz") is not None:
        yield [sys.executable, "-P", "-c", _CHILD, format, arguments]  # -P: no pygraphviz.py of the user's folder


def _complaint(done: subprocess.CompletedProcess[bytes]) -> str:
    """The last thing a renderer said, without the warnings that Fontconfig has for every occasion."""
    lines = [line for line in done.stderr.decode(errors="replace").splitlines() if "Fontconfig" not in line]
    if done.returncode < 0:
        return f"its process died of signal {-done.returncode}"
    return lines[-1] if lines else "no word from it"
