"""Our cells as ONNX's operators RNN, LSTM and GRU: their attributes, the order of their gates, their biases.

    ours    W (nH, D)        U (nH, H)        b (nH,)         LSTM gates f, i, o, g    GRU gates r, z, n
    ONNX    W (dirs, nH, D)  R (dirs, nH, H)  B (dirs, 2nH)   i, o, f, c               z, r, h

B holds the input side's bias and then the hidden side's, P (dirs, 3H) the peepholes of i, o and f.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tinygrad_lstm.engine.ops.nonlinear import relu
from tinygrad_lstm.interop.layout import Array, Layout, add_biases, inner_bias
from tinygrad_lstm.nn.cells import Cell, Gates, GRUCell, LSTMCell, RNNCell
from tinygrad_lstm.nn.gru_variants import ResetBeforeGRUCell
from tinygrad_lstm.nn.lstm_variants import ClippedLSTMCell, CoupledLSTMCell, PeepholeLSTMCell


class Operator(NamedTuple):
    """An operator with the attributes that make it one of our cells, and where its gates stand among ours."""

    name: str
    layout: Layout
    attributes: dict[str, int]
    peepholes: bool = False


IOFC, ZRH = Layout((1, 2, 0, 3)), Layout((1, 0, 2))
OPERATORS: dict[type[Cell], Operator] = {
    RNNCell: Operator("RNN", Layout((0,)), {}),
    LSTMCell: Operator("LSTM", IOFC, {"input_forget": 0}),
    ClippedLSTMCell: Operator("LSTM", IOFC, {"input_forget": 0}),
    PeepholeLSTMCell: Operator("LSTM", IOFC, {"input_forget": 0}, peepholes=True),
    CoupledLSTMCell: Operator("LSTM", IOFC, {"input_forget": 1}),
    GRUCell: Operator("GRU", ZRH, {"linear_before_reset": 1}),
    ResetBeforeGRUCell: Operator("GRU", ZRH, {"linear_before_reset": 0}),
}


def attributes_of(cells: Sequence[Any]) -> dict[str, Any]:
    """What a node says of the cells of its directions, beside its operator."""
    attributes: dict[str, Any] = dict(OPERATORS[type(cells[0])].attributes)
    if isinstance(cells[0], RNNCell):
        attributes["activations"] = ["Relu" if cell.nonlinearity is relu else "Tanh" for cell in cells]
    if isinstance(cells[0], ClippedLSTMCell):
        attributes["clip"] = cells[0].clip
    return attributes


def inputs_of(cell: Gates) -> dict[str, Array]:
    """W, R, and B and P if it has them, of one direction.

    A coupled cell has no rows for i. In ONNX it gets -1 times those of f, for σ(-z) = 1 - σ(z): then it does not
    matter which of the two gates an implementation takes from the other.
    """
    stacked = {"W": cell.W.data, "R": cell.U.data} | ({} if cell.b is None else {"B": cell.b.data})
    if isinstance(cell, CoupledLSTMCell):
        f, rest = cell.hidden_size, slice(cell.hidden_size, None)
        stacked = {name: np.concatenate([rows[:f], -rows[:f], rows[rest]]) for name, rows in stacked.items()}
    inputs = {name: OPERATORS[type(cell)].layout.theirs(rows) for name, rows in stacked.items()}
    if cell.b is not None:
        inputs["B"] = np.concatenate([inputs["B"], inner_bias(cell, inputs["B"])])
    if isinstance(cell, PeepholeLSTMCell):
        inputs["P"] = np.concatenate([cell.p_i.data, cell.p_o.data, cell.p_f.data])
    return inputs


def set_inputs(cell: Gates, inputs: dict[str, Array]) -> None:
    """Set the cell's weights from one direction's W, R, B and P.

    Of a coupled node the rows of i count, and f = 1 - i, as in onnxruntime.
    """
    stacked = {"W": inputs["W"], "U": inputs["R"]}
    if "B" in inputs:
        stacked["b"] = add_biases(cell, *np.split(inputs["B"], 2))
    for name, rows in stacked.items():
        own = OPERATORS[type(cell)].layout.ours(rows)
        if isinstance(cell, CoupledLSTMCell):
            _, i, o, g = np.split(own, 4)
            own = np.concatenate([-i, o, g])
        getattr(cell, name).data = own
    if isinstance(cell, PeepholeLSTMCell):
        cell.p_i.data, cell.p_o.data, cell.p_f.data = np.split(inputs["P"].copy(), 3)
