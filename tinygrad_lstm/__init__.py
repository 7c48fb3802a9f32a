"""A small reverse-mode autograd engine, recurrent networks built on it, and the gradient's routes through them.

>>> import tinygrad_lstm as tg
>>> x = tg.tensor([[1.0, -2.0]], requires_grad=True)
>>> y = tg.tanh(x @ x.T).sum()
>>> y.backward()
>>> x.grad.shape
(1, 2)

Everything by its purpose; ``help(tg.einsum)`` says more of one:

create         tensor, zeros, ones, full, eye, arange, rand, randn, zeros_like, ones_like, Tensor
settings       manual_seed, generator, set_default_dtype, get_default_dtype
arithmetic     add, subtract, multiply, divide, floor_divide, remainder, fmod, power, negative, positive, absolute, abs,
               reciprocal, square, sqrt, cbrt, hypot, sign, copysign, heaviside
choices        where, maximum, minimum, fmax, fmin, clip
rounding       round, rint, floor, ceil, trunc
exponentials   exp, exp2, expm1, log, log2, log10, log1p, logaddexp, logaddexp2, erf
angles         sin, cos, tan, arcsin, arccos, arctan, arctan2, sinh, cosh, arcsinh, arccosh, arctanh, deg2rad, rad2deg
activations    tanh, sigmoid, relu, elu, softplus, softsign, hard_sigmoid, softmax, log_softmax, softmax_cross_entropy
products       matmul, linear, dot, inner, outer, vdot, tensordot, einsum, contract
reductions     sum, mean, var, std, max, min, prod, norm, logsumexp, cumsum, cumprod
shapes         reshape, ravel, transpose, swapaxes, moveaxis, expand_dims, squeeze, atleast_1d, atleast_2d,
               broadcast_to, repeat, tile, flip, roll, pad, cast
joining        concatenate, stack, hstack, vstack, column_stack
splitting      split, array_split, unstack
picking        index, take, take_along_axis, embedding, index_put, index_add, scatter, sort, diag, diagonal, tril, triu
plain results  all, any, argmax, argmin, argsort, count_nonzero
gradients      grad, backward_events, through, gradcheck, gradgradcheck
own ops        primitive, primitive_multi, Primitive, IndexedCotangent
modes          no_grad, enable_grad, detect_anomaly, pause_collector, collector_paused
the graph      graph_of, Graph, scope, label, tag, register_tag, trace, program, memory, explain_grad,
               compile
files          save, load
packages       nn, optim, losses, func, paths, interop, distributed, errors

Pictures are in the package ``viz``. Unrelated to the project called tinygrad.
"""

import importlib
from typing import TYPE_CHECKING, Any

from numpy import all, any, argmax, argmin, argsort, count_nonzero  # plain results: NumPy's own take Tensors

import tinygrad_lstm.engine.calls  # noqa: F401  # it puts the engine under the ops
from tinygrad_lstm import errors
from tinygrad_lstm.engine.arrays import get_default_dtype, set_default_dtype
from tinygrad_lstm.engine.backward_events import backward_events
from tinygrad_lstm.engine.collector import collector_paused, pause_collector
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
from tinygrad_lstm.engine.gradients import grad
from tinygrad_lstm.engine.modes import enable_grad, no_grad
from tinygrad_lstm.engine.naming import label
from tinygrad_lstm.engine.ops.arithmetic import add, divide, multiply, negative, power, subtract
from tinygrad_lstm.engine.ops.choices import absolute, clip, maximum, minimum, where
from tinygrad_lstm.engine.ops.indexing import embedding, index, scatter
from tinygrad_lstm.engine.ops.linear import linear, matmul
from tinygrad_lstm.engine.ops.more.activations import elu, hard_sigmoid, softsign
from tinygrad_lstm.engine.ops.more.contractions import contract, dot, einsum, inner, outer, tensordot, vdot
from tinygrad_lstm.engine.ops.more.diagonals import diag, diagonal, tril, triu
from tinygrad_lstm.engine.ops.more.norms import norm
from tinygrad_lstm.engine.ops.more.picking import index_add, index_put, sort, take, take_along_axis
from tinygrad_lstm.engine.ops.more.products import cumprod, prod
from tinygrad_lstm.engine.ops.more.rearranging import (
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
from tinygrad_lstm.engine.ops.more.ufuncs import (
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
    erf,
    exp2,
    expm1,
    floor,
    floor_divide,
    fmax,
    fmin,
    fmod,
    heaviside,
    hypot,
    log1p,
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
from tinygrad_lstm.engine.ops.nonlinear import exp, log, relu, sigmoid, softplus, sqrt, tanh
from tinygrad_lstm.engine.ops.primitive import Primitive, primitive, primitive_multi
from tinygrad_lstm.engine.ops.reductions import cumsum, max, mean, min, std, sum, var
from tinygrad_lstm.engine.ops.rules import IndexedCotangent
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
from tinygrad_lstm.engine.ops.softmax import log_softmax, logsumexp, softmax, softmax_cross_entropy
from tinygrad_lstm.engine.scope import scope
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.engine.through import through

if TYPE_CHECKING:  # for type checkers and editors; at run time each is loaded at its first use, see ``LATE``
    from tinygrad_lstm import distributed, func, interop, losses, nn, optim, paths
    from tinygrad_lstm.compiling import compile
    from tinygrad_lstm.explain import detect_anomaly, explain_grad, memory, program, trace
    from tinygrad_lstm.finite_differences import gradcheck, gradgradcheck
    from tinygrad_lstm.graph import Graph, graph_of
    from tinygrad_lstm.saving import load, save
    from tinygrad_lstm.tags import register_tag, tag

abs = absolute
__version__ = "0.1.0"

LATE = {  # names and their modules: so that the engine alone is imported quickly
    "compile": "compiling", "distributed": "distributed", "func": "func", "interop": "interop", "losses": "losses",
    "nn": "nn", "optim": "optim", "paths": "paths",
    "detect_anomaly": "explain", "explain_grad": "explain", "memory": "explain", "program": "explain",
    "trace": "explain",
    "gradcheck": "finite_differences", "gradgradcheck": "finite_differences", "Graph": "graph", "graph_of": "graph",
    "load": "saving", "save": "saving", "register_tag": "tags", "tag": "tags",
}  # fmt: skip


if not TYPE_CHECKING:  # a type checker is to find names that do not exist

    def __getattr__(name: str) -> Any:
        """A part of the package that is loaded late."""
        if name not in LATE:
            from tinygrad_lstm.foreign import not_found

            raise not_found("tg", name, "module 'tinygrad_lstm'")
        module = importlib.import_module(f"tinygrad_lstm.{LATE[name]}")
        return globals().setdefault(name, module if name == LATE[name] else getattr(module, name))  # found at once now


def __dir__() -> list[str]:
    """What there is for a user, whether it is loaded yet or not."""
    return [*__all__, *[name for name in globals() if name.startswith("__")]]


__all__ = [
    "abs", "absolute", "add", "all", "any", "arange", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2",
    "arctanh", "argmax", "argmin", "argsort", "array_split", "atleast_1d", "atleast_2d", "backward_events",
    "broadcast_to", "cast", "cbrt", "ceil", "clip", "collector_paused", "column_stack", "compile", "concatenate",
    "contract", "copysign", "cos", "cosh", "count_nonzero", "cumprod", "cumsum", "deg2rad", "detect_anomaly",
    "diag", "diagonal", "distributed", "divide", "dot", "einsum", "elu", "embedding", "enable_grad", "erf",
    "errors", "exp", "exp2", "expand_dims", "explain_grad", "expm1", "eye", "flip", "floor", "floor_divide", "fmax",
    "fmin", "fmod", "full", "func", "generator", "get_default_dtype", "grad", "gradcheck", "gradgradcheck", "Graph",
    "graph_of", "hard_sigmoid", "heaviside", "hstack", "hypot", "index", "index_add", "index_put",
    "IndexedCotangent", "inner", "interop", "label", "linear", "load", "log", "log10", "log1p", "log2",
    "log_softmax", "logaddexp", "logaddexp2", "logsumexp", "losses", "manual_seed", "matmul", "max", "maximum",
    "mean", "memory", "min", "minimum", "moveaxis", "multiply", "negative", "nn", "no_grad", "norm", "ones",
    "ones_like", "optim", "outer", "pad", "paths", "pause_collector", "positive", "power", "Primitive", "primitive",
    "primitive_multi", "prod", "program", "rad2deg", "rand", "randn", "ravel", "reciprocal", "register_tag", "relu",
    "remainder", "repeat", "reshape", "rint", "roll", "round", "save", "scatter", "scope", "set_default_dtype",
    "sigmoid", "sign", "sin", "sinh", "softmax", "softmax_cross_entropy", "softplus", "softsign", "sort", "split",
    "sqrt", "square", "squeeze", "stack", "std", "subtract", "sum", "swapaxes", "tag", "take", "take_along_axis",
    "tan", "tanh", "Tensor", "tensor", "tensordot", "through", "tile", "trace", "transpose", "tril", "triu",
    "trunc", "unstack", "var", "vdot", "vstack", "where", "zeros", "zeros_like",
]  # fmt: skip
