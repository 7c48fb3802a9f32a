"""Regularisers and shortcuts as wrappers: around a cell, or around a layer. They draw random masks in training only.

A wrapped cell is a cell, so it goes wherever one goes: ``nn.LSTM(8, 16, cell=lambda D, H: Zoneout(LSTMCell(D, H)))``.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any, Generic

import numpy as np

from tinygrad_lstm.engine.creation import generator
from tinygrad_lstm.engine.current import current_scope
from tinygrad_lstm.engine.naming import label
from tinygrad_lstm.engine.tensor import Tensor, TensorLike
from tinygrad_lstm.errors import ArgumentError, ShapeError
from tinygrad_lstm.nn.calls import S, Stepped
from tinygrad_lstm.nn.cells import Cell
from tinygrad_lstm.nn.layers import Dropout, keep_mask
from tinygrad_lstm.nn.module import Module, Parameter
from tinygrad_lstm.nn.options import ASLEEP, check, check_arguments
from tinygrad_lstm.nn.packing import PackedSequence
from tinygrad_lstm.nn.steps import as_state, parts_of
from tinygrad_lstm.tags import tag


class CellWrapper(Cell, Generic[S]):
    """A cell around a cell, with its sizes and states."""

    cell: Cell

    @check_arguments
    def __init__(self, cell: Stepped[S]) -> None:
        if not isinstance(cell, Cell):
            raise ArgumentError(f"a {type(self).__name__} goes around one cell, not around a {type(cell).__name__}")
        super().__init__(cell.input_size, cell.hidden_size)
        self.cell = cell

    @property
    def states(self) -> tuple[str, ...]:  # type: ignore[override]  # the wrapped cell's, so not the class's
        """The names of the wrapped cell's states."""
        return self.cell.states

    @property
    def carried(self) -> tuple[str, ...]:  # type: ignore[override]  # likewise
        """The names of those that the wrapped cell carries."""
        return self.cell.carried

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """The widths of the wrapped cell's states."""
        return self.cell.state_sizes


class Zoneout(CellWrapper[S]):
    """At random a unit keeps its old state; each state has its own probability of it (Krueger 2017).

    s' = d ⊙ s + (1 - d) ⊙ cell(s), d Bernoulli(p) in training, d = p in evaluation. ``Zoneout(cell, c=0.5, h=0.05)``
    are the paper's; each state of the cell can be named.

    >>> from tinygrad_lstm import nn
    >>> h, c = Zoneout(nn.LSTMCell(3, 5), h=0.05, c=0.5)(np.ones((2, 3)))
    >>> c.shape
    (2, 5)
    """

    p: dict[str, float]  # of each state, by its name

    @check_arguments
    def __init__(self, cell: Stepped[S], **p: float) -> None:
        super().__init__(cell)
        if unknown := set(p) - set(self.states):
            raise ArgumentError(f"{type(cell).__name__} has no state {', '.join(sorted(unknown))}: {self.states}")
        for name, value in p.items():
            check(name, value, ASLEEP)
        self.p = {name: float(p.get(name, 0.0)) for name in self.states}

    @property
    def carried(self) -> tuple[str, ...]:  # type: ignore[override]  # likewise
        """A state that may be kept is carried too."""
        return tuple(name for name in self.states if self.p[name] or name in self.cell.carried)

    def forward(self, x: Tensor, state: S) -> S:
        """The next state, where some units keep the old one."""
        named: dict[str, Tensor] = {}
        for name, new, old in zip(self.states, parts_of(self.cell.forward(x, state)), parts_of(state), strict=True):
            p = self.p[name]
            asleep: Any = (generator().random(old.shape) < p).astype(old.dtype) if self.training else p
            named[name] = asleep * tag(old, "carry") + (1 - asleep) * new if p else new
        label(**named)
        after: S = as_state(list(named.values()))
        return after

    def extra_repr(self) -> str:
        """Sizes and probabilities."""
        return f"{super().extra_repr()}, {', '.join(f'{name}={p}' for name, p in self.p.items())}"


class RecurrentDropout(CellWrapper[S]):
    """The gates see h through one mask, the same at every step of a sequence (Gal & Ghahramani 2016).

    For cells whose h goes into the gates only, as an RNN's or LSTM's; a GRU also carries h, which must not be dropped:
    there, drop from U (``WeightDrop``). ``CandidateDropoutLSTMCell`` is the other recurrent dropout, that of Semeniuta.

    >>> from tinygrad_lstm import nn
    >>> RecurrentDropout(nn.LSTMCell(3, 5), 0.25)
    RecurrentDropout(3 -> 5, p=0.25, 180 parameters)
      (cell): LSTMCell(3 -> 5, 180 parameters)
    """

    p: float

    @check_arguments
    def __init__(self, cell: Stepped[S], p: float = 0.5) -> None:
        super().__init__(cell)
        if "h" in self.cell.carried:
            raise ArgumentError(f"{type(cell).__name__} carries h itself, so dropping it would forget, not regularise")
        self.p = p

    def forward(self, x: Tensor, state: S) -> S:
        """The next state."""
        h, *others = parts_of(state)
        if self.training and self.p:
            h = h * self.once(h.shape, lambda: keep_mask(h.shape, self.p, h.dtype))
        after: S = self.cell.forward(x, (h, *others) if others else h)
        return after

    def extra_repr(self) -> str:
        """Sizes and probability."""
        return f"{super().extra_repr()}, p={self.p}"


class WeightDrop(CellWrapper[S]):
    """Whole connections are dropped: a mask on U, drawn once for each sequence (Wan 2013; Merity 2018).

    ``names`` are the parameters of the cell to drop from.

    >>> from tinygrad_lstm import nn
    >>> WeightDrop(nn.GRUCell(3, 5), 0.5).names
    ('U',)
    """

    p: float
    names: tuple[str, ...]

    @check_arguments
    def __init__(self, cell: Stepped[S], p: float = 0.5, names: tuple[str, ...] = ("U",)) -> None:
        super().__init__(cell)
        if not (isinstance(names, tuple | list) and names and all(isinstance(name, str) for name in names)):
            raise ArgumentError(f"names are those of parameters to drop from, e.g. ('U',), not {names!r}")
        if missing := [name for name in names if not isinstance(getattr(cell, name, None), Parameter)]:
            raise ArgumentError(f"{type(cell).__name__} has no parameter {', '.join(missing)} to drop from")
        self.p, self.names = p, names

    def forward(self, x: Tensor, state: S) -> S:
        """The next state, by the dropped weights."""
        cell = self.once(None, self._drop_weights) if self.training and self.p else self.cell
        after: S = cell.forward(x, state)
        return after

    def _drop_weights(self) -> Cell:
        """The cell with the dropped weights in place of its own: another one, for other threads may run this one."""
        cell, within = copy(self.cell), current_scope.get()
        try:
            current_scope.set(None)  # drawn for the whole sequence, so not in its first step
            for name in self.names:
                w = getattr(cell, name)
                vars(cell)[name] = w * keep_mask(w.shape, self.p, w.dtype)
        finally:
            current_scope.set(within)
        return cell

    def extra_repr(self) -> str:
        """Sizes and probability."""
        return f"{super().extra_repr()}, p={self.p}"


class LockedDropout(Dropout):
    """Dropout with the same mask at every time step: x (T, B, D), mask (1, B, D) (Gal & Ghahramani 2016).

    Between the layers of a stack: ``nn.LSTM(8, 16, 2, dropout=LockedDropout(0.3))``.

    >>> import tinygrad_lstm as tg
    >>> tg.manual_seed(0)
    >>> LockedDropout(0.5)(tg.ones(2, 1, 6)).tolist()
    [[[2.0, 0.0, 0.0, 0.0, 2.0, 2.0]], [[2.0, 0.0, 0.0, 0.0, 2.0, 2.0]]]
    """

    def mask(self, x: Tensor) -> np.ndarray:
        """One mask for all steps."""
        if x.ndim < 2:
            raise ShapeError(f"a mask for all steps is of a sequence, (T, B, D) or (T, D), not {x.shape}")
        return keep_mask((1, *x.shape[1:]), self.p, x.dtype)


class Residual(Module, Generic[S]):
    """x + layer(x): the gradient has a path around every layer (He 2015). For a layer, or for a recurrent one.

    >>> import tinygrad_lstm as tg
    >>> from tinygrad_lstm import nn
    >>> output, state = Residual(nn.GRU(4, 4))(tg.zeros(5, 2, 4))
    >>> output.shape
    (5, 2, 4)
    """

    @check_arguments
    def __init__(self, layer: Callable[..., S]) -> None:
        self.layer = layer

    def forward(self, x: TensorLike | PackedSequence, *args: Any, **kwargs: Any) -> S:
        """The sum; of a recurrent layer, (the sum, state)."""
        added: S = self._add(x, self.layer(x, *args, **kwargs))
        return added

    def _add(self, x: TensorLike | PackedSequence, y: Any) -> Any:
        if isinstance(x, PackedSequence):
            return y[0]._replace(data=x.data + y[0].data), *y[1:]
        x = self.floating(x)
        return (x + y[0], *y[1:]) if isinstance(y, tuple) else x + y
