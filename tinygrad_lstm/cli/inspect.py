"""What a file of weights holds: its arrays, and how long its recurrent cells remember."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from tinygrad_lstm import nn
from tinygrad_lstm.cli.messages import DONE, print_json, say
from tinygrad_lstm.cli.onnx_nodes import describe as describe_node
from tinygrad_lstm.cli.onnx_nodes import records
from tinygrad_lstm.errors import WeightsError
from tinygrad_lstm.interop.files import Array, Arrays, Layers, arrays_in, read_as, said_by
from tinygrad_lstm.nn.wrappers import CellWrapper
from tinygrad_lstm.training.memory import Memory, memory_of

GUESSES = (nn.LSTMCell, nn.GRUCell, nn.RNNCell, nn.SeparateLSTMCell)  # which differ in their names and shapes


def run(path: Path, as_json: bool) -> int:
    """Print what a file of weights holds; returns the exit code."""
    arrays, layers = arrays_in(path), said_by(path)
    if not layers:
        layers = guessed(arrays, path)
    cells = [memory_of(name, cell) for name, cell in cells_in(layers)]
    nodes = list(records(path)) if path.suffix == ".onnx" else []
    if as_json:
        there = {name: f"{type(layer).__name__}({layer.extra_repr()})" for name, layer in layers.items()}
        found = {"arrays": [record(*item) for item in arrays.items()], "layers": there}
        print_json(found | {"cells": [cell._asdict() for cell in cells]} | ({"nodes": nodes} if nodes else {}))
        return DONE
    console, width = Console(), max(map(len, arrays), default=0)
    for name, array in arrays.items():
        norm = record(name, array)["norm"]
        size = "" if norm is None else f"norm {norm:.4g}"
        say(console, f"{name:{width}}  {array.shape!s:12} {array.dtype!s:8} {size}".rstrip())
    numbers = sum(array.size for array in arrays.values())
    say(console, f"{len(arrays)} arrays, {numbers:,} numbers", style="bold")
    for node in nodes:
        say(console, f"\n{describe_node(node)}")
    for cell in cells:
        say(console, describe(cell))
    return DONE


def record(name: str, array: Array) -> dict[str, Any]:
    """An array for another program; what is no real number has no norm."""
    norm = float(np.linalg.norm(array.astype(float).ravel())) if array.dtype.kind in "biuf" else None
    return {"name": name, "shape": list(array.shape), "dtype": str(array.dtype), "norm": norm}


def describe(cell: Memory) -> str:
    """A cell in lines for a person.

    >>> print(describe(Memory("l0", "LSTM", 2, {"f": 0.5, "g": 1.25}, "f", [1.0, 2.0, 4.0])))
    <BLANKLINE>
    l0: an LSTM of 2 units
      largest |eigenvalue| of U: f 0.5, g 1.25
      half-life of the memory where x = h = 0, by the bias of f: 1 to 4 steps, median 2
    """
    values = ", ".join(f"{gate} {value:.4g}" for gate, value in cell.eigenvalues.items())
    article = "an" if cell.kind in ("LSTM", "RNN", "MGU") else "a"
    lines = [f"\n{cell.name}: {article} {cell.kind} of {cell.hidden} units"]
    lines += [f"  largest |eigenvalue| of U: {values}"] if values else []
    if cell.half_lives:
        least, middle, most = (f"{f(cell.half_lives):.3g}" for f in (np.min, np.median, np.max))
        lines.append(
            f"  half-life of the memory where x = h = 0, by the bias of {cell.keeps}: "
            f"{least} to {most} steps, median {middle}"
        )
    return "\n".join(lines)


def guessed(arrays: Arrays, path: Path) -> Layers:
    """The cells in a file of arrays alone whose names and shapes leave no other kind."""
    found: Layers = {}
    for make in GUESSES:
        with suppress(WeightsError):
            found |= dict(read_as(make, arrays, path))
    return found


def cells_in(layers: Layers) -> Iterator[tuple[str, nn.Cell]]:
    """Every cell with its name, without what is wrapped around it."""
    for name, layer in layers.items():
        for k, cell in enumerate(layer.layers):
            while isinstance(cell, CellWrapper):
                cell = cell.cell
            yield name if len(layer.layers) == 1 else f"{name}, cell {k}", cell
