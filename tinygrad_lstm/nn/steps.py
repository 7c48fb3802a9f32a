"""One time step of a run: the cell, its names, and what a mask makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import numpy as np

from tinygrad_lstm.engine.naming import label, with_held
from tinygrad_lstm.engine.ops.choices import where
from tinygrad_lstm.engine.scope import scope
from tinygrad_lstm.engine.tensor import Tensor, TensorLike
from tinygrad_lstm.errors import ArgumentError, ShapeError
from tinygrad_lstm.nn.cells import Cell, State
from tinygrad_lstm.nn.options import array_of
from tinygrad_lstm.tags import tag

Outside: TypeAlias = Literal["zero", "repeat", "raw"]  # what the output is where the mask is off
OUTSIDE = get_args(Outside)


def parts_of(state: State) -> tuple[Tensor, ...]:
    """h alone, or (h, c), as a tuple."""
    return state if isinstance(state, tuple) else (state,)


def as_state(parts: Sequence[Tensor]) -> State:
    """The inverse of ``parts_of``."""
    return tuple(parts) if len(parts) > 1 else parts[0]


def named_state(cell: Cell, state: State) -> dict[str, Tensor]:
    """A cell's state by the names of its parts."""
    return dict(zip(cell.states, parts_of(state), strict=True))


def mask_step(cell: Cell, on: np.ndarray, after: State, before: State, outside: Outside) -> tuple[Tensor, State]:
    """Output and state of a step that counts only in some rows; the others carry the state before it on."""
    rows, pairs = np.expand_dims(on, -1), zip(parts_of(after), parts_of(before), strict=True)
    state = as_state([where(rows, new, tag(old, "carry")) for new, old in pairs])
    label(**named_state(cell, state))
    h = parts_of(state if outside == "repeat" else after)[0]
    return (where(rows, h, 0) if outside == "zero" else h), state


def apply_mask(x: Tensor, mask: TensorLike | None, outside: Outside) -> tuple[np.ndarray | None, Tensor]:
    """The mask as an array, None if it is on everywhere; and x with 0 where it is off.

    Otherwise a NaN in the padding would make a zero gradient NaN. ShapeError unless the mask has a bool for each step.
    """
    if not (isinstance(outside, str) and outside in OUTSIDE):
        raise ArgumentError(f"outside is one of {', '.join(map(repr, OUTSIDE))}, not {outside!r}")
    if mask is None:
        return None, x
    array = array_of(mask)
    array = array if array.size else array.astype(bool)  # an empty list is of no dtype
    if array.dtype != bool or array.shape != x.shape[:-1]:
        raise ShapeError(f"a mask holds a bool for each step and row, {x.shape[:-1]}, not {array.dtype} {array.shape}")
    return (None, x) if array.all() else (array, where(np.expand_dims(array, -1), x, 0))


def check_step(cell: Cell, after: object, shapes: list[tuple[int, ...]]) -> None:
    """ShapeError unless a step of the cell made Tensors of the shapes that its states have."""
    parts = after if isinstance(after, tuple) else (after,)
    if not all(isinstance(part, Tensor) for part in parts) or [part.shape for part in parts] != shapes:
        wanted = ", ".join(f"{name} {shape}" for name, shape in zip(cell.states, shapes, strict=True))
        wanted = f"the tuple of Tensors {wanted}" if len(shapes) > 1 else f"a Tensor {wanted}"
        got = ", ".join(f"{type(part).__name__} {getattr(part, 'shape', '')}".rstrip() for part in parts)
        raise ShapeError(f"the next state of a {type(cell).__name__} is {wanted}, but its forward gave {got}")


class Stepper:
    """A cell, step by step: ``take(t, x_t, state)`` gives output and state."""

    __slots__ = ("cell", "forward", "on", "outside", "shapes", "within")

    def __init__(self, cell: Cell, shapes: list[tuple[int, ...]], on: np.ndarray | None, outside: Outside) -> None:
        self.cell, self.on, self.outside = cell, on, outside
        self.shapes: list[tuple[int, ...]] | None = shapes  # of the states, to be checked at the first step
        self.within, self.forward = cell.scope(), with_held(cell.forward)

    def take(self, t: int, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Step t of x (B, D); ShapeError where the cell gives a state of another shape."""
        cell, on = self.cell, self.on
        with scope(f"t={t}", t):
            label(x=x)
            with self.within:  # cell(x_t, state) would check both again
                after = self.forward(x, state)
            if self.shapes is not None:
                check_step(cell, after, self.shapes)
                self.shapes = None
            cell.name_states(after)
            if on is None or on[t - 1].all():
                return parts_of(after)[0], after
            return mask_step(cell, on[t - 1], after, state, self.outside)
