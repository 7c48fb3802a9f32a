"""``tg.compile``: any function that the engine can record, as a NumPy program that can be read.

watching and recording -> lines with one name a value -> rolled loops -> source.
"""

from tinygrad_lstm.compiling.step import Step as Step
from tinygrad_lstm.compiling.step import compile as compile
