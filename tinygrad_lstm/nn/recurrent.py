"""RNN, LSTM and GRU layers: cells unrolled over time, stacked in depth, in one or both directions, PyTorch's shapes."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Generic, Literal

from numpy.typing import DTypeLike

from tinygrad_lstm.engine.naming import holding
from tinygrad_lstm.engine.ops.shapes import concatenate, stack, swapaxes
from tinygrad_lstm.engine.tensor import Tensor, TensorLike
from tinygrad_lstm.errors import ArgumentError, ShapeError, check_call
from tinygrad_lstm.nn.calls import OverSteps, S, Stepped
from tinygrad_lstm.nn.cells import Cell, GRUCell, LSTMCell, RNNCell, State
from tinygrad_lstm.nn.fused import FUSIBLE, fusible, unroll_fused
from tinygrad_lstm.nn.in_chunks import chunk_size
from tinygrad_lstm.nn.init import Init
from tinygrad_lstm.nn.layers import Dropout
from tinygrad_lstm.nn.lists import ModuleList
from tinygrad_lstm.nn.lstm_variants import ProjectedLSTMCell
from tinygrad_lstm.nn.module import Module
from tinygrad_lstm.nn.options import DROPPED, array_of, check, check_arguments
from tinygrad_lstm.nn.packing import PackedSequence, lengths_to_mask, pack_padded_sequence, pad_packed_sequence
from tinygrad_lstm.nn.steps import Outside, as_state, parts_of
from tinygrad_lstm.nn.unroll import Chain, Trajectory, unroll


def maker(cell: Any, default: Callable[..., Cell] | None) -> Callable[..., Cell]:
    """What makes the cells of a layer, the default if none is given; ArgumentError for what makes none."""
    make: Any = default if cell is None else cell
    if isinstance(make, Module):
        raise ArgumentError(
            f"every layer and direction gets a cell of its own: cell={type(make).__name__}, not one made already"
        )
    if not callable(make):
        raise ArgumentError(f"cell makes a cell of input and hidden size, as nn.LSTMCell does, so not {make!r}")
    return make  # type: ignore[no-any-return]  # whether it makes cells shows when it does


def cell_options(make: Callable[..., Cell], **given: Any) -> dict[str, Any]:
    """The options that are given, for what makes the cells; ArgumentError for one that it does not take.

    A cell of the user's need not take the others.
    """
    options = {name: value for name, value in given.items() if value is not None}
    takes = inspect.signature(make).parameters if options else {}
    open_to_all = any(p.kind is p.VAR_KEYWORD for p in takes.values())
    if (unknown := [name for name in options if name not in takes]) and not open_to_all:
        name = getattr(make, "__name__", type(make).__name__)
        raise ArgumentError(f"{name}, which makes the cells, has no {', '.join(unknown)}: it takes {', '.join(takes)}")
    return options


class Recurrent(Module, Generic[S]):
    """Any cell over time and in layers: layer k reads the outputs of layer k - 1.

    ``cell`` makes one layer's cell from its input and hidden size: a class, or ``partial(ClippedLSTMCell, clip=3.0)``.
    ``bias``, ``forget_bias``, ``init`` and ``dtype`` are handed to the cells, whose docstrings explain them: see
    ``LSTMCell`` and ``nn.init``. For a cell without a forget gate, ``forget_bias`` is an ArgumentError.
    ``dropout`` acts on what goes from layer to layer: a probability, or a module, e.g. ``LockedDropout(0.3)``.
    ``bidirectional``: each layer has a second cell that runs from T to 1, and their outputs are put side by side
    (True or "concatenate") or added ("sum"). ``reverse``: the only cell of each layer runs from T to 1.

    Called with x (T, B, D), or (B, T, D) with ``batch_first``, or (T, D), or a PackedSequence; gives ``(output,
    state)``: output (T, B, H) of the top layer, 2H wide if concatenated, and h, or (h, c), after the last step, each
    (layers * directions, B, H), layer by layer, forward before reverse. ``lengths`` (B,) or ``mask`` (T, B), in the
    layout of x, say which steps of each row count; ``outside`` says what the output is in the others, see ``unroll``.

    ``fused=True`` runs each cell over all steps as one op, with its derivatives written by hand: the same numbers,
    several times as fast, but no second derivatives, and no steps to look at: for these, ``unroll`` runs the cells.

    ``checkpoint=True``: the graph keeps a state every √T steps, and backward runs those between them again (see
    ``nn.unroll``, also for other numbers). ``layer.unroll(x)`` runs without checkpoints, and gives the same numbers.
    """

    default_cell: ClassVar[Callable[..., Cell]]
    steps_can_be_run_again: ClassVar[bool] = True  # a scan has none
    checkpoint: int | bool = False
    __call__: OverSteps[S]

    @check_arguments
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float | Module = 0.0,
        bidirectional: bool | Literal["concatenate", "sum"] = False,
        cell: Callable[..., Stepped[S]] | None = None,
        reverse: bool = False,
        fused: bool = False,
        checkpoint: int | bool = False,
        forget_bias: float | None = None,
        init: Init = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        if bidirectional not in (False, True, "concatenate", "sum"):
            raise ArgumentError(f"bidirectional is True, False, 'concatenate' or 'sum', not {bidirectional!r}")
        if bidirectional and reverse:
            raise ArgumentError("both directions run already: reverse is for layers of one direction")
        if not isinstance(dropout, Module):
            check("dropout", dropout, DROPPED)
        if dropout and num_layers == 1:
            warnings.warn("dropout acts between layers, so with one layer it does nothing", stacklevel=3)
        make = maker(cell, getattr(type(self), "default_cell", None))
        options = cell_options(make, bias=None if bias else False, forget_bias=forget_bias, init=init, dtype=dtype)
        self.directions = (True,) if reverse else (False, True) if bidirectional else (False,)  # is it reversed?
        self.merge = "sum" if bidirectional == "sum" else "concatenate"
        cells: list[Cell] = []
        width = input_size
        for _ in range(num_layers):
            cells += [make(width, hidden_size, **options) for _ in self.directions]
            if not isinstance(cells[-1], Cell):
                raise ArgumentError(f"cell makes a Cell of input and hidden size, not a {type(cells[-1]).__name__}")
            width = cells[-1].state_sizes[0] * (len(self.directions) if self.merge == "concatenate" else 1)
        if fused and not fusible(cells[0]):
            raise ArgumentError(
                f"fused=True is for {FUSIBLE}; a {type(cells[0]).__name__} runs composed, with fused=False"
            )
        if checkpoint is not False:
            chunk_size(checkpoint, 1)
            if fused or not self.steps_can_be_run_again:
                what = "fused=True" if fused else f"a {type(self).__name__}"
                raise ArgumentError(f"checkpoint={checkpoint!r} is for cells run step by step; {what} runs all at once")
        self.layers: ModuleList[Any] = ModuleList(cells)  # of Any: layers[0].W is there, if the cell has one
        self.fused, self.checkpoint = fused, checkpoint
        self.dropout = dropout if isinstance(dropout, Module) else Dropout(dropout)
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.batch_first = batch_first

    @check_call
    def forward(
        self, x: Any, state: State | None = None, *, lengths: TensorLike = None, mask: TensorLike = None,
        outside: Outside = "zero",
    ) -> tuple[Tensor, S]:  # fmt: skip
        """Output and final state; of a PackedSequence, the output is one too."""
        if isinstance(x, PackedSequence):
            if lengths is not None or mask is not None or outside != "zero":
                raise ArgumentError(
                    "a PackedSequence holds the valid steps only: no lengths, mask or outside beside it"
                )
            return self._run_packed(x, state)
        trajectory = self._run(x, state, lengths, mask, outside, collect=False)
        return trajectory.output, trajectory.state

    def unroll(
        self, x: TensorLike, state: State | None = None, *, lengths: TensorLike = None, mask: TensorLike = None,
        outside: Outside = "zero",
    ) -> Trajectory:  # fmt: skip
        """The same run, with every step's states and gates as tensors of the graph.

        A fused layer runs its cells step by step here: the same weights and, but for rounding, the same numbers.
        """
        if isinstance(x, PackedSequence):
            raise ArgumentError("steps are looked at in a padded batch: x, lengths = pad_packed_sequence(packed) first")
        with self.scope():
            return self._run(x, state, lengths, mask, outside, collect=True)

    def _run(
        self, x: TensorLike, state: State | None, lengths: TensorLike, mask: TensorLike, outside: Outside, collect: bool
    ) -> Trajectory:
        x = self.floating(x)
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size:
            expected = "(B, T, D) or (T, D)" if self.batch_first else "(T, B, D) or (T, D)"
            raise ShapeError(
                f"{type(self).__name__} takes x of shape {expected} with D = {self.input_size}, not {x.shape}"
            )
        batch_first = self.batch_first and x.ndim == 3
        y = swapaxes(x, 0, 1) if batch_first else x
        if lengths is not None and mask is not None:
            raise ArgumentError("lengths or mask, not both: each says which steps count")
        if lengths is not None:
            mask = lengths_to_mask(lengths, y.shape[:-1])
        elif mask is not None and batch_first:
            mask = array_of(mask).T
        run = self._runner(collect)
        starts = iter(self._starts(state, y))
        cells = iter(self.layers)
        chains: list[Chain] = []
        for k in range(self.num_layers):
            if k:
                y = self.dropout(y)
            layer = [
                run(next(cells), y, next(starts), mask=mask, outside=outside, reverse=reverse)
                for reverse in self.directions
            ]
            chains += layer
            y = self._merge([chain.output for chain in layer])
        final = [stack(parts) for parts in zip(*[parts_of(chain.state) for chain in chains], strict=True)]
        output = swapaxes(y, 0, 1) if batch_first else y
        return Trajectory(tuple(chains), output, as_state(final))

    def _runner(self, collect: bool) -> Callable[..., Chain]:
        """How each cell runs: as one op, or with checkpoints, unless steps are collected; step by step if pinned."""
        if self.fused and not collect and holding.get() is None:
            return unroll_fused
        return partial(unroll, collect=collect, checkpoint=not collect and self.checkpoint)

    def _merge(self, outputs: list[Tensor]) -> Tensor:
        """One output of the directions'."""
        if len(outputs) == 1:
            return outputs[0]
        return outputs[0] + outputs[1] if self.merge == "sum" else concatenate(outputs, axis=-1)

    def _run_packed(self, packed: PackedSequence, state: State | None) -> tuple[Any, State]:
        """Padded, run with the lengths, and packed again."""
        x, lengths = pad_packed_sequence(packed)
        trajectory = self._run(x if not self.batch_first else swapaxes(x, 0, 1), state, lengths, None, "zero", False)
        output = pack_padded_sequence(
            trajectory.output, lengths, batch_first=self.batch_first, enforce_sorted=packed.sorted_indices is None
        )
        return output, trajectory.state

    def _starts(self, state: State | None, x: Tensor) -> list[State]:
        """The initial state of each cell."""
        count = self.num_layers * len(self.directions)
        if state is None:
            return [None] * count
        state = self.layers[0].checked_state(state, (count, *x.shape[1:-1]), x.dtype)
        rows = [_rows(part) for part in parts_of(state)]
        return [as_state(parts) for parts in zip(*rows, strict=True)]

    def extra_repr(self) -> str:
        """The sizes."""
        depth = f", {self.num_layers} layers" if self.num_layers > 1 else ""
        kept = ", checkpoints" if self.checkpoint else ""
        ways = ", both directions" if len(self.directions) > 1 else ", reverse" if self.directions[0] else ""
        return f"{self.input_size} -> {self.hidden_size}{depth}{ways}{', fused' if self.fused else ''}{kept}"


class RNN(Recurrent[Tensor]):
    """Elman RNN layers: h = tanh(W x + U h + b), or with relu; the other options are every layer's."""

    default_cell = RNNCell

    @check_arguments
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        nonlinearity: Literal["tanh", "relu"] = "tanh",
        **options: Any,
    ) -> None:
        if nonlinearity != "tanh":
            options["cell"] = partial(maker(options.get("cell"), RNNCell), nonlinearity=nonlinearity)
        super().__init__(input_size, hidden_size, num_layers, **options)


def _rows(part: Tensor) -> list[Tensor]:
    """The state of each cell; of a detached one each is detached as well, so that graphs show where history ends."""
    if "detached" not in part.source.node.params:
        return list(part)
    return [row.detach() for row in Tensor(part.data, requires_grad=True)]


class LSTM(Recurrent[tuple[Tensor, Tensor]]):
    """LSTM layers; with ``proj_size`` P the hidden states are projected to that width (see ``ProjectedLSTMCell``).

    >>> import tinygrad_lstm as tg
    >>> lstm = LSTM(8, 16, num_layers=2)
    >>> lstm
    LSTM(8 -> 16, 2 layers, 3,712 parameters)
      (layers): ModuleList(3,712 parameters)
        (0): LSTMCell(8 -> 16, 1,600 parameters)
        (1): LSTMCell(16 -> 16, 2,112 parameters)
      (dropout): Dropout(p=0.0, 0 parameters)
    >>> output, (h, c) = lstm(tg.zeros(5, 3, 8))
    >>> output.shape, h.shape, c.shape
    ((5, 3, 16), (2, 3, 16), (2, 3, 16))
    >>> output, (h, c) = LSTM(8, 16, bidirectional=True, proj_size=4)(tg.zeros(5, 3, 8), lengths=[5, 2, 3])
    >>> output.shape, h.shape, c.shape
    ((5, 3, 8), (2, 3, 4), (2, 3, 16))
    """

    default_cell = LSTMCell

    @check_arguments
    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, *, proj_size: int = 0, **options: Any
    ) -> None:
        if proj_size:
            options["cell"] = partial(maker(options.get("cell"), ProjectedLSTMCell), proj_size=proj_size)
        super().__init__(input_size, hidden_size, num_layers, **options)


class GRU(Recurrent[Tensor]):
    """GRU layers, reset after the product as in PyTorch."""

    default_cell = GRUCell
