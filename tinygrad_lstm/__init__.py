"""A small reverse-mode autograd engine, recurrent networks built on it, and the gradient's routes through them.

>>> import tinygrad_lstm as tg
>>> x = tg.tensor([[1.0, -2.0]], requires_grad=True)
>>> y = tg.tanh(x @ x.T).sum()
>>> y.backward()
>>> x.grad.shape
(1, 2)

Unrelated to the project called tinygrad.
"""

import importlib
from typing import TYPE_CHECKING, Any

from numpy import all, any, argmax, argmin, argsort, count_nonzero  # plain results: NumPy's own take Tensors

import tinygrad_lstm.engine.record  # noqa: F401  # it puts the engine under the ops
from tinygrad_lstm import errors
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
from tinygrad_lstm.engine.naming import label
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
from tinygrad_lstm.engine.ops.contractions import contract, dot, einsum, inner, outer, tensordot, vdot
from tinygrad_lstm.engine.ops.diagonals import diag, diagonal, tril, triu
from tinygrad_lstm.engine.ops.indexing import embedding, index, index_put, scatter
from tinygrad_lstm.engine.ops.linear import linear, matmul
from tinygrad_lstm.engine.ops.nonlinear import (
    erf,
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
from tinygrad_lstm.engine.ops.norms import norm
from tinygrad_lstm.engine.ops.picking import index_add, sort, take, take_along_axis
from tinygrad_lstm.engine.ops.primitive import IndexedCotangent, Primitive, primitive, primitive_multi
from tinygrad_lstm.engine.ops.products import cumprod, prod
from tinygrad_lstm.engine.ops.rearranging import (
    array_split,
    atleast_1d,
    atleast_2d,
    column_stack,
    flip,
    hstack,
    moveaxis,
    pad,
    ravel,
    repeat,
    tile,
    vstack,
)
from tinygrad_lstm.engine.ops.reductions import cumsum, max, mean, min, std, sum, var
from tinygrad_lstm.engine.ops.shapes import (
    broadcast_to,
    cast,
    concatenate,
    expand_dims,
    reshape,
    roll,
    split,
    squeeze,
    stack,
    swapaxes,
    transpose,
    unstack,
)
from tinygrad_lstm.engine.ops.ufuncs import (
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    cbrt,
    ceil,
    copysign,
    cos,
    cosh,
    deg2rad,
    exp2,
    floor,
    floor_divide,
    fmax,
    fmin,
    fmod,
    heaviside,
    hypot,
    log2,
    log10,
    logaddexp,
    logaddexp2,
    positive,
    rad2deg,
    reciprocal,
    remainder,
    rint,
    round,
    sign,
    sin,
    sinh,
    square,
    tan,
    trunc,
)
from tinygrad_lstm.engine.scope import enable_grad, no_grad, scope, through
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.gradcheck import gradcheck, gradgradcheck
from tinygrad_lstm.graph import Graph, graph_of

if TYPE_CHECKING:  # loaded at first use, below, so that who wants the engine alone does not wait for the rest
    from tinygrad_lstm import func, interop, losses, nn, optim, paths
    from tinygrad_lstm.explain import detect_anomaly, explain_grad, program, trace
    from tinygrad_lstm.saving import load, save
    from tinygrad_lstm.tags import register_tag, tag

abs = absolute
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name in ("func", "interop", "losses", "nn", "optim", "paths"):
        return importlib.import_module(f"tinygrad_lstm.{name}")
    if name in ("load", "save"):
        from tinygrad_lstm import saving

        return getattr(saving, name)
    if name in ("register_tag", "tag"):
        from tinygrad_lstm import tags

        return globals().setdefault(name, getattr(tags, name))  # kept: a cell asks for it at every step
    if name in ("detect_anomaly", "explain_grad", "program", "trace"):
        from tinygrad_lstm import explain

        return getattr(explain, name)
    raise AttributeError(f"module 'tinygrad_lstm' has no attribute {name!r}")


__all__ = [
    "abs", "absolute", "add", "all", "any", "arange", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2",
    "arctanh", "argmax", "argmin", "argsort", "array_split", "atleast_1d", "atleast_2d", "backward_events",
    "broadcast_to", "cast", "cbrt", "ceil", "clip", "column_stack", "concatenate", "contract", "copysign", "cos",
    "cosh", "count_nonzero", "cumprod", "cumsum", "deg2rad", "detect_anomaly", "diag", "diagonal", "divide", "dot",
    "einsum", "embedding", "enable_grad", "erf", "errors", "exp", "exp2", "expand_dims", "explain_grad", "expm1",
    "eye", "flip", "floor", "floor_divide", "fmax", "fmin", "fmod", "full", "func", "generator",
    "get_default_dtype", "grad", "gradcheck", "gradgradcheck", "Graph", "graph_of", "heaviside", "hstack", "hypot",
    "index", "index_add", "index_put", "IndexedCotangent", "inner", "interop", "label", "linear", "load", "log",
    "log10", "log1p", "log2", "log_softmax", "logaddexp", "logaddexp2", "logsumexp", "losses", "manual_seed",
    "matmul", "max", "maximum", "mean", "min", "minimum", "moveaxis", "multiply", "negative", "nn", "no_grad",
    "norm", "ones", "ones_like", "optim", "outer", "pad", "paths", "positive", "power", "primitive", "Primitive",
    "primitive_multi", "prod", "program", "rad2deg", "rand", "randn", "ravel", "reciprocal", "register_tag",
    "relu", "remainder", "repeat", "reshape", "rint", "roll", "round", "save", "scatter", "scope", "set_default_dtype",
    "sigmoid", "sign", "sin", "sinh", "softmax", "softmax_cross_entropy", "softplus", "sort", "split", "sqrt", "square",
    "squeeze", "stack", "std", "subtract", "sum", "swapaxes", "tag", "take", "take_along_axis", "tan", "tanh", "Tensor",
    "tensor", "tensordot", "through", "tile", "trace", "transpose", "tril", "triu", "trunc", "unstack", "var", "vdot",
    "vstack", "where", "zeros", "zeros_like",
]  # fmt: skip
