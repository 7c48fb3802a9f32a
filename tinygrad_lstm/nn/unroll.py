"""Unrolling: the same cell at every time step, and the record of what happened on the way.

Backpropagation through time is nothing more than backpropagation through the graph this loop leaves behind.
t is 1..T wherever a person reads it; ``steps[k]`` is t = k + 1 and ``initial`` is t = 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tinygrad_lstm.engine.naming import label
from tinygrad_lstm.engine.ops.shapes import stack, unstack
from tinygrad_lstm.engine.scope import collecting, scope
from tinygrad_lstm.engine.tensor import Tensor, TensorLike
from tinygrad_lstm.errors import ShapeError
from tinygrad_lstm.nn.cells import Cell, State


class Step:
    """The named tensors of one time step: ``step.h``, ``step.c``, ``step.f``, ... as far as the cell names them."""

    def __init__(self, t: int, named: dict[str, Tensor]) -> None:
        self.t, self.named = t, named

    def __getattr__(self, name: str) -> Tensor:
        try:
            return self.__dict__["named"][name]  # type: ignore[no-any-return]  # Tensors are all it holds
        except KeyError:
            raise AttributeError(
                f"step t={self.__dict__.get('t')} has no {name!r}; it has {', '.join(self.__dict__.get('named', ()))}"
            ) from None

    def __repr__(self) -> str:
        return f"Step(t={self.t}: {', '.join(self.named)})"


@dataclass(frozen=True)
class Chain:
    """One cell along the time axis: one layer, in one direction."""

    cell: Cell
    initial: Step
    steps: Sequence[Step]
    output: Tensor  # h at every step (T, B, H)
    state: State  # after the last step

    def __getitem__(self, name: str) -> Tensor:
        """One name at every step: (T, B, H)."""
        return stack([getattr(step, name) for step in self.steps])

    def __repr__(self) -> str:
        steps = f"{len(self.steps)} steps of {', '.join(self.steps[0].named)}" if self.steps else "steps not kept"
        return f"Chain({type(self.cell).__name__}, {steps})"


@dataclass(frozen=True)
class Trajectory:
    """Every step's states and gates, as tensors of the graph, for each layer and direction.

    ``steps`` and ``initial`` are those of the last chain, the top layer; ``trajectory["f"]`` stacks a name over time.

    >>> import numpy as np
    >>> from tinygrad_lstm import nn
    >>> trajectory = nn.LSTM(3, 5).unroll(np.ones((7, 2, 3)))
    >>> trajectory
    Trajectory(output (7, 2, 5), 1 x Chain(LSTMCell, 7 steps of x, f, i, g, c, o, h))
    >>> trajectory["f"].shape, trajectory.steps[-1].c.shape
    ((7, 2, 5), (2, 5))
    """

    chains: tuple[Chain, ...]
    output: Tensor
    state: State

    @property
    def steps(self) -> Sequence[Step]:
        """The top chain's steps: ``steps[k]`` is t = k + 1."""
        return self.chains[-1].steps

    @property
    def initial(self) -> Step:
        """The top chain's states at t = 0."""
        return self.chains[-1].initial

    def __getitem__(self, name: str) -> Tensor:
        return self.chains[-1][name]

    def __repr__(self) -> str:
        return f"Trajectory(output {self.output.shape}, {len(self.chains)} x {self.chains[-1]!r})"

    def __len__(self) -> int:
        return len(self.steps)


def named_state(cell: Cell, state: State) -> dict[str, Tensor]:
    """A cell's state by the names of its parts."""
    return dict(zip(cell.states, state if isinstance(state, tuple) else (state,), strict=True))


def unroll(cell: Cell, x: TensorLike, state: State | None = None, *, collect: bool = True) -> Chain:
    """Run the cell over a sequence: x (T, B, D), or (T, D) for one sequence; the state starts at zero unless given.

    With ``collect=False`` only output and final state are kept, not the gates of every step.

    Raises ShapeError for an empty sequence, an input of another width than the cell's, or a state that does not fit.

    >>> import numpy as np
    >>> from tinygrad_lstm import nn
    >>> unroll(nn.LSTMCell(3, 5), np.ones((7, 2, 3)))
    Chain(LSTMCell, 7 steps of x, f, i, g, c, o, h)
    """
    x = cell.floating(x)
    if x.ndim < 2 or not len(x):
        raise ShapeError(f"a sequence of at least one step is needed, (T, B, D) or (T, D), not {x.shape}")
    if x.shape[-1] != cell.input_size:
        raise ShapeError(f"inputs of width {x.shape[-1]} for a {type(cell).__name__} that takes {cell.input_size}")
    state = cell.checked_state(state, x.shape[1:-1], x.dtype)
    initial = named_state(cell, state)
    label(**initial)
    steps: list[Step] = []
    outputs: list[Tensor] = []
    outer = collecting.get()
    try:
        for t, x_t in enumerate(unstack(x), start=1):
            named: dict[str, Tensor] = {}  # what label() is given in this step
            collecting.set(named if collect else None)
            with scope(f"t={t}", t):
                label(x=x_t)
                with cell.scope():  # not cell(x_t, state): state and input are checked already
                    state = cell.forward(x_t, state)
            outputs.append(state[0] if isinstance(state, tuple) else state)
            if collect:
                named.update(named_state(cell, state))
                steps.append(Step(t, named))
    finally:
        collecting.set(outer)
    return Chain(cell, Step(0, initial), tuple(steps), stack(outputs), state)
