"""Modules: cells that read as their equations, and the layers that unroll and stack them.

Read in this order: init, options, parts, copying, counting, missing, module, layers, context, cells, unroll, fused,
lstm_variants, gru_variants, packing, lists, recurrent, scan, wrappers, truncated, utils.
"""

from typing import TYPE_CHECKING

from tinygrad_lstm.engine.absent import getattr_of
from tinygrad_lstm.nn import functional, init, utils
from tinygrad_lstm.nn.cells import Cell, Gates, GRUCell, LSTMCell, RNNCell
from tinygrad_lstm.nn.gru_variants import LayerNormGRUCell, MGUCell, ResetBeforeGRUCell
from tinygrad_lstm.nn.layers import Dropout, Embedding, LayerNorm, Linear
from tinygrad_lstm.nn.lists import ModuleList, Sequential
from tinygrad_lstm.nn.lstm_variants import (
    CandidateDropoutLSTMCell,
    ClippedLSTMCell,
    CoupledLSTMCell,
    LayerNormLSTMCell,
    PeepholeLSTMCell,
    ProjectedLSTMCell,
    SeparateLSTMCell,
)
from tinygrad_lstm.nn.module import Module, Parameter
from tinygrad_lstm.nn.packing import PackedSequence
from tinygrad_lstm.nn.recurrent import GRU, LSTM, RNN, Recurrent
from tinygrad_lstm.nn.scan import LinearCell, MinGRU, MinGRUCell, MinLSTM, MinLSTMCell, linear_scan
from tinygrad_lstm.nn.truncated import Stateful, truncated_bptt
from tinygrad_lstm.nn.unroll import Chain, Step, Trajectory, unroll
from tinygrad_lstm.nn.wrappers import LockedDropout, RecurrentDropout, Residual, WeightDrop, Zoneout

__all__ = [
    "CandidateDropoutLSTMCell", "Cell", "Chain", "ClippedLSTMCell", "CoupledLSTMCell", "Dropout", "Embedding", "GRU",
    "GRUCell", "Gates", "LSTM", "LSTMCell", "LayerNorm", "LayerNormGRUCell", "LayerNormLSTMCell", "Linear",
    "LinearCell", "LockedDropout", "MGUCell", "MinGRU", "MinGRUCell", "MinLSTM", "MinLSTMCell", "Module", "ModuleList",
    "PackedSequence", "Parameter", "PeepholeLSTMCell", "ProjectedLSTMCell", "RNN", "RNNCell", "Recurrent",
    "RecurrentDropout", "ResetBeforeGRUCell", "Residual", "SeparateLSTMCell", "Sequential", "Stateful", "Step",
    "Trajectory", "WeightDrop", "Zoneout", "functional", "init", "linear_scan", "truncated_bptt", "unroll", "utils",
]  # fmt: skip

if not TYPE_CHECKING:  # to a type checker, what is not here does not exist
    __getattr__ = getattr_of("nn", __name__)
