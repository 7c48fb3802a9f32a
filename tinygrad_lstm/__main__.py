"""``python -m tinygrad_lstm`` is ``tinygrad-lstm``."""

from tinygrad_lstm.cli import main

main()
