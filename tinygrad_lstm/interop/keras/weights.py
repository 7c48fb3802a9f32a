"""The weights of Keras's SimpleRNN, LSTM and GRU layers, as their ``get_weights`` gives and ``set_weights`` takes them.

    ours    W (nH, D)          U (nH, H)                    b (nH,)    LSTM gates f, i, o, g    GRU gates r, z, n
    Keras   kernel (D, nH)     recurrent_kernel (H, nH)     bias (nH,)            i, f, c, o              z, r, h

The bias of a GRU with ``reset_after=True``, our ``GRUCell``, is (2, 3H): the input side's and the hidden side's. With
``reset_after=False`` it is our ``ResetBeforeGRUCell``. A layer in both directions is a ``Bidirectional``, whose list is
the forward and then the reverse cell's; a stack is Keras layers one after the other, and so are their lists:
``keras.Sequential([...]).get_weights()``. Keras itself is not needed here.

The layers CuDNNLSTM and CuDNNGRU of older versions hold each gate's kernel as the bytes of its transpose, each gate's
recurrent kernel transposed, and a bias (2nH,): both sides' one after the other. ``set_weights`` knows them by that.

The weights do not say what else a layer of Keras does, such as "relu": build our layer with the same. Where a mask is
off its output is that of ``outside="repeat"``, in a Bidirectional that of "zero"; with ``go_backwards``, our
``reverse``, it comes in the order in which it was computed, ours in that of x.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_lstm.errors import WeightsError
from tinygrad_lstm.interop.layout import Array, Layout, add_biases, inner_bias
from tinygrad_lstm.nn.activated_cells import (
    ActivatedGRUCell,
    ActivatedLSTMCell,
    ActivatedResetBeforeGRUCell,
    ActivatedRNNCell,
)
from tinygrad_lstm.nn.cells import Cell, Gates, GRUCell, LSTMCell, RNNCell
from tinygrad_lstm.nn.gru_variants import ResetBeforeGRUCell
from tinygrad_lstm.nn.options import array_of
from tinygrad_lstm.nn.recurrent import Recurrent

IFCO, ZRH = Layout((1, 0, 3, 2)), Layout((1, 0, 2))
LAYOUTS: dict[type[Cell], Layout] = {
    RNNCell: Layout((0,)), LSTMCell: IFCO, GRUCell: ZRH, ResetBeforeGRUCell: ZRH,
    ActivatedRNNCell: Layout((0,)), ActivatedLSTMCell: IFCO, ActivatedGRUCell: ZRH, ActivatedResetBeforeGRUCell: ZRH,
}  # fmt: skip


def get_weights(layer: Recurrent) -> list[Array]:
    """The layer's weights as the list that ``set_weights`` of Keras's layer of the same sizes takes.

    >>> from tinygrad_lstm import nn
    >>> [array.shape for array in get_weights(nn.GRU(3, 5))]
    [(3, 15), (5, 15), (2, 15)]
    """
    return [array for cell in known_cells(layer) for array in cell_weights(cell)]


def cell_weights(cell: Gates) -> list[Array]:
    """Those of one cell: kernel, recurrent kernel, and bias if it has one."""
    layout = LAYOUTS[type(cell)]
    weights = [layout.theirs(cell.W.data).T.copy(), layout.theirs(cell.U.data).T.copy()]
    if cell.b is not None:
        bias = layout.theirs(cell.b.data)
        weights.append(np.stack([bias, inner_bias(cell, bias)]) if isinstance(cell, GRUCell) else bias)
    return weights


def set_weights(layer: Recurrent, weights: Sequence[Any]) -> None:
    """Set the layer's weights from the list that ``get_weights`` of a Keras layer gives, also of one for cuDNN.

    Raises WeightsError, before anything is changed, with the shapes that came and those that fit.
    """
    wanted = [array.shape for array in get_weights(layer)]
    if not isinstance(weights, Sequence):
        raise WeightsError(f"Keras weights are a list of arrays, not a {type(weights).__name__}")
    cells = known_cells(layer)
    given = _from_cudnn(cells, [array_of(array) for array in weights])
    shapes = [array.shape for array in given]
    if shapes != wanted:
        raise WeightsError(f"Keras weights for {layer.extra_repr()} have the shapes {wanted}, not {shapes}")
    if strange := [str(array.dtype) for array in given if array.dtype.kind not in "biuf"]:
        raise WeightsError(f"weights are real numbers, not {', '.join(strange)}")
    arrays = iter(given)
    for cell in cells:
        layout = LAYOUTS[type(cell)]
        cell.W.data = layout.ours(next(arrays).T)
        cell.U.data = layout.ours(next(arrays).T)
        if cell.b is not None:
            bias = next(arrays)
            cell.b.data = layout.ours(add_biases(cell, *bias) if isinstance(cell, GRUCell) else bias)


def _from_cudnn(cells: list[Gates], given: list[Array]) -> list[Array]:
    """The list in Keras's usual layout; as it is, unless the shapes are those of layers for cuDNN."""
    parts = [given[k : k + 3] for k in range(0, len(given), 3)]
    if len(parts) != len(cells) or not all(
        isinstance(cell, LSTMCell | GRUCell)
        and [array.shape for array in part[1:]] == [cell.U.shape[::-1], (2 * len(cell.U),)]
        for cell, part in zip(cells, parts, strict=True)
    ):
        return given
    usual: list[Array] = []
    for cell, (kernel, recurrent, bias) in zip(cells, parts, strict=True):
        gates, both = len(cell.U) // cell.hidden_size, bias.reshape(2, -1)
        inputs = [part.T.reshape(part.shape, order="F") for part in np.split(kernel, gates, axis=1)]
        states = [part.T for part in np.split(recurrent, gates, axis=1)]
        usual += [np.hstack(inputs), np.hstack(states), both if gates == 3 else both.sum(axis=0)]
    return usual


def known_cells(layer: Recurrent) -> list[Gates]:
    """The layer's cells, if Keras has them all."""
    if not isinstance(layer, Recurrent):
        raise WeightsError(f"Keras has weights for SimpleRNN, LSTM and GRU layers, not for a {type(layer).__name__}")
    found = []
    for cell in layer.layers:
        if type(cell) not in LAYOUTS or not isinstance(cell, Gates):
            known = ", ".join(kind.__name__ for kind in LAYOUTS)
            raise WeightsError(f"Keras has no {type(cell).__name__}; it has {known}")
        found.append(cell)
    return found
