"""Training a character model on a text, with the baselines it is measured against; an LSTM that learns to add; and
networks whose gradients vanish and explode.
"""

from tinygrad_lstm.training import baselines
from tinygrad_lstm.training.adding import AddingModel, BeltShare, belt_shares, learn_to_add
from tinygrad_lstm.training.char_model import CharModel, bits_per_character, sample
from tinygrad_lstm.training.fit import Fit, Update
from tinygrad_lstm.training.vanishing import gradient_left, untrained_runs

__all__ = [
    "AddingModel", "BeltShare", "CharModel", "Fit", "Update", "baselines", "belt_shares", "bits_per_character",
    "gradient_left", "learn_to_add", "sample", "untrained_runs",
]  # fmt: skip
