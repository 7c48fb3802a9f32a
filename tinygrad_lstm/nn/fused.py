"""RNN, LSTM and GRU layers run as one op for each cell: the fast form for training.

What the steps are is written out by hand in ``fused_rnn``, ``fused_lstm`` and ``fused_gru``. Their graphs have no steps
to look at.
"""

from __future__ import annotations

import numpy as np

from tinygrad_lstm.engine.current import grad_enabled
from tinygrad_lstm.engine.naming import label
from tinygrad_lstm.engine.ops.choices import where
from tinygrad_lstm.engine.ops.nonlinear import relu, tanh
from tinygrad_lstm.engine.ops.shapes import expand_dims, squeeze
from tinygrad_lstm.engine.tensor import Tensor, TensorLike
from tinygrad_lstm.errors import ArgumentError
from tinygrad_lstm.nn.cells import Cell, GRUCell, LSTMCell, RNNCell, State
from tinygrad_lstm.nn.fused_gru import fused_gru
from tinygrad_lstm.nn.fused_lstm import fused_lstm
from tinygrad_lstm.nn.fused_rnn import fused_rnn
from tinygrad_lstm.nn.unroll import Chain, Outside, as_state, begin_run, parts_of

FUSIBLE = "RNNCell, LSTMCell and GRUCell"  # as errors name them


def fusible(cell: Cell) -> bool:
    """Whether there is a fused form of this cell: of just these three classes, not of their variants."""
    if isinstance(cell, RNNCell) and cell.nonlinearity not in (tanh, relu):
        return False  # one of the user's own
    return type(cell) in (RNNCell, LSTMCell, GRUCell)


def unroll_fused(
    cell: Cell, x: Tensor, state: State | None = None, *, mask: TensorLike | None = None, outside: Outside = "zero",
    reverse: bool = False,
) -> Chain:  # fmt: skip
    """``unroll(cell, x, state, ...)`` as one op: the same output and final state, no steps.

    Raises ArgumentError for a cell that has no fused form, and for ``outside="raw"``, which needs the steps.

    >>> from tinygrad_lstm import nn
    >>> unroll_fused(nn.LSTMCell(3, 5), Tensor(np.ones((7, 2, 3))))
    Chain(LSTMCell, steps not kept)
    """
    if not fusible(cell):
        raise ArgumentError(f"fused=True is for {FUSIBLE}; unroll {type(cell).__name__} with fused=False")
    assert isinstance(cell, RNNCell | LSTMCell | GRUCell)
    on, x, state, initial = begin_run(cell, x, state, mask, outside)
    if outside == "raw":
        raise ArgumentError(
            'outside="raw" shows what a step makes of the padding, which has no fused form: fused=False'
        )
    batched = x if x.ndim == 3 else expand_dims(x, 1)
    starts = [part if part.ndim == 2 else expand_dims(part, 0) for part in parts_of(state)]
    rows = None if on is None else on.reshape(batched.shape[:2])
    b = np.zeros(len(cell.W), x.dtype) if cell.b is None else cell.b
    with cell.scope():
        if isinstance(cell, LSTMCell):
            y, *last = fused_lstm(batched, starts[0], starts[1], cell.W, cell.U, b, rows, reverse, grad_enabled.get())
        elif isinstance(cell, RNNCell):
            y, *last = fused_rnn(batched, starts[0], cell.W, cell.U, b, rows, reverse, cell.nonlinearity is relu)
        else:
            b_n = np.zeros(cell.hidden_size, x.dtype) if cell.b_n is None else cell.b_n
            y, *last = fused_gru(batched, starts[0], cell.W, cell.U, b, b_n, rows, reverse)
    if rows is not None and outside == "zero":
        y = where(np.expand_dims(rows, -1), y, 0)
    if x.ndim == 2:
        y, last = squeeze(y, 1), [squeeze(part, 0) for part in last]
    after = dict(zip(cell.states, last, strict=True))
    label(**after)
    return Chain(cell, initial, (), y, as_state(last))
