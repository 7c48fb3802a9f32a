"""``keras.load``: a sequential model of Keras, from its file, as modules of this package; Keras itself is not needed.

A ``.keras`` file is a zip of the layers' options, in JSON, and of their weights; an ``.h5`` file, of older versions
too, holds both in one. An entry of ``LAYERS`` makes our modules from the options of a layer and its weights in Keras's
order. Batches come first, as in Keras: x is (B, T, D) or, of words, (B, T).
"""

from __future__ import annotations

import importlib
import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from tinygrad_lstm import nn
from tinygrad_lstm.engine.ops.shapes import concatenate
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import MissingExtraError, WeightsError
from tinygrad_lstm.files import file_path
from tinygrad_lstm.interop.keras.weights import set_weights
from tinygrad_lstm.interop.layout import Array

Options: TypeAlias = dict[str, Any]
Layer: TypeAlias = tuple[str, Options, list[Array]]  # the kind, its options, its weights
LARGEST = 1 << 31  # bytes that the members of a file may have when unpacked


def load(path: str | Path, *, inference: bool = False) -> nn.Sequential[Any]:
    """The layers of a ``.keras`` or ``.h5`` file of a sequential model, one after the other.

    A recurrent layer is followed by a function that picks what Keras's layer gives: the output of every step, or of
    the last one. With ``inference`` the model is only asked: what Keras draws at random in training is left out.

    Raises WeightsError, with the layer's name, for a layer or an option that no module of ours has exactly; for a file
    that is damaged or holds no sequential model. MissingExtraError without h5py.
    """
    path = file_path(path)
    try:
        layers = list(_layers(path))
    except (FileNotFoundError, MissingExtraError, WeightsError):
        raise
    except Exception as error:  # on a damaged file the readers of zip, HDF5 and JSON raise nearly anything
        raise WeightsError(f"{path} is no whole file of a Keras model ({error or type(error).__name__})") from error
    made: list[Any] = []
    for kind, options, weights in layers:
        name = f"{options.get('name', 'a layer')} ({kind})"
        if kind not in LAYERS:
            raise WeightsError(f"{name}: only {', '.join(LAYERS)} have a counterpart here")
        if drawn := [word for word in ("dropout", "recurrent_dropout") if not inference and options.get(word)]:
            raise WeightsError(f"{name} draws at random in training ({drawn[0]}): with inference=True it is left out")
        try:
            made += LAYERS[kind](options, weights)
        except WeightsError as error:
            raise WeightsError(f"{name}: {error}") from None
        except Exception as error:  # options and weights that do not fit one another
            raise WeightsError(f"{name} is not whole ({error or type(error).__name__})") from error
    model: nn.Sequential[Any] = nn.Sequential(*made)
    return model.eval() if inference else model


# Files


def _layers(path: Path) -> Iterator[Layer]:
    """Each layer of the model, in order."""
    library = h5py()
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > LARGEST:
                raise WeightsError(f"{path} has more than {LARGEST >> 30} GiB when unpacked")
            model = json.loads(archive.read("config.json"))
            weights = library.File(io.BytesIO(archive.read("model.weights.h5")), "r")
        used: Counter[str] = Counter()
        for kind, options in _sequence(model, path):
            group = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", kind).lower()
            name = f"{group}_{used[group]}" if used[group] else group
            used[group] += 1
            found = weights["layers"].get(name) if "layers" in weights else None
            yield kind, options, [] if found is None else _arrays(found)
    elif path.suffix in (".h5", ".hdf5"):
        with library.File(path, "r") as file:
            if "model_config" not in file.attrs:
                raise WeightsError(f"{path} holds weights alone: make our layers, and hand them to set_weights")
            for kind, options in _sequence(json.loads(file.attrs["model_config"]), path):
                group = file["model_weights"][options["name"]]
                yield kind, options, [np.asarray(group[name]) for name in group.attrs["weight_names"]]
    else:
        raise WeightsError(f"a model of Keras is in a file that ends in .keras or .h5, not {path.name!r}")


def _sequence(model: Options, path: Path) -> Iterator[tuple[str, Options]]:
    """The kinds and options of a sequential model's layers."""
    if model["class_name"] != "Sequential":
        raise WeightsError(f"{path} holds a {model['class_name']} model; a Sequential one is read")
    inside = model["config"]
    for layer in inside["layers"] if isinstance(inside, dict) else inside:  # a bare list, in the first versions
        if layer["class_name"] != "InputLayer":
            yield layer["class_name"], layer["config"]


def _arrays(group: Any) -> list[Array]:
    """A layer's weights in the order of its ``get_weights``: of two directions, the forward one's first."""
    found = [np.asarray(group["vars"][str(k)]) for k in range(len(group["vars"]))] if "vars" in group else []
    for name in ("cell", "layer", "forward_layer", "backward_layer"):
        found += _arrays(group[name]) if name in group else []
    return found


def h5py() -> Any:
    """The package h5py, imported only when it is needed."""
    try:
        return importlib.import_module("h5py")
    except ImportError:
        raise MissingExtraError('models of Keras need: pip install "tinygrad-lstm[io]" (or h5py)') from None


# Layers


def output_of(found: Any) -> Tensor:
    """The output of every step, of what a recurrent layer gives."""
    output: Tensor = found[0]
    return output


def flipped_output_of(found: Any) -> Tensor:
    """The same in the order in which a layer that runs from T to 1 computed it."""
    output: Tensor = found[0][..., ::-1, :]
    return output


def last_of(found: Any) -> Tensor:
    """The output after the last step: h, of both directions side by side."""
    h: Tensor = found[1][0] if isinstance(found[1], tuple) else found[1]
    last: Tensor = concatenate(list(h), axis=-1) if len(h) > 1 else h[0]
    return last


def sum_of_last(found: Any) -> Tensor:
    """The output after the last step, of both directions added."""
    h: Tensor = found[1][0] if isinstance(found[1], tuple) else found[1]
    return h.sum(axis=0)


def _recurrent(kind: str) -> Callable[[Options, list[Array]], list[Any]]:
    return lambda options, weights: _run(kind, options, weights, False)


def _run(kind: str, options: Options, weights: list[Array], both: bool | str) -> list[Any]:
    """A recurrent layer and what picks its output."""
    _plain(options, stateful=False, return_state=False)
    activation = options.get("activation", "tanh")
    make: Options = {}
    if kind == "SimpleRNN" and activation == "relu":
        make["nonlinearity"] = "relu"
    elif activation != "tanh" or options.get("recurrent_activation", "sigmoid") != "sigmoid":
        raise WeightsError(f"activation={activation}, recurrent_activation={options.get('recurrent_activation')}")
    if kind == "GRU" and not options.get("reset_after", False):  # the versions that do not say it had no other
        make["cell"] = nn.ResetBeforeGRUCell
    reverse = bool(options.get("go_backwards"))
    layer = getattr(nn, kind.removeprefix("Simple"))(
        len(weights[0]), options["units"], bias=options["use_bias"], batch_first=True, bidirectional=both,
        reverse=reverse, dtype=weights[0].dtype, **make,
    )  # fmt: skip
    set_weights(layer, weights)
    if options.get("return_sequences"):
        return [layer, flipped_output_of if reverse else output_of]
    return [layer, sum_of_last if both == "sum" else last_of]


def _bidirectional(options: Options, weights: list[Array]) -> list[Any]:
    inner, modes = options["layer"], {"concat": "concatenate", "sum": "sum"}
    if inner["class_name"] not in RECURRENT or options.get("merge_mode") not in modes:
        raise WeightsError(f"of a {inner['class_name']}, merge_mode={options.get('merge_mode')}")
    if drawn := [word for word in ("dropout", "recurrent_dropout") if inner["config"].get(word)]:
        raise WeightsError(f"its directions have {drawn[0]}")
    other = (options.get("backward_layer") or inner)["config"]
    if differing := [word for word in OF_BOTH if inner["config"].get(word) != other.get(word)]:
        raise WeightsError(f"its directions differ in {differing[0]}")
    return _run(inner["class_name"], inner["config"], weights, modes[options["merge_mode"]])


def _cudnn(kind: str) -> Callable[[Options, list[Array]], list[Any]]:
    """A layer of cuDNN's own layout: each gate's kernel as the bytes of its transpose, and two biases."""

    def of(options: Options, weights: list[Array]) -> list[Any]:
        gates = {"LSTM": 4, "GRU": 3}[kind]
        kernel, recurrent, bias = weights
        inputs = [part.T.reshape(part.shape, order="F") for part in np.split(kernel, gates, axis=1)]
        states = [part.T for part in np.split(recurrent, gates, axis=1)]
        both = bias.reshape(2, -1)
        usual = [np.hstack(inputs), np.hstack(states), both.sum(axis=0) if kind == "LSTM" else both]
        return _run(kind, {**options, "use_bias": True, "reset_after": True, "activation": "tanh"}, usual, False)

    return of


def _dense(options: Options, weights: list[Array]) -> list[Any]:
    kernel, *bias = weights
    layer = nn.Linear(len(kernel), kernel.shape[1], bool(bias), dtype=kernel.dtype)
    layer.W.data = kernel.T.copy()
    if layer.b is not None:
        layer.b.data = bias[0]
    return [layer, *_activation(options, [])]


def _embedding(options: Options, weights: list[Array]) -> list[Any]:
    _plain(options, mask_zero=False)
    layer = nn.Embedding(len(weights[0]), weights[0].shape[1], dtype=weights[0].dtype)
    layer.weight.data = weights[0]
    return [layer]


def _layer_norm(options: Options, weights: list[Array]) -> list[Any]:
    _plain(options, scale=True, rms_scaling=False)
    if options["axis"] not in (-1, [-1], [2]):
        raise WeightsError(f"axis={options['axis']}: ours normalises the last one")
    layer = nn.LayerNorm(len(weights[0]), options["epsilon"], bias=options["center"], dtype=weights[0].dtype)
    for own, array in zip(layer.parameters(), weights, strict=True):
        own.data = array
    return [layer]


def _time_distributed(options: Options, weights: list[Array]) -> list[Any]:
    inner = options["layer"]
    if inner["class_name"] != "Dense":
        raise WeightsError(f"of a {inner['class_name']}; a Dense is read")
    return _dense(inner["config"], weights)  # our Linear takes any leading axes


def _activation(options: Options, weights: list[Array]) -> list[Any]:
    name = options.get("activation", "linear")
    if name not in ACTIVATIONS:
        raise WeightsError(f"activation={name}; there are {', '.join(ACTIVATIONS)}")
    make = ACTIVATIONS[name]
    return [] if make is None else [make()]


def _plain(options: Options, **usual: Any) -> None:
    """WeightsError for an option that is not what our layer does."""
    for name, value in usual.items():
        if options.get(name, value) != value:
            raise WeightsError(f"{name}={options[name]} has no counterpart here")


RECURRENT = ("SimpleRNN", "LSTM", "GRU")
OF_BOTH = ("units", "activation", "recurrent_activation", "use_bias", "return_sequences", "reset_after")
ACTIVATIONS: dict[str, Callable[[], nn.Module] | None] = {
    "linear": None, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "relu": nn.ReLU, "softmax": nn.Softmax,
    "log_softmax": nn.LogSoftmax, "softplus": nn.Softplus, "silu": nn.SiLU, "swish": nn.SiLU,
}  # fmt: skip
LAYERS: dict[str, Callable[[Options, list[Array]], list[Any]]] = {
    **{kind: _recurrent(kind) for kind in RECURRENT},
    "CuDNNLSTM": _cudnn("LSTM"),
    "CuDNNGRU": _cudnn("GRU"),
    "Bidirectional": _bidirectional,
    "Dense": _dense,
    "TimeDistributed": _time_distributed,
    "Embedding": _embedding,
    "LayerNormalization": _layer_norm,
    "Activation": _activation,
    "Dropout": lambda options, weights: [nn.Dropout(options["rate"])],
}
