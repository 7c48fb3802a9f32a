"""Cells whose gates and candidates go through other functions than σ and tanh, as those of other libraries may.

σ stands for the function of the gates and φ for that of the candidate, each by its name in ``FUNCTIONS``. A function
that is not in there is a line in a cell of your own.
"""

from __future__ import annotations

from collections.abc import Callable

from numpy.typing import DTypeLike

from tinygrad_lstm.engine.naming import label
from tinygrad_lstm.engine.ops.linear import linear
from tinygrad_lstm.engine.ops.more.activations import elu, hard_sigmoid, softsign
from tinygrad_lstm.engine.ops.more.ufuncs import positive
from tinygrad_lstm.engine.ops.nonlinear import exp, relu, sigmoid, softplus, tanh
from tinygrad_lstm.engine.ops.shapes import split
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import ArgumentError
from tinygrad_lstm.nn.cells import Gates, GRUCell, LSTMCell
from tinygrad_lstm.nn.gru_variants import ResetBeforeGRUCell
from tinygrad_lstm.nn.init import Init
from tinygrad_lstm.nn.module import Parameter
from tinygrad_lstm.nn.options import check_arguments
from tinygrad_lstm.tags import tag


def hard_sigmoid_6(x: Tensor) -> Tensor:
    """relu6(x + 3) / 6: the hard sigmoid of PyTorch and of Keras from version 3; ``hard_sigmoid`` is 0.2 x + 0.5."""
    return hard_sigmoid(x, 1 / 6)


FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": sigmoid, "hard_sigmoid": hard_sigmoid, "hard_sigmoid_6": hard_sigmoid_6, "tanh": tanh, "relu": relu,
    "elu": elu, "softsign": softsign, "softplus": softplus, "exp": exp, "linear": positive,
}  # fmt: skip


def check_function(argument: str, name: object) -> None:
    """ArgumentError unless there is a function of this name."""
    if not isinstance(name, str) or name not in FUNCTIONS:
        raise ArgumentError(f"{argument} is one of {', '.join(FUNCTIONS)}, not {name!r}")


class ActivatedRNNCell(Gates):
    """h = φ(W x + U h + b) with any φ of ``FUNCTIONS``; ``RNNCell`` has tanh and relu.

    >>> ActivatedRNNCell(3, 5, nonlinearity="softsign")
    ActivatedRNNCell(3 -> 5, softsign, 45 parameters)
    """

    W: Parameter  # (H, D)
    U: Parameter  # (H, H)
    b: Parameter | None  # (H,)

    @check_arguments
    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", *, init: Init = None,
        dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        check_function("nonlinearity", nonlinearity)
        super().__init__(input_size, hidden_size, 1, bias, init=init, dtype=dtype)
        self.nonlinearity = nonlinearity

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """The next h."""
        φ = FUNCTIONS[self.nonlinearity]
        h = φ(self.preactivation(x, h))
        label(h=h)
        return h

    def extra_repr(self) -> str:
        """Sizes and function."""
        return f"{super().extra_repr()}, {self.nonlinearity}"


class Activated(Gates):
    """What such cells share: gates go through σ, the function ``gate``, and candidates through φ, ``candidate``."""

    gate: str
    candidate: str

    def set_functions(self, gate: str, candidate: str) -> None:
        """Choose σ and φ; ArgumentError for a name that is not in ``FUNCTIONS``."""
        check_function("gate", gate)
        check_function("candidate", candidate)
        self.gate, self.candidate = gate, candidate

    def extra_repr(self) -> str:
        """Sizes and functions."""
        return f"{super().extra_repr()}, {self.gate}, {self.candidate}"


class ActivatedLSTMCell(Activated, LSTMCell):
    """f, i and o = σ(...), C̃ = φ(...) and h' = o ⊙ φ(C'), with any σ and φ of ``FUNCTIONS``.

    Keras before 2.3 has hard sigmoids: ``nn.LSTM(3, 5, cell=partial(nn.ActivatedLSTMCell, gate="hard_sigmoid"))``.

    >>> ActivatedLSTMCell(3, 5, gate="hard_sigmoid")
    ActivatedLSTMCell(3 -> 5, hard_sigmoid, tanh, 180 parameters)
    """

    @check_arguments
    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, gate: str = "sigmoid", candidate: str = "tanh",
        forget_bias: float | None = None, init: Init = None, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        self.set_functions(gate, candidate)
        super().__init__(input_size, hidden_size, bias, forget_bias=forget_bias, init=init, dtype=dtype)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """The next (h, c)."""
        σ, φ = FUNCTIONS[self.gate], FUNCTIONS[self.candidate]
        h, c = state
        f, i, o, g = split(self.preactivation(x, h), 4, axis=-1)
        f = σ(f)
        i = σ(i)
        g = φ(g)
        c = f * tag(c, "carry") + i * g
        o = σ(o)
        h = o * φ(c)
        label(f=f, i=i, g=g, c=c, o=o, h=h)
        return h, c


class ActivatedGRUCell(Activated, GRUCell):
    """r and z = σ(...), n = φ(...), with any σ and φ of ``FUNCTIONS``; reset after the product.

    >>> ActivatedGRUCell(3, 5, candidate="relu")
    ActivatedGRUCell(3 -> 5, sigmoid, relu, 140 parameters)
    """

    @check_arguments
    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, gate: str = "sigmoid", candidate: str = "tanh",
        init: Init = None, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        self.set_functions(gate, candidate)
        super().__init__(input_size, hidden_size, bias, init=init, dtype=dtype)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """The next h."""
        σ, φ = FUNCTIONS[self.gate], FUNCTIONS[self.candidate]
        Wx = linear(x, self.W) if self.b is None else linear(x, self.W) + self.b
        x_r, x_z, x_n = split(Wx, 3, axis=-1)
        h_r, h_z, h_n = split(linear(h, self.U), 3, axis=-1)
        r = σ(x_r + h_r)
        z = σ(x_z + h_z)
        n = φ(x_n + r * (h_n if self.b_n is None else h_n + self.b_n))
        h = (1 - z) * n + z * tag(h, "carry")
        label(r=r, z=z, n=n, h=h)
        return h


class ActivatedResetBeforeGRUCell(Activated, ResetBeforeGRUCell):
    """r and z = σ(...), n = φ(...), with any σ and φ of ``FUNCTIONS``; reset before the product.

    >>> ActivatedResetBeforeGRUCell(3, 5, gate="hard_sigmoid_6")
    ActivatedResetBeforeGRUCell(3 -> 5, hard_sigmoid_6, tanh, 135 parameters)
    """

    @check_arguments
    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, gate: str = "sigmoid", candidate: str = "tanh",
        init: Init = None, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        self.set_functions(gate, candidate)
        super().__init__(input_size, hidden_size, bias, init=init, dtype=dtype)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """The next h."""
        σ, φ = FUNCTIONS[self.gate], FUNCTIONS[self.candidate]
        Wx = linear(x, self.W) if self.b is None else linear(x, self.W) + self.b
        x_r, x_z, x_n = split(Wx, 3, axis=-1)
        U_r, U_z, U_n = split(self.U, 3)
        r = σ(x_r + linear(h, U_r))
        z = σ(x_z + linear(h, U_z))
        n = φ(x_n + linear(r * h, U_n))
        h = (1 - z) * n + z * tag(h, "carry")
        label(r=r, z=z, n=n, h=h)
        return h
