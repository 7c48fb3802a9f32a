"""Each layer of torch.nn that has an exact counterpart here, and how the counterpart is made.

A function of ``LAYERS`` takes PyTorch's layer and gives ours, with the same weights and the same mode. What PyTorch's
layer can do and ours cannot is refused by its name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from tinygrad_lstm import nn
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import UnsupportedError
from tinygrad_lstm.interop.layout import Array
from tinygrad_lstm.interop.torch.weights import THEIRS, array_of, cells_of, load_state_dict
from tinygrad_lstm.nn.cells import Cell, GRUCell
from tinygrad_lstm.nn.lstm_variants import ProjectedLSTMCell
from tinygrad_lstm.nn.recurrent import Recurrent


def layer_of(theirs: Any, name: str) -> nn.Module:
    """Our counterpart of one layer of PyTorch's; UnsupportedError, with the layer's name, where there is none."""
    make = LAYERS.get(type(theirs).__name__) if type(theirs).__module__.startswith("torch.nn.") else None
    if make is None:
        raise UnsupportedError(f"{name} is a {type(theirs).__name__}, which has no counterpart here: {KNOWN} have one")
    if any(getattr(theirs, kind, None) for kind in HOOKS):
        raise UnsupportedError(f"{name} ({type(theirs).__name__}) has hooks, which only PyTorch can run")
    try:
        ours = make(theirs)
    except UnsupportedError as error:
        raise UnsupportedError(f"{name} ({type(theirs).__name__}): {error}") from None
    for pair in weights_of(ours, theirs):
        pair.own.requires_grad = pair.weight.requires_grad
    return ours.train(theirs.training)


class Pair(NamedTuple):
    """A weight of ours beside PyTorch's, which has its gates in another order and two biases where we have one.

    Our b is compared with the input side's bias, and a GRU's b_n with the last third of the hidden side's.
    """

    name: str  # PyTorch's
    own: Tensor
    weight: Any
    arrange: Callable[[Array], Array] = lambda array: array  # ours in PyTorch's order
    part: slice = slice(None)  # which rows of PyTorch's


def weights_of(ours: nn.Module, theirs: Any) -> list[Pair]:
    """Each weight of ours with PyTorch's."""
    if not isinstance(ours, Recurrent | Cell):
        return [Pair(THEIRS[name], own, getattr(theirs, THEIRS[name])) for name, own in ours.named_parameters()]
    pairs = []
    for suffix, cell, layout in cells_of(ours):
        for name, word in (("W", "weight_ih"), ("U", "weight_hh"), ("b", "bias_ih")):
            if (own := getattr(cell, name)) is not None:
                pairs.append(Pair(word + suffix, own, getattr(theirs, word + suffix), layout.theirs))
        if isinstance(cell, GRUCell) and cell.b_n is not None:
            word = f"bias_hh{suffix}"
            pairs.append(Pair(word, cell.b_n, getattr(theirs, word), part=slice(2 * cell.hidden_size, None)))
        if isinstance(cell, ProjectedLSTMCell):
            pairs.append(Pair(f"weight_hr{suffix}", cell.W_h, getattr(theirs, f"weight_hr{suffix}")))
    return pairs


def _recurrent(theirs: Any) -> nn.Module:
    kind = type(theirs).__name__
    options: dict[str, Any] = {"proj_size": theirs.proj_size} if kind == "LSTM" else {}
    if kind == "RNN":
        options["nonlinearity"] = theirs.nonlinearity
    ours = getattr(nn, kind)(
        theirs.input_size, theirs.hidden_size, theirs.num_layers, bias=theirs.bias, batch_first=theirs.batch_first,
        dropout=theirs.dropout if theirs.num_layers > 1 else 0.0, bidirectional=theirs.bidirectional,
        dtype=_dtype(theirs.weight_ih_l0), **options,
    )  # fmt: skip
    load_state_dict(ours, theirs.state_dict())
    return ours  # type: ignore[no-any-return]  # one of nn's layers


def _cell(theirs: Any) -> nn.Module:
    kind = type(theirs).__name__
    options = {"nonlinearity": theirs.nonlinearity} if kind == "RNNCell" else {}
    dtype = _dtype(theirs.weight_ih)
    ours = getattr(nn, kind)(theirs.input_size, theirs.hidden_size, theirs.bias, dtype=dtype, **options)
    load_state_dict(ours, theirs.state_dict())
    return ours  # type: ignore[no-any-return]  # one of nn's cells


def _linear(theirs: Any) -> nn.Module:
    ours = nn.Linear(theirs.in_features, theirs.out_features, theirs.bias is not None, dtype=_dtype(theirs.weight))
    return _with_weights(ours, theirs)


def _embedding(theirs: Any) -> nn.Module:
    for option in ("max_norm", "scale_grad_by_freq", "sparse"):
        if getattr(theirs, option):
            raise UnsupportedError(f"{option}={getattr(theirs, option)} has no counterpart here")
    ours = nn.Embedding(theirs.num_embeddings, theirs.embedding_dim, theirs.padding_idx, dtype=_dtype(theirs.weight))
    return _with_weights(ours, theirs)


def _layer_norm(theirs: Any) -> nn.Module:
    if len(theirs.normalized_shape) != 1 or theirs.weight is None:
        raise UnsupportedError("ours normalises the last axis only, and has a weight")
    bias = theirs.bias is not None
    ours = nn.LayerNorm(theirs.normalized_shape[0], theirs.eps, bias=bias, dtype=_dtype(theirs.weight))
    return _with_weights(ours, theirs)


def _gelu(theirs: Any) -> nn.Module:
    if theirs.approximate != "none":
        raise UnsupportedError(f"approximate={theirs.approximate!r}: ours is the exact one")
    return nn.GELU()


def _softplus(theirs: Any) -> nn.Module:
    if (theirs.beta, theirs.threshold) != (1, 20):
        raise UnsupportedError(f"beta={theirs.beta}, threshold={theirs.threshold}: ours is log(1 + exp x)")
    return nn.Softplus()


def _softmax(make: Callable[[int], nn.Module]) -> Callable[[Any], nn.Module]:
    def of(theirs: Any) -> nn.Module:
        if theirs.dim is None:
            raise UnsupportedError("dim=None: say along which axis, as PyTorch asks too")
        return make(theirs.dim)

    return of


def _with_weights(ours: nn.Module, theirs: Any) -> nn.Module:
    for pair in weights_of(ours, theirs):
        pair.own.data = array_of(pair.weight).astype(pair.own.dtype)
    return ours


def _dtype(weight: Any) -> str:
    """float64 or float32; half precision is computed differently in every library."""
    name = str(weight.dtype).removeprefix("torch.")
    if name not in ("float32", "float64"):
        raise UnsupportedError(f"weights of {name}: make them float32 or float64 first, with .float() or .double()")
    return name


LAYERS: dict[str, Callable[[Any], nn.Module]] = {
    **dict.fromkeys(("RNN", "LSTM", "GRU"), _recurrent),
    **dict.fromkeys(("RNNCell", "LSTMCell", "GRUCell"), _cell),
    "Linear": _linear,
    "Embedding": _embedding,
    "LayerNorm": _layer_norm,
    "Dropout": lambda theirs: nn.Dropout(theirs.p),
    "ReLU": lambda theirs: nn.ReLU(),
    "Sigmoid": lambda theirs: nn.Sigmoid(),
    "Tanh": lambda theirs: nn.Tanh(),
    "SiLU": lambda theirs: nn.SiLU(),
    "GELU": _gelu,
    "Softplus": _softplus,
    "Softmax": _softmax(nn.Softmax),
    "LogSoftmax": _softmax(nn.LogSoftmax),
    "Identity": lambda theirs: nn.Identity(),
    "Flatten": lambda theirs: nn.Flatten(theirs.start_dim, theirs.end_dim),
}
KNOWN = ", ".join(LAYERS)
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
