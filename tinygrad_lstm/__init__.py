"""A small reverse-mode autograd engine, recurrent networks built on it, and the gradient's routes through them.

>>> import tinygrad_lstm as tg
>>> x = tg.tensor([[1.0, -2.0]], requires_grad=True)
>>> y = tg.tanh(x @ x.T).sum()
>>> y.backward()
>>> x.grad.shape
(1, 2)

Unrelated to the project called tinygrad.
"""

from typing import TYPE_CHECKING, Any

import tinygrad_lstm.engine.record  # noqa: F401  # it puts the engine under the ops
from tinygrad_lstm import errors, losses, nn, optim
from tinygrad_lstm.engine.arrays import get_default_dtype, set_default_dtype
from tinygrad_lstm.engine.creation import (
    arange,
    eye,
    full,
    generator,
    manual_seed,
    ones,
    ones_like,
    rand,
    randn,
    tensor,
    zeros,
    zeros_like,
)
from tinygrad_lstm.engine.gradients import backward_events, grad
from tinygrad_lstm.engine.naming import label, tag
from tinygrad_lstm.engine.ops.arithmetic import (
    absolute,
    add,
    clip,
    divide,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    subtract,
    where,
)
from tinygrad_lstm.engine.ops.indexing import embedding, index, scatter
from tinygrad_lstm.engine.ops.linear import linear, matmul
from tinygrad_lstm.engine.ops.nonlinear import (
    exp,
    expm1,
    log,
    log1p,
    log_softmax,
    logsumexp,
    relu,
    sigmoid,
    softmax,
    softmax_cross_entropy,
    softplus,
    sqrt,
    tanh,
)
from tinygrad_lstm.engine.ops.primitive import IndexedCotangent, Primitive, primitive, primitive_multi
from tinygrad_lstm.engine.ops.reductions import max, mean, min, sum
from tinygrad_lstm.engine.ops.shapes import (
    broadcast_to,
    cast,
    concatenate,
    expand_dims,
    reshape,
    split,
    squeeze,
    stack,
    swapaxes,
    transpose,
    unstack,
)
from tinygrad_lstm.engine.scope import enable_grad, no_grad, scope, through
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.gradcheck import gradcheck, gradgradcheck
from tinygrad_lstm.graph import Graph, graph_of

if TYPE_CHECKING:  # loaded at first use, below: files need slow imports
    from tinygrad_lstm.saving import load, save

abs = absolute
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in ("load", "save"):
        from tinygrad_lstm import saving

        return getattr(saving, name)
    raise AttributeError(f"module 'tinygrad_lstm' has no attribute {name!r}")


__all__ = [
    "abs", "absolute", "add", "arange", "backward_events", "broadcast_to", "cast", "clip", "concatenate", "divide",
    "embedding", "enable_grad", "errors", "exp", "expand_dims", "expm1", "eye", "full", "generator",
    "get_default_dtype", "grad", "gradcheck", "gradgradcheck", "Graph", "graph_of", "index", "IndexedCotangent",
    "label", "linear", "load", "log", "log1p", "log_softmax", "logsumexp", "losses", "manual_seed", "matmul", "max",
    "maximum", "mean", "min", "minimum", "multiply", "negative", "nn", "no_grad", "ones", "ones_like", "optim",
    "power", "Primitive", "primitive", "primitive_multi", "rand", "randn", "relu", "reshape", "save", "scatter",
    "scope", "set_default_dtype", "sigmoid", "softmax", "softmax_cross_entropy", "softplus", "split", "sqrt",
    "squeeze", "stack", "subtract", "sum", "swapaxes", "tag", "tanh", "Tensor", "tensor", "through", "transpose",
    "unstack", "where", "zeros", "zeros_like",
]  # fmt: skip
