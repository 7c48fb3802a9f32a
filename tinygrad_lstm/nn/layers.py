"""The layers that have no memory: Linear, Embedding, LayerNorm, Dropout."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_lstm.engine.creation import generator
from tinygrad_lstm.engine.ops.choices import where
from tinygrad_lstm.engine.ops.indexing import embedding
from tinygrad_lstm.engine.ops.linear import linear
from tinygrad_lstm.engine.ops.nonlinear import sqrt
from tinygrad_lstm.engine.ops.wide import wide
from tinygrad_lstm.engine.tensor import Tensor, TensorLike
from tinygrad_lstm.errors import ArgumentError, DtypeError, PositionError, ShapeError
from tinygrad_lstm.nn import init
from tinygrad_lstm.nn.module import Module, Parameter
from tinygrad_lstm.nn.options import array_of, check_arguments


class Linear(Module):
    """y = x Wᵀ + b: x (..., D), W (G, D), b (G,), y (..., G). W starts Glorot-uniform, b at 0.

    The output head over all steps, y (T, B, V) = W h + b of h (T, B, H), is a Linear. To tie it to an embedding:
    ``head.W = embedding.weight``, one parameter whose gradient is the sum of both uses (Press & Wolf 2017).

    >>> layer = Linear(3, 2)
    >>> layer
    Linear(3 -> 2, 8 parameters)
    >>> layer(np.ones((5, 3))).shape
    (5, 2)
    """

    @check_arguments
    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, *, dtype: DTypeLike | None = None
    ) -> None:
        self.in_features, self.out_features = in_features, out_features
        self.W = Parameter(init.glorot(out_features, in_features, dtype))
        self.b = Parameter(np.zeros(out_features, self.W.dtype)) if bias else None

    def forward(self, x: TensorLike) -> Tensor:
        """y, for any leading axes of x."""
        y = linear(self.floating(x), self.W)
        return y if self.b is None else y + self.b

    def extra_repr(self) -> str:
        """The sizes."""
        return f"{self.in_features} -> {self.out_features}"


class Embedding(Module):
    """A row of the table for each index: indices (...) in 0..V-1, weight (V, D), y (..., D). Starts normal(0, 1).

    The row ``padding_idx``, which may be counted from the end, stands for no word: it starts at 0 and gets no gradient
    by a look-up.

    >>> Embedding(10, 4)(np.array([[1, 2, 3], [7, 7, 7]])).shape
    (2, 3, 4)
    >>> table = Embedding(10, 4, padding_idx=-1)
    >>> table(np.array([2, 9])).sum().backward()
    >>> table.weight.data[9].tolist(), table.weight.grad.data[[2, 9]].tolist()
    ([0.0, 0.0, 0.0, 0.0], [[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    """

    @check_arguments
    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, *, dtype: DTypeLike | None = None
    ) -> None:
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise ArgumentError(f"padding_idx is one of the rows 0..{num_embeddings - 1}, not {padding_idx}")
            padding_idx %= num_embeddings
        self.padding_idx = padding_idx
        self.weight = Parameter(init.normal((num_embeddings, embedding_dim), dtype=dtype))
        if padding_idx is not None:
            self.weight.data[padding_idx] = 0

    def forward(self, indices: TensorLike) -> Tensor:
        """The rows; DtypeError for indices that are not whole numbers, PositionError for one outside the table."""
        array = array_of(indices)
        if array.dtype.kind not in "iu" and array.size:
            raise DtypeError(f"an embedding looks up whole numbers, not {array.dtype}: give a NumPy array of integers")
        array = array.astype(np.intp, copy=False)  # the op takes a copy, if it is recorded
        rows = self.weight.shape[0]
        if array.size and not (array.min() >= 0 and array.max() < rows):
            raise PositionError(f"indices {array.min()}..{array.max()} for a table of {rows} rows, 0..{rows - 1}")
        y = embedding(self.weight, array)
        if self.padding_idx is None:
            return y
        words = np.expand_dims(array != self.padding_idx, -1)
        return where(words, y, self.weight.data[self.padding_idx])  # the same row, as a constant

    def extra_repr(self) -> str:
        """The sizes, and the row that is padding."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.weight.shape[0]} rows of {self.weight.shape[1]}{padding}"


class LayerNorm(Module):
    """y = w ⊙ (x - mean) / √(variance + eps) + b, over the last axis, row by row (Ba 2016). w starts at 1, b at 0.

    >>> y = LayerNorm(4)(np.array([[1.0, 2.0, 3.0, 6.0]]))
    >>> y.data.round(2).tolist()
    [[-1.07, -0.53, 0.0, 1.6]]
    """

    @check_arguments
    def __init__(self, features: int, eps: float = 1e-5, *, bias: bool = True, dtype: DTypeLike | None = None) -> None:
        self.w = Parameter(np.ones(features, init.floating_dtype(dtype)))
        self.b = Parameter(np.zeros(features, self.w.dtype)) if bias else None
        self.features, self.eps = features, eps

    def forward(self, x: TensorLike) -> Tensor:
        """y, for any leading axes of x; of float16, computed in float32."""
        given = self.floating(x)
        if given.shape[-1:] != (self.features,):
            raise ShapeError(f"LayerNorm takes x (..., {self.features}), not {given.shape}")
        x = wide(given)
        centred = x - x.mean(axis=-1, keepdims=True)
        variance = (centred * centred).mean(axis=-1, keepdims=True)
        y: Tensor = self.w * centred / sqrt(variance + self.eps)
        y = y if self.b is None else y + self.b
        return y if x is given else y.astype(given.dtype)

    def extra_repr(self) -> str:
        """The width."""
        return f"{self.features}"


def keep_mask(shape: tuple[int, ...], p: float, dtype: DTypeLike) -> np.ndarray:
    """0 with probability p, else 1 / (1 - p), so that the mean stays."""
    return np.asarray((generator().random(shape) >= p) / (1 - p), dtype)


class Dropout(Module):
    """In training, each element is 0 with probability p and the rest are divided by 1 - p (Srivastava 2014).

    >>> import tinygrad_lstm as tg
    >>> tg.manual_seed(0)
    >>> dropout = Dropout(0.5)
    >>> dropout(tg.ones(6))
    tensor([2., 0., 0., 0., 2., 2.])
    >>> dropout.eval()(tg.ones(6))
    tensor([1., 1., 1., 1., 1., 1.])
    """

    @check_arguments
    def __init__(self, p: float = 0.5) -> None:
        self.p = p

    def forward(self, x: TensorLike) -> Tensor:
        """x with a fresh mask, or x itself in evaluation; DtypeError for what is not floating."""
        y: Tensor = x if isinstance(x, Tensor) else Tensor(x)
        if y.dtype.kind != "f":
            raise DtypeError(f"dropout scales what it keeps, so it takes floating numbers, not {y.dtype}")
        if not self.training or self.p == 0:
            return y
        return y * self.mask(y)

    def mask(self, x: Tensor) -> np.ndarray:
        """A mask of its own for every element."""
        return keep_mask(x.shape, self.p, x.dtype)

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}"
