"""What commands share: exit codes, lines for a person, errors in one line, and a folder that can be written to."""

from __future__ import annotations

import contextlib
import json
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from tinygrad_lstm.errors import ArgumentError, TinygradError
from tinygrad_lstm.escaping import printable
from tinygrad_lstm.files import whole_file

DONE, BROKE_OFF, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130  # exit codes
FAILED = BROKE_OFF  # what was checked does not hold
debugging = ContextVar("debugging", default=False)  # the traceback of an error in place of its line


def say(console: Console, text: str, style: str | None = None) -> None:
    """Print lines as they are, without markup, and without characters that a terminal would obey."""
    text = "\n".join(printable(line) for line in text.split("\n"))
    console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """Print a value for another program: what JSON does not have, as inf, NaN or an op, becomes words."""
    print(json.dumps(plain(value), ensure_ascii=False, indent=1, default=str))


def answer(command: Callable[[Console], int], is_quiet: Callable[[], bool] = lambda: False) -> int:
    """Run a command; returns its exit code: a wrong input is an error in one line, Ctrl-C ends it silently.

    Of several ranks, those that are quiet print nothing.
    """
    quiet = False
    try:
        quiet = is_quiet()
        return command(Console(quiet=quiet))
    except (TinygradError, OSError, MemoryError) as error:
        if debugging.get():
            traceback.print_exc()
        else:
            words = str(error) or type(error).__name__
            say(Console(stderr=True, quiet=quiet), f"error: {' '.join(words.split())}", style="red")
        return WRONG_INPUT
    except KeyboardInterrupt:
        return INTERRUPTED


class _TriedError(Exception):
    """Ends the writing of a file before there is anything in it."""


def make_writable(out: Path, names: Iterable[str]) -> None:
    """Make the folder, and find out now, not after training, if one of these files cannot be written there."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "it is a file" if isinstance(error, FileExistsError) else error.strerror
        raise OSError(f"cannot write to the folder {out}: {reason}") from None
    for name in names:
        try:
            with contextlib.suppress(_TriedError), whole_file(out / name):
                raise _TriedError
        except OSError as error:
            raise OSError(f"cannot write to the folder {out}, to {name}: {error.strerror}") from None


def check_suffix(out: Path, suffixes: Sequence[str]) -> None:
    """ArgumentError unless the file ends in one of these."""
    if out.suffix.lower() not in suffixes:
        raise ArgumentError(f"--out {out}: the file ends in {', '.join(suffixes)}, which says what it is")


def plain(value: Any) -> Any:
    """A value as JSON has it: numbers that it does not have, inf and NaN, become words."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(one) for one in value]
    value = value.item() if isinstance(value, np.generic) else value
    return value if not isinstance(value, float) or np.isfinite(value) else str(value)
