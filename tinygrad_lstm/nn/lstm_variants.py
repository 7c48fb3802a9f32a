"""The LSTM's siblings: each changes one or two lines of the LSTM.

Letters as in ``cells``; beside them

    p_f, p_i, p_o (H,)   peepholes        P        width of a projected hidden state
    W_h (P, H)           projection
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_lstm.engine.naming import label
from tinygrad_lstm.engine.ops.choices import clip
from tinygrad_lstm.engine.ops.linear import linear
from tinygrad_lstm.engine.ops.nonlinear import sigmoid, tanh
from tinygrad_lstm.engine.ops.shapes import split
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import ArgumentError
from tinygrad_lstm.nn.cells import Gates, LSTMCell
from tinygrad_lstm.nn.init import Init, scheme
from tinygrad_lstm.nn.layers import Dropout, LayerNorm
from tinygrad_lstm.nn.module import Parameter
from tinygrad_lstm.nn.options import check_arguments
from tinygrad_lstm.tags import tag


class PeepholeLSTMCell(LSTMCell):
    """The gates also see the cell state, f and i the old one, o the new (Gers & Schmidhuber 2000).

    f = σ(... + p_f ⊙ c), i = σ(... + p_i ⊙ c), o = σ(... + p_o ⊙ c'). The peepholes start at 0: a plain LSTM.

    >>> PeepholeLSTMCell(3, 5)
    PeepholeLSTMCell(3 -> 5, 195 parameters)
    """

    p_f: Parameter  # (H,)
    p_i: Parameter  # (H,)
    p_o: Parameter  # (H,)

    @check_arguments
    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, forget_bias: float | None = None,
        init: Init = None, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias, forget_bias=forget_bias, init=init, dtype=dtype)
        self.p_f, self.p_i, self.p_o = (Parameter(np.zeros(hidden_size, self.W.dtype)) for _ in range(3))

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """The next (h, c)."""
        h, c = state
        f, i, o, g = split(self.preactivation(x, h), 4, axis=-1)
        f = sigmoid(f + self.p_f * tag(c, "peephole"))
        i = sigmoid(i + self.p_i * tag(c, "peephole"))
        g = tanh(g)
        c = f * tag(c, "carry") + i * g
        o = sigmoid(o + self.p_o * c)  # the new c
        h = o * tanh(c)
        label(f=f, i=i, g=g, c=c, o=o, h=h)
        return h, c


class CoupledLSTMCell(Gates):
    """What is written takes the place of what is forgotten: i = 1 - f (Greff 2015, CIFG). Gate order f, o, g.

    >>> CoupledLSTMCell(3, 5).W.shape
    (15, 3)
    """

    W: Parameter  # (3H, D)
    U: Parameter  # (3H, H)
    b: Parameter | None  # (3H,)

    states, carried = ("h", "c"), ("c",)
    memory = (1, 0, 0)  # f, o, g

    @check_arguments
    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, forget_bias: float | None = None,
        init: Init = None, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, 3, bias, init=init, dtype=dtype)
        self.set_forget_bias(self.b, init, forget_bias)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """The next (h, c)."""
        h, c = state
        f, o, g = split(self.preactivation(x, h), 3, axis=-1)
        f = sigmoid(f)
        i = 1 - f
        g = tanh(g)
        c = f * tag(c, "carry") + i * g
        o = sigmoid(o)
        h = o * tanh(c)
        label(f=f, i=i, g=g, c=c, o=o, h=h)
        return h, c


class ClippedLSTMCell(LSTMCell):
    """What goes into every σ and tanh is clipped to -clip..clip, as ONNX's attribute of that name does.

    Where it is clipped, no gradient passes. ``nn.LSTM(3, 5, cell=partial(ClippedLSTMCell, clip=3.0))``.

    >>> ClippedLSTMCell(3, 5, clip=3.0)
    ClippedLSTMCell(3 -> 5, clip=3.0, 180 parameters)
    """

    clip: float

    @check_arguments
    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, clip: float,
        forget_bias: float | None = None, init: Init = None, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias, forget_bias=forget_bias, init=init, dtype=dtype)
        self.clip = clip

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """The next (h, c)."""
        h, c = state
        f, i, o, g = split(clip(self.preactivation(x, h), -self.clip, self.clip), 4, axis=-1)
        f = sigmoid(f)
        i = sigmoid(i)
        g = tanh(g)
        c = f * tag(c, "carry") + i * g
        o = sigmoid(o)
        h = o * tanh(clip(c, -self.clip, self.clip))
        label(f=f, i=i, g=g, c=c, o=o, h=h)
        return h, c

    def extra_repr(self) -> str:
        """Sizes and bound."""
        return f"{super().extra_repr()}, clip={self.clip}"


class CandidateDropoutLSTMCell(LSTMCell):
    """Only what is written is dropped, never what is remembered: c = f ⊙ c + i ⊙ dropout(g) (Semeniuta 2016).

    A new mask at every step. However long the sequence, the belt loses nothing to it. ``RecurrentDropout`` is Gal's.

    >>> CandidateDropoutLSTMCell(3, 5, p=0.25)
    CandidateDropoutLSTMCell(3 -> 5, 180 parameters)
      (dropout): Dropout(p=0.25, 0 parameters)
    """

    dropout: Dropout

    @check_arguments
    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, p: float = 0.5,
        forget_bias: float | None = None, init: Init = None, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias, forget_bias=forget_bias, init=init, dtype=dtype)
        self.dropout = Dropout(p)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """The next (h, c)."""
        h, c = state
        f, i, o, g = split(self.preactivation(x, h), 4, axis=-1)
        f = sigmoid(f)
        i = sigmoid(i)
        g = self.dropout(tanh(g))
        c = f * tag(c, "carry") + i * g
        o = sigmoid(o)
        h = o * tanh(c)
        label(f=f, i=i, g=g, c=c, o=o, h=h)
        return h, c


class ProjectedLSTMCell(LSTMCell):
    """h = W_h (o ⊙ tanh c), narrower than c, so that U is (4H, P): LSTMP (Sak 2014), PyTorch's ``proj_size``.

    >>> h, c = ProjectedLSTMCell(3, 5, proj_size=2)(np.ones((4, 3)))
    >>> h.shape, c.shape
    ((4, 2), (4, 5))
    """

    proj_size: int  # P
    U: Parameter  # (4H, P)
    W_h: Parameter  # (P, H)

    @check_arguments
    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, proj_size: int,
        forget_bias: float | None = None, init: Init = None, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        if not 1 <= proj_size < hidden_size:
            raise ArgumentError(f"proj_size is at least 1 and below the hidden size {hidden_size}, not {proj_size}")
        first = scheme(init)
        first.check(type(self).__name__, False, self.memory, bias)
        super().__init__(input_size, hidden_size, bias, forget_bias=forget_bias, init=init, dtype=dtype)
        self.proj_size = proj_size
        self.U = Parameter(first.recurrent(4, hidden_size, proj_size, dtype))
        self.W_h = Parameter(first.projection(proj_size, hidden_size, dtype))

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """P for h, H for c."""
        return self.proj_size, self.hidden_size

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """The next (h, c)."""
        h, c = state
        f, i, o, g = split(self.preactivation(x, h), 4, axis=-1)
        f = sigmoid(f)
        i = sigmoid(i)
        g = tanh(g)
        c = f * tag(c, "carry") + i * g
        o = sigmoid(o)
        h = linear(o * tanh(c), self.W_h)  # the projection
        label(f=f, i=i, g=g, c=c, o=o, h=h)
        return h, c


class LayerNormLSTMCell(LSTMCell):
    """Both products and the belt's reading are normalised: LN(W x) + LN(U h) + b, h = o ⊙ tanh LN(c).

    Ba 2016, equations 20 to 22; each LN has gains of its own and, but for that of c, no bias beside b. The belt itself
    is left alone: c goes on as it is.

    >>> LayerNormLSTMCell(3, 5)
    LayerNormLSTMCell(3 -> 5, 230 parameters)
      (norm_x): LayerNorm(20, 20 parameters)
      (norm_h): LayerNorm(20, 20 parameters)
      (norm_c): LayerNorm(5, 10 parameters)
    """

    norm_x: LayerNorm  # of (..., 4H)
    norm_h: LayerNorm  # of (..., 4H)
    norm_c: LayerNorm  # of (..., H)

    @check_arguments
    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, forget_bias: float | None = None,
        init: Init = None, dtype: DTypeLike | None = None,
    ) -> None:  # fmt: skip
        super().__init__(input_size, hidden_size, bias, forget_bias=forget_bias, init=init, dtype=dtype)
        self.norm_x = LayerNorm(4 * hidden_size, bias=False, dtype=dtype)
        self.norm_h = LayerNorm(4 * hidden_size, bias=False, dtype=dtype)
        self.norm_c = LayerNorm(hidden_size, dtype=dtype)

    def preactivation(self, x: Tensor, h: Tensor) -> Tensor:
        """LN(W x) + LN(U h) + b."""
        z: Tensor = self.norm_x(linear(x, self.W)) + self.norm_h(linear(h, self.U))
        return z if self.b is None else z + self.b

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """The next (h, c)."""
        h, c = state
        f, i, o, g = split(self.preactivation(x, h), 4, axis=-1)
        f = sigmoid(f)
        i = sigmoid(i)
        g = tanh(g)
        c = f * tag(c, "carry") + i * g
        o = sigmoid(o)
        h = o * tanh(self.norm_c(c))  # only what is read of the belt is normalised
        label(f=f, i=i, g=g, c=c, o=o, h=h)
        return h, c
