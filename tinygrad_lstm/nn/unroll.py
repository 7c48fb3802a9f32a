"""Unrolling: the same cell at every time step, and the record of what happened on the way.

Backpropagation through time is nothing more than backpropagation through the graph this loop leaves behind.
t is 1..T wherever a person reads it; ``steps[k]`` is t = k + 1 and ``initial`` is t = 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from tinygrad_lstm.engine.collector import collector_paused
from tinygrad_lstm.engine.naming import collecting, label, with_held
from tinygrad_lstm.engine.ops.shapes import expand_dims, reshape, stack, unstack
from tinygrad_lstm.engine.tensor import Tensor, TensorLike
from tinygrad_lstm.errors import ArgumentError, DtypeError, PositionError, ShapeError
from tinygrad_lstm.nn.cells import Cell, State
from tinygrad_lstm.nn.in_chunks import chunk_size, run_in_chunks
from tinygrad_lstm.nn.steps import Outside as Outside
from tinygrad_lstm.nn.steps import Stepper, apply_mask, check_step, named_state
from tinygrad_lstm.nn.steps import as_state as as_state
from tinygrad_lstm.nn.steps import parts_of as parts_of
from tinygrad_lstm.tags import tag

T = TypeVar("T")


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


class Numbered(tuple[T, ...]):
    """Steps, or chains, in order; PositionError for one that is not there."""

    __slots__ = ()

    def __getitem__(self, position: Any) -> Any:
        try:
            return super().__getitem__(position)
        except IndexError:
            count = f"there are {len(self)}, counted from 0" if self else "there are none"
            what = type(self[0]).__name__.lower() if self else "step"
            raise PositionError(f"no {what} [{position}]: {count}") from None


@dataclass(frozen=True)
class Chain:
    """One cell along the time axis: one layer, in one direction."""

    cell: Cell
    initial: Step
    steps: Sequence[Step]
    output: Tensor  # h at every step (T, B, H)
    state: State  # after the last step
    reverse: bool = False  # whether time ran from T to 1
    nothing: Mapping[str, Tensor] = field(default_factory=dict)  # of 0 steps: an empty (0, B, H) for each name

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", Numbered(self.steps))

    def __getitem__(self, name: str) -> Tensor:
        """One name at every step: (T, B, H); ArgumentError for one that some step does not have."""
        if isinstance(name, str) and name in self.nothing:
            return self.nothing[name]
        steps = [step.named for step in self.steps]
        if not isinstance(name, str) or not steps or any(name not in named for named in steps):
            raise ArgumentError(f"{self!r} has no {name!r} at every step")
        return stack([named[name] for named in steps])

    def __repr__(self) -> str:
        names = self.steps[0].named if self.steps else self.nothing
        steps = f"{len(self.steps)} steps of {', '.join(names)}" if names else "steps not kept"
        return f"Chain({type(self.cell).__name__}, {steps})"


@dataclass(frozen=True)
class Trajectory:
    """Every step's states and gates, as tensors of the graph, for each layer and direction.

    ``chains`` are in PyTorch's order: layer 0 forward, layer 0 reverse, layer 1 forward, ... ``steps``, ``initial``
    and ``trajectory["f"]``, a name stacked over time, are those of the last chain: the top layer, and of its two
    directions the reverse one. (The forward one is then ``chains[-2]``.)

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

    def __post_init__(self) -> None:
        object.__setattr__(self, "chains", Numbered(self.chains))

    @property
    def steps(self) -> Sequence[Step]:
        """The top chain's steps: ``steps[k]`` is t = k + 1."""
        return self.chains[-1].steps

    @property
    def initial(self) -> Step:
        """The top chain's states at t = 0."""
        return self.chains[-1].initial

    def __getitem__(self, name: str) -> Tensor:
        if not isinstance(name, str):
            raise DtypeError(f'trajectory["c"] is a name at every step; a step is trajectory.steps[k], not [{name!r}]')
        return self.chains[-1][name]

    def __repr__(self) -> str:
        return f"Trajectory(output {self.output.shape}, {len(self.chains)} x {self.chains[-1]!r})"

    def __len__(self) -> int:
        return len(self.steps)


def begin_run(
    cell: Cell, x: Tensor, state: State | None, mask: TensorLike | None, outside: Outside
) -> tuple[np.ndarray | None, Tensor, State, Step]:
    """What every run of a cell starts from: mask and x by ``apply_mask``, and the checked state, named as t = 0."""
    on, x = apply_mask(x, mask, outside)
    state = cell.checked_state(state, x.shape[1:-1], x.dtype)
    initial = named_state(cell, state)
    label(**initial)
    cell.begin()
    return on, x, state, Step(0, initial)


def unroll_nothing(cell: Cell, x: Tensor, state: State, initial: Step, reverse: bool, collect: bool) -> Chain:
    """A sequence of 0 steps: the output is empty and the final state is the initial one.

    The cell runs once, on 0 rows, so that the graph leads to all it reads: every gradient is 0, none is None.
    """
    named: dict[str, Tensor] = {}
    rows = as_state([reshape(part, (-1, part.shape[-1]))[:0] for part in parts_of(state)])
    outer = collecting.get()
    try:
        collecting.set(named)
        label(x=reshape(x, (0, x.shape[-1])))
        with cell.scope():
            after = with_held(cell.forward)(named["x"], rows)
        check_step(cell, after, [part.shape for part in parts_of(rows)])
    finally:
        collecting.set(outer)
        cell.begin()
    named.update(named_state(cell, after))

    def over_time(tensor: Tensor) -> Tensor:
        """The shape of 0 steps, (0, B, H), for a tensor of 0 rows, (0, H)."""
        if tensor.shape[:1] == (0,):
            return reshape(tensor, (*x.shape[:-1], *tensor.shape[1:]))
        return expand_dims(tensor, 0)[:0]

    nothing = {name: over_time(tensor) for name, tensor in named.items()}
    output = nothing[cell.states[0]]
    return Chain(cell, initial, (), output, state, reverse, nothing if collect else {})


@collector_paused
def unroll(
    cell: Cell, x: TensorLike, state: State | None = None, *, mask: TensorLike | None = None,
    outside: Outside = "zero", reverse: bool = False, collect: bool = True, checkpoint: int | bool = False,
) -> Chain:  # fmt: skip
    """Run the cell over a sequence: x (T, B, D), or (T, D) for one sequence; the state starts at zero unless given.

    ``mask`` (T, B) or (T,), bool: where it is off, a row's state is carried on as it is, whatever x holds there; the
    output is then 0 (``outside="zero"``, as in packed sequences and ONNX), the carried h ("repeat", as in Keras), or
    what the cell makes of an input of 0 ("raw"). With ``reverse`` time runs from T to 1: of a masked sequence only
    the valid part is reversed. Output and steps stay at the positions of the inputs. With ``collect=False`` only
    output and final state are kept, not the gates of every step. Of T = 0 steps the output is empty, the final state is
    the initial one, and every other gradient is 0.

    With ``checkpoint=k`` the graph keeps the states of every k-th step only, and backward runs the steps between them
    again, k at a time: in chunks of √T steps (``checkpoint=True``) it keeps O(√T) instead of O(T), for one more forward
    pass. Gradients are the same to the last bit, random masks too, if the cell draws them from ``tg.generator()``.
    The inner steps are then not in the graph: none are kept in the chain, and ``tg.paths`` refuses such a graph.

    Raises ShapeError for an input of another width than the cell's, for a state or a mask that does not fit, and where
    the cell's forward gives a state of another shape.

    >>> import numpy as np
    >>> from tinygrad_lstm import nn
    >>> unroll(nn.LSTMCell(3, 5), np.ones((7, 2, 3)))
    Chain(LSTMCell, 7 steps of x, f, i, g, c, o, h)
    """
    if not isinstance(cell, Cell):
        raise ArgumentError(f"unroll() takes a cell, such as nn.LSTMCell(3, 5), not {cell!r}")
    x = cell.floating(x)
    if x.ndim < 2:
        raise ShapeError(f"a sequence is (T, B, D) or (T, D), not {x.shape}")
    if x.shape[-1] != cell.input_size:
        raise ShapeError(f"inputs of width {x.shape[-1]} for a {type(cell).__name__} that takes {cell.input_size}")
    size = chunk_size(checkpoint, len(x)) if checkpoint is not False else 0
    on, x, state, initial = begin_run(cell, x, state, mask, outside)
    if not len(x):
        return unroll_nothing(cell, x, state, initial, reverse, collect and not size)
    step = Stepper(cell, [part.shape for part in parts_of(state)], on, outside)
    state = as_state([tag(part, "initial") for part in parts_of(state)])  # reading it counts as reading an earlier step
    steps: list[Step] = []
    outputs: list[Tensor] = []
    outer = collecting.get()
    try:
        collecting.set(None)
        if size:
            outputs, state = run_in_chunks(step, x, state, reverse, size)
        else:
            inputs = list(enumerate(unstack(x), start=1))
            for t, x_t in reversed(inputs) if reverse else inputs:
                named: dict[str, Tensor] = {}  # what label() is given in this step
                if collect:
                    collecting.set(named)
                h, state = step.take(t, x_t, state)
                outputs.append(h)
                if collect:
                    steps.append(Step(t, named | named_state(cell, state)))
    finally:
        collecting.set(outer)
        cell.begin()  # what was drawn for this sequence may hold its graph
    if reverse:
        steps.reverse()
        outputs.reverse()
    return Chain(cell, initial, tuple(steps), stack(outputs), state, reverse)
