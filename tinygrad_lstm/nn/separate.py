"""The LSTM as the textbook writes it, with matrices of its own for every gate. Letters as in ``cells``.

W_f, U_f, b_f, ...  the weights of one gate
"""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_lstm.engine.naming import label
from tinygrad_lstm.engine.ops.linear import linear
from tinygrad_lstm.engine.ops.nonlinear import sigmoid, tanh
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import ArgumentError
from tinygrad_lstm.nn.cells import Cell, LSTMCell
from tinygrad_lstm.nn.init import Init, scheme
from tinygrad_lstm.nn.module import Parameter
from tinygrad_lstm.nn.options import check_arguments
from tinygrad_lstm.tags import tag


class SeparateLSTMCell(Cell):
    """The LSTM as the textbook writes it: matrices of its own for every gate.

    The same function as ``LSTMCell``, which stacks them: ``SeparateLSTMCell.of(cell)`` and ``.combined()`` convert.

    >>> cell = SeparateLSTMCell(3, 5)
    >>> [name for name, _ in cell.named_parameters()]
    ['W_f', 'U_f', 'b_f', 'W_i', 'U_i', 'b_i', 'W_c', 'U_c', 'b_c', 'W_o', 'U_o', 'b_o']
    >>> x = np.ones((2, 3))
    >>> np.allclose(cell(x)[0].data, cell.combined()(x)[0].data)
    True
    """

    W_f: Parameter  # (H, D)
    U_f: Parameter  # (H, H)
    b_f: Parameter | None  # (H,)
    W_i: Parameter  # (H, D)
    U_i: Parameter  # (H, H)
    b_i: Parameter | None  # (H,)
    W_c: Parameter  # (H, D)
    U_c: Parameter  # (H, H)
    b_c: Parameter | None  # (H,)
    W_o: Parameter  # (H, D)
    U_o: Parameter  # (H, H)
    b_o: Parameter | None  # (H,)

    states, carried = ("h", "c"), ("c",)
    memory = (1, -1, 0, 0)  # f, i, c, o

    @check_arguments
    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, forget_bias: float | None = None,
        init: Init = None, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size)
        first = scheme(init)
        first.check(type(self).__name__, True, self.memory, bias)
        biases = np.split(first.biases(self.memory, hidden_size, dtype), 4)
        for gate, b in zip("fico", biases, strict=True):
            setattr(self, f"W_{gate}", Parameter(first.inputs(1, hidden_size, input_size, dtype)))
            setattr(self, f"U_{gate}", Parameter(first.recurrent(1, hidden_size, hidden_size, dtype)))
            setattr(self, f"b_{gate}", Parameter(b) if bias else None)
        self.set_forget_bias(self.b_f, init, forget_bias)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """The next (h, c)."""
        h, c = state

        def gate(W: Parameter, U: Parameter, b: Parameter | None) -> Tensor:
            z = linear(x, W) + linear(h, U)
            return z if b is None else z + b

        f = sigmoid(gate(self.W_f, self.U_f, self.b_f))  # what to forget
        i = sigmoid(gate(self.W_i, self.U_i, self.b_i))  # what to write
        g = tanh(gate(self.W_c, self.U_c, self.b_c))  # what could be written
        o = sigmoid(gate(self.W_o, self.U_o, self.b_o))  # what to show
        c = f * tag(c, "carry") + i * g  # the conveyor belt
        h = o * tanh(c)
        label(f=f, i=i, g=g, c=c, o=o, h=h)
        return h, c

    @classmethod
    def of(cls, cell: LSTMCell) -> Self:
        """The same cell with its matrices taken apart; ArgumentError for a sibling, which is another function."""
        if type(cell) is not LSTMCell:
            raise ArgumentError(f"the matrices of an LSTMCell are taken apart, not those of a {type(cell).__name__}")
        separate = cls(cell.input_size, cell.hidden_size, bias=cell.b is not None)
        weights = {f"{name}_{gate}": block for name, stacked in cell.state_dict().items()
                   for gate, block in zip("fioc", np.split(stacked, 4), strict=True)}  # fmt: skip
        separate.astype(cell.W.dtype).load_state_dict(weights)
        return separate

    def combined(self) -> LSTMCell:
        """The same cell with its matrices stacked in the order f, i, o, g."""
        cell = LSTMCell(self.input_size, self.hidden_size, bias=self.b_f is not None)
        own = self.state_dict()
        weights = {name: np.concatenate([own[f"{name}_{gate}"] for gate in "fioc"]) for name in cell.state_dict()}
        cell.astype(self.W_f.dtype).load_state_dict(weights)
        return cell
