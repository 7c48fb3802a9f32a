"""One training loop for any model and task, with files to go on from; and what was trained or looked at with it: a
character model with the baselines it is measured against, the belt before and after, gradients that vanish or explode.
"""

from tinygrad_lstm.training import baselines
from tinygrad_lstm.training.belt import BeltShare, belt_shares
from tinygrad_lstm.training.char_model import CharModel, bits_per_character, sample
from tinygrad_lstm.training.fit import Fit
from tinygrad_lstm.training.logs import CSVLog, JSONLog, TensorBoardLog
from tinygrad_lstm.training.sequence_model import SequenceModel
from tinygrad_lstm.training.training import Training, Update
from tinygrad_lstm.training.vanishing import gradient_left, untrained_runs

__all__ = [
    "BeltShare", "CSVLog", "CharModel", "Fit", "JSONLog", "SequenceModel", "TensorBoardLog", "Training", "Update",
    "baselines", "belt_shares", "bits_per_character", "gradient_left", "sample", "untrained_runs",
]  # fmt: skip
