"""How long a recurrent cell remembers, as its weights say: the eigenvalues of U, and the half-lives of what is kept."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np

from tinygrad_lstm import Tensor, nn
from tinygrad_lstm.nn.activated_cells import FUNCTIONS
from tinygrad_lstm.paths import half_life

Array: TypeAlias = np.ndarray
GATES = {(1, -1, 0, 0): "fiog", (1, 0, 0): "fog", (0, 1, 0): "rzn", (-1, 0): "fn", (): "h"}  # by which ones keep


class Memory(NamedTuple):
    """What the weights of one recurrent cell say of its memory."""

    name: str
    kind: str
    hidden: int
    eigenvalues: dict[str, float]  # the largest |λ| of U, for each gate whose block of U is square
    keeps: str  # the gate that keeps the old state; empty if none does
    half_lives: list[float]  # in steps, of each unit, where x and h are 0


def memory_of(name: str, cell: nn.Cell) -> Memory:
    """What U and the biases of a cell say; a cell without U, or of the user's own, has its size only."""
    blocks, biases = blocks_of(cell)
    values = {
        gate: float(abs(np.linalg.eigvals(U)).max()) if np.isfinite(U).all() else float("nan")
        for gate, U in blocks.items()
        if U.shape[0] == U.shape[1]
    }
    keeps, lives = "", []
    for gate, sign in zip(blocks, cell.memory, strict=False):
        bias = biases.get(gate)
        if (sign == 1 or (sign == -1 and 1 not in cell.memory)) and bias is not None and np.isfinite(bias).all():
            keeps, lives = gate, half_life(kept_by(cell, sign, bias)).tolist()
    return Memory(name, type(cell).__name__.removesuffix("Cell"), cell.hidden_size, values, keeps, lives)


def kept_by(cell: nn.Cell, sign: int, bias: Array) -> Array:
    """What a step keeps of the old state where x and h are 0: the gate, or, for -1, what the gate leaves."""
    function = getattr(cell, "gate", "sigmoid")
    if function == "sigmoid":
        kept: Array = np.exp(-np.logaddexp(0.0, -sign * bias))
        return kept
    opened: Array = FUNCTIONS[function](Tensor(bias)).data.clip(0, 1)
    return opened if sign == 1 else 1 - opened


def blocks_of(cell: Any) -> tuple[dict[str, Array], dict[str, Array]]:
    """The recurrent weights and the biases by the gates that they lead to."""
    if isinstance(cell, nn.SeparateLSTMCell):
        parts = {name: parameter.data.astype(float) for name, parameter in cell.named_parameters()}
        by_letter = [
            {name[2:]: array for name, array in parts.items() if name[:2] == letter} for letter in ("U_", "b_")
        ]
        return by_letter[0], by_letter[1]
    gates = GATES.get(cell.memory, "")
    if not isinstance(cell, nn.Gates) or len(cell.U.data) != len(gates) * cell.hidden_size:
        return {}, {}
    U, b = cell.U.data.astype(float), None if cell.b is None else cell.b.data.astype(float)
    split = [dict(zip(gates, np.split(array, len(gates)), strict=True)) for array in (U, b) if array is not None]
    return split[0], split[1] if b is not None else {}
