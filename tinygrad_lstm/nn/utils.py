"""What is done to gradients between backward and the optimiser's step; and batches of different lengths."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lstm.engine.absent import getattr_of
from tinygrad_lstm.engine.arrays import has_members
from tinygrad_lstm.engine.creation import generator
from tinygrad_lstm.engine.ops.more.norms import norm as norm_of
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import ArgumentError, DtypeError, GradError
from tinygrad_lstm.nn.options import check_arguments
from tinygrad_lstm.nn.packing import (
    PackedSequence,
    lengths_to_mask,
    pack_padded_sequence,
    pad_packed_sequence,
    pad_sequence,
)

__all__ = [
    "PackedSequence", "add_grad_noise_", "clip_grad_norm_", "clip_grad_value_", "lengths_to_mask",
    "pack_padded_sequence", "pad_packed_sequence", "pad_sequence",
]  # fmt: skip


def tensors_in(parameters: Iterable[Tensor] | Tensor) -> list[Tensor]:
    """The tensors, or the only one; DtypeError for anything else, ArgumentError for none at all."""
    given: Any = parameters
    tensors = [given] if isinstance(given, Tensor) or not has_members(given) else [*given]
    if not tensors:
        raise ArgumentError(
            "there is no parameter whose gradient could be changed (a generator, such as module.parameters(), gives "
            "them only once: to use them twice, make a list)"
        )
    if wrong := [type(each).__name__ for each in tensors if not isinstance(each, Tensor)]:
        raise DtypeError(f"gradients are those of tensors, e.g. module.parameters(), not of a {wrong[0]}")
    return tensors


@check_arguments
def clip_grad_norm_(
    parameters: Iterable[Tensor] | Tensor, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> float:
    """Scale all gradients together so that their norm is at most ``max_norm``; returns the norm before.

    g ← g · min(1, max_norm / (‖g‖ + 1e-6)): the direction stays (Pascanu 2013, algorithm 1). ‖g‖ is the p-norm of all
    numbers together, p = ``norm_type``, above 0; inf is the largest size. With ``error_if_nonfinite`` an infinite or
    NaN norm is a GradError, and no gradient is touched.

    >>> import tinygrad_lstm as tg
    >>> w = tg.tensor([3.0, 4.0], requires_grad=True)
    >>> (w * w / 2).sum().backward()
    >>> clip_grad_norm_([w], 1.0)
    5.0
    >>> np.linalg.norm(w.grad.numpy()).round(4)
    np.float32(1.0)
    """
    with_grad = [p for p in tensors_in(parameters) if p.grad is not None]
    gradients = [p.grad.data for p in with_grad if p.grad is not None]
    norms = [norm_of.forward(np.abs(g).astype(np.float64), norm_type) for g in gradients if g.size]
    norm = float(norm_of.forward(np.array(norms), norm_type)) if norms else 0.0
    if error_if_nonfinite and not math.isfinite(norm):
        raise GradError(f"the norm of the gradients is {norm}: nothing was clipped")
    factor = math.nan if math.isnan(norm) else min(1.0, max_norm / (norm + 1e-6))
    if factor != 1.0:
        for parameter, g in zip(with_grad, gradients, strict=True):
            parameter.grad = Tensor((g * np.float64(factor)).astype(g.dtype))  # a factor may be too small for g's dtype
    return norm


@check_arguments
def clip_grad_value_(parameters: Iterable[Tensor] | Tensor, clip_value: float) -> None:
    """Clip each element of each gradient to ±clip_value; the direction may change."""
    for parameter in tensors_in(parameters):
        if parameter.grad is not None:
            parameter.grad = Tensor(np.clip(parameter.grad.data, -clip_value, clip_value))


@check_arguments
def add_grad_noise_(parameters: Iterable[Tensor] | Tensor, eta: float, gamma: float, step: int) -> None:
    """Add normal noise of variance η / (1 + step)^γ to each gradient; less and less, as the steps go by from 0.

    Neelakantan 2015: η is 0.01, 0.3 or 1, γ is 0.55. The noise is drawn from the generator of ``tg.manual_seed``.

    >>> import tinygrad_lstm as tg
    >>> tg.manual_seed(0)
    >>> w = tg.zeros(3, requires_grad=True)
    >>> w.sum().backward()
    >>> add_grad_noise_(w, eta=0.01, gamma=0.55, step=0)
    >>> w.grad.data.round(2)
    array([1.01, 0.99, 1.06], dtype=float32)
    """
    if not (eta >= 0 and step >= 0):
        raise ArgumentError(f"eta scales a variance and steps count from 0, so neither is negative: {eta}, {step}")
    deviation = math.sqrt(eta / (1 + step) ** gamma)
    for parameter in tensors_in(parameters):
        if (g := parameter.grad) is not None:
            noise = deviation * generator().standard_normal(g.shape)
            parameter.grad = Tensor(g.data + noise.astype(g.dtype))


if not TYPE_CHECKING:  # to a type checker, what is not here does not exist
    __getattr__ = getattr_of("nn.utils", __name__)
