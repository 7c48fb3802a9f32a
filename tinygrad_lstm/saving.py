"""Weights in files: nested dicts of arrays as ``.npz``, never pickle, so that reading one runs no code."""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np

from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import GradError, WeightsError

Nested: TypeAlias = dict[str, Any]  # arrays, or dicts of arrays, ...


class HasState(Protocol):
    """A module, or an optimiser: it can give its arrays by name."""

    def state_dict(self) -> Mapping[str, Any]:
        """The arrays."""


def save(obj: HasState | Mapping[str, Any], path: str | Path) -> None:
    """Write a module's weights, an optimiser's state, or a nested dict of arrays and numbers, to an ``.npz`` file.

    The file is written beside its place and then moved there, so a crash leaves the old one whole.

    Raises WeightsError for another suffix, a key with a slash, or a value that is no array.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> save({"W": np.eye(2), "sizes": {"hidden": 8}}, f"{folder.name}/weights.npz")
    >>> load(f"{folder.name}/weights.npz")
    {'W': array([[1., 0.], [0., 1.]]), 'sizes': {'hidden': array(8)}}
    >>> folder.cleanup()
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise WeightsError(f"weights are saved as .npz, so {path.name} should end in .npz")
    if path.is_dir():
        raise WeightsError(f"{path.name} is a folder, weights are saved in a file")
    if not isinstance(obj, Mapping) and not hasattr(obj, "state_dict"):
        raise WeightsError(f"save takes a module, an optimiser or a dict of arrays, not a {type(obj).__name__}")
    arrays = _flat(obj if isinstance(obj, Mapping) else obj.state_dict())
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with zipfile.ZipFile(beside, "w") as archive:
            for name, array in arrays.items():
                if name.endswith("/"):  # a dict with nothing in it
                    archive.writestr(name, b"")
                    continue
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)
        os.replace(beside, path)
    except FileNotFoundError:
        raise WeightsError(f"there is no folder {path.parent} to save {path.name} in") from None
    finally:
        beside.unlink(missing_ok=True)


def load(path: str | Path) -> Nested:
    """The nested dict of arrays that ``save`` wrote; hand a module's to ``load_state_dict``.

    Raises FileNotFoundError, or WeightsError for a file that is truncated or not such a file.
    """
    try:
        with zipfile.ZipFile(path) as archive:  # a whole zip archive, or BadZipFile
            arrays = {name.removesuffix(".npy"): _read(archive, name) for name in archive.namelist()}
    except FileNotFoundError:
        raise
    except (ValueError, OSError, EOFError, KeyError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
        raise WeightsError(f"{path} is not a whole .npz file of plain arrays ({error})") from error
    return _nested(arrays)


def _read(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """One member's array; an empty one for a folder, which has no bytes to read."""
    if name.endswith("/"):
        return np.empty(0)
    return np.asarray(np.lib.format.read_array(io.BytesIO(archive.read(name)), allow_pickle=False))


def _flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, np.ndarray]:
    """{"a": {"b": x, "c": {}}} -> {"a/b": x, "a/c/": an empty array}."""
    flat: dict[str, np.ndarray] = {} if nested or not prefix else {prefix: np.empty(0)}
    for key, value in nested.items():
        if not isinstance(key, str) or not key or "/" in key:
            raise WeightsError(f"keys are words without a slash, not {key!r}")
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}/")
            continue
        refusal = f"{prefix}{key} is a {type(value).__name__}: only arrays, numbers and text can be saved"
        try:
            array = np.asarray(value.data if isinstance(value, Tensor) else value)
        except (TypeError, ValueError, GradError):  # a ragged list, or a list of tensors
            raise WeightsError(refusal) from None
        if array.dtype.kind not in "biufcU":
            raise WeightsError(refusal)
        flat[prefix + key] = array
    return flat


def _nested(flat: Mapping[str, np.ndarray]) -> Nested:
    """{"a/b": x, "a/c/": ...} -> {"a": {"b": x, "c": {}}}."""
    nested: Nested = {}
    for name, array in flat.items():
        *folders, key = name.split("/")
        inside = nested
        for folder in folders:
            inside = inside.setdefault(folder, {})
        if key:  # else only the folder itself was written
            inside[key] = array
    return nested
