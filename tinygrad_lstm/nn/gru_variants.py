"""The GRU's siblings. Letters as in ``cells``."""

from __future__ import annotations

from numpy.typing import DTypeLike

from tinygrad_lstm.engine.naming import label
from tinygrad_lstm.engine.ops.linear import linear
from tinygrad_lstm.engine.ops.nonlinear import sigmoid, tanh
from tinygrad_lstm.engine.ops.shapes import split
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.nn.cells import Gates, GRUCell
from tinygrad_lstm.nn.init import Init
from tinygrad_lstm.nn.layers import LayerNorm
from tinygrad_lstm.nn.module import Parameter
from tinygrad_lstm.nn.options import check_arguments
from tinygrad_lstm.tags import tag


class ResetBeforeGRUCell(Gates):
    """The GRU of the paper (Cho 2014): the reset acts before the product, n = tanh(W_n x + U_n (r ⊙ h) + b_n).

    ONNX's default (``linear_before_reset=0``), Keras's ``reset_after=False``; ``GRUCell`` resets after it, as PyTorch.

    >>> import numpy as np
    >>> ResetBeforeGRUCell(3, 5)(np.ones((2, 3))).shape
    (2, 5)
    """

    W: Parameter  # (3H, D)
    U: Parameter  # (3H, H)
    b: Parameter | None  # (3H,)

    carried = ("h",)
    memory = (0, 1, 0)  # r, z, n

    @check_arguments
    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, init: Init = None, dtype: DTypeLike | None = None
    ) -> None:
        super().__init__(input_size, hidden_size, 3, bias, init=init, dtype=dtype)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """The next h."""
        Wx = linear(x, self.W) if self.b is None else linear(x, self.W) + self.b
        x_r, x_z, x_n = split(Wx, 3, axis=-1)
        U_r, U_z, U_n = split(self.U, 3)
        r = sigmoid(x_r + linear(h, U_r))  # what to read of the old state
        z = sigmoid(x_z + linear(h, U_z))  # how much of it to keep
        n = tanh(x_n + linear(r * h, U_n))
        h = (1 - z) * n + z * tag(h, "carry")
        label(r=r, z=z, n=n, h=h)
        return h


class MGUCell(Gates):
    """Minimal gated unit (Zhou 2016): one gate both forgets and resets. h' = (1 - f) ⊙ h + f ⊙ n. Gate order f, n.

    n = tanh(W_n x + U_n (f ⊙ h) + b_n).

    >>> MGUCell(3, 5)
    MGUCell(3 -> 5, 90 parameters)
    """

    W: Parameter  # (2H, D)
    U: Parameter  # (2H, H)
    b: Parameter | None  # (2H,)

    carried = ("h",)
    memory = (-1, 0)  # f, n

    @check_arguments
    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, init: Init = None, dtype: DTypeLike | None = None
    ) -> None:
        super().__init__(input_size, hidden_size, 2, bias, init=init, dtype=dtype)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """The next h."""
        Wx = linear(x, self.W) if self.b is None else linear(x, self.W) + self.b
        x_f, x_n = split(Wx, 2, axis=-1)
        U_f, U_n = split(self.U, 2)
        f = sigmoid(x_f + linear(h, U_f))  # how much is new, and how much of the old the new may see
        n = tanh(x_n + linear(f * h, U_n))
        h = (1 - f) * tag(h, "carry") + f * n
        label(f=f, n=n, h=h)
        return h


class LayerNormGRUCell(GRUCell):
    """A GRU whose two products are normalised: LN(W x) and LN(U h) in place of W x and U h (after Ba 2016).

    >>> LayerNormGRUCell(3, 5)
    LayerNormGRUCell(3 -> 5, 170 parameters)
      (norm_x): LayerNorm(15, 15 parameters)
      (norm_h): LayerNorm(15, 15 parameters)
    """

    norm_x: LayerNorm  # of (..., 3H)
    norm_h: LayerNorm  # of (..., 3H)

    @check_arguments
    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, init: Init = None, dtype: DTypeLike | None = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, init=init, dtype=dtype)
        self.norm_x = LayerNorm(3 * hidden_size, bias=False, dtype=dtype)
        self.norm_h = LayerNorm(3 * hidden_size, bias=False, dtype=dtype)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        """The next h."""
        Wx = self.norm_x(linear(x, self.W))
        x_r, x_z, x_n = split(Wx if self.b is None else Wx + self.b, 3, axis=-1)
        h_r, h_z, h_n = split(self.norm_h(linear(h, self.U)), 3, axis=-1)
        r = sigmoid(x_r + h_r)
        z = sigmoid(x_z + h_z)
        n = tanh(x_n + r * (h_n if self.b_n is None else h_n + self.b_n))
        h = (1 - z) * n + z * tag(h, "carry")
        label(r=r, z=z, n=n, h=h)
        return h
