"""Nested dicts of arrays in files, ``.npz`` or ``.safetensors``: never pickle, so that reading one runs no code.

In a file every array has its path as its name ("layers/0/W"), as other programs expect. Beside them stands a text, the
structure, in JSON: what is a dict, a list or a tuple, each key, and every value that is no array. A file of other
programs has no such text; its names alone make the nested dict then.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import math
import os
import threading
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeAlias

import numpy as np

from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import MissingExtraError, WeightsError

Arrays: TypeAlias = dict[str, np.ndarray]
STRUCTURE = "structure.json"  # no array has this name: theirs end in .npy


class HasState(Protocol):
    """A module, an optimiser or a scheduler: it can give what it holds by name."""

    def state_dict(self) -> Mapping[str, Any]:
        """What it holds."""


def save(obj: HasState | Mapping[str, Any], path: str | Path) -> None:
    """Write a module, an optimiser, or a nested dict of them and of arrays, to an ``.npz`` or ``.safetensors`` file.

    ``load`` gives dicts (keys are words or integers), lists, tuples, arrays, strings, Python's numbers, True, False and
    None back as they were; a module, an optimiser or a scheduler as its ``state_dict``; a Tensor as its array. The file
    is written beside its place and then moved there: a crash leaves the old one whole.

    Raises WeightsError for another suffix, a folder that is missing, or what a file cannot hold.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> save({"W": np.eye(2), "sizes": {"hidden": 8, "layers": (2, None)}}, f"{folder.name}/weights.npz")
    >>> load(f"{folder.name}/weights.npz")
    {'W': array([[1., 0.], [0., 1.]]), 'sizes': {'hidden': 8, 'layers': (2, None)}}
    >>> folder.cleanup()
    """
    path = Path(path)
    write, _ = _format(path)
    if not isinstance(obj, Mapping) and not hasattr(obj, "state_dict"):
        raise WeightsError(f"save takes a module, an optimiser or a dict of arrays, not a {type(obj).__name__}")
    arrays: Arrays = {}
    try:
        structure = json.dumps(_take_apart(obj, "", arrays))
    except RecursionError:
        raise WeightsError(f"what {path.name} is to hold is nested too deep, or holds itself") from None
    _replace(path, lambda file: write(file, arrays, structure))


def load(path: str | Path) -> dict[str, Any]:
    """What ``save`` wrote, or other programs' arrays in such a file; hand a module's to its ``load_state_dict``.

    Raises FileNotFoundError, or WeightsError, which says what is wrong, for a file that is broken or of another kind.
    """
    path = Path(path)
    _, read = _format(path)
    try:
        arrays, structure = read(path)
        if structure is None:
            return _nested(arrays)
        whole: dict[str, Any] = _put_together(json.loads(structure), arrays)
        if arrays or not isinstance(whole, dict):
            raise WeightsError(f"arrays that its structure does not name: {', '.join(arrays) or 'all'}")
        return whole
    except (FileNotFoundError, MissingExtraError):
        raise
    except (IsADirectoryError, PermissionError) as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}") from None
    except Exception as error:  # on a broken file the readers of zip, npy, JSON and safetensors raise nearly anything
        why = str(error) or type(error).__name__
        raise WeightsError(f"{path} is not a whole {path.suffix} file of plain arrays ({why})") from error


# Nested values as arrays and a text --------------------------------------------------------------------------------


def _take_apart(value: Any, path: str, arrays: Arrays) -> Any:
    """The structure of a value, for JSON; its arrays go into ``arrays``, each under its path."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) is complex:
        return {"complex": [value.real, value.imag]}
    if isinstance(value, Mapping):
        return {"dict": [[key, _take_apart(part, _below(path, key), arrays)] for key, part in value.items()]}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_take_apart(part, _below(path, k), arrays) for k, part in enumerate(value)]}
    if hasattr(value, "state_dict"):
        return _take_apart(value.state_dict(), path, arrays)
    array = np.asarray(value.data if isinstance(value, Tensor) else value)
    if array.dtype.kind not in "biufcSUmM" or isinstance(value, bytes):
        raise WeightsError(f"{path} is a {type(value).__name__}: only arrays, numbers and text can be saved")
    if path in arrays:
        raise WeightsError(f"two keys would both be {path} in the file, one a word and one a number")
    arrays[path] = array
    return {"array": path}


def _below(path: str, key: str | int) -> str:
    """The path of what is under a key."""
    if isinstance(key, bool) or not isinstance(key, str | int) or not _is_name(str(key)):
        raise WeightsError(f"keys are whole numbers, or words without a slash, not {key!r}")
    return f"{path}/{key}" if path else str(key)


def _is_name(word: str) -> bool:
    return word not in ("", ".", "..") and word.isprintable() and "/" not in word


def _put_together(structure: Any, arrays: Arrays) -> Any:
    """The value that was taken apart; its arrays are taken out of ``arrays``."""
    if not isinstance(structure, dict):
        return structure
    ((kind, parts),) = structure.items()
    if kind == "array":
        return arrays.pop(parts)
    if kind == "complex":
        return complex(*parts)
    if kind == "dict":
        return {key: _put_together(part, arrays) for key, part in parts}
    values = [_put_together(part, arrays) for part in parts]
    return {"list": values, "tuple": tuple(values)}[kind]


def _nested(arrays: Arrays) -> dict[str, Any]:
    """{"a/b": x, "c": y} -> {"a": {"b": x}, "c": y}."""
    nested: dict[str, Any] = {}
    for path, array in arrays.items():
        *folders, name = path.split("/")
        inside = nested
        for folder in folders:
            inside = inside.setdefault(folder, {})
            if not isinstance(inside, dict):
                raise WeightsError(f"{folder} is an array, and {path} is inside of it")
        if name in inside:
            raise WeightsError(f"{path} is an array, and there are arrays inside of it")
        inside[name] = array
    return nested


# Files --------------------------------------------------------------------------------------------------------------


def _replace(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Make a file whole or not at all: written beside its place, sure to be on the disk, and then moved there."""
    if path.is_dir():
        raise WeightsError(f"{path.name} is a folder, weights are saved in a file")
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


def _write_npz(file: BinaryIO, arrays: Arrays, structure: str) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
        with archive.open(STRUCTURE, "w") as member:
            member.write(structure.encode())


def _read_npz(path: Path) -> tuple[Arrays, str | None]:
    with zipfile.ZipFile(path) as archive:
        members = [info for info in archive.infolist() if not info.is_dir()]
        if sum(info.compress_size for info in members) > path.stat().st_size:
            raise WeightsError("its members overlap")
        arrays = {}
        for info in members:
            name = info.filename.removesuffix(".npy")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise WeightsError(f"{info.filename} is compressed as NumPy never does")
            if name in arrays or not all(map(_is_name, name.split("/"))):
                raise WeightsError(f"{info.filename!r} is there twice, or is no name of an array")
            if info.filename != STRUCTURE:
                arrays[name] = _read_npy(archive, info)
        structure = archive.read(STRUCTURE).decode() if STRUCTURE in archive.namelist() else None
    return arrays, structure


def _read_npy(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    """One member's array, whose header is believed only if the member has just as many bytes as it claims."""
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    with archive.open(info) as member:
        shape, _, dtype = readers[np.lib.format.read_magic(member)](member)
        claimed = member.tell() + math.prod(shape) * dtype.itemsize
    if dtype.hasobject:
        raise WeightsError(f"{info.filename} holds Python objects, which could run code")
    if claimed != info.file_size:
        raise WeightsError(f"{info.filename} claims the shape {shape}, {claimed} bytes, but has {info.file_size}")
    with archive.open(info) as member:
        return np.asarray(np.lib.format.read_array(member, allow_pickle=False))


def _write_safetensors(file: BinaryIO, arrays: Arrays, structure: str) -> None:
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8 or name == "__metadata__":
            raise WeightsError(f"a .safetensors file cannot hold {name} of {array.dtype}: save it as .npz")
    little = {name: np.asarray(array, array.dtype.newbyteorder("<"), order="C") for name, array in arrays.items()}
    file.write(_safetensors(".numpy").save(little, metadata={STRUCTURE: structure}))


def _read_safetensors(path: Path) -> tuple[Arrays, str | None]:
    with _safetensors().safe_open(path, framework="np") as file:
        structure = (file.metadata() or {}).get(STRUCTURE)
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no dict
    return arrays, structure


def _safetensors(module: str = "") -> Any:
    try:
        return importlib.import_module(f"safetensors{module}")
    except ImportError:
        raise MissingExtraError('.safetensors files need: pip install "tinygrad-lstm[io]" (or safetensors)') from None


Write: TypeAlias = Callable[[BinaryIO, Arrays, str], None]
Read: TypeAlias = Callable[[Path], tuple[Arrays, str | None]]
FORMATS: dict[str, tuple[Write, Read]] = {
    ".npz": (_write_npz, _read_npz),
    ".safetensors": (_write_safetensors, _read_safetensors),
}


def _format(path: Path) -> tuple[Write, Read]:
    if path.suffix not in FORMATS:
        raise WeightsError(f"weights are in files that end in {' or '.join(FORMATS)}, not {path.name!r}")
    return FORMATS[path.suffix]
