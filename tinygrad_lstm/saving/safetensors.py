"""Arrays in a ``.safetensors`` file, a header in JSON and then plain bytes, by the package of that name."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from tinygrad_lstm.errors import MissingExtraError, WeightsError
from tinygrad_lstm.saving.structure import Arrays

STRUCTURE = "structure.json"  # among the texts of the header


def write(file: BinaryIO, arrays: Arrays, structure: str) -> None:
    """Write arrays by their paths, and a text that goes with them; WeightsError for a dtype that the format lacks."""
    for path, array in arrays.items():
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8 or path == "__metadata__":
            raise WeightsError(f"a .safetensors file cannot hold {path} of {array.dtype}: save it as .npz")
    in_order = {path: np.asarray(array, order="C") for path, array in arrays.items()}  # as the package expects them
    file.write(_package(".numpy").save(in_order, metadata={STRUCTURE: structure}))


def read(path: Path) -> tuple[Arrays, str | None]:
    """The arrays by their paths, and the text that goes with them if there is one."""
    with _package().safe_open(path, framework="np") as file:
        structure = (file.metadata() or {}).get(STRUCTURE)
        return {name: file.get_tensor(name) for name in file.keys()}, structure  # noqa: SIM118  # it is no dict


def _package(module: str = "") -> Any:
    try:
        return importlib.import_module(f"safetensors{module}")
    except ImportError:
        raise MissingExtraError('.safetensors files need: pip install "tinygrad-lstm[io]" (or safetensors)') from None
