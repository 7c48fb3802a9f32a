"""Nested dicts of arrays in files, ``.npz`` or ``.safetensors``: never pickle, so that reading one runs no code.

In a file every array has its path as its name, "layers/0/W", as other programs expect. Beside them stands a text in
JSON: what is a dict, a list or a tuple, each key, every value that is no array, and the architecture of every module.
A file of other programs has none: then the names alone make the nested dict.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeAlias, TypeVar

from tinygrad_lstm.errors import ArgumentError, DtypeError, WeightsError
from tinygrad_lstm.files import file_path, whole_file
from tinygrad_lstm.nn.architecture import build
from tinygrad_lstm.nn.module import Module
from tinygrad_lstm.saving import npz, safetensors, shards
from tinygrad_lstm.saving.structure import Arrays, modules_in, nest, put_together, take_apart

T = TypeVar("T")

Write: TypeAlias = Callable[[BinaryIO, Arrays, str], None]
Read: TypeAlias = Callable[[BinaryIO, int], tuple[Arrays, str | None]]
FORMATS: dict[str, tuple[Write, Read]] = {
    ".npz": (npz.write, npz.read),
    ".safetensors": (safetensors.write, safetensors.read),
}
SMALL_LIMIT, TIMES = 1 << 28, 16  # bytes, or times the size of the file: what load takes if nothing else is said
DISK = (None, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)  # full or broken: no fault of the path


class HasState(Protocol):
    """A module, an optimiser or a scheduler: it can give what it holds by name."""

    def state_dict(self) -> Mapping[str, Any]:
        """What it holds."""


def save(obj: HasState | Mapping[Any, Any], path: str | os.PathLike[str]) -> None:
    """Write a module, an optimiser, or a nested dict of them and of arrays, to an ``.npz`` or ``.safetensors`` file.

    ``load`` gives dicts (keys are words or integers), lists, tuples, arrays, strings, Python's numbers, True, False and
    None back as they were; a module, an optimiser or a scheduler as its ``state_dict``; a Tensor as its array. The file
    is there when it is whole: a crash or a full disk leaves the old one. What the new file keeps of the old one, and
    what becomes of links, is in ``files.whole_file``.

    Raises WeightsError for another suffix, a path that cannot be written, or what a file cannot hold; OSError where the
    disk is full or broken.

    >>> import tempfile
    >>> import numpy as np
    >>> folder = tempfile.TemporaryDirectory()
    >>> save({"W": np.eye(2), "sizes": {"hidden": 8, "layers": (2, None)}}, f"{folder.name}/weights.npz")
    >>> load(f"{folder.name}/weights.npz")
    {'W': array([[1., 0.], [0., 1.]]), 'sizes': {'hidden': 8, 'layers': (2, None)}}
    >>> folder.cleanup()
    """
    path = _path(path, "save takes what to save and then a path")
    write, _ = FORMATS[path.suffix]
    if not isinstance(obj, Mapping) and not hasattr(obj, "state_dict"):
        raise WeightsError(f"save takes a module, an optimiser or a dict of arrays, not a {type(obj).__name__}")
    arrays: Arrays = {}
    try:
        text = json.dumps(take_apart(obj, "", arrays))
    except RecursionError:
        raise WeightsError(f"what {path.name} is to hold is nested too deep, or holds itself") from None
    except WeightsError:
        raise
    except ValueError as error:  # Python's own, for a whole number of more digits than it writes
        raise WeightsError(f"{path.name} cannot hold it: {error}") from None
    try:
        with whole_file(path) as file:
            write(file, arrays, text)
    except (FileNotFoundError, NotADirectoryError):
        raise WeightsError(f"there is no folder {Path(os.path.realpath(path)).parent} to save {path.name} in") from None
    except OSError as error:
        if error.errno in DISK:
            raise
        raise WeightsError(f"{path} cannot be written: {error.strerror}") from None


def load(path: str | os.PathLike[str], *, max_bytes: int | None = None) -> dict[Any, Any]:
    """What ``save`` wrote, or other programs' arrays in such a file; hand a module's to its ``load_state_dict``.

    A model in several files is read by its index, ``model.safetensors.index.json``. float16 stays as it is; bfloat16,
    which NumPy lacks, becomes float32 exactly.

    A file that ``save`` wrote and that is damaged is an error, whatever byte it is: it has checksums. So has any other
    ``.npz``. A ``.safetensors`` file of other programs has none: wrong bytes in its arrays are wrong numbers.

    The arrays may take ``max_bytes`` of memory, by default 256 MiB or 16 times the size of the file, whichever is more
    (a file that ``save`` wrote takes about its own size, a compressed one may take a thousand times as much). This is
    checked before the memory is taken.

    Raises FileNotFoundError, or WeightsError, which says what is wrong, for a file that is damaged, too large when
    unpacked, or of another kind.
    """
    return _load(
        path, max_bytes, lambda arrays, text: nest(arrays) if text is None else put_together(json.loads(text), arrays)
    )


def load_modules(path: str | os.PathLike[str], *, max_bytes: int | None = None) -> dict[str, Module]:
    """The modules that ``save`` wrote to a file, made again with their weights, by their dotted names in it.

    A module of this package is there whole: alone in the file it has the name "". Of one of the user's own, whose code
    no file holds, there are its parts. Empty for a file that describes no module.

    Raises what ``load`` raises.

    >>> import tempfile
    >>> from tinygrad_lstm import nn
    >>> folder = tempfile.TemporaryDirectory()
    >>> save({"encoder": nn.GRU(3, 5), "epoch": 7}, f"{folder.name}/model.npz")
    >>> {name: type(module).__name__ for name, module in load_modules(f"{folder.name}/model.npz").items()}
    {'encoder': 'GRU'}
    >>> folder.cleanup()
    """

    def make(arrays: Arrays, text: str | None) -> dict[str, Module]:
        structure = None if text is None else json.loads(text)
        return {name: build(description, weights) for name, description, weights in modules_in(structure, arrays)}

    return _load(path, max_bytes, make)


def _load(path: object, max_bytes: int | None, make: Callable[[Arrays, str | None], T]) -> T:
    """What ``make`` makes of the arrays of a file and of its text."""
    path = _path(path, "load takes a path", also=shards.INDEX)
    if max_bytes is not None and (type(max_bytes) is not int or max_bytes < 0):
        raise ArgumentError(f"max_bytes is a number of bytes, 0 or more, not {max_bytes!r}")
    try:
        if path.name.endswith(shards.INDEX):
            return make(shards.read(path, lambda shard, limit: _read(shard, limit)[0], max_bytes), None)
        return make(*_read(path, max_bytes))
    except (FileNotFoundError, MemoryError):
        raise
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from None
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}") from None
    except Exception as error:  # on a damaged file the readers of zip, npy and JSON raise nearly anything
        why = str(error) or type(error).__name__
        raise WeightsError(f"{path} is not a whole {path.suffix} file of plain arrays ({why})") from error


def _read(path: Path, max_bytes: int | None) -> tuple[Arrays, str | None]:
    """The arrays of one file, and its text if it has one."""
    _, read = FORMATS[path.suffix]
    with open(path, "rb") as file:
        limit = max(SMALL_LIMIT, TIMES * os.fstat(file.fileno()).st_size) if max_bytes is None else max_bytes
        return read(file, limit)


def _path(path: object, expected: str, also: str = "") -> Path:
    """The path, if its suffix is one of ours and it can be that of a file."""
    try:
        found = file_path(path)
    except DtypeError:
        raise WeightsError(f"{expected}, not a {type(path).__name__}") from None
    except ArgumentError as error:
        raise WeightsError(str(error)) from None
    if found.suffix not in FORMATS and not (also and found.name.endswith(also)):
        raise WeightsError(f"weights are in files that end in {' or '.join(FORMATS)}, not {found.name!r}")
    if os.path.isdir(found):
        raise WeightsError(f"{found.name} is a folder, weights are in a file")
    if os.path.exists(found) and not os.path.isfile(found):
        raise WeightsError(f"{found} is no plain file")
    return found
