"""A nested value as flat arrays and a JSON structure that says how they are nested; and back.

``{"step": 3, "m": (x, None)}`` has the arrays ``{"m/0": x}`` and the structure
``{"dict": [["step", 3], ["m", {"tuple": [{"array": "m/0"}, null]}]]}``. What stands for a module also says which it is:
``{"module": [its architecture, {"dict": ...}]}``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np

from tinygrad_lstm.engine.handle import bare_array
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import DtypeError, WeightsError
from tinygrad_lstm.nn.architecture import architecture
from tinygrad_lstm.nn.module import Module

Arrays: TypeAlias = dict[str, np.ndarray]  # by path
STRUCTURE = "structure.json"  # the name of the structure in a file; no array has it in .npz: theirs end in .npy
SMALL = 1 << 20  # a structure of up to 1 MiB is read whatever the limit


def take_apart(value: Any, path: str, arrays: Arrays) -> Any:
    """The structure of a value; its arrays go into ``arrays``, each under its path."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) is complex:
        return {"complex": [value.real, value.imag]}
    if isinstance(value, Mapping):
        return {"dict": [[key, take_apart(part, _below(path, key), arrays)] for key, part in value.items()]}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [take_apart(part, _below(path, k), arrays) for k, part in enumerate(value)]}
    if hasattr(value, "state_dict"):
        weights = take_apart(value.state_dict(), path, arrays)
        return {"module": [architecture(value), weights]} if isinstance(value, Module) else weights
    try:
        array = bare_array(value.data if isinstance(value, Tensor) else value)
    except DtypeError as error:
        raise WeightsError(f"{path}: {error}") from None
    if array.dtype.kind not in "biufcSUmM" or isinstance(value, bytes):
        what = f"an array of {array.dtype}" if isinstance(value, np.ndarray) else f"of type {type(value).__name__}"
        raise WeightsError(f"{path} is {what}: only numbers and text, alone or in arrays, can be saved")
    if path in arrays:
        raise WeightsError(f"two keys would both be {path} in the file, one a word and one a number")
    arrays[path] = array
    return {"array": path}


def _below(path: str, key: Any) -> str:
    """The path of what is under a key."""
    if isinstance(key, bool) or not isinstance(key, str | int) or not _is_name(str(key)):
        raise WeightsError(f"keys are whole numbers, or words without a slash, not {key!r}")
    return f"{path}/{key}" if path else str(key)


def _is_name(word: str) -> bool:
    """Whether a path may have this between its slashes, also where a program unpacks the file into folders."""
    return word.isprintable() and "/" not in word and word not in ("", ".", "..")


def check_size(needed: int, limit: int, what: str) -> None:
    """Raise WeightsError, before any memory is taken, if this takes more than the limit."""
    if needed > limit:
        raise WeightsError(
            f"{what} would take {needed:,} bytes of memory, more than the limit of {limit:,}; "
            f"if you trust the file: load(path, max_bytes={needed})"
        )


def put_together(structure: Any, arrays: Arrays) -> dict[Any, Any]:
    """The dict that was taken apart; ValueError if it is none, or has not each of the arrays once."""
    left = dict(arrays)
    whole = _put_together(structure, left)
    if not isinstance(whole, dict):
        raise ValueError("its structure is no dict")
    if left:
        raise ValueError(f"its structure leaves out {', '.join(left)}")
    return whole


def _put_together(structure: Any, arrays: Arrays) -> Any:
    if not isinstance(structure, dict):
        return structure
    ((kind, parts),) = structure.items()
    if kind == "array":
        if parts not in arrays:
            raise ValueError(f"its structure names the array {parts}, which is not there, or was named before")
        return arrays.pop(parts)
    if kind == "complex":
        return complex(*parts)
    if kind == "module":
        return _put_together(parts[1], arrays)
    if kind == "dict":
        found = {key: _put_together(part, arrays) for key, part in parts}
        if len(found) < len(parts):
            raise ValueError("its structure has a key twice")
        return found
    values = [_put_together(part, arrays) for part in parts]
    return {"list": values, "tuple": tuple(values)}[kind]


def modules_in(structure: Any, arrays: Arrays, name: str = "") -> Iterator[tuple[str, Any, Arrays]]:
    """Every module that a structure describes: its name, its description and its weights by their names in it."""
    if not isinstance(structure, dict):
        return
    ((kind, parts),) = structure.items()
    if kind == "module":
        described, weights = parts[0], _put_together(parts[1], dict(arrays))
        for own, description in described.items():
            below = f"{own}." if own else ""
            inside = {key.removeprefix(below): array for key, array in weights.items() if key.startswith(below)}
            yield ".".join(filter(None, (name, own))), description, inside
    elif kind in ("dict", "list", "tuple"):
        for key, part in parts if kind == "dict" else enumerate(parts):
            yield from modules_in(part, arrays, f"{name}.{key}" if name else str(key))


def nest(arrays: Arrays) -> dict[str, Any]:
    """{"a/b": x, "c": y} -> {"a": {"b": x}, "c": y}, for arrays without a structure."""
    whole: dict[str, Any] = {}
    for path, array in arrays.items():
        *folders, name = path.split("/")
        if not all(map(_is_name, (*folders, name))):
            raise WeightsError(f"{path!r} is no name of an array")
        inside = whole
        for folder in folders:
            inside = inside.setdefault(folder, {})
            if not isinstance(inside, dict):
                raise WeightsError(f"{folder} is an array, and {path} is inside of it")
        if name in inside:
            raise WeightsError(f"{path} is an array, and there are arrays inside of it")
        inside[name] = array
    return whole
