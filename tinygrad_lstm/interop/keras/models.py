"""``keras.load``: a model of Keras that is a chain of layers, from its file, as modules of this package.

An entry of ``LAYERS`` makes our modules from a layer of the file. Batches come first, as in Keras: x is (B, T, D) or,
of words, (B, T). Keras itself is not needed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lstm import nn
from tinygrad_lstm.engine.ops.shapes import concatenate, split
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import WeightsError
from tinygrad_lstm.interop.keras.files import Layer, Options, layers_of
from tinygrad_lstm.interop.keras.masks import Masked, Masking, differs_from
from tinygrad_lstm.interop.keras.weights import set_weights
from tinygrad_lstm.nn.activated_cells import FUNCTIONS


def load(path: str | Path, *, inference: bool = False) -> nn.Sequential[Any]:
    """The layers of a ``.keras`` or ``.h5`` file, one after the other: of a sequential model, or a functional chain.

    A recurrent layer is followed by a function that picks what Keras's layer gives: the output of every step, or of
    the last one. Where an embedding or a Masking says which steps count, it holds for the layers after it, as in Keras.
    With ``inference`` the model is only asked: what Keras draws at random in training is left out.

    Raises WeightsError, with the layer's name, for a layer or an option that no module of ours has exactly; for a file
    that is damaged or holds no chain of layers. MissingExtraError without h5py.
    """
    made: list[Any] = []
    masks: dict[int, Any] = {}  # by the place of the layer that makes one
    for layer in layers_of(path):
        name = f"{layer.options.get('name', 'a layer')} ({layer.kind})"
        if layer.kind not in LAYERS:
            raise WeightsError(f"{name}: only {', '.join(LAYERS)} have a counterpart here")
        _refuse_draws(name, layer.options, inference)
        try:
            if (mask := _mask_of(layer)) is not None:
                masks[len(made)] = mask
            if masks and layer.options.get("zero_output_for_mask"):
                raise WeightsError("zero_output_for_mask=True has no counterpart here")
            made += LAYERS[layer.kind](layer)
        except WeightsError as error:
            raise WeightsError(f"{name}: {error}") from None
        except Exception as error:  # options and weights that do not fit one another
            raise WeightsError(f"{name} is not whole ({error or type(error).__name__})") from error
    model: nn.Sequential[Any] = Masked(made, masks) if masks else nn.Sequential(*made)
    return model.eval() if inference else model


def _refuse_draws(name: str, options: Options, inference: bool) -> None:
    """WeightsError for a recurrent layer, or one of both directions, that draws at random, unless it is only asked."""
    for own in (options, *(options[part]["config"] for part in ("layer", "backward_layer") if options.get(part))):
        if drawn := [word for word in ("dropout", "recurrent_dropout") if not inference and own.get(word)]:
            raise WeightsError(f"{name} draws at random in training ({drawn[0]}): with inference=True it is left out")


# Recurrent layers ----------------------------------------------------------------------------------------------------


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


def sum_of(both: Tensor) -> Tensor:
    """Of two directions side by side, their sum."""
    forward, backward = split(both, 2, axis=-1)
    return forward + backward


def mean_of(both: Tensor) -> Tensor:
    """Of two directions side by side, their mean."""
    return sum_of(both) / 2


def product_of(both: Tensor) -> Tensor:
    """Of two directions side by side, their product, element by element."""
    forward, backward = split(both, 2, axis=-1)
    return forward * backward


MERGED: dict[str, list[Any]] = {"concat": [], "sum": [sum_of], "ave": [mean_of], "mul": [product_of]}


def _run(layer: Layer, both: bool = False) -> list[Any]:
    """A recurrent layer and what picks its output."""
    kind, options, weights, _ = layer
    _plain(options, stateful=False, return_state=False, time_major=False)
    kernel, recurrent = weights[:2]
    if recurrent.shape[0] != options["units"]:
        raise WeightsError(f"units={options['units']}, but its recurrent kernel is {recurrent.shape}")
    reverse = bool(options.get("go_backwards"))
    made = getattr(nn, kind.removeprefix("Simple"))(
        len(kernel), options["units"], bias=options["use_bias"], batch_first=True, bidirectional=both, reverse=reverse,
        dtype=kernel.dtype, cell=_cell(layer),
    )  # fmt: skip
    set_weights(made, weights)
    if options.get("return_sequences"):
        return [made, flipped_output_of if reverse else output_of]
    return [made, last_of]


def _cell(layer: Layer) -> Callable[..., nn.Cell]:
    """What makes our cell with the activations that the layer was saved with."""
    kind, options = layer.kind, layer.options
    candidate = _function(layer, "activation", "tanh")
    if kind == "SimpleRNN":
        plain = candidate in ("tanh", "relu")
        return partial(nn.RNNCell if plain else nn.ActivatedRNNCell, nonlinearity=candidate)  # type: ignore[arg-type]  # those two
    gate = _function(layer, "recurrent_activation", "sigmoid")
    usual, activated = {
        "LSTM": (nn.LSTMCell, nn.ActivatedLSTMCell),
        "GRU": (nn.GRUCell, nn.ActivatedGRUCell),
        "GRU, reset before": (nn.ResetBeforeGRUCell, nn.ActivatedResetBeforeGRUCell),
    }[kind if kind == "LSTM" or options.get("reset_after") else "GRU, reset before"]  # older versions had no other
    if (gate, candidate) == ("sigmoid", "tanh"):
        return usual
    return partial(activated, gate=gate, candidate=candidate)


def _function(layer: Layer, option: str, default: str) -> str:
    """The name here of a function of Keras's; its hard sigmoid is another one from version 3 on."""
    name = layer.options.get(option, default)
    name = "linear" if name is None else name
    ours = {"exponential": "exp", "hard_sigmoid": "hard_sigmoid" if layer.version < 3 else "hard_sigmoid_6"}
    if (
        not isinstance(name, str)
        or (found := ours.get(name, name)) not in FUNCTIONS
        or name in ("exp", "hard_sigmoid_6")
    ):
        raise WeightsError(f"no cell of ours has {option}={name}")
    return found


def _bidirectional(layer: Layer) -> list[Any]:
    inner, mode = layer.options["layer"], layer.options.get("merge_mode")
    if inner["class_name"] not in RECURRENT or mode not in MERGED:
        raise WeightsError(f"of a {inner['class_name']}, merge_mode={mode}")
    config = inner["config"]
    other = (layer.options.get("backward_layer") or inner)["config"]
    if differing := [word for word in OF_BOTH if config.get(word) != other.get(word)]:
        raise WeightsError(f"its directions differ in {differing[0]}")
    if config.get("go_backwards"):
        raise WeightsError("its forward direction has go_backwards=True")
    return [*_run(Layer(inner["class_name"], config, layer.weights, layer.version), True), *MERGED[mode]]


def _cudnn(kind: str) -> Callable[[Layer], list[Any]]:
    """A layer for cuDNN alone, which has these functions and no others; ``set_weights`` knows its layout."""
    fixed: Options = {"use_bias": True, "reset_after": True, "activation": "tanh", "recurrent_activation": "sigmoid"}
    return lambda layer: _run(Layer(kind, layer.options | fixed, layer.weights, layer.version))


# Other layers --------------------------------------------------------------------------------------------------------


def _dense(layer: Layer) -> list[Any]:
    kernel, *bias = layer.weights
    made = nn.Linear(len(kernel), kernel.shape[1], bool(bias), dtype=kernel.dtype)
    made.load_state_dict({"W": kernel.T.copy(), **({"b": bias[0]} if bias else {})})
    return [made, *_activation(layer)]


def _embedding(layer: Layer) -> list[Any]:
    made = nn.Embedding(*layer.weights[0].shape, dtype=layer.weights[0].dtype)
    made.load_state_dict({"weight": layer.weights[0]})
    return [made]


def _layer_norm(layer: Layer) -> list[Any]:
    options, weights = layer.options, layer.weights
    _plain(options, scale=True, rms_scaling=False)
    if options["axis"] not in (-1, [-1], [2]):
        raise WeightsError(f"axis={options['axis']}: ours normalises the last one")
    made = nn.LayerNorm(len(weights[0]), options["epsilon"], bias=options["center"], dtype=weights[0].dtype)
    made.load_state_dict(dict(zip(dict(made.named_parameters()), weights, strict=True)))
    return [made]


def _time_distributed(layer: Layer) -> list[Any]:
    inner = layer.options["layer"]
    if inner["class_name"] not in ("Dense", "Activation", "LayerNormalization", "Dropout"):
        raise WeightsError(f"of a {inner['class_name']}; a Dense is read, and what acts on each step alone")
    return LAYERS[inner["class_name"]](Layer(inner["class_name"], inner["config"], layer.weights, layer.version))


def _activation(layer: Layer) -> list[Any]:
    name = layer.options.get("activation", "linear")
    if name in ("linear", None):
        return []
    if isinstance(name, str) and name in ACTIVATIONS:
        return [ACTIVATIONS[name]()]
    try:
        return [FUNCTIONS[_function(layer, "activation", "linear")]]
    except WeightsError:
        raise WeightsError(f"no function of ours is activation={name}") from None


def _mask_of(layer: Layer) -> Callable[[Any], np.ndarray] | None:
    """What makes the mask of the layers after this one, if it is one that makes a mask."""
    if layer.kind == "Embedding" and layer.options.get("mask_zero"):
        return partial(differs_from, value=0, steps=False)
    return partial(differs_from, value=layer.options["mask_value"], steps=True) if layer.kind == "Masking" else None


def _plain(options: Options, **usual: Any) -> None:
    """WeightsError for an option that is not what our layer does."""
    for name, value in usual.items():
        if options.get(name, value) != value:
            raise WeightsError(f"{name}={options[name]} has no counterpart here")


RECURRENT = ("SimpleRNN", "LSTM", "GRU")
OF_BOTH = ("units", "activation", "recurrent_activation", "use_bias", "return_sequences", "reset_after")
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "relu": nn.ReLU, "softmax": nn.Softmax, "log_softmax": nn.LogSoftmax,
    "softplus": nn.Softplus, "silu": nn.SiLU, "swish": nn.SiLU, "gelu": nn.GELU,
}  # fmt: skip
LAYERS: dict[str, Callable[[Layer], list[Any]]] = {
    **dict.fromkeys(RECURRENT, _run),
    "CuDNNLSTM": _cudnn("LSTM"),
    "CuDNNGRU": _cudnn("GRU"),
    "Bidirectional": _bidirectional,
    "Dense": _dense,
    "TimeDistributed": _time_distributed,
    "Embedding": _embedding,
    "Masking": lambda layer: [Masking(layer.options["mask_value"])],
    "LayerNormalization": _layer_norm,
    "Activation": _activation,
    "Dropout": lambda layer: [nn.Dropout(layer.options["rate"])],
}
