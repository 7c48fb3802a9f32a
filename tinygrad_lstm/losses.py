"""Losses: how far predictions are from targets, as one number."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from tinygrad_lstm.engine.ops.nonlinear import softmax_cross_entropy
from tinygrad_lstm.engine.tensor import Tensor, TensorLike
from tinygrad_lstm.errors import ArgumentError, DtypeError, ShapeError

Reduction: TypeAlias = Literal["mean", "sum", "none"]


def cross_entropy(logits: Tensor, targets: TensorLike, reduction: Reduction = "mean") -> Tensor:
    """-log softmax(logits)[target], in nats: logits (..., V), targets (...) whole numbers in 0..V-1.

    The classes are on the last axis, so a sequence (T, B, V) goes with targets (T, B). The gradient of one row is
    softmax(logits) - onehot(target).

    Raises ShapeError or DtypeError for targets that do not fit.

    >>> import tinygrad_lstm as tg, numpy as np
    >>> cross_entropy(tg.zeros(3, 4), np.array([0, 1, 3]))  # log 4: nothing known of four classes
    tensor(1.3862944)
    """
    array = targets.data if isinstance(targets, Tensor) else np.asarray(targets)
    if array.dtype.kind not in "iu":
        raise DtypeError(f"targets are whole numbers, the index of the right class, not {array.dtype}")
    if not logits.ndim:
        raise ShapeError("logits (..., V) have an axis of classes, a single number has none")
    if array.shape != logits.shape[:-1]:
        raise ShapeError(f"logits {logits.shape} go with targets {logits.shape[:-1]}, not {array.shape}")
    classes = logits.shape[-1]
    if array.size and not (array.min() >= 0 and array.max() < classes):
        raise ShapeError(f"targets {array.min()}..{array.max()} for {classes} classes, 0..{classes - 1}")
    return reduce(softmax_cross_entropy(logits, array), reduction)


def mse_loss(prediction: Tensor, target: TensorLike, reduction: Reduction = "mean") -> Tensor:
    """(prediction - target)², element by element."""
    shape = np.shape(target.data if isinstance(target, Tensor) else target)
    if shape != prediction.shape:
        raise ShapeError(f"a prediction {prediction.shape} goes with a target of the same shape, not {shape}")
    error = prediction - target
    return reduce(error * error, reduction)


def reduce(losses: Tensor, reduction: Reduction) -> Tensor:
    """The mean of the losses, their sum, or each by itself."""
    if reduction == "none":
        return losses
    if reduction not in ("mean", "sum"):
        raise ArgumentError(f"reduction is 'mean', 'sum' or 'none', not {reduction!r}")
    return losses.mean() if reduction == "mean" else losses.sum()
