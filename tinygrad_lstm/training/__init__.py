"""Training a character model on a text, with the baselines it is measured against; and an LSTM that learns to add."""

from tinygrad_lstm.training import baselines
from tinygrad_lstm.training.adding import AddingModel, BeltShare, belt_shares, learn_to_add
from tinygrad_lstm.training.char_model import CharModel, bits_per_character, sample
from tinygrad_lstm.training.fit import Fit, Update

__all__ = [
    "AddingModel", "BeltShare", "CharModel", "Fit", "Update", "baselines", "belt_shares", "bits_per_character",
    "learn_to_add", "sample",
]  # fmt: skip
