"""A recurrent layer as a file of another library, read back and compared before it is there."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tinygrad_lstm import nn
from tinygrad_lstm.errors import ArgumentError, WeightsError
from tinygrad_lstm.files import whole_file
from tinygrad_lstm.interop import keras, onnx, torch
from tinygrad_lstm.interop.files import said_by
from tinygrad_lstm.nn.architecture import describe


class Library(NamedTuple):
    """How a layer is written for a library, how its files end, and how its users read one."""

    write: Callable[[Any, Path], None]
    suffixes: tuple[str, ...]
    read: str


LIBRARIES = {
    "torch": Library(torch.save, (".safetensors",), "layer.load_state_dict(safetensors.torch.load_file({path!r}))"),
    "onnx": Library(onnx.export, (".onnx",), "onnxruntime.InferenceSession({path!r})"),
    "keras": Library(keras.save, (".keras",), "keras.models.load_model({path!r})"),
}


def export(layer: nn.Recurrent[Any], path: Path, to: str) -> str:
    """Write a layer, as it is in evaluation, for a library; returns the line of Python that reads it there.

    The file is read back first: it has to hold cells of the same kinds and options with the same weights, bit by bit.
    Matrices of their own for every gate are written as one.

    Raises ArgumentError for an unknown library or another ending, and WeightsError, with its name, for what the library
    does not have.
    """
    return write(converted(layer, path, to), path, to)


def write(content: bytes, path: Path, to: str) -> str:
    """Write what was ``converted``; returns the line of Python that reads it there."""
    with whole_file(path) as file:
        file.write(content)
    return LIBRARIES[to].read.format(path=str(path))


def converted(layer: nn.Recurrent[Any], path: Path, to: str) -> bytes:
    """What ``export`` writes, compared with the layer; nothing is written yet."""
    if to not in LIBRARIES:
        raise ArgumentError(f"no library {to!r} to export to; there are {', '.join(LIBRARIES)}")
    library, was_training = LIBRARIES[to], layer.training
    if path.suffix not in library.suffixes:
        raise ArgumentError(f"a file for {to} ends in {' or '.join(library.suffixes)}, not {path.name!r}")
    with tempfile.TemporaryDirectory() as folder:
        tried = Path(folder) / f"layer{path.suffix}"
        try:
            library.write(layer.eval(), tried)
        finally:
            layer.train(was_training)
        _compare(layer, tried, to)
        return tried.read_bytes()


def _compare(layer: nn.Recurrent[Any], path: Path, to: str) -> None:
    """WeightsError unless the file gives the cells of the layer back."""
    back = [cell for one in said_by(path).values() for cell in one.layers]
    own_cells = [cell.combined() if isinstance(cell, nn.SeparateLSTMCell) else cell for cell in layer.layers]
    if [describe(cell) for cell in own_cells] != [describe(cell) for cell in back]:
        kinds = ", ".join(type(cell).__name__ for cell in own_cells)
        raise WeightsError(f"a file for {to} would not give {kinds} back")
    for own, read in zip(own_cells, back, strict=True):
        for (name, before), after in zip(own.state_dict().items(), read.state_dict().values(), strict=True):
            if before.dtype != after.dtype or not np.array_equal(before, after, equal_nan=True):
                raise WeightsError(f"a file for {to} would not give {name} of {type(own).__name__} back bit by bit")
