"""Losses: how far predictions are from targets, step by step, and then as one number.

Every loss takes ``reduction``: the "mean" of all elements, their "sum", or "none", each element by itself. And every
loss takes ``mask``, of bools: (T, B) with an input (T, B, ...) says which steps of which row count. The others are
taken out before anything is computed, so whatever they hold, NaN included, is neither in the loss nor in a gradient.
The mean is over the elements that count, and with "none" the others are 0.

A loss of float16 is computed in float32, its mean included, and rounded once.

Where nothing counts, the mean is 0/0. PyTorch answers NaN, which one step of an optimiser spreads over all weights;
here it is an ArgumentError. The sum is 0.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from tinygrad_lstm.engine.ops.arithmetic import absolute, clip
from tinygrad_lstm.engine.ops.indexing import index, scatter
from tinygrad_lstm.engine.ops.nonlinear import log_softmax, softmax_cross_entropy, softplus
from tinygrad_lstm.engine.ops.wide import in_float32
from tinygrad_lstm.engine.tensor import Tensor, TensorLike
from tinygrad_lstm.errors import ArgumentError, DtypeError, ShapeError

Reduction: TypeAlias = Literal["mean", "sum", "none"]
Mask: TypeAlias = np.ndarray | None  # None: everything counts


@in_float32
def cross_entropy(
    input: Tensor, target: TensorLike, reduction: Reduction = "mean", *, mask: TensorLike | None = None,
    weight: TensorLike | None = None, ignore_index: int = -100, label_smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    """-log softmax(input)[target], in nats: input (..., V), scores of V classes; target (...), whole numbers 0..V-1.

    The classes are on the last axis, so a sequence (T, B, V) goes with targets (T, B). The gradient of one row is
    softmax(input) - onehot(target). Targets equal to ``ignore_index`` do not count. ``weight`` (V,) multiplies each
    loss by its class's weight, and the mean divides by the sum of these weights. ``label_smoothing`` ε gives ε of the
    target to all classes alike (Szegedy 2016).

    Raises ShapeError or DtypeError for targets that do not fit.

    >>> import tinygrad_lstm as tg
    >>> cross_entropy(tg.zeros(3, 4), np.array([0, 1, 3]))  # log 4: four classes alike
    tensor(1.3862944)
    >>> cross_entropy(tg.zeros(3, 4), np.array([0, -100, 3]), "none")
    tensor([1.3862944, 0.       , 1.3862944])
    """
    x, classes = check_floating(input), np.asarray(target.data if isinstance(target, Tensor) else target)
    if classes.dtype.kind not in "iu":
        raise DtypeError(f"targets are whole numbers, the index of the right class, not {classes.dtype}")
    if not x.ndim:
        raise ShapeError("input (..., V) has an axis of classes, a single number has none")
    if classes.shape != x.shape[:-1]:
        raise ShapeError(f"input {x.shape} goes with targets {x.shape[:-1]}, not {classes.shape}")
    V, shape = x.shape[-1], classes.shape
    on = check_mask(mask, shape)
    counts = classes != ignore_index
    if not counts.all():
        on = counts if on is None else counts & np.reshape(on, on.shape + (1,) * (counts.ndim - on.ndim))
    if on is not None:
        x, classes = index(x, on), classes[on]
    if classes.size and not (classes.min() >= 0 and classes.max() < V):
        raise ShapeError(f"targets {classes.min()}..{classes.max()} for {V} classes, 0..{V - 1}")
    if not 0 <= label_smoothing <= 1:
        raise ArgumentError(f"label_smoothing is a share of the target, 0 to 1, not {label_smoothing}")
    w = np.ones(V, x.dtype) if weight is None else class_weights(weight, x)
    losses = softmax_cross_entropy(x, classes)
    shares = None if weight is None else w[classes]
    if shares is not None:
        losses = losses * shares
    if label_smoothing:
        losses = (1 - label_smoothing) * losses - label_smoothing * (log_softmax(x) * w).mean(axis=-1)
    return reduce(losses, reduction, on, shape, shares)


@in_float32
def mse_loss(
    input: Tensor, target: TensorLike, reduction: Reduction = "mean", *, mask: TensorLike | None = None
) -> Tensor:
    """(input - target)², element by element. Target and input are of one shape, here and below, or it is a ShapeError.

    >>> import tinygrad_lstm as tg
    >>> x, y = tg.tensor([[1.0], [2.0], [9.0]]), [[0.0], [0.0], [np.nan]]  # (T, B): the third step is padding
    >>> mse_loss(x, y, mask=[[True], [True], [False]])
    tensor(2.5)
    """
    x, y, on = pair(input, target, mask)
    d = x - y
    return reduce(d * d, reduction, on, input.shape)


@in_float32
def l1_loss(
    input: Tensor, target: TensorLike, reduction: Reduction = "mean", *, mask: TensorLike | None = None
) -> Tensor:
    """|input - target|, with slope ±1, and 0 at the kink where they are equal.

    >>> import tinygrad_lstm as tg
    >>> l1_loss(tg.tensor([1.0, 5.0]), [0.0, 8.0], "none")
    tensor([1., 3.])
    """
    x, y, on = pair(input, target, mask)
    return reduce(absolute(x - y), reduction, on, input.shape)


@in_float32
def huber_loss(
    input: Tensor, target: TensorLike, reduction: Reduction = "mean", *, delta: float = 1.0,
    mask: TensorLike | None = None,
) -> Tensor:  # fmt: skip
    """d²/2 where |d| ≤ δ, else δ (|d| - δ/2), for d = input - target: outliers pull with δ at most (Huber 1964).

    The slope is d, held within ±δ: it has no jump. PyTorch's ``smooth_l1_loss(beta=δ)`` is this, divided by δ.

    >>> import tinygrad_lstm as tg
    >>> huber_loss(tg.tensor([0.5, -10.0]), [0.0, 0.0], "none")
    tensor([0.125, 9.5  ])
    """
    if not delta > 0:
        raise ArgumentError(f"delta is where the parabola goes over into a line, above 0, not {delta}")
    x, y, on = pair(input, target, mask)
    d = x - y
    slope = clip(d, -delta, delta)
    return reduce(slope * (d - slope / 2), reduction, on, input.shape)


@in_float32
def binary_cross_entropy_with_logits(
    input: Tensor, target: TensorLike, reduction: Reduction = "mean", *, mask: TensorLike | None = None
) -> Tensor:
    """-y log σ(x) - (1 - y) log(1 - σ(x)): x = input, any score; y = target, the probability of yes, 0 to 1.

    Computed as y softplus(-x) + (1 - y) softplus(x), right to the last digit however large x is. The gradient is
    σ(x) - y. Raises ArgumentError for a target outside 0..1.

    >>> import tinygrad_lstm as tg
    >>> binary_cross_entropy_with_logits(tg.tensor([0.0, 50.0, -1000.0]), [1.0, 1.0, 1.0], "none").tolist()
    [0.6931471824645996, 1.9287498933537385e-22, 1000.0]
    """
    x, y, on = pair(input, target, mask)
    if not ((y.data >= 0) & (y.data <= 1)).all():
        raise ArgumentError(f"targets are probabilities, 0 to 1, not {y.data.min()} to {y.data.max()}")
    return reduce(y * softplus(-x) + (1 - y) * softplus(x), reduction, on, input.shape)


# What they share -----------------------------------------------------------------------------------------------------


def check_floating(x: Tensor) -> Tensor:
    """x, if it is of a floating dtype."""
    if not isinstance(x, Tensor) or x.dtype.kind != "f":
        raise DtypeError(f"a loss is of floating numbers in a Tensor, not {getattr(x, 'dtype', type(x).__name__)}")
    return x


def class_weights(weight: TensorLike, x: Tensor) -> np.ndarray:
    """One weight for each class of x (..., V), in its dtype."""
    w = np.asarray(weight.data if isinstance(weight, Tensor) else weight, x.dtype)
    if w.shape != x.shape[-1:]:
        raise ShapeError(f"one weight for each of the {x.shape[-1]} classes, not {w.shape}")
    return w


def check_mask(mask: TensorLike | None, shape: tuple[int, ...]) -> Mask:
    """The mask as an array of bools over the first axes of this shape; None if it is on everywhere."""
    if mask is None:
        return None
    on = np.asarray(mask.data if isinstance(mask, Tensor) else mask)
    if on.dtype != bool or not on.ndim or on.shape != shape[: on.ndim]:
        raise ShapeError(f"a mask holds bools over the first axes of {shape}, one or more, not {on.dtype} {on.shape}")
    return None if on.all() else on


def pair(input: Tensor, target: TensorLike, mask: TensorLike | None) -> tuple[Tensor, Tensor, Mask]:
    """Input and target, of them only what counts, and the mask.

    A target that is an array or a list is taken in the input's dtype: float64 data widen no float32 loss.
    """
    x = check_floating(input)
    y = target if isinstance(target, Tensor) and target.dtype.kind == "f" else Tensor(target, dtype=x.dtype)
    if y.shape != x.shape:
        raise ShapeError(f"an input {x.shape} goes with a target of the same shape, not {y.shape}")
    on = check_mask(mask, x.shape)
    return (x, y, on) if on is None else (index(x, on), index(y, on), on)


def reduce(
    losses: Tensor, reduction: Reduction, on: Mask, shape: tuple[int, ...], shares: np.ndarray | None = None
) -> Tensor:
    """The mean of the losses that count, weighted if there are ``shares``; or their sum; or each in its place."""
    if reduction not in ("mean", "sum", "none"):
        raise ArgumentError(f"reduction is 'mean', 'sum' or 'none', not {reduction!r}")
    if reduction == "none":
        return losses if on is None else scatter(losses, on, shape)
    if reduction == "sum":
        return losses.sum()
    if not (losses.size if shares is None else shares.sum()):
        raise ArgumentError(f"the mean of no losses: of {shape} no element counts; reduction='sum' gives 0 there")
    return losses.mean() if shares is None else losses.sum() / shares.sum()
