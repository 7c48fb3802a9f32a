"""Commands run as a user runs them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path


def command(*arguments: str, folder: Path | None = None, **changes: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"COLUMNS": "100", "NO_COLOR": "1", "OPENBLAS_NUM_THREADS": "1"} | changes
    call = [sys.executable, "-m", "tinygrad_lstm", *arguments]
    return subprocess.run(
        call, capture_output=True, text=True, errors="replace", env=environment, cwd=folder, timeout=300
    )


def refused(said: str, *arguments: str, folder: Path | None = None) -> None:
    """The command, run in this process, ends with exit code 2, and says so in one line."""
    from typer.testing import CliRunner

    from tinygrad_lstm.cli.app import app

    with contextlib.chdir(folder or "."):
        done = CliRunner().invoke(app, arguments, env={"COLUMNS": "100", "NO_COLOR": "1"})
    assert done.exit_code == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def piped(*arguments: str, reader: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command with its output in a pipe; its exit code is the command's own."""
    shell = f'"$@" {reader}; exit "${{PIPESTATUS[0]}}"'
    call = ["bash", "-c", shell, "bash", sys.executable, "-m", "tinygrad_lstm", *arguments]
    return subprocess.run(call, capture_output=True, text=True, timeout=120, cwd=folder)


def in_a_terminal(*arguments: str, folder: Path | None = None, **changes: str) -> str:
    """What a terminal of 80 columns gets to show of the command, its errors included."""
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS")}
    environment = kept | {"TERM": "xterm-256color", "OPENBLAS_NUM_THREADS": "1"} | changes
    ours, theirs = os.openpty()
    call = [sys.executable, "-m", "tinygrad_lstm", *arguments]
    running = subprocess.Popen(call, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=environment)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # how Linux says that the other side is closed
        while part := os.read(ours, 4096):
            shown += part
    os.close(ours)
    running.wait(60)
    return shown.decode(errors="replace")
