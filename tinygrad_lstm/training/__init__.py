"""Training a character model on a text, and the baselines it is measured against."""

from tinygrad_lstm.training import baselines
from tinygrad_lstm.training.char_model import CharModel, bits_per_character, detached, sample
from tinygrad_lstm.training.fit import Fit, Update

__all__ = ["CharModel", "Fit", "Update", "baselines", "bits_per_character", "detached", "sample"]
