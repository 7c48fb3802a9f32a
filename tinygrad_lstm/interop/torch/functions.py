"""The functions and methods of PyTorch that a mirrored ``forward`` may call, in this package's words.

Each entry has PyTorch's parameter names, ``dim`` and ``keepdim``, and gives what PyTorch gives. A name that is missing
here is refused when a module is mirrored; a parameter that is missing, when the function is called with it.
"""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import tinygrad_lstm.engine.ops.shapes as shapes
from tinygrad_lstm.engine.ops import nonlinear
from tinygrad_lstm.engine.ops.linear import linear, matmul
from tinygrad_lstm.engine.ops.softmax import log_softmax, softmax
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import UnsupportedError
from tinygrad_lstm.nn.activations import Flatten, gelu, silu
from tinygrad_lstm.nn.packing import pack_padded_sequence, pad_packed_sequence


def chunk(x: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Pieces of equal size, as PyTorch cuts them where the axis can be cut so."""
    if x.shape[dim] % chunks:
        raise UnsupportedError(f"chunk: {x.shape[dim]} elements in {chunks} pieces of unequal size")
    return tuple(shapes.split(x, chunks, axis=dim))


def dropout(x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """x: with p > 0 the function draws at random whether or not the module is in training mode."""
    if training and p:
        raise UnsupportedError("functional.dropout draws other numbers here: call it with training=self.training")
    return x


def norm_of_variance(name: str) -> Callable[..., Tensor]:
    """PyTorch's var or std: divided by n - 1 unless said otherwise."""

    def of(
        x: Tensor, dim: Any = None, unbiased: bool = True, keepdim: bool = False, correction: int | None = None
    ) -> Tensor:
        ddof = int(unbiased) if correction is None else correction
        found: Tensor = getattr(x, name)(axis=dim, ddof=ddof, keepdims=keepdim)
        return found

    return of


def numbers(first: Any, rest: Sequence[int]) -> tuple[int, ...]:
    """A shape or an order of axes, given as one sequence or one by one."""
    return tuple(first) if isinstance(first, Sequence) else (first, *rest)


def size(x: Tensor, dim: int | None = None) -> Any:
    """The shape, or one number of it."""
    return x.shape if dim is None else x.shape[dim]


# Methods, and functions of the same name in torch or torch.nn.functional
METHODS: dict[str, Callable[..., Any]] = {
    **{name: getattr(nonlinear, name) for name in ("exp", "log", "sqrt", "tanh", "sigmoid")},
    "abs": lambda x: abs(x),
    "relu": lambda x, inplace=False: nonlinear.relu(x),
    "softmax": lambda x, dim: softmax(x, axis=dim),
    "log_softmax": lambda x, dim: log_softmax(x, axis=dim),
    "softplus": lambda x: nonlinear.softplus(x),
    "add": lambda x, other: x + other,
    "sub": lambda x, other: x - other,
    "mul": lambda x, other: x * other,
    "div": lambda x, other: x / other,
    "pow": lambda x, exponent: x**exponent,
    "neg": lambda x: -x,
    "square": lambda x: x * x,
    "matmul": matmul,
    "bmm": matmul,
    "sum": lambda x, dim=None, keepdim=False: x.sum(axis=dim, keepdims=keepdim),
    "mean": lambda x, dim=None, keepdim=False: x.mean(axis=dim, keepdims=keepdim),
    "var": norm_of_variance("var"),
    "std": norm_of_variance("std"),
    "reshape": lambda x, shape, *rest: shapes.reshape(x, numbers(shape, rest)),
    "view": lambda x, shape, *rest: shapes.reshape(x, numbers(shape, rest)),
    "flatten": lambda x, start_dim=0, end_dim=-1: Flatten(start_dim, end_dim).forward(x),
    "transpose": lambda x, dim0, dim1: shapes.swapaxes(x, dim0, dim1),
    "permute": lambda x, dims, *rest: shapes.transpose(x, numbers(dims, rest)),
    "unsqueeze": lambda x, dim: shapes.expand_dims(x, dim),
    "squeeze": lambda x, dim=None: x if dim is not None and x.shape[dim] != 1 else shapes.squeeze(x, dim),
    "t": lambda x: shapes.swapaxes(x, 0, -1) if x.ndim == 2 else x,
    "chunk": chunk,
    "select": lambda x, dim, index: x[(slice(None),) * (dim % x.ndim) + (index,)],
    "contiguous": lambda x: x,
    "clone": lambda x: x,
    "size": size,
    "dim": lambda x: x.ndim,
    "numel": lambda x: x.size,
    "detach": lambda x: x.detach(),
    "cpu": lambda x: x,
}  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **METHODS,
    "cat": lambda tensors, dim=0: shapes.concatenate(tensors, axis=dim),
    "concat": lambda tensors, dim=0: shapes.concatenate(tensors, axis=dim),
    "stack": lambda tensors, dim=0: shapes.stack(tensors, axis=dim),
    "dropout": dropout,
    "pack_padded_sequence": pack_padded_sequence,
    "pad_packed_sequence": pad_packed_sequence,
    "linear": lambda x, weight, bias=None: linear(x, weight) if bias is None else linear(x, weight) + bias,
    "gelu": lambda x: gelu(x),
    "silu": lambda x, inplace=False: silu(x),
}  # fmt: skip
PLAIN = {  # Python's own, which mean the same for tensors of both
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.neg, operator.pow,
    operator.matmul, operator.getitem, operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge,
    math.sqrt, builtins.len,
}  # fmt: skip
ATTRIBUTES = ("shape", "T", "ndim")  # they mean the same for tensors of both


def function_of(target: Any, args: tuple[Any, ...], name: str) -> Callable[..., Any]:
    """Ours for a function that a ``forward`` calls; UnsupportedError for one that has no counterpart."""
    if target is builtins.getattr and args[1] not in ATTRIBUTES:
        raise UnsupportedError(f"{name} reads the tensor's attribute {args[1]}, which has no counterpart here")
    if target in PLAIN or target is builtins.getattr:
        return target  # type: ignore[no-any-return]  # a function
    module, word = getattr(target, "__module__", None) or "torch", getattr(target, "__name__", str(target))
    if module.split(".")[0] in ("torch", "_operator") and word.rstrip("_") == word and word in FUNCTIONS:
        return FUNCTIONS[word]
    raise UnsupportedError(f"{name} calls {module}.{word}, which has no counterpart here")


def method_of(word: str, name: str) -> Callable[..., Any]:
    """Ours for a method of a tensor that a ``forward`` calls."""
    if word not in METHODS:
        raise UnsupportedError(f"{name} calls the tensor's method {word}, which has no counterpart here")
    return METHODS[word]
