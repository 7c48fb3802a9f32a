"""Losses as modules, ``criterion(input, target)``: the functions of ``losses``, with their options set once.

As with the functions, the classes are on the last axis, and ``mask`` says which steps count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np

from tinygrad_lstm import losses
from tinygrad_lstm.engine.tensor import Tensor, TensorLike
from tinygrad_lstm.masking import Reduction
from tinygrad_lstm.nn.module import Module
from tinygrad_lstm.nn.options import array_of, check, check_arguments


class Loss(Module):
    """A loss function with its options: a subclass says which function, and which options it has."""

    function: ClassVar[Callable[..., Tensor]]
    reductions: ClassVar[tuple[str, ...]] = ("mean", "sum", "none")

    def __init__(self, **options: Any) -> None:
        words = f"is one of {', '.join(map(repr, self.reductions))}"
        check("reduction", options["reduction"], (words, lambda x: isinstance(x, str) and x in self.reductions))
        self.options = {name: _constant(value) if "weight" in name else value for name, value in options.items()}

    def forward(self, input: Tensor, target: TensorLike, *, mask: TensorLike | None = None) -> Tensor:
        """The loss."""
        return type(self).function(input, target, mask=mask, **self.options)

    def __repr__(self) -> str:
        said = {name: f"of shape {value.shape}" if isinstance(value, np.ndarray) else repr(value)
                for name, value in self.options.items() if value is not None}  # fmt: skip
        return f"{type(self).__name__}({', '.join(f'{name}={text}' for name, text in said.items())})"


def _constant(weight: TensorLike | None) -> np.ndarray | None:
    """A copy as a constant, which is not trained."""
    return None if weight is None else array_of(weight).copy()


class CrossEntropyLoss(Loss):
    """-log softmax(input)[target]; see ``losses.cross_entropy``.

    >>> import tinygrad_lstm as tg
    >>> criterion = CrossEntropyLoss(label_smoothing=0.1)
    >>> criterion
    CrossEntropyLoss(ignore_index=-100, reduction='mean', label_smoothing=0.1)
    >>> criterion(tg.zeros(3, 4), np.array([0, 1, 3]))
    tensor(1.3862944)
    """

    function = losses.cross_entropy

    @check_arguments
    def __init__(
        self,
        weight: TensorLike | None = None,
        *,
        ignore_index: int = -100,
        reduction: Reduction = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight=weight, ignore_index=ignore_index, reduction=reduction, label_smoothing=label_smoothing)


class NLLLoss(Loss):
    """-input[target], of log-probabilities; see ``losses.nll_loss``."""

    function = losses.nll_loss

    @check_arguments
    def __init__(
        self, weight: TensorLike | None = None, *, ignore_index: int = -100, reduction: Reduction = "mean"
    ) -> None:
        super().__init__(weight=weight, ignore_index=ignore_index, reduction=reduction)


class BCEWithLogitsLoss(Loss):
    """Yes or no, of any score; see ``losses.binary_cross_entropy_with_logits``."""

    function = losses.binary_cross_entropy_with_logits

    @check_arguments
    def __init__(
        self,
        weight: TensorLike | None = None,
        *,
        reduction: Reduction = "mean",
        pos_weight: TensorLike | None = None,
    ) -> None:
        super().__init__(weight=weight, reduction=reduction, pos_weight=pos_weight)


class KLDivLoss(Loss):
    """target (log target - input), of log-probabilities; see ``losses.kl_div``."""

    function = losses.kl_div
    reductions = (*Loss.reductions, "batchmean")

    @check_arguments
    def __init__(self, *, reduction: Reduction | Literal["batchmean"] = "mean", log_target: bool = False) -> None:
        super().__init__(reduction=reduction, log_target=log_target)


class MSELoss(Loss):
    """(input - target)²; see ``losses.mse_loss``."""

    function = losses.mse_loss

    @check_arguments
    def __init__(self, *, reduction: Reduction = "mean") -> None:
        super().__init__(reduction=reduction)


class L1Loss(Loss):
    """|input - target|; see ``losses.l1_loss``."""

    function = losses.l1_loss

    @check_arguments
    def __init__(self, *, reduction: Reduction = "mean") -> None:
        super().__init__(reduction=reduction)


class HuberLoss(Loss):
    """A parabola up to δ, a line from there on; see ``losses.huber_loss``."""

    function = losses.huber_loss

    @check_arguments
    def __init__(self, reduction: Reduction = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction, delta=delta)


class SmoothL1Loss(Loss):
    """The L1 loss with its kink rounded off; see ``losses.smooth_l1_loss``."""

    function = losses.smooth_l1_loss

    @check_arguments
    def __init__(self, *, reduction: Reduction = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction=reduction, beta=beta)
