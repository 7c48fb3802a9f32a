"""A recurrent layer of a file of weights, written for another library."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from tinygrad_lstm.cli.draw import chosen, describe_choice
from tinygrad_lstm.cli.messages import DONE, make_writable, say
from tinygrad_lstm.interop.exporting import converted, write


def run(path: Path, to: str, out: Path, which: str | None, cell: str | None) -> int:
    """Write it, and say how it is read there; returns the exit code."""
    name, layer, there = chosen(path, cell, which)
    content = converted(layer, out, to)  # before a folder is made for it
    make_writable(out.parent, [out.name])
    read = write(content, out, to)
    say(Console(), f"{type(layer).__name__}({layer.extra_repr()}), {describe_choice(name, path, there)}.")
    say(Console(), f"{out} was read back and holds the same weights, bit by bit. In {to}: {read}")
    return DONE
