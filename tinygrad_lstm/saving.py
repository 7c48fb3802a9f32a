"""Weights in files: nested dicts of arrays as ``.npz``, never pickle, so that reading one runs no code."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np

from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import WeightsError

Nested: TypeAlias = dict[str, Any]  # arrays, or dicts of arrays, ...


class HasState(Protocol):
    """A module, or an optimiser: it can give its arrays by name."""

    def state_dict(self) -> Mapping[str, Any]:
        """The arrays."""


def save(obj: HasState | Mapping[str, Any], path: str | Path) -> None:
    """Write a module's weights, or a nested dict of arrays and numbers, to an ``.npz`` file.

    The file is written beside its place and then moved there, so a crash leaves the old one whole.

    Raises WeightsError for another suffix, a key with a slash, or a value that is no array.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise WeightsError(f"weights are saved as .npz, so {path.name} should end in .npz")
    arrays = _flat(obj if isinstance(obj, Mapping) else obj.state_dict())
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(beside, "wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
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
        with open(path, "rb") as file, zipfile.ZipFile(file):  # a whole zip archive, or BadZipFile
            file.seek(0)
            with np.load(file, allow_pickle=False) as npz:
                arrays = {name: npz[name] for name in npz.files}
    except FileNotFoundError:
        raise
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{path} is not a whole .npz file of plain arrays ({error})") from error
    return _nested(arrays)


def _flat(nested: Mapping[str, Any], prefix: str = "") -> dict[str, np.ndarray]:
    """{"a": {"b": x}} -> {"a/b": x}."""
    flat: dict[str, np.ndarray] = {}
    for key, value in nested.items():
        if not isinstance(key, str) or "/" in key:
            raise WeightsError(f"keys are strings without a slash, not {key!r}")
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}/")
            continue
        array = np.asarray(value.data if isinstance(value, Tensor) else value)
        if array.dtype.kind not in "biufcU":
            raise WeightsError(f"{prefix}{key} is a {type(value).__name__}: only arrays, numbers and text can be saved")
        flat[prefix + key] = array
    return flat


def _nested(flat: Mapping[str, np.ndarray]) -> Nested:
    """{"a/b": x} -> {"a": {"b": x}}."""
    nested: Nested = {}
    for name, array in flat.items():
        *folders, key = name.split("/")
        inside = nested
        for folder in folders:
            inside = inside.setdefault(folder, {})
        inside[key] = array
    return nested
