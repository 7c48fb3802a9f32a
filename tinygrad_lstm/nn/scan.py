"""Cells whose gates read x alone, run by a scan of log₂ T stages: minGRU and minLSTM (Feng 2024, 2410.01201).

Where gates and candidate see only x, a step is h' = a ⊙ h + b with a and b known for all T steps beforehand. Two such
steps in a row are one again, a₂ a₁ ⊙ h + (a₂ b₁ + b₂), and it does not matter which two are put together first. So each
step takes in the one before it, all at once, then the two before those, then four, ...: 12 stages for 4096 steps. The
graph is log T deep instead of T. The price is T log T products: a machine with few cores is slower with
it. The unrolled cell is the same function, step by step.

The paper's code divides by the product of all a so far, so it has to work on logarithms, and with candidates above 0.
Nothing is divided here: products of numbers in 0..1 fade to 0, as the memory does, and candidates have either sign.

    x (T, B, D)   a, b, h (T, B, H)   W (nH, D), b (nH,)  the weights of n gates; there is no U
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_lstm.engine.naming import holding, label
from tinygrad_lstm.engine.ops.choices import where
from tinygrad_lstm.engine.ops.linear import linear
from tinygrad_lstm.engine.ops.more.rearranging import flip
from tinygrad_lstm.engine.ops.nonlinear import sigmoid, softplus
from tinygrad_lstm.engine.ops.shapes import concatenate, split
from tinygrad_lstm.engine.tensor import Tensor, TensorLike
from tinygrad_lstm.errors import ArgumentError, DtypeError, ShapeError, UnsupportedError
from tinygrad_lstm.nn.cells import Cell, State
from tinygrad_lstm.nn.init import Init, scheme
from tinygrad_lstm.nn.module import Parameter
from tinygrad_lstm.nn.options import check_arguments
from tinygrad_lstm.nn.recurrent import Recurrent
from tinygrad_lstm.nn.steps import Outside
from tinygrad_lstm.nn.unroll import Chain, begin_run, unroll
from tinygrad_lstm.tags import tag


def linear_scan(a: Tensor, b: Tensor, h: TensorLike = 0.0) -> Tensor:
    """h_t = a_t ⊙ h_(t-1) + b_t for t = 1..T, all h_t in log₂ T stages: a, b (T, ...), h the state before, (...).

    Raises ShapeError for a and b of different shapes, or without an axis of time.

    >>> a, b = Tensor([0.5, 0.5, 0.5, 0.5]), Tensor([1.0, 0.0, 0.0, 8.0])
    >>> linear_scan(a, b, 2.0)
    tensor([2.  , 1.  , 0.5 , 8.25])
    """
    if not (isinstance(a, Tensor) and isinstance(b, Tensor)):
        raise DtypeError(f"a scan takes tensors, not {type(a).__name__} and {type(b).__name__}")
    if a.shape != b.shape or not a.ndim:
        raise ShapeError(f"a scan takes a and b of one shape (T, ...), not {a.shape} and {b.shape}")
    k = 1
    while k < len(a):  # a, b at t: the last k steps as one (all t steps, for t <= k); joined with the k before those
        a, b = concatenate([a[:k], a[k:] * a[:-k]]), concatenate([b[:k], a[k:] * b[:-k] + b[k:]])
        k *= 2
    y: Tensor = a * h + b
    return y


class LinearCell(Cell):
    """A cell whose step is linear in h: h' = a ⊙ h + b, with a and b made of x alone.

    A cell of your own is a subclass with ``coefficients(x) -> (a, b)``, for x with any leading axes.
    """

    carried = ("h",)

    def coefficients(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What is kept of h, and what is added: a, b (..., H) of x (..., D)."""
        raise UnsupportedError(f"{type(self).__name__} has no coefficients(x) -> (a, b)")

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """The next h."""
        a, b = self.coefficients(x)
        h = a * tag(h, "carry") + b
        label(h=h)
        return h


class MinGates(LinearCell):
    """The stacked weights of n gates that see only x: W (nH, D), Glorot-uniform gate by gate, and b (nH,), at 0."""

    gates: int  # n
    W: Parameter  # (nH, D)
    b: Parameter | None  # (nH,)

    @check_arguments
    def __init__(
        self, input_size: int, hidden_size: int, gates: int, bias: bool = True, *, init: Init = None,
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size)
        first, memory = scheme(init), self.memory if len(self.memory) == gates else (0,) * gates
        first.check(type(self).__name__, False, memory, bias)
        self.W = Parameter(first.inputs(gates, hidden_size, input_size, dtype))
        self.b = Parameter(first.biases(memory, hidden_size, dtype)) if bias else None
        self.gates = gates

    def preactivations(self, x: Tensor) -> tuple[Tensor, ...]:
        """W x + b, gate by gate: n of (..., H)."""
        Wx = linear(x, self.W)
        return split(Wx if self.b is None else Wx + self.b, self.gates, axis=-1)


class MinGRUCell(MinGates):
    """A GRU whose gates read only x: h' = (1 - z) ⊙ n + z ⊙ h, with no r and no tanh. Gate order z, n.

    z is how much to keep, as in ``GRUCell``; what the paper calls z is 1 - z here.

    >>> MinGRUCell(3, 5)
    MinGRUCell(3 -> 5, 40 parameters)
    """

    W: Parameter  # (2H, D)
    b: Parameter | None  # (2H,)

    memory = (1, 0)  # z, n

    @check_arguments
    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, init: Init = None, dtype: DTypeLike | None = None
    ) -> None:
        super().__init__(input_size, hidden_size, 2, bias, init=init, dtype=dtype)

    def coefficients(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """z and (1 - z) ⊙ n."""
        z, n = self.preactivations(x)
        z = sigmoid(z)  # how much of the old to keep
        label(z=z, n=n)
        return z, (1 - z) * n


class MinLSTMCell(MinGates):
    """An LSTM whose gates read only x: h' = f ⊙ h + i ⊙ g, f and i divided by f + i; no o, no c. Gate order f, i, g.

    The quotient keeps h the size of its inputs, and f/(f + i) = σ(log f - log i). The forget gate's bias starts at
    ``forget_bias``, 1 unless given or drawn by ``init``.

    >>> MinLSTMCell(3, 5)(np.ones((2, 3))).shape
    (2, 5)
    """

    W: Parameter  # (3H, D)
    b: Parameter | None  # (3H,)

    memory = (1, -1, 0)  # f, i, g

    @check_arguments
    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, forget_bias: float | None = None,
        init: Init = None, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, 3, bias, init=init, dtype=dtype)
        self.set_forget_bias(self.b, init, forget_bias)

    def coefficients(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """f and i ⊙ g, the gates normalised."""
        f, i, g = self.preactivations(x)
        f = sigmoid(softplus(-i) - softplus(-f))  # σ(f) / (σ(f) + σ(i)), with no 0/0 where both gates are shut
        i = 1 - f
        label(f=f, i=i, g=g)
        return f, i * g


def unroll_scanned(
    cell: LinearCell, x: Tensor, state: State | None = None, *, mask: TensorLike | None = None,
    outside: Outside = "zero", reverse: bool = False,
) -> Chain:  # fmt: skip
    """``unroll(cell, x, state, ...)`` by a scan: the same output and final state, no steps.

    >>> unroll_scanned(MinGRUCell(3, 5), Tensor(np.ones((7, 2, 3))))
    Chain(MinGRUCell, steps not kept)
    """
    on, x, state, initial = begin_run(cell, x, state, mask, outside)
    with cell.scope():
        a, b = cell.coefficients(x)
        rows = None if on is None else np.expand_dims(on, -1)
        kept, added = (a, b) if rows is None else (where(rows, a, 1), where(rows, b, 0))  # h' = h where the mask is off
        h = flip(linear_scan(flip(kept, 0), flip(added, 0), state), 0) if reverse else linear_scan(kept, added, state)
        label(h=h)
        last = h[0 if reverse else -1] if len(h) else state  # after 0 steps, the initial state
        if rows is not None and outside != "repeat":
            h = where(rows, h, 0 if outside == "zero" else a * h + b)
    return Chain(cell, initial, (), h, last)


class Scanned(Recurrent[Tensor]):
    """Recurrent layers whose cells are linear in h, run by a scan; ``unroll`` runs them step by step, to look at."""

    steps_can_be_run_again = False

    @check_arguments
    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, **options: Any) -> None:
        super().__init__(input_size, hidden_size, num_layers, **options)
        for cell in self.layers:
            if not isinstance(cell, LinearCell):
                raise ArgumentError(
                    f"a scan needs a step linear in h, a LinearCell; run {type(cell).__name__} in nn.RNN"
                )

    def _runner(self, collect: bool) -> Callable[..., Chain]:
        """Step by step if steps are collected, or gates pinned; else by a scan."""
        return partial(unroll, collect=collect) if collect or holding.get() is not None else unroll_scanned


class MinGRU(Scanned):
    """minGRU layers, log₂ T stages each (Feng 2024). Options, call and shapes are those of ``GRU``.

    >>> output, h = MinGRU(8, 16, num_layers=2, bidirectional=True)(np.ones((5, 3, 8)), lengths=[5, 2, 3])
    >>> output.shape, h.shape
    ((5, 3, 32), (4, 3, 16))
    """

    default_cell = MinGRUCell


class MinLSTM(Scanned):
    """minLSTM layers, log₂ T stages each (Feng 2024). Options and call are those of ``GRU``: the state is h alone.

    >>> MinLSTM(8, 16)
    MinLSTM(8 -> 16, 432 parameters)
      (layers): ModuleList(432 parameters)
        (0): MinLSTMCell(8 -> 16, 432 parameters)
      (dropout): Dropout(p=0.0, 0 parameters)
    """

    default_cell = MinLSTMCell
