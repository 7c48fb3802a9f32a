"""What every test and doctest is held to: it writes nothing into the home of the user who runs it."""

import os

os.environ["TINYGRAD_LSTM_PROGRESS"] = ""  # the answers to exercises are not noted
