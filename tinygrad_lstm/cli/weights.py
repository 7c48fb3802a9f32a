"""Which recurrent cells a file of weights holds: of ``tg.save``, of PyTorch's ``state_dict``, or a Keras model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from tinygrad_lstm import interop, nn, saving
from tinygrad_lstm.cli.cells import CELLS, find_cell
from tinygrad_lstm.cli.onnx_nodes import records
from tinygrad_lstm.errors import WeightsError

Array: TypeAlias = np.ndarray
Arrays: TypeAlias = dict[str, Array]
TORCH = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}
TORCH_U = re.compile(r"(?P<prefix>.*?)weight_hh(?P<suffix>|_l\d+|_l\d+_reverse)")


class Held(NamedTuple):
    """The weights of one recurrent cell in a file."""

    name: str  # where in the file
    of_torch: bool
    arrays: Arrays  # by the cell's own names; of PyTorch, as those of a layer of one cell


def arrays_in(path: Path) -> Arrays:
    """All arrays of a file, by name; a file with an ending of Keras is read as a model of Keras, of ONNX as nodes.

    Raises WeightsError for a file that is not there, is damaged, or is of another kind.
    """
    if not path.exists():
        raise WeightsError(f"there is no file {path}")
    if path.suffix == ".onnx":
        layers = {node["name"]: layer for node, layer in records(path) if layer is not None}
        return dict(_flat({name: layer.state_dict() for name, layer in layers.items()}, ""))
    if path.suffix in (".keras", ".h5"):
        return interop.keras.load(path).state_dict()
    return dict(_flat(saving.load(path), ""))


def _flat(value: Any, name: str) -> Iterator[tuple[str, Array]]:
    if isinstance(value, np.ndarray):
        yield name, value
    elif isinstance(value, Mapping | list | tuple):
        for key, part in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _flat(part, f"{name}.{key}" if name else str(key))


def held_by_torch(arrays: Arrays) -> list[Held]:
    """The cells with PyTorch's names.

    >>> [held.name for held in held_by_torch({"lstm.weight_hh_l0": np.eye(2), "lstm.weight_hh_l1": np.eye(2)})]
    ['lstm.l0', 'lstm.l1']
    """
    found = []
    for match in filter(None, map(TORCH_U.fullmatch, arrays)):
        prefix, suffix = match.groups()
        weights = {
            f"{part}_l0": arrays[prefix + part + suffix]
            for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
            if prefix + part + suffix in arrays
        }
        found.append(Held((prefix + suffix.removeprefix("_")).rstrip(".") or "cell", True, weights))
    return found


def held_by_us(arrays: Arrays, names: set[str]) -> list[Held]:
    """The modules of a file that have parameters of these names, and no others."""
    prefixes = {name[: -len(end)] for name in arrays for end in names if name == end or name.endswith(f".{end}")}
    found = []
    for prefix in sorted(prefixes):
        below = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
        if set(below) == names:
            found.append(Held(prefix.rstrip(".") or "cell", False, below))
    return found


def read_layer(path: Path, name: str, which: str | None = None) -> tuple[nn.Recurrent[Any], list[str]]:
    """A layer with a cell of this name and its weights from a file, and the names of all such cells there.

    ``which`` names one of several; else it is the first. Raises WeightsError where the file has none that fits.
    """
    name, arrays = find_cell(name), arrays_in(path)
    held = [one for bias in (True, False) for one in held_by_us(arrays, _parameters(name, bias))]
    if name in TORCH or name == "Projected":
        held += held_by_torch(arrays)
    if not held:
        some = ", ".join(list(arrays)[:6]) + (", ..." if len(arrays) > 6 else "")
        raise WeightsError(f"{path} holds no weights of a cell {name}; it holds {some or 'no arrays'}")
    there = [one.name for one in held]
    if which is not None and which not in there:
        raise WeightsError(f"{path} holds no cell {which!r}; it holds {', '.join(there)}")
    one = held[0 if which is None else there.index(which)]
    try:
        return _layer(one, name), there
    except WeightsError as error:
        raise WeightsError(f"{path}, {one.name}: {error}") from None


def _parameters(name: str, bias: bool) -> set[str]:
    """The names of the parameters of a cell; none where it has no cell without bias."""
    try:
        return set(CELLS[name](2, 4, **({} if bias else {"bias": False})).state_dict())
    except TypeError:
        return set()


def _layer(held: Held, name: str) -> nn.Recurrent[Any]:
    """The layer that these are the weights of."""
    arrays = held.arrays
    W = arrays["weight_ih_l0"] if held.of_torch else next(a for n, a in arrays.items() if _is_of_inputs(n))
    model = CELLS[name](2, 4).state_dict()
    gates = next(len(array) for parameter, array in model.items() if _is_of_inputs(parameter)) // 4
    if W.ndim != 2 or len(W) % gates or not W.size:
        raise WeightsError(f"the input weights of a cell {name} have {gates} gates of rows, not the shape {W.shape}")
    D, H = W.shape[1], len(W) // gates
    if not held.of_torch:
        bias = set(model) == set(arrays)
        layer: nn.Recurrent[Any] = nn.Recurrent(D, H, cell=CELLS[name], bias=bias)
        layer.layers[0].load_state_dict(arrays)
        return layer
    bias = "bias_ih_l0" in arrays
    if name == "Projected":
        layer = nn.LSTM(D, H, bias=bias, proj_size=len(arrays.get("weight_hr_l0", W)))
    else:
        layer = TORCH[name](D, H, bias=bias)
    interop.torch.load_state_dict(layer, arrays)
    return layer


def _is_of_inputs(name: str) -> bool:
    """Whether these are input weights, W or W_f: they tell the sizes of a cell."""
    return name.rpartition(".")[2] in ("W", "W_f")
