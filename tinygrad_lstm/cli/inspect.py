"""What a file of weights holds: its arrays, and how long its recurrent cells remember."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console

from tinygrad_lstm.cli.messages import DONE, answer, plain, say
from tinygrad_lstm.cli.onnx_nodes import describe as describe_node
from tinygrad_lstm.cli.onnx_nodes import records
from tinygrad_lstm.cli.weights import Array, Arrays, arrays_in, held_by_torch
from tinygrad_lstm.paths import half_life

# By how many gates there are: their names, ours and PyTorch's, and the one that keeps the old state
OURS = {1: ("h", ""), 3: ("rzn", "z"), 4: ("fiog", "f")}
TORCH = {1: ("h", ""), 3: ("rzn", "z"), 4: ("ifgo", "f")}
KINDS = {1: "RNN", 3: "GRU", 4: "LSTM"}


class Memory(NamedTuple):
    """What the weights of one recurrent cell say of its memory."""

    name: str
    kind: str
    hidden: int
    eigenvalues: dict[str, float]  # the largest |λ| of U, for each gate whose block of U is square
    keeps: str  # the gate that keeps the old state; empty if none does
    half_lives: list[float]  # in steps, of each unit, where x and h are 0


def run(path: Path, as_json: bool) -> int:
    """Print what a file of weights holds; returns the exit code."""

    def show(console: Console) -> int:
        arrays = arrays_in(path)
        found = list(memories(arrays))
        nodes = [node for node, _ in records(path)] if path.suffix == ".onnx" else []
        if as_json:
            cells = [cell._asdict() for cell in found]
            found_there = {"arrays": [record(*item) for item in arrays.items()], "cells": cells}
            found_there |= {"nodes": nodes} if nodes else {}
            print(json.dumps(plain(found_there), ensure_ascii=False, indent=1))
            return DONE
        width = max(map(len, arrays), default=0)
        for name, array in arrays.items():
            norm = record(name, array)["norm"]
            size = "" if norm is None else f"norm {norm:.4g}"
            say(console, f"{name:{width}}  {array.shape!s:12} {array.dtype!s:8} {size}".rstrip())
        numbers = sum(array.size for array in arrays.values())
        say(console, f"{len(arrays)} arrays, {numbers:,} numbers", style="bold")
        for node in nodes:
            say(console, f"\n{describe_node(node)}")
        for cell in found:
            say(console, describe(cell))
        return DONE

    return answer(show)


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
    lines = [f"\n{cell.name}: {'a' if cell.kind == 'GRU' else 'an'} {cell.kind} of {cell.hidden} units"]
    lines += [f"  largest |eigenvalue| of U: {values}"] if values else []
    if cell.half_lives:
        least, middle, most = (f"{f(cell.half_lives):.3g}" for f in (np.min, np.median, np.max))
        lines.append(
            f"  half-life of the memory where x = h = 0, by the bias of {cell.keeps}: "
            f"{least} to {most} steps, median {middle}"
        )
    return "\n".join(lines)


def memories(arrays: Arrays) -> Iterator[Memory]:
    """The recurrent cells whose layout is known: PyTorch's, and ours with the weights of an RNN, a GRU or an LSTM.

    Of three gates without a b_n it cannot be known which they are.
    """
    for held in held_by_torch(arrays):
        U, bias = held.arrays["weight_hh_l0"], None
        if "bias_ih_l0" in held.arrays and "bias_hh_l0" in held.arrays:
            bias = held.arrays["bias_ih_l0"] + held.arrays["bias_hh_l0"]
        hidden = held.arrays["weight_hr_l0"].shape[-1] if "weight_hr_l0" in held.arrays else None
        yield from _memory(held.name, U, bias, hidden, TORCH)
    for name, U in arrays.items():
        prefix, _, last = name.rpartition(".")
        below = f"{prefix}." if prefix else ""
        if last == "U_f" and below + "U_c" in arrays:
            yield from _memory_of_separate(prefix or "cell", arrays, below)
        if last != "U" or below + "W" not in arrays or U.ndim != 2 or not U.size:
            continue
        W_h = arrays.get(below + "W_h")
        hidden = U.shape[1] if W_h is None else W_h.shape[-1]
        if len(U) != 3 * hidden or below + "b_n" in arrays:
            yield from _memory(prefix or "cell", U, arrays.get(below + "b"), hidden, OURS)


def _memory(
    name: str, U: Array, bias: Array | None, hidden: int | None, layout: dict[int, tuple[str, str]]
) -> Iterator[Memory]:
    """The memory of a cell with stacked gates; nothing where their number is not that of a known cell."""
    if U.ndim != 2 or not U.size or U.dtype.kind not in "biuf":
        return
    hidden = U.shape[1] if hidden is None else hidden
    count, rest = divmod(len(U), hidden)
    if rest or count not in layout or (bias is not None and bias.shape != (len(U),)):
        return
    gates, keeps = layout[count]
    blocks = dict(zip(gates, np.split(U.astype(float), count), strict=True))
    lives = None if bias is None else dict(zip(gates, np.split(bias.astype(float), count), strict=True)).get(keeps)
    yield Memory(name, KINDS[count], hidden, _largest(blocks), keeps, _half_lives(lives))


def _memory_of_separate(name: str, arrays: Arrays, below: str) -> Iterator[Memory]:
    blocks = {gate: arrays[f"{below}U_{gate}"].astype(float) for gate in "fioc" if f"{below}U_{gate}" in arrays}
    bias = arrays.get(f"{below}b_f")
    yield Memory(name, "LSTM", len(blocks["f"]), _largest(blocks), "f", _half_lives(bias))


def _largest(blocks: dict[str, Array]) -> dict[str, float]:
    """The largest |λ| of every square block; NaN where it has numbers that are not finite."""
    return {
        gate: float(abs(np.linalg.eigvals(U)).max()) if np.isfinite(U).all() else float("nan")
        for gate, U in blocks.items()
        if U.ndim == 2 and U.shape[0] == U.shape[1]
    }


def _half_lives(bias: Array | None) -> list[float]:
    """How many steps until half of each unit is left, at the gate that its bias alone gives."""
    if bias is None or not np.isfinite(bias).all():
        return []
    lives: list[float] = half_life(np.exp(-np.logaddexp(0.0, -bias.astype(float)))).tolist()
    return lives
