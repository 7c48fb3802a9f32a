"""Losses: how far predictions are from targets, step by step, and then as one number.

Every loss takes ``reduction``: the "mean" of all elements, their "sum", or "none", each element by itself. And every
loss takes ``mask``, of bools: (T, B) with an input (T, B, ...) says which steps of which row count. The others are
taken out before anything is computed, so their values, NaN included, are neither in the loss nor in a gradient.
The mean is over the elements that count, and with "none" the others are 0.

A loss of float16 is computed in float32, its mean included, and rounded once.

Where nothing counts, the mean is 0/0. PyTorch answers NaN, which one step of an optimiser spreads over all weights;
here it is an ArgumentError. The sum is 0.
"""

from __future__ import annotations

from typing import Literal

from tinygrad_lstm.engine.ops.choices import absolute, clip, where
from tinygrad_lstm.engine.ops.more.picking import take_along_axis
from tinygrad_lstm.engine.ops.nonlinear import exp, log, softplus
from tinygrad_lstm.engine.ops.softmax import log_softmax, softmax_cross_entropy
from tinygrad_lstm.engine.ops.wide import in_float32
from tinygrad_lstm.engine.tensor import Tensor, TensorLike
from tinygrad_lstm.errors import ArgumentError
from tinygrad_lstm.masking import Reduction, broadcast_weights, class_weights, pair, reduce, select_classes


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
    >>> cross_entropy(tg.zeros(3, 4), [0, 1, 3])  # log 4: nothing known of four classes
    tensor(1.3862944)
    >>> cross_entropy(tg.zeros(3, 4), [0, -100, 3], "none")
    tensor([1.3862944, 0.       , 1.3862944])
    """
    x, classes, on, shape = select_classes(input, target, mask, ignore_index)
    if not 0 <= label_smoothing <= 1:
        raise ArgumentError(f"label_smoothing is a share of the target, 0 to 1, not {label_smoothing}")
    w = None if weight is None else class_weights(weight, x)
    shares = None if w is None else w[classes]
    losses = softmax_cross_entropy(x, classes)
    if shares is not None:
        losses = losses * shares
    if label_smoothing:
        log_p = log_softmax(x)
        losses = (1 - label_smoothing) * losses - label_smoothing * (log_p if w is None else log_p * w).mean(axis=-1)
    return reduce(losses, reduction, on, shape, shares)


@in_float32
def nll_loss(
    input: Tensor, target: TensorLike, reduction: Reduction = "mean", *, mask: TensorLike | None = None,
    weight: TensorLike | None = None, ignore_index: int = -100,
) -> Tensor:  # fmt: skip
    """-input[target]: what is left of ``cross_entropy`` where input (..., V) holds log-probabilities already.

    Targets, ``weight`` and ``ignore_index`` are those of ``cross_entropy``.

    >>> import tinygrad_lstm as tg
    >>> nll_loss(tg.log_softmax(tg.zeros(3, 4)), [0, 1, 3])
    tensor(1.3862944)
    """
    x, classes, on, shape = select_classes(input, target, mask, ignore_index)
    shares = None if weight is None else class_weights(weight, x)[classes]
    losses = -take_along_axis(x, classes[..., None], -1)[..., 0]
    return reduce(losses if shares is None else losses * shares, reduction, on, shape, shares)


@in_float32
def kl_div(
    input: Tensor, target: TensorLike, reduction: Reduction | Literal["batchmean"] = "mean", log_target: bool = False,
    *, mask: TensorLike | None = None,
) -> Tensor:  # fmt: skip
    """target (log target - input), element by element: Σ of it is D(target ‖ p), where input is log p.

    input holds log-probabilities, target probabilities, or their logarithms with ``log_target``. As in PyTorch "mean"
    divides by the number of elements; the divergence of one distribution, averaged over the first axis, is "batchmean".
    Where a target is 0 its part is 0. Raises ArgumentError for a negative one.

    >>> import tinygrad_lstm as tg
    >>> fair, loaded = tg.log_softmax(tg.zeros(1, 2)), [[0.25, 0.75]]
    >>> round(kl_div(fair, loaded, "batchmean").item(), 4)  # log 2 less the entropy of the loaded coin
    0.1308
    """
    x, y, on = pair(input, target, mask)
    if log_target:
        losses = exp(y) * (y - x)
    else:
        if not (y.data >= 0).all():
            raise ArgumentError(f"targets are probabilities, not {y.data.min()}; for logarithms, log_target=True")
        losses = y * (log(where(y.data > 0, y, 1)) - x)
    if not (isinstance(reduction, str) and reduction == "batchmean"):
        return reduce(losses, reduction, on, input.shape)
    rows = len(input) if on is None else int(on.reshape(len(on), -1).any(axis=1).sum())
    if not rows:
        raise ArgumentError(f"the mean of no rows: of {input.shape} no element counts; reduction='sum' gives 0 there")
    return losses.sum() / rows


@in_float32
def mse_loss(
    input: Tensor, target: TensorLike, reduction: Reduction = "mean", *, mask: TensorLike | None = None
) -> Tensor:
    """(input - target)², element by element. Target and input are of one shape, here and below, or it is a ShapeError.

    >>> import tinygrad_lstm as tg
    >>> x, y = tg.tensor([[1.0], [2.0], [9.0]]), [[0.0], [0.0], [float("nan")]]  # (T, B): the third step is padding
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
def smooth_l1_loss(
    input: Tensor, target: TensorLike, reduction: Reduction = "mean", *, beta: float = 1.0,
    mask: TensorLike | None = None,
) -> Tensor:  # fmt: skip
    """d²/2β where |d| < β, else |d| - β/2: the L1 loss with its kink rounded off; ``huber_loss(delta=β)`` / β.

    >>> import tinygrad_lstm as tg
    >>> smooth_l1_loss(tg.tensor([0.5, -10.0]), [0.0, 0.0], "none", beta=2.0)
    tensor([0.0625, 9.    ])
    """
    if not beta > 0:
        raise ArgumentError(f"beta is where the parabola goes over into a line, above 0, not {beta}; 0 is l1_loss")
    x, y, on = pair(input, target, mask)
    d = x - y
    slope = clip(d, -beta, beta)
    return reduce(slope / beta * (d - slope / 2), reduction, on, input.shape)


@in_float32
def binary_cross_entropy_with_logits(
    input: Tensor, target: TensorLike, reduction: Reduction = "mean", *, mask: TensorLike | None = None,
    weight: TensorLike | None = None, pos_weight: TensorLike | None = None,
) -> Tensor:  # fmt: skip
    """-y log σ(x) - (1 - y) log(1 - σ(x)): x = input, any score; y = target, the probability of yes, 0 to 1.

    Computed as y softplus(-x) + (1 - y) softplus(x), right to the last digit however large x is. The gradient is
    σ(x) - y. ``pos_weight`` multiplies the first part, so that a rare yes counts more; ``weight`` multiplies each loss,
    and, as in PyTorch, the mean still divides by their number. Both broadcast to the input: (V,) is one for each label.

    Raises ArgumentError for a target outside 0..1, ShapeError for weights that do not broadcast.

    >>> import tinygrad_lstm as tg
    >>> binary_cross_entropy_with_logits(tg.tensor([0.0, 50.0, -1000.0]), [1.0, 1.0, 1.0], "none").tolist()
    [0.6931471824645996, 1.9287498933537385e-22, 1000.0]
    >>> binary_cross_entropy_with_logits(tg.zeros(2), [1.0, 0.0], "none", pos_weight=[3.0]).tolist()
    [2.079441547393799, 0.6931471824645996]
    """
    x, y, on = pair(input, target, mask)
    if not ((y.data >= 0) & (y.data <= 1)).all():
        raise ArgumentError(f"targets are probabilities, 0 to 1, not {y.data.min()} to {y.data.max()}")
    yes, no = y * softplus(-x), (1 - y) * softplus(x)
    if pos_weight is not None:
        yes = yes * broadcast_weights("pos_weight", pos_weight, input, on)
    losses = yes + no if weight is None else (yes + no) * broadcast_weights("weight", weight, input, on)
    return reduce(losses, reduction, on, input.shape)
