"""What people from PyTorch, NumPy, Keras and JAX type, and what it is called here: names, and arguments of calls.

All of it is loaded where a name or an argument was looked for and not found. Read in this order: names, arguments,
answers.
"""

from tinygrad_lstm.engine.absent import getattr_of
from tinygrad_lstm.foreign.answers import answer, not_found
from tinygrad_lstm.foreign.arguments import explain_arguments

__all__ = ["answer", "explain_arguments", "getattr_of", "not_found"]
