"""The recurrent nodes of an ``.onnx`` file as layers of this package, from any writer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tinygrad_lstm.errors import WeightsError
from tinygrad_lstm.interop.layout import Array
from tinygrad_lstm.interop.onnx.graph import package
from tinygrad_lstm.interop.onnx.operators import OPERATORS, set_inputs
from tinygrad_lstm.nn.cells import Cell, RNNCell
from tinygrad_lstm.nn.lstm_variants import ClippedLSTMCell
from tinygrad_lstm.nn.recurrent import GRU, LSTM, RNN, Recurrent

LAYERS: dict[str, type[Recurrent]] = {"RNN": RNN, "LSTM": LSTM, "GRU": GRU}
INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
DEFAULTS: dict[str, Any] = {"direction": b"forward", "layout": 0, "input_forget": 0, "linear_before_reset": 0}
DIRECTIONS = (b"forward", b"reverse", b"bidirectional")
ACTIVATIONS = {"RNN": ["tanh"], "LSTM": ["sigmoid", "tanh", "tanh"], "GRU": ["sigmoid", "tanh"]}  # so by default
GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}
READ = {*DEFAULTS, "clip", "hidden_size", "activations", "activation_alpha", "activation_beta", "output_sequence"}


def load(path: str | Path) -> dict[str, Recurrent]:
    """Every node RNN, LSTM and GRU of the file's graph by its name, as a layer with its weights in their dtype.

    A node without a name has that of its first output. A stack of layers is as many nodes, so as many layers here:
    ``lower, upper = load(path).values()``. Initial states and lengths are not the layer's, they come with each call;
    so those in the file are not read. With ``layout=1`` x and output are batch_first, the states as they always are.

    Raises FileNotFoundError, and WeightsError for a file that is broken or has no such node, for weights that it does
    not hold but computes, and for what no cell of ours does: unusual activations, clip in other than plain LSTMs.

    >>> import tempfile
    >>> from tinygrad_lstm import interop, nn
    >>> folder = tempfile.TemporaryDirectory()
    >>> interop.onnx.export(nn.GRU(3, 5, bidirectional=True), f"{folder.name}/gru.onnx")
    >>> load(f"{folder.name}/gru.onnx")["layer0"].extra_repr()
    '3 -> 5, both directions'
    >>> folder.cleanup()
    """
    onnx = package()
    try:
        return _layers(onnx.load(path).graph)
    except FileNotFoundError:
        raise
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from None
    except Exception as error:  # a broken file may hold anything, and its readers raise nearly anything
        raise WeightsError(f"{path} is not a whole .onnx file ({str(error) or type(error).__name__})") from error


def _layers(graph: Any) -> dict[str, Recurrent]:
    """The layers by the names of their nodes."""
    nodes = [node for node in graph.node if node.op_type in LAYERS and node.domain in ("", "ai.onnx")]
    if not nodes:
        raise WeightsError("no node RNN, LSTM or GRU in the file's graph")
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    tensors |= {node.output[0]: attribute.t for node in graph.node if node.op_type == "Constant"
                for attribute in node.attribute if attribute.name == "value"}  # fmt: skip
    layers: dict[str, Recurrent] = {}
    for node in nodes:
        name = node.name if node.name and node.name not in layers else next(filter(None, node.output))
        try:
            layers[name] = _layer(node, tensors)
        except WeightsError as error:
            raise WeightsError(f"{node.op_type} {name!r}: {error}") from None
    return layers


def _layer(node: Any, tensors: dict[str, Any]) -> Recurrent:
    """One node as a layer."""
    onnx = package()
    given = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    names = {key: name for key, name in zip(INPUTS, node.input, strict=False) if key in ("W", "R", "B", "P") and name}
    missing = [name for name in names.values() if name not in tensors]
    if missing or not {"W", "R"} <= names.keys():
        raise WeightsError(f"the file does not hold its {', '.join(missing) or 'W and R'}")
    arrays = {key: onnx.numpy_helper.to_array(tensors[name]) for key, name in names.items()}
    options = DEFAULTS | given
    both = options["direction"] == b"bidirectional"
    cell = _cell(node.op_type, options, 1 + both, "P" in arrays)
    D, H = _sizes(arrays, options, 1 + both, GATES[node.op_type])
    layer = LAYERS[node.op_type](
        D, H, cell=cell, bias="B" in arrays, batch_first=options["layout"] == 1,
        bidirectional=both, reverse=options["direction"] == b"reverse",
    ).astype(arrays["W"].dtype)  # fmt: skip
    cells: list[Any] = list(layer.layers)
    for k, own in enumerate(cells):
        set_inputs(own, {key: array[k] for key, array in arrays.items()})
    return layer


def _cell(operator: str, options: dict[str, Any], ways: int, peepholes: bool) -> Callable[..., Cell]:
    """What makes our cell that does the same."""
    if unknown := options.keys() - READ:
        said = ", ".join(f"{name}={options[name]}" for name in sorted(unknown))
        raise WeightsError(f"no cell of ours does {said}")
    usual = ACTIVATIONS[operator] * ways
    activations = [name.decode().lower() for name in options.get("activations", [])] or usual
    if options["direction"] not in DIRECTIONS or options["layout"] not in (0, 1):
        raise WeightsError(f"direction={options['direction']!r} and layout={options['layout']} are not in the standard")
    if "clip" in options:
        if operator == "LSTM" and activations == usual and not peepholes and not options["input_forget"]:
            return partial(ClippedLSTMCell, clip=options["clip"])
        raise WeightsError(f"of our cells only a plain LSTM clips (clip={options['clip']})")
    if operator == "RNN" and activations == ["relu"] * ways:
        return partial(RNNCell, nonlinearity="relu")
    if activations != usual:
        raise WeightsError(f"no cell of ours has the activations {', '.join(activations)}, but {', '.join(usual)}")
    for kind, known in OPERATORS.items():
        same = all(options[name] == value for name, value in known.attributes.items())
        if known.name == operator and known.peepholes == peepholes and same:
            return kind
    raise WeightsError("no cell of ours couples its gates (input_forget) and has peepholes")


def _sizes(arrays: dict[str, Array], options: dict[str, Any], ways: int, gates: int) -> tuple[int, int]:
    """D and H, if all arrays agree on them."""
    D, H = (arrays[key].shape[-1] if arrays[key].ndim else 0 for key in "WR")
    n = gates * H
    fitting = {"W": (ways, n, D), "R": (ways, n, H), "B": (ways, 2 * n), "P": (ways, 3 * H)}
    wrong = [f"{key} is {array.dtype} {array.shape}, should be float {fitting[key]}"
             for key, array in arrays.items() if array.shape != fitting[key] or array.dtype.kind != "f"]  # fmt: skip
    if options.get("hidden_size", H) != H:
        wrong.append(f"hidden_size is {options['hidden_size']}, but R is {arrays['R'].dtype} {arrays['R'].shape}")
    if wrong:
        raise WeightsError("; ".join(wrong))
    return D, H
