"""The recurrent layers in a file of weights, of this package, of PyTorch, ONNX or Keras, ready to run.

Most files say which layers they hold: ours by their architecture, ``.onnx`` and ``.keras`` by theirs, a ``state_dict``
of PyTorch by its names and shapes. Of arrays alone the kind of cell has to be said, for W, U and b are everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from tinygrad_lstm import nn, saving
from tinygrad_lstm.errors import WeightsError
from tinygrad_lstm.interop.keras import models as keras
from tinygrad_lstm.interop.onnx import loading as onnx
from tinygrad_lstm.interop.torch import weights as torch

Array: TypeAlias = np.ndarray
Arrays: TypeAlias = dict[str, Array]
Layers: TypeAlias = dict[str, nn.Recurrent[Any]]
KERAS = (".keras", ".h5", ".hdf5")
TORCH: dict[int, tuple[Any, Any]] = {1: (nn.RNN, nn.RNNCell), 3: (nn.GRU, nn.GRUCell), 4: (nn.LSTM, nn.LSTMCell)}
TORCH_U = re.compile(r"(?P<prefix>.*?)weight_hh(?P<suffix>|_l\d+|_l\d+_reverse)")
TORCH_PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")


def recurrent_layers(path: Path, cell: Callable[..., nn.Cell] | None = None) -> Layers:
    """The recurrent layers of a file, by their names in it; a cell that is alone is a layer of one cell.

    ``cell`` makes a cell of the kind that is looked for: others are left out, and arrays that say nothing of themselves
    are read as its weights.

    Raises WeightsError for a file without such layers, and for one that cannot be read.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> saving.save({"encoder": nn.GRU(3, 5), "head": nn.Linear(5, 2)}, f"{folder.name}/model.npz")
    >>> recurrent_layers(Path(f"{folder.name}/model.npz"))
    {'encoder': GRU(3 -> 5, 140 parameters)
      (layers): ModuleList(140 parameters)
        (0): GRUCell(3 -> 5, 140 parameters)
      (dropout): Dropout(p=0.0, 0 parameters)}
    >>> folder.cleanup()
    """
    found = said_by(path)
    if not found and path.suffix == ".onnx":
        onnx.load(path)  # which says why
    if cell is not None:
        kind = type(cell(2, 4))
        there = ", ".join(sorted({type(one).__name__ for layer in found.values() for one in layer.layers}))
        found = {name: layer for name, layer in found.items() if all(type(one) is kind for one in layer.layers)}
        if not found and there:
            raise WeightsError(f"{path} holds no {kind.__name__}; it holds {there}")
    if not found:
        arrays = arrays_in(path)
        if cell is not None:
            found = dict(read_as(cell, arrays, path))
        if not found:
            some = ", ".join(list(arrays)[:6]) + (", ..." if len(arrays) > 6 else "")
            silent = "does not say which recurrent layers it holds: name the kind of its cells"
            what = silent if cell is None else f"holds no {kind.__name__}"
            raise WeightsError(f"{path} {what}; it holds {some or 'no arrays'}")
    return found


def said_by(path: Path) -> Layers:
    """The recurrent layers that a file describes itself."""
    _check_file(path)
    if path.suffix == ".onnx":
        return _of_onnx(path)
    if path.suffix in KERAS:
        return dict(_inside("", keras.load(path, inference=True)))
    found = {name: layer for own, part in saving.load_modules(path).items() for name, layer in _inside(own, part)}
    return found or dict(_of_torch(arrays_in(path), path))


def arrays_in(path: Path) -> Arrays:
    """All arrays of a file, by name."""
    _check_file(path)
    if path.suffix == ".onnx":
        return dict(_flat({name: layer.state_dict() for name, layer in _of_onnx(path).items()}, ""))
    if path.suffix in KERAS:
        return keras.load(path, inference=True).state_dict()
    return dict(_flat(saving.load(path), ""))


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise WeightsError(
            f"{path} is a folder, weights are in a file" if path.is_dir() else f"there is no file {path}"
        )


def _flat(value: Any, name: str) -> Iterator[tuple[str, Array]]:
    if isinstance(value, np.ndarray):
        yield name, value
    elif isinstance(value, Mapping | list | tuple):
        for key, part in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _flat(part, f"{name}.{key}" if name else str(key))


def _inside(name: str, module: nn.Module) -> Iterator[tuple[str, nn.Recurrent[Any]]]:
    """A module, if it is recurrent, or those inside it that are."""
    if isinstance(module, nn.Recurrent):
        yield name or "layer", module
    elif isinstance(module, nn.Cell):
        yield name or "cell", layer_of(module)
    else:
        for own, part in module.children():
            yield from _inside(f"{name}.{own}" if name else own, part)


def layer_of(cell: nn.Cell) -> nn.Recurrent[Any]:
    """A layer of this cell."""
    return nn.Recurrent(cell.input_size, cell.hidden_size, cell=lambda *_, **__: cell)


def _of_onnx(path: Path) -> Layers:
    """The nodes that a layer of ours is the same as; a file may hold others beside them."""
    found: Layers = {}
    for node in onnx.nodes(path):
        with suppress(WeightsError):
            found[node.name] = node.layer()
    return found


def _of_torch(arrays: Arrays, path: Path) -> Iterator[tuple[str, nn.Recurrent[Any]]]:
    """The layers and cells with the names of a ``state_dict`` of PyTorch."""
    suffixes: dict[str, list[str]] = {}
    for match in filter(None, map(TORCH_U.fullmatch, arrays)):
        suffixes.setdefault(match["prefix"], []).append(match["suffix"])
    for prefix, own in suffixes.items():
        names = [part + suffix for suffix in own for part in TORCH_PARTS if prefix + part + suffix in arrays]
        weights = {name: arrays[prefix + name] for name in names}
        name = prefix.rstrip(".") or ("layer" if own[0] else "cell")
        try:
            yield name, _layer_of_torch(weights, own)
        except WeightsError as error:
            raise WeightsError(f"{path}, {name}: {error}") from None


def _layer_of_torch(weights: Arrays, suffixes: list[str]) -> nn.Recurrent[Any]:
    W, U, W_h = (weights.get(f"{part}{suffixes[0]}", np.empty(0)) for part in ("weight_ih", "weight_hh", "weight_hr"))
    hidden = U.shape[-1] if not W_h.size else W_h.shape[-1]
    gates, rest = divmod(len(U), hidden or 1)
    if W.ndim != 2 or U.ndim != 2 or rest or gates not in TORCH:
        raise WeightsError(f"weights of shapes {W.shape} and {U.shape} are of no RNN, LSTM or GRU of PyTorch")
    layer, cell = TORCH[gates]
    bias = f"bias_ih{suffixes[0]}" in weights
    if suffixes == [""]:
        made = cell(W.shape[1], hidden, bias)
    else:
        both = any(suffix.endswith("_reverse") for suffix in suffixes)
        more = {"proj_size": len(W_h)} if W_h.size else {}
        made = layer(W.shape[1], hidden, len(suffixes) // (1 + both), bias=bias, bidirectional=both, **more)
    made.astype(U.dtype)
    torch.load_state_dict(made, weights)
    return made if suffixes != [""] else layer_of(made)


def read_as(make: Callable[..., nn.Cell], arrays: Arrays, path: Path) -> Iterator[tuple[str, nn.Recurrent[Any]]]:
    """The arrays with the names of this cell's parameters, and no others beside them."""
    for options in ({}, {"bias": False}):
        try:
            model = make(2, 4, **options).state_dict()
        except TypeError:  # a cell that takes no such option
            continue
        ends = {name[: -len(own)] for name in arrays for own in model if name == own or name.endswith(f".{own}")}
        for prefix in sorted(ends):
            below = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
            if set(below) != set(model):
                continue
            name = prefix.rstrip(".") or "cell"
            W, own = next((below[key], model[key]) for key in model if key.rpartition(".")[2] in ("W", "W_f"))
            gates = len(own) // 4
            if W.ndim != 2 or len(W) % gates or not W.size:
                raise WeightsError(f"{path}, {name}: the input weights have {gates} gates of rows, not {W.shape}")
            cell = make(W.shape[1], len(W) // gates, **options).astype(W.dtype)
            try:
                cell.load_state_dict(below)
            except WeightsError as error:
                raise WeightsError(f"{path}, {name}: {error}") from None
            yield name, layer_of(cell)
