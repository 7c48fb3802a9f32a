"""``keras.save``: a recurrent layer as a ``.keras`` file of a sequential model; Keras itself is not needed.

A stack is as many layers of Keras, both directions a ``Bidirectional``, and each gives the outputs of every step. The
batch comes first in Keras: x is (B, T, D) there, whatever ``batch_first`` is here.
"""

from __future__ import annotations

import io
import json
import zipfile
from os import PathLike
from typing import Any

from tinygrad_lstm.engine.ops.nonlinear import relu
from tinygrad_lstm.errors import WeightsError
from tinygrad_lstm.files import whole_file
from tinygrad_lstm.interop.keras.files import Options, h5py
from tinygrad_lstm.interop.keras.weights import cell_weights, known_cells
from tinygrad_lstm.nn.activated_cells import ActivatedRNNCell
from tinygrad_lstm.nn.cells import Gates, GRUCell, LSTMCell, RNNCell
from tinygrad_lstm.nn.layers import Dropout
from tinygrad_lstm.nn.recurrent import Recurrent

VERSION = "3.0.0"  # the first that reads .keras files of this form
THEIRS = {"hard_sigmoid_6": "hard_sigmoid", "exp": "exponential"}  # functions that have another name there
WRITTEN = (1980, 1, 1, 0, 0, 0)  # the time of a member, so that the same weights are the same bytes


def save(layer: Recurrent, path: str | PathLike[str]) -> None:
    """Write the layer, as it is in evaluation, to a file that ``keras.models.load_model`` reads.

    Raises WeightsError for what Keras does not have; MissingExtraError without h5py; OSError where the system refuses.
    """
    cells = known_cells(layer)
    if layer.directions == (True,):
        raise WeightsError("a layer of Keras that runs in reverse gives its outputs in reverse order, ours does not")
    if layer.num_layers > 1 and type(layer.dropout) is not Dropout:
        raise WeightsError(f"Keras has no {type(layer.dropout).__name__} between layers")
    ways = len(layer.directions)
    content, widths = io.BytesIO(), [layer.input_size]
    model: list[Options] = []
    with h5py().File(content, "w") as weights:
        for k in range(layer.num_layers):
            own = cells[k * ways : (k + 1) * ways]
            model.append(_layer(own, k, layer.merge, widths[-1]))
            widths.append(own[0].hidden_size * (1 if layer.merge == "sum" else ways))
            kind = "bidirectional" if ways > 1 else model[-1]["class_name"].replace("SimpleRNN", "simple_rnn").lower()
            place = f"layers/{kind}" + (f"_{k}" if k else "")
            for side, cell in zip(("/forward_layer", "/backward_layer") if ways > 1 else ("",), own, strict=True):
                for number, array in enumerate(cell_weights(cell)):
                    weights[f"{place}{side}/cell/vars/{number}"] = array
    start: Options = {"batch_shape": [None, None, layer.input_size], "dtype": str(cells[0].W.dtype), "name": "x"}
    config = _object("Sequential", "keras", name="layer", layers=[_object("InputLayer", **start), *model])
    members = {
        "metadata.json": json.dumps({"keras_version": VERSION}).encode(), "config.json": json.dumps(config).encode(),
        "model.weights.h5": content.getvalue(),
    }  # fmt: skip
    with whole_file(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, member in members.items():
            archive.writestr(zipfile.ZipInfo(name, WRITTEN), member)


def _layer(cells: list[Gates], k: int, merge: str, width: int) -> Options:
    """The description of one layer of Keras."""
    sides = ("forward", "backward") if len(cells) > 1 else ("layer",)
    inner = [_one(cell, f"{side}_{k}", side == "backward") for side, cell in zip(sides, cells, strict=True)]
    built = {"build_config": {"input_shape": [None, None, width]}}
    if len(cells) == 1:
        return inner[0] | built
    mode = "sum" if merge == "sum" else "concat"
    made = _object("Bidirectional", name=f"layer_{k}", merge_mode=mode, layer=inner[0], backward_layer=inner[1])
    return made | built


def _one(cell: Gates, name: str, backwards: bool) -> Options:
    more: Options = {"activation": _function(getattr(cell, "candidate", "tanh"))}
    if isinstance(cell, RNNCell | ActivatedRNNCell):
        kind, does = "SimpleRNN", cell.nonlinearity
        more = {"activation": _function(does if isinstance(does, str) else "relu" if does is relu else "tanh")}
    else:
        kind = "LSTM" if isinstance(cell, LSTMCell) else "GRU"
        more |= {"recurrent_activation": _function(getattr(cell, "gate", "sigmoid"))}
        more |= {} if kind == "LSTM" else {"reset_after": isinstance(cell, GRUCell)}
    return _object(
        kind, name=name, dtype=str(cell.W.dtype), units=cell.hidden_size, use_bias=cell.b is not None,
        return_sequences=True, go_backwards=backwards, **more,
    )  # fmt: skip


def _function(name: str) -> str:
    """Keras's name of a function of ours."""
    if name == "hard_sigmoid":
        raise WeightsError("Keras 3 has no hard sigmoid 0.2 x + 0.5; its own is our hard_sigmoid_6")
    return THEIRS.get(name, name)


def _object(kind: str, module: str = "keras.layers", **config: Any) -> Options:
    """How Keras describes an object."""
    return {"module": module, "class_name": kind, "config": config, "registered_name": None}
