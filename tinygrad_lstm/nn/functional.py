"""The functions behind the modules, under PyTorch's name for them: activations, products, losses."""

from typing import TYPE_CHECKING

from tinygrad_lstm.engine.absent import getattr_of
from tinygrad_lstm.engine.ops.indexing import embedding
from tinygrad_lstm.engine.ops.linear import linear
from tinygrad_lstm.engine.ops.nonlinear import relu, sigmoid, softplus, tanh
from tinygrad_lstm.engine.ops.softmax import log_softmax, softmax
from tinygrad_lstm.losses import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    nll_loss,
    smooth_l1_loss,
)
from tinygrad_lstm.nn.activations import gelu, silu

__all__ = [
    "binary_cross_entropy_with_logits", "cross_entropy", "embedding", "gelu", "huber_loss", "kl_div", "l1_loss",
    "linear", "log_softmax", "mse_loss", "nll_loss", "relu", "sigmoid", "silu", "smooth_l1_loss", "softmax", "softplus",
    "tanh",
]  # fmt: skip

if not TYPE_CHECKING:  # to a type checker, what is not here does not exist
    __getattr__ = getattr_of("nn.functional", __name__)
