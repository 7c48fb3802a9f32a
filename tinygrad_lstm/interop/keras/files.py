"""What a file of Keras holds: the layers of a chain in order, each with its options and weights.

    .keras       a zip: config.json, metadata.json (the version), model.weights.h5
    .h5          both in one HDF5 file; in older versions perhaps weights alone
    .weights.h5  weights alone

A file comes from a stranger: nothing is followed out of it (HDF5 has links to other files, and data in them), and what
it takes when unpacked has a bound.
"""

from __future__ import annotations

import importlib
import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from tinygrad_lstm.errors import MissingExtraError, WeightsError
from tinygrad_lstm.files import file_path
from tinygrad_lstm.interop.layout import Array

Options: TypeAlias = dict[str, Any]
SMALL, TIMES = 1 << 28, 16  # bytes, or times the size of the file: what it may take when unpacked
CONTAINERS = ("layers", "_layer_checkpoint_dependencies")  # where the layers are in model.weights.h5, by version
PARTS = ("cell", "layer", "forward_layer", "backward_layer")
MEMBERS = ("config.json", "metadata.json", "model.weights.h5")


class Layer(NamedTuple):
    """A layer as a file has it."""

    kind: str
    options: Options
    weights: list[Array]  # in the order of Keras's get_weights
    version: int  # of Keras: its first number


class File(NamedTuple):
    """An open file: its weights, an HDF5 group; the description of the model, if it has one; Keras's version."""

    weights: Any
    model: Any
    version: int
    bound: int  # of bytes


def layers_of(path: str | Path) -> list[Layer]:
    """The layers of a sequential model, or of a functional one that is a chain, from the first on.

    Raises FileNotFoundError, MissingExtraError without h5py, and WeightsError for what is no such file.
    """
    with _opened(path) as file:
        if file.model is None:
            raise WeightsError(f"{path} holds weights alone: make our layers, and set_weights from read_weights(path)")
        inside = file.model["config"]
        listed = inside["layers"] if isinstance(inside, dict) else inside  # a bare list, in the first versions
        weights, groups = _weights(file), _groups(listed)
        names = groups if _container(file.weights) else {name: name for name in groups}
        return [
            Layer(layer["class_name"], options, weights.get(names[options["name"]], []), file.version)
            for layer in _chain(file.model["class_name"], inside, listed)
            for options in [layer["config"]]
        ]


def read_weights(path: str | Path) -> dict[str, list[Array]]:
    """The weights of every layer that has some, as its ``get_weights`` gives them, from any file of Keras.

    By the layer's name; in a ``.weights.h5`` of older versions by its kind and number, such as "lstm_1".

    Raises FileNotFoundError, MissingExtraError without h5py, and WeightsError for what is no such file.
    """
    with _opened(path) as file:
        found = _weights(file)
        if not (container := _container(file.weights)):
            return {name: arrays for name, arrays in found.items() if arrays}
        layers = _member(file.weights, container)
        called = {name: _own_name(_member(layers, name)) or name for name in found}
        return {called[name]: arrays for name, arrays in found.items() if arrays}


def h5py() -> Any:
    """The package h5py, imported only when it is needed."""
    try:
        return importlib.import_module("h5py")
    except ImportError:
        raise MissingExtraError('models of Keras need: pip install "tinygrad-lstm[io]" (or h5py)') from None


@contextmanager
def _opened(path: str | Path) -> Iterator[File]:
    """The file, open; whatever its readers raise, a damaged file is a WeightsError."""
    path = file_path(path)
    try:
        if path.suffix not in (".keras", ".h5", ".hdf5"):
            raise WeightsError(f"a model of Keras is in a file that ends in .keras or .h5, not {path.name!r}")
        bound, library = max(SMALL, TIMES * path.stat().st_size), h5py()
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                if (size := sum(archive.getinfo(name).file_size for name in MEMBERS)) > bound:
                    raise WeightsError(f"{path} unpacks to {size:,} bytes: more than {bound:,} are not read")
                config, metadata, weights = map(archive.read, MEMBERS)
            version = _version(json.loads(metadata)["keras_version"])
            with library.File(io.BytesIO(weights), "r") as root:
                yield File(root, json.loads(config), version, bound)
        else:
            with library.File(path, "r") as root:
                model, version = root.attrs.get("model_config"), _version(root.attrs.get("keras_version", "1"))
                weights = _member(root, "model_weights") if "model_weights" in [*root] else root
                yield File(weights, None if model is None else json.loads(model), version, bound)
    except (FileNotFoundError, MissingExtraError, WeightsError):
        raise
    except Exception as error:  # on a damaged file the readers of zip, HDF5 and JSON raise nearly anything
        raise WeightsError(f"{path} is no whole file of a Keras model ({error or type(error).__name__})") from error


def _version(text: Any) -> int:
    return int(_text(text).partition(".")[0])


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


# The layers of a chain -----------------------------------------------------------------------------------------------


def _chain(kind: str, config: Any, listed: list[Options]) -> list[Options]:
    """The descriptions of the layers between input and output; WeightsError where they are no chain."""
    if kind == "Sequential":
        return [layer for layer in listed if layer["class_name"] != "InputLayer"]
    if kind not in ("Functional", "Model"):
        raise WeightsError(f"it holds a {kind} model; a Sequential one is read, and a Functional one that is a chain")
    layers = _without_masks({layer["name"]: layer for layer in listed})
    reads = {name: _read_by(name, layer["inbound_nodes"]) for name, layer in layers.items()}
    ends = [source for source, *_ in _sources(config["output_layers"])]
    if len(ends) != 1:
        raise WeightsError(f"it has the outputs {', '.join(ends)}; a chain of layers is read, which has one")
    chain = ends
    while (before := reads[chain[-1]]) is not None:
        if before in chain:
            raise WeightsError(f"{before} reads what is made of it")
        chain.append(before)
    if beside := [name for name in layers if name not in chain]:
        raise WeightsError(f"{', '.join(beside)} branches off; a chain of layers is read, one after the other")
    return [layers[name] for name in reversed(chain) if layers[name]["class_name"] != "InputLayer"]


def _without_masks(layers: dict[str, Options]) -> dict[str, Options]:
    """The layers without the operations that make the mask of an Embedding or a Masking, which Keras 3 lists too."""
    first: dict[str, str] = {}  # the comparisons with what is masked, each with the kind of the layer that masks it
    masks: set[str] = set()
    for layer in layers.values():
        if layer["class_name"] == "Masking" or layer["config"].get("mask_zero"):
            masked = [*_sources(layer["inbound_nodes"])], layer["config"].get("mask_value", 0)
            for name, other in layers.items():
                match other:
                    case {"class_name": "NotEqual", "inbound_nodes": [{"args": [x, value]}]}:
                        if ([*_sources(x)], value) == masked:
                            first[name] = layer["class_name"]
    for name, layer in layers.items():
        inside = {first.get(source) for source, *_ in _sources(layer["inbound_nodes"])}
        steps = layer["class_name"] == "Any" and layer["config"] == {"name": name, "axis": -1, "keepdims": False}
        if first.get(name) == "Embedding" or (steps and inside == {"Masking"}):
            masks.add(name)

    def unmasked(call: Any) -> Any:
        if not isinstance(call, dict) or {source for source, *_ in _sources(call["kwargs"].get("mask"))} - masks:
            return call
        return call | {"kwargs": {word: value for word, value in call["kwargs"].items() if word != "mask"}}

    return {
        name: layer | {"inbound_nodes": [unmasked(call) for call in layer["inbound_nodes"]]}
        for name, layer in layers.items()
        if name not in first and name not in masks
    }


def _read_by(name: str, calls: list[Any]) -> str | None:
    """The layer whose output this one reads; None for an input."""
    if len(calls) > 1:
        raise WeightsError(f"{name} is called {len(calls)} times; a chain of layers is read, one after the other")
    sources = [*_sources(calls)]
    if len(sources) > 1:
        read = ", ".join(source if not k else f"state {k} of {source}" for source, _, k in sources)
        raise WeightsError(f"{name} reads {read}; a chain of layers is read, each of which reads one output")
    if sources and sources[0][2]:
        raise WeightsError(f"{name} reads a state of {sources[0][0]}, not its output")
    if '"training": true' in json.dumps(calls):
        raise WeightsError(f"{name} is always in training, also when the model is only asked")
    return sources[0][0] if sources else None


def _sources(described: Any) -> Iterator[tuple[str, int, int]]:
    """What a call reads: of each a layer, which of its calls, and which of its outputs."""
    match described:
        case {"class_name": "__keras_tensor__", "config": {"keras_history": [name, call, output]}}:
            yield name, call, output
        case [str(name), int(call), int(output), *more]:
            yield name, call, output
            yield from _sources(more)
        case list():
            for part in described:
                yield from _sources(part)
        case dict():
            yield from _sources([*described.values()])


# Weights -------------------------------------------------------------------------------------------------------------


def _weights(file: File) -> dict[str, list[Array]]:
    """The arrays of every layer, by the name of its group."""
    room = [file.bound]
    if container := _container(file.weights):
        layers = _member(file.weights, container)
        return {name: _below(_member(layers, name), room) for name in layers}
    found = {}
    for name in _names(file.weights, "layer_names"):
        group = _member(file.weights, name)
        found[name] = [_array(_member(group, weight), room) for weight in _names(group, "weight_names")]
    return found


def _container(group: Any) -> str:
    """The name of the group that holds the layers in newer files; "" in an older one."""
    return next((name for name in CONTAINERS if name in [*group]), "")  # the names alone: no link is followed


def _groups(listed: list[Options]) -> dict[str, str]:
    """Of each layer the name of its group in newer files: its kind, and the how manieth of its kind it is."""
    used: Counter[str] = Counter()
    groups = {}
    for layer in listed:
        kind = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", layer["class_name"])
        kind = re.sub(r"([a-z])([A-Z])", r"\1_\2", kind).lower()
        groups[layer["config"]["name"]] = f"{kind}_{used[kind]}" if used[kind] else kind
        used[kind] += 1
    return groups


def _own_name(group: Any) -> str:
    """The name that a layer has in its model, if its group says so."""
    return _text(_member(group, "vars").attrs.get("name", "")) if "vars" in [*group] else ""


def _below(group: Any, room: list[int]) -> list[Array]:
    """A layer's arrays in the order of its ``get_weights``: of two directions, the forward one's first."""
    inside = [*group]
    own = _member(group, "vars") if "vars" in inside else {}
    found = [_array(_member(own, str(k)), room) for k in range(len(own))]
    for name in PARTS:
        found += _below(_member(group, name), room) if name in inside else []
    return found


def _names(group: Any, attribute: str) -> list[str]:
    """A list of names among the attributes, where a long one is in pieces: weight_names0, weight_names1, ..."""
    if attribute in group.attrs:
        return [_text(name) for name in group.attrs[attribute]]
    pieces = [f"{attribute}{k}" for k in range(len(group.attrs)) if f"{attribute}{k}" in group.attrs]
    if not pieces:
        raise WeightsError(f"it has no {attribute}")
    return [_text(name) for piece in pieces for name in group.attrs[piece]]


def _member(group: Any, name: str) -> Any:
    """What is in the file itself under this name; WeightsError for a link to elsewhere."""
    library = h5py()
    for part in name.split("/"):
        if group.id.links.get_info(part.encode()).type != library.h5l.TYPE_HARD:
            raise WeightsError(f"{name} is a link to elsewhere; what is in the file itself is read")
        group = group[part]
    return group


def _array(data: Any, room: list[int]) -> Array:
    """The numbers of a data set, while there is room for them."""
    if data.external or data.is_virtual:
        raise WeightsError(f"the numbers of {data.name} are in another file; what is in the file itself is read")
    if data.dtype.kind not in "biuf":
        raise WeightsError(f"weights are real numbers, but {data.name} is {data.dtype}")
    room[0] -= data.size * data.dtype.itemsize
    if room[0] < 0:
        raise WeightsError(f"{data.name}, {data.dtype} {data.shape}, is more than the file can hold: it is not read")
    return np.asarray(data)
