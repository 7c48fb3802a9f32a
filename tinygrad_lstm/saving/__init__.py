"""Nested dicts of arrays in files, ``.npz`` or ``.safetensors``: never pickle, so that reading one runs no code.

In a file every array has its path as its name, "layers/0/W", as other programs expect. Beside them stands a text in
JSON: what is a dict, a list or a tuple, each key, and every value that is no array. A file of other programs has none:
then the names alone make the nested dict.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeAlias

from tinygrad_lstm.errors import MissingExtraError, WeightsError
from tinygrad_lstm.saving import npz, safetensors
from tinygrad_lstm.saving.structure import Arrays, nested, put_together, take_apart

Write: TypeAlias = Callable[[BinaryIO, Arrays, str], None]
Read: TypeAlias = Callable[[Path], tuple[Arrays, str | None]]
FORMATS: dict[str, tuple[Write, Read]] = {
    ".npz": (npz.write, npz.read),
    ".safetensors": (safetensors.write, safetensors.read),
}


class HasState(Protocol):
    """A module, an optimiser or a scheduler: it can give what it holds by name."""

    def state_dict(self) -> Mapping[str, Any]:
        """What it holds."""


def save(obj: HasState | Mapping[Any, Any], path: str | Path) -> None:
    """Write a module, an optimiser, or a nested dict of them and of arrays, to an ``.npz`` or ``.safetensors`` file.

    ``load`` gives dicts (keys are words or integers), lists, tuples, arrays, strings, Python's numbers, True, False and
    None back as they were; a module, an optimiser or a scheduler as its ``state_dict``; a Tensor as its array. The file
    is written beside its place and then moved there: a crash leaves the old one whole.

    Raises WeightsError for another suffix, a folder that is missing, or what a file cannot hold.

    >>> import tempfile
    >>> import numpy as np
    >>> folder = tempfile.TemporaryDirectory()
    >>> save({"W": np.eye(2), "sizes": {"hidden": 8, "layers": (2, None)}}, f"{folder.name}/weights.npz")
    >>> load(f"{folder.name}/weights.npz")
    {'W': array([[1., 0.], [0., 1.]]), 'sizes': {'hidden': 8, 'layers': (2, None)}}
    >>> folder.cleanup()
    """
    if not isinstance(path, str | os.PathLike):
        raise WeightsError(f"save takes what to save and then a path, not a {type(path).__name__}")
    path = Path(path)
    write, _ = _format(path)
    if not isinstance(obj, Mapping) and not hasattr(obj, "state_dict"):
        raise WeightsError(f"save takes a module, an optimiser or a dict of arrays, not a {type(obj).__name__}")
    arrays: Arrays = {}
    try:
        text = json.dumps(take_apart(obj, "", arrays))
    except RecursionError:
        raise WeightsError(f"what {path.name} is to hold is nested too deep, or holds itself") from None
    _replace(path, lambda file: write(file, arrays, text))


def load(path: str | Path) -> dict[Any, Any]:
    """What ``save`` wrote, or other programs' arrays in such a file; hand a module's to its ``load_state_dict``.

    Raises FileNotFoundError, or WeightsError, which says what is wrong, for a file that is broken or of another kind.
    """
    path = Path(path)
    _, read = _format(path)
    try:
        arrays, text = read(path)
        return nested(arrays) if text is None else put_together(json.loads(text), arrays)
    except (FileNotFoundError, MissingExtraError):
        raise
    except PermissionError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}") from None
    except Exception as error:  # on a broken file the readers of zip, npy, JSON and safetensors raise nearly anything
        why = str(error) or type(error).__name__
        raise WeightsError(f"{path} is not a whole {path.suffix} file of plain arrays ({why})") from error


def _format(path: Path) -> tuple[Write, Read]:
    if path.suffix not in FORMATS:
        raise WeightsError(f"weights are in files that end in {' or '.join(FORMATS)}, not {path.name!r}")
    if path.is_dir():
        raise WeightsError(f"{path.name} is a folder, weights are in a file")
    return FORMATS[path.suffix]


def _replace(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Make a file whole or not at all: written beside its place, sure to be on the disk, and then moved there."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        with open(beside, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except (FileNotFoundError, NotADirectoryError):
        raise WeightsError(f"there is no folder {path.parent} to save {path.name} in") from None
    except PermissionError as error:
        raise WeightsError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()
