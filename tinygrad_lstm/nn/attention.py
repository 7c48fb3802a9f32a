"""Attention, as contrast: every position reads every other at once, with no step between them and no fixed state.

    x (T, B, D)  a sequence       q, k, v (T, B, D)  queries, keys, values       A (B, h, T, S)  what reads what
    h  heads, each of D/h numbers

The longest chain of ops does not grow with T, and neither does the path from one position to another; the memory does,
with T², for A holds a weight for every pair. Position is nothing here but a number in x: see ``position_codes``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lstm.engine.arrays import get_default_dtype
from tinygrad_lstm.engine.naming import label
from tinygrad_lstm.engine.ops.choices import where
from tinygrad_lstm.engine.ops.nonlinear import relu
from tinygrad_lstm.engine.ops.shapes import reshape, swapaxes, transpose
from tinygrad_lstm.engine.ops.softmax import softmax
from tinygrad_lstm.engine.tensor import Tensor, TensorLike
from tinygrad_lstm.errors import ArgumentError, ShapeError
from tinygrad_lstm.nn.layers import Dropout, LayerNorm, Linear
from tinygrad_lstm.nn.module import Module
from tinygrad_lstm.nn.options import DROPPED, array_of, check, check_arguments
from tinygrad_lstm.nn.packing import lengths_to_mask


class MultiheadAttention(Module):
    """y = W_o [head_1, ..., head_h], head = softmax(q kᵀ / √(D/h)) v; q, k, v = W_q x, W_k x, W_v x (Vaswani 2017).

    Called with the queries (T, B, D), and with keys and values (S, B, D) if they come from elsewhere. Gives the output
    (T, B, D) and the weights A (B, h, T, S), each row of which sums to 1. ``lengths`` (B,) or ``mask`` (S, B), bools,
    say which keys are there, as in recurrent layers; ``causal``: no position reads a later one. Where a position may
    read nothing, its row of A is 0. ``dropout`` acts on A.

    Raises ArgumentError for a D that the heads do not divide; ShapeError for inputs that do not fit.

    >>> y, A = MultiheadAttention(8, num_heads=2)(np.ones((5, 3, 8)), causal=True)
    >>> y.shape, A.shape
    ((5, 3, 8), (3, 2, 5, 5))
    >>> A.data[0, 0].round(2)[:3].astype(float)
    array([[1.  , 0.  , 0.  , 0.  , 0.  ],
           [0.5 , 0.5 , 0.  , 0.  , 0.  ],
           [0.33..., 0.33..., 0.33..., 0.  , 0.  ]])
    """

    @check_arguments
    def __init__(self, embed_dim: int, num_heads: int = 1, dropout: float = 0.0, bias: bool = True) -> None:
        check("dropout", dropout, DROPPED)
        if embed_dim % num_heads:
            raise ArgumentError(f"num_heads divides the width {embed_dim}, which {num_heads} does not")
        self.embed_dim, self.num_heads = embed_dim, num_heads
        self.q, self.k, self.v, self.out = (Linear(embed_dim, embed_dim, bias) for _ in range(4))
        self.dropout = Dropout(dropout)

    def forward(
        self, query: TensorLike, key: TensorLike = None, value: TensorLike = None, *, lengths: TensorLike = None,
        mask: TensorLike = None, causal: bool = False,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """Output and weights."""
        x = self._checked("query", query)
        source = x if key is None else self._checked("key", key)
        content = source if value is None else self._checked("value", value)
        on = keys_that_count(lengths, mask, source.shape[:2])
        if on is not None:  # a NaN in the padding would make a weight of zero NaN
            rows = np.expand_dims(on, -1)
            x = where(rows, x, 0) if source is x else x
            source, content = where(rows, source, 0), where(rows, content, 0)
        q, k, v = self._heads(self.q(x)), self._heads(self.k(source)), self._heads(self.v(content))
        scores = q @ swapaxes(k, -1, -2) * (self.embed_dim / self.num_heads) ** -0.5
        allowed = allowed_pairs(on, len(x), len(source), causal)
        if allowed is None:
            A = softmax(scores, axis=-1)
        else:
            low = np.finfo(scores.dtype).min / 2
            A = where(allowed, softmax(where(allowed, scores, low), axis=-1), 0)
        read = transpose(self.dropout(A) @ v, (2, 0, 1, 3))  # (T, B, h, D/h)
        y: Tensor = self.out(reshape(read, x.shape))
        label(q=q, k=k, v=v, A=A, y=y)
        return y, A

    def _heads(self, x: Tensor) -> Tensor:
        """(T, B, D) -> (B, h, T, D/h)."""
        return transpose(reshape(x, (*x.shape[:2], self.num_heads, -1)), (1, 2, 0, 3))

    def _checked(self, name: str, x: Any) -> Tensor:
        y = self.floating(x)
        if y.ndim != 3 or y.shape[-1] != self.embed_dim:
            raise ShapeError(f"the {name} of attention is (T, B, {self.embed_dim}), not {y.shape}")
        return y

    def extra_repr(self) -> str:
        """Width and heads."""
        return f"{self.embed_dim}, {self.num_heads} head{'s' if self.num_heads > 1 else ''}"


def keys_that_count(lengths: TensorLike, mask: TensorLike, shape: tuple[int, ...]) -> np.ndarray | None:
    """The mask of the keys (S, B), or None for all; ShapeError for one of another shape."""
    if lengths is not None and mask is not None:
        raise ArgumentError("lengths or mask, not both: each says which keys are there")
    if lengths is not None:
        return lengths_to_mask(lengths, shape)
    on = None if mask is None else array_of(mask)
    if on is not None and (on.dtype != bool or on.shape != shape):
        raise ShapeError(f"a mask holds a bool for each key and row, {shape}, not {on.dtype} {on.shape}")
    return on


def allowed_pairs(on: np.ndarray | None, T: int, S: int, causal: bool) -> np.ndarray | None:
    """Which position may read which, to stand beside A (B, h, T, S); None for all."""
    keys = None if on is None else on.T[:, None, None]
    past = np.tri(T, S, dtype=bool) if causal else None
    return keys if past is None else past if keys is None else keys & past


class TransformerBlock(Module):
    """Attention, then two linear layers at every position, each added to its input and normalised (Vaswani 2017).

    x = LN(x + attention(x)), x = LN(x + W_2 relu(W_1 x)); with ``norm_first`` x = x + attention(LN x), and likewise, so
    that the path of the sums leads from the top to the bottom with no norm on it. ``hidden`` is 4 D unless given.

    >>> TransformerBlock(8, num_heads=2, hidden=16)(np.ones((5, 3, 8))).shape
    (5, 3, 8)
    """

    @check_arguments
    def __init__(
        self, embed_dim: int, num_heads: int = 1, hidden: int | None = None, dropout: float = 0.0, *,
        norm_first: bool = False,
    ) -> None:  # fmt: skip
        self.attention = MultiheadAttention(embed_dim, num_heads, dropout)
        self.up, self.down = Linear(embed_dim, hidden or 4 * embed_dim), Linear(hidden or 4 * embed_dim, embed_dim)
        self.norm_attention, self.norm_linear = LayerNorm(embed_dim), LayerNorm(embed_dim)
        self.dropout, self.norm_first = Dropout(dropout), norm_first

    def forward(
        self, x: TensorLike, *, lengths: TensorLike = None, mask: TensorLike = None, causal: bool = False
    ) -> Tensor:
        """The next x (T, B, D); the options are those of the attention."""
        y = self.floating(x)
        on = keys_that_count(lengths, mask, y.shape[:2])
        y = y if on is None else where(np.expand_dims(on, -1), y, 0)  # a NaN in the padding would spread to the weights
        if self.norm_first:
            y = y + self.attend(self.norm_attention(y), on, causal)
            return y + self.transform(self.norm_linear(y))
        y = self.norm_attention(y + self.attend(y, on, causal))
        return self.norm_linear(y + self.transform(y))

    def attend(self, x: Tensor, on: np.ndarray | None, causal: bool) -> Tensor:
        """What each position reads."""
        return self.dropout(self.attention(x, mask=on, causal=causal)[0])

    def transform(self, x: Tensor) -> Tensor:
        """What each position makes of itself."""
        return self.dropout(self.down(self.dropout(relu(self.up(x)))))


def position_codes(T: int, D: int) -> np.ndarray:
    """Sines and cosines of each position t, from one step to thousands a wave, to add to x: (T, 1, D) (Vaswani 2017).

    >>> position_codes(2, 4)[:, 0].astype(float).round(2).tolist()
    [[0.0, 1.0, 0.0, 1.0], [0.84, 0.54, 0.01, 1.0]]
    """
    t, k = np.arange(T)[:, None], np.arange(D)[None]
    angle = t / 10_000 ** (k // 2 * 2 / D)
    return np.where(k % 2, np.cos(angle), np.sin(angle))[:, None].astype(get_default_dtype())
