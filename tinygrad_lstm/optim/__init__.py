"""Optimisers: each is its update rule. Their learning rates in time: ``lr_scheduler``."""

from typing import TYPE_CHECKING

from tinygrad_lstm.engine.absent import getattr_of
from tinygrad_lstm.optim import lr_scheduler
from tinygrad_lstm.optim.adagrad import Adagrad
from tinygrad_lstm.optim.adam import Adam, AdamW
from tinygrad_lstm.optim.optimizer import Optimizer
from tinygrad_lstm.optim.options import Option, takes_options
from tinygrad_lstm.optim.rmsprop import RMSprop
from tinygrad_lstm.optim.sgd import SGD

__all__ = ["Adagrad", "Adam", "AdamW", "lr_scheduler", "Optimizer", "Option", "RMSprop", "SGD", "takes_options"]

if not TYPE_CHECKING:  # to a type checker, what is not here does not exist
    __getattr__ = getattr_of("optim", __name__)


def __dir__() -> list[str]:
    """What there is for a user."""
    return [*__all__, *[name for name in globals() if name.startswith("__")]]
