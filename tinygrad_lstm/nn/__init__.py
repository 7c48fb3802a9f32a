"""Modules: cells that read as their equations, and the layers that unroll and stack them.

Read in this order: module, init, layers, cells, unroll, recurrent.
"""

from tinygrad_lstm.nn import functional, init, utils
from tinygrad_lstm.nn.cells import Cell, Gates, GRUCell, LSTMCell, RNNCell
from tinygrad_lstm.nn.layers import Dropout, Embedding, Linear
from tinygrad_lstm.nn.module import Module, ModuleList, Parameter, Sequential
from tinygrad_lstm.nn.recurrent import GRU, LSTM, RNN
from tinygrad_lstm.nn.unroll import Chain, Step, Trajectory, unroll

__all__ = [
    "GRU", "LSTM", "RNN", "Cell", "Chain", "Dropout", "Embedding", "GRUCell", "Gates", "LSTMCell", "Linear", "Module",
    "ModuleList", "Parameter", "RNNCell", "Sequential", "Step", "Trajectory", "functional", "init", "unroll", "utils",
]  # fmt: skip
