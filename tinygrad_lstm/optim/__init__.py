"""Optimisers: each is its update rule."""

from tinygrad_lstm.optim.adam import Adam
from tinygrad_lstm.optim.optimizer import Optimizer
from tinygrad_lstm.optim.sgd import SGD

__all__ = ["SGD", "Adam", "Optimizer"]
