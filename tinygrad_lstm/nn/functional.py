"""The functions behind the modules, under PyTorch's roof: activations, products, losses."""

from tinygrad_lstm.engine.ops.indexing import embedding
from tinygrad_lstm.engine.ops.linear import linear
from tinygrad_lstm.engine.ops.nonlinear import log_softmax, relu, sigmoid, softmax, softplus, tanh
from tinygrad_lstm.losses import cross_entropy, mse_loss

__all__ = [
    "cross_entropy", "embedding", "linear", "log_softmax", "mse_loss", "relu", "sigmoid", "softmax", "softplus", "tanh",
]  # fmt: skip
