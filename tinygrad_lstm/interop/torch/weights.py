"""The weights of torch.nn.RNN, LSTM and GRU and their cells, by the names and in the order of a ``state_dict``.

    ours      W (nH, D)       U (nH, H)       b (nH,)                one bias; LSTM gates f, i, o, g
    PyTorch   weight_ih_l{k}  weight_hh_l{k}  bias_ih_l{k} + bias_hh_l{k}    two;     i, f, g, o

The reverse direction's names end in ``_reverse``; a projection is ``weight_hr_l{k}``; a cell's names have no ending.
RNN and GRU gates have the same order in both; a GRU's b_n is the last third of bias_hh. PyTorch itself is not needed
here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lstm import saving
from tinygrad_lstm.arguments import came
from tinygrad_lstm.errors import WeightsError
from tinygrad_lstm.interop.layout import Array, Layout, add_biases, inner_bias
from tinygrad_lstm.nn.cells import Cell, Gates, GRUCell, LSTMCell, RNNCell
from tinygrad_lstm.nn.lstm_variants import ProjectedLSTMCell
from tinygrad_lstm.nn.recurrent import Recurrent

LAYOUTS: dict[type[Cell], Layout] = {
    RNNCell: Layout((0,)),
    LSTMCell: Layout((1, 0, 3, 2)),  # i, f, g, o
    ProjectedLSTMCell: Layout((1, 0, 3, 2)),
    GRUCell: Layout((0, 1, 2)),  # r, z, n
}


def state_dict(layer: Recurrent | Cell) -> dict[str, Array]:
    """The weights of a layer, or of one cell, as the ``state_dict`` of PyTorch's of the same sizes.

    Our one bias goes into bias_ih, and bias_hh is 0 but for a GRU's b_n.

    >>> from tinygrad_lstm import nn
    >>> {name: array.shape for name, array in state_dict(nn.LSTM(3, 5)).items()}
    {'weight_ih_l0': (20, 3), 'weight_hh_l0': (20, 5), 'bias_ih_l0': (20,), 'bias_hh_l0': (20,)}
    """
    state: dict[str, Array] = {}
    for suffix, cell, layout in cells_of(layer):
        state[f"weight_ih{suffix}"] = layout.theirs(cell.W.data)
        state[f"weight_hh{suffix}"] = layout.theirs(cell.U.data)
        if cell.b is not None:
            state[f"bias_ih{suffix}"] = layout.theirs(cell.b.data)
            state[f"bias_hh{suffix}"] = inner_bias(cell, cell.b.data)
        if isinstance(cell, ProjectedLSTMCell):
            state[f"weight_hr{suffix}"] = cell.W_h.data.copy()
    return state


def load_state_dict(layer: Recurrent | Cell, state: Mapping[str, Any], prefix: str = "") -> None:
    """Set the layer's weights from those of a PyTorch layer, given as arrays or as PyTorch tensors.

    ``prefix`` picks one layer out of a whole model: "encoder.lstm." for example. The two biases are added, exactly.

    Raises WeightsError, before anything is changed, with all that is missing, unexpected or mis-shaped.
    """
    if not isinstance(state, Mapping):
        raise WeightsError(f"a PyTorch state_dict is a dict of arrays by name, not a {type(state).__name__}")
    given = {name.removeprefix(prefix): array_of(value) for name, value in state.items() if name.startswith(prefix)}
    wanted = {name: array.shape for name, array in state_dict(layer).items()}
    complaints = [f"missing: {prefix}{name} {shape}" for name, shape in wanted.items() if name not in given]
    complaints += [f"unexpected: {prefix}{name} {array.shape}" for name, array in given.items() if name not in wanted]
    complaints += [
        f"mis-shaped: {prefix}{name} is {given[name].shape}, should be {shape}"
        for name, shape in wanted.items()
        if name in given and given[name].shape != shape
    ]
    complaints += [
        f"not real numbers: {prefix}{name} is {array.dtype}"
        for name, array in given.items()
        if array.dtype.kind not in "biuf"
    ]
    if complaints:
        raise WeightsError(
            f"these PyTorch weights do not fit {layer.extra_repr()}:\n  " + "\n  ".join(sorted(complaints))
        )
    for suffix, cell, layout in cells_of(layer):
        cell.W.data = layout.ours(given[f"weight_ih{suffix}"])
        cell.U.data = layout.ours(given[f"weight_hh{suffix}"])
        if cell.b is not None:
            cell.b.data = layout.ours(add_biases(cell, given[f"bias_ih{suffix}"], given[f"bias_hh{suffix}"]))
        if isinstance(cell, ProjectedLSTMCell):
            cell.W_h.data = given[f"weight_hr{suffix}"].copy()  # or training it would train PyTorch's


def save(layer: Recurrent | Cell, path: str | Path) -> None:
    """Write the weights to a ``.safetensors`` file that ``torch_layer.load_state_dict(load_file(path))`` takes."""
    saving.save(state_dict(layer), path)


def load(layer: Recurrent | Cell, path: str | Path, prefix: str = "") -> None:
    """Set the layer's weights from a ``.safetensors`` file of a PyTorch ``state_dict``."""
    load_state_dict(layer, saving.load(path), prefix)


def cells_of(layer: Recurrent | Cell) -> list[tuple[str, Gates, Layout]]:
    """PyTorch's suffix, the cell and the order of its gates, for every cell of the layer."""
    if isinstance(layer, Cell):
        if isinstance(layer, ProjectedLSTMCell):
            raise WeightsError("PyTorch has projections in its LSTM layer only, not in its LSTMCell")
        return [("", *_known(layer))]
    if not isinstance(layer, Recurrent):
        raise WeightsError(f"PyTorch has weights for RNN, LSTM and GRU layers and cells, not for {came(layer)}")
    if layer.directions == (True,) or layer.merge == "sum":
        raise WeightsError("PyTorch has no layer that runs in reverse only, or whose directions are summed")
    found = []
    for k, cell in enumerate(layer.layers):
        depth, reverse = divmod(k, len(layer.directions))
        found.append((f"_l{depth}" + ("_reverse" if reverse else ""), *_known(cell)))
    return found


def _known(cell: Cell) -> tuple[Gates, Layout]:
    """A cell that PyTorch has too, and the order of its gates."""
    layout = LAYOUTS.get(type(cell))
    if layout is None or not isinstance(cell, Gates):
        raise WeightsError(f"PyTorch has no {type(cell).__name__}; it has {', '.join(c.__name__ for c in LAYOUTS)}")
    return cell, layout


def array_of(value: Any) -> Array:
    """An array, or a PyTorch tensor as one; bfloat16, which NumPy has not, goes exactly into float64."""
    if not hasattr(value, "cpu"):
        return np.asarray(value)
    value = value.detach().cpu()
    return np.asarray((value if value.is_complex() else value.double()).numpy())
