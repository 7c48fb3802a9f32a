"""RNN, LSTM and GRU layers: cells unrolled over time, stacked in depth, with PyTorch's shapes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Literal

from tinygrad_lstm.engine.ops.shapes import stack, swapaxes
from tinygrad_lstm.engine.tensor import Tensor, TensorLike
from tinygrad_lstm.errors import ArgumentError, ShapeError
from tinygrad_lstm.nn.cells import Cell, GRUCell, LSTMCell, RNNCell, State
from tinygrad_lstm.nn.layers import Dropout
from tinygrad_lstm.nn.module import Module, ModuleList
from tinygrad_lstm.nn.unroll import Chain, Trajectory, unroll


class Recurrent(Module):
    """Any cell over time and in layers: layer k reads the outputs of layer k - 1.

    ``cell`` makes one layer's cell from its input and hidden size: a class, or ``partial(LSTMCell, forget_bias=2.0)``.
    ``dropout`` acts on what goes from layer to layer.

    Called with x (T, B, D), or (B, T, D) with ``batch_first``, or (T, D); gives ``(output, state)``: output (T, B, H)
    of the top layer (or (B, T, H)), and h, or (h, c), after the last step, each (layers, B, H).
    """

    default_cell: ClassVar[Callable[..., Cell]]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        cell: Callable[..., Cell] | None = None,
    ) -> None:
        if min(input_size, hidden_size, num_layers) < 1:
            raise ArgumentError(f"sizes and layers are at least 1, not {input_size}, {hidden_size}, {num_layers}")
        if dropout and num_layers == 1:
            warnings.warn("dropout acts between layers, so with one layer it does nothing", stacklevel=2)
        make = cell or type(self).default_cell
        options = {} if bias else {"bias": False}  # a cell of one's own need not know the word
        widths = [input_size] + [hidden_size] * (num_layers - 1)
        self.layers = ModuleList([make(width, hidden_size, **options) for width in widths])
        self.dropout = Dropout(dropout)
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.batch_first = batch_first

    def forward(self, x: TensorLike, state: State | None = None) -> tuple[Tensor, State]:
        """Output and final state."""
        trajectory = self._run(x, state, collect=False)
        return trajectory.output, trajectory.state

    def unroll(self, x: TensorLike, state: State | None = None) -> Trajectory:
        """The same run, with every step's states and gates as tensors of the graph."""
        with self.scope():
            return self._run(x, state, collect=True)

    def _run(self, x: TensorLike, state: State | None, collect: bool) -> Trajectory:
        x = self.floating(x)
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size:
            expected = "(B, T, D) or (T, D)" if self.batch_first else "(T, B, D) or (T, D)"
            raise ShapeError(
                f"{type(self).__name__} takes x of shape {expected} with D = {self.input_size}, not {x.shape}"
            )
        batch_first = self.batch_first and x.ndim == 3
        y = swapaxes(x, 0, 1) if batch_first else x
        chains: list[Chain] = []
        for k, (cell, start) in enumerate(zip(self.layers, self._starts(state, y), strict=True)):
            if k:
                y = self.dropout(y)
            chains.append(unroll(cell, y, start, collect=collect))
            y = chains[-1].output
        last = [chain.state for chain in chains]
        if isinstance(last[0], tuple):
            final: State = tuple(stack(parts) for parts in zip(*last, strict=True))
        else:
            final = stack(last)
        return Trajectory(tuple(chains), swapaxes(y, 0, 1) if batch_first else y, final)

    def _starts(self, state: State | None, x: Tensor) -> list[State]:
        """The initial state of each layer."""
        if state is None:
            return [None] * self.num_layers
        state = self.layers[0].checked_state(state, (self.num_layers, *x.shape[1:-1]), x.dtype)
        return list(zip(*state, strict=True)) if isinstance(state, tuple) else list(state)

    def extra_repr(self) -> str:
        """The sizes."""
        depth = f", {self.num_layers} layers" if self.num_layers > 1 else ""
        return f"{self.input_size} -> {self.hidden_size}{depth}"


class RNN(Recurrent):
    """Elman RNN layers: h = tanh(W x + U h + b), or with relu; the other options are every layer's."""

    default_cell = RNNCell

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
            options["cell"] = partial(options.get("cell") or RNNCell, nonlinearity=nonlinearity)
        super().__init__(input_size, hidden_size, num_layers, **options)


class LSTM(Recurrent):
    """LSTM layers.

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
    """

    default_cell = LSTMCell


class GRU(Recurrent):
    """GRU layers, reset after the product as in PyTorch."""

    default_cell = GRUCell
