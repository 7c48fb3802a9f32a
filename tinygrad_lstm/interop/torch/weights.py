"""The weights of torch.nn.RNN, LSTM and GRU, their cells, and modules that hold them, as in a ``state_dict``.

    ours      W (nH, D)       U (nH, H)       b (nH,)                one bias; LSTM gates f, i, o, g
    PyTorch   weight_ih_l{k}  weight_hh_l{k}  bias_ih_l{k} + bias_hh_l{k}    two;     i, f, g, o

The reverse direction's names end in ``_reverse``; a projection is ``weight_hr_l{k}``; a cell's names have no ending.
RNN and GRU gates have the same order in both; a GRU's b_n is the last third of bias_hh. PyTorch itself is not needed
here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_lstm import nn, saving
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
THEIRS = {"W": "weight", "w": "weight", "weight": "weight", "b": "bias"}  # of other layers, by our names


def state_dict(module: nn.Module, prefix: str = "") -> dict[str, Array]:
    """The weights as the ``state_dict`` of PyTorch's module of the same sizes, whose parts have the same names.

    The module is a recurrent layer or a cell, Linear, Embedding or LayerNorm, or one that holds them, such as a
    Sequential. Our one bias goes into bias_ih, and bias_hh is 0 but for a GRU's b_n. ``prefix`` comes before all names.

    >>> from tinygrad_lstm import nn
    >>> {name: array.shape for name, array in state_dict(nn.LSTM(3, 5)).items()}
    {'weight_ih_l0': (20, 3), 'weight_hh_l0': (20, 5), 'bias_ih_l0': (20,), 'bias_hh_l0': (20,)}
    >>> list(state_dict(nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2, bias=False)), "head."))
    ['head.0.weight', 'head.0.bias', 'head.2.weight']
    """
    state: dict[str, Array] = {}
    for name, part in _parts(module, prefix):
        if not isinstance(part, Recurrent | Cell):
            state |= {name + THEIRS[own]: parameter.data.copy() for own, parameter in part.named_parameters()}
            continue
        for suffix, cell, layout in cells_of(part):
            state[f"{name}weight_ih{suffix}"] = layout.theirs(cell.W.data)
            state[f"{name}weight_hh{suffix}"] = layout.theirs(cell.U.data)
            if cell.b is not None:
                state[f"{name}bias_ih{suffix}"] = layout.theirs(cell.b.data)
                state[f"{name}bias_hh{suffix}"] = inner_bias(cell, cell.b.data)
            if isinstance(cell, ProjectedLSTMCell):
                state[f"{name}weight_hr{suffix}"] = cell.W_h.data.copy()
    return state


def load_state_dict(module: nn.Module, state: Mapping[str, Any], prefix: str = "") -> None:
    """Set the weights from those of a PyTorch module, given as arrays or as PyTorch tensors: see ``state_dict``.

    ``prefix`` picks one part out of a whole model: "encoder.lstm." for example. The two biases are added, exactly.

    Raises WeightsError, before anything is changed, with all that is missing, unexpected or mis-shaped, and with the
    prefix under which the weights are there.
    """
    if not isinstance(state, Mapping):
        raise WeightsError(f"a PyTorch state_dict is a dict of arrays by name, not a {type(state).__name__}")
    given = {name: array_of(value) for name, value in state.items() if name.startswith(prefix)}
    wanted = {name: array.shape for name, array in state_dict(module, prefix).items()}
    complaints = [f"missing: {name} {shape}" for name, shape in wanted.items() if name not in given]
    complaints += [f"unexpected: {name} {array.shape}" for name, array in given.items() if name not in wanted]
    complaints += [
        f"mis-shaped: {name} is {given[name].shape}, should be {shape}"
        for name, shape in wanted.items()
        if name in given and given[name].shape != shape
    ]
    complaints += [
        f"not real numbers: {name} is {array.dtype}" for name, array in given.items() if array.dtype.kind not in "biuf"
    ]
    if complaints:
        there = _prefixes(state, [name.removeprefix(prefix) for name in wanted])
        hint = f"\nprefix={' or '.join(map(repr, there))} picks weights of these names" if there else ""
        said = "\n  ".join(sorted(complaints))
        raise WeightsError(f"these PyTorch weights do not fit {module.extra_repr() or came(module)}:\n  {said}{hint}")
    for name, part in _parts(module, prefix):
        if not isinstance(part, Recurrent | Cell):
            for own, parameter in part.named_parameters():
                parameter.data = given[name + THEIRS[own]].copy()  # or training it would train PyTorch's
            continue
        for suffix, cell, layout in cells_of(part):
            cell.W.data = layout.ours(given[f"{name}weight_ih{suffix}"])
            cell.U.data = layout.ours(given[f"{name}weight_hh{suffix}"])
            if cell.b is not None:
                biases = given[f"{name}bias_ih{suffix}"], given[f"{name}bias_hh{suffix}"]
                cell.b.data = layout.ours(add_biases(cell, *biases))
            if isinstance(cell, ProjectedLSTMCell):
                cell.W_h.data = given[f"{name}weight_hr{suffix}"].copy()


def save(module: nn.Module, path: str | Path, prefix: str = "") -> None:
    """Write the weights to a ``.safetensors`` file that ``torch_module.load_state_dict(load_file(path))`` takes."""
    saving.save(state_dict(module, prefix), path)


def load(module: nn.Module, path: str | Path, prefix: str = "") -> None:
    """Set the weights from a ``.safetensors`` file, or the index of several, of a PyTorch ``state_dict``."""
    load_state_dict(module, saving.load(path), prefix)


def _parts(module: nn.Module, name: str) -> Iterator[tuple[str, nn.Module]]:
    """The parts that PyTorch has too, each with the beginning of its weights' names; WeightsError for another."""
    if not isinstance(module, nn.Module):
        raise WeightsError(f"PyTorch has weights for layers and cells, and what holds them, not for {came(module)}")
    if isinstance(module, Recurrent | Cell) or type(module) in (nn.Linear, nn.Embedding, nn.LayerNorm):
        yield name, module
        return
    holds_others = isinstance(module, nn.ModuleList) or type(module) is nn.Module
    ours = type(module).__module__.startswith(f"{nn.__name__}.") and not holds_others
    if own := [word for word, _ in module.named_parameters() if ours or "." not in word]:
        raise WeightsError(f"PyTorch has no {type(module).__name__} with the weights {', '.join(own)}")
    for word, part in module.children():
        yield from _parts(part, f"{name}{word}.")


def _prefixes(state: Mapping[str, Any], names: list[str]) -> list[str]:
    """The beginnings that all these names have in a ``state_dict``."""
    begins = [name.removesuffix(names[0]) for name in state if name.endswith(names[0])] if names else []
    return [begin for begin in begins if all(begin + name in state for name in names)]


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
