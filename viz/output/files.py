"""The place that something is saved at: its folder, its suffix, and a name that no other program's file has."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import chain, count
from pathlib import Path

from tinygrad_lstm.files import file_path, whole_file

OURS = b'digraph "graph" {'  # how our DOT texts begin


def place_for(path: str | os.PathLike[str], suffixes: Sequence[str], what: str, example: str) -> Path:
    """The path to save something at, if it has one of its suffixes and its folder is there; errors as ``save`` has."""
    path = file_path(path)
    if os.path.isdir(path):
        raise IsADirectoryError(f"cannot save to {path}: it is a folder; name a file in it, as in {path / example}")
    if path.suffix.lower() not in suffixes:
        raise ValueError(f"{what} is saved as {', '.join(suffixes)}, not {path.suffix or 'without a suffix'!r}")
    if not os.path.isdir(path.parent):
        raise FileNotFoundError(f"cannot save {path.name}: there is no folder {path.parent}; make it first")
    return path


def write_file(path: Path, content: bytes) -> Path:
    """Write a file, whole or not at all; returns its path."""
    with whole_file(path) as file:
        file.write(content)
    return path


def free_path(path: Path) -> Path:
    """This path, or the first numbered one beside it, where no file is, or one that a picture was saved in."""
    numbered = (path.with_stem(f"{path.stem}-{number}") for number in count(2))
    return next(free for free in chain([path], numbered) if not free.exists() or _is_ours(free))


def _is_ours(path: Path) -> bool:
    return path.is_file() and path.read_bytes().startswith(OURS)
