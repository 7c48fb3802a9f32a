"""Modules: cells that read as their equations, and the layers that unroll and stack them.

Read in this order: options, init, parts, copying, parameter_counts, missing, calls, module, activations, layers,
context, cells, unroll, fused, separate, lstm_variants, gru_variants, activated_cells, packing, lists, recurrent,
scan, wrappers, truncated, utils, attention, architecture, criteria.

A new cell goes into ``scan`` where its gates read x alone, so that its state is linear in the state before (minGRU; the
SRU). Where its gates read h it goes into ``lstm_variants`` or ``gru_variants``, by the cell whose lines it changes.
"""

from typing import TYPE_CHECKING

from tinygrad_lstm.engine.absent import getattr_of
from tinygrad_lstm.nn import functional, init, utils
from tinygrad_lstm.nn.activated_cells import (
    ActivatedGRUCell,
    ActivatedLSTMCell,
    ActivatedResetBeforeGRUCell,
    ActivatedRNNCell,
)
from tinygrad_lstm.nn.activations import (
    GELU,
    Apply,
    Flatten,
    Identity,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from tinygrad_lstm.nn.attention import MultiheadAttention, TransformerBlock, position_codes
from tinygrad_lstm.nn.cells import Cell, Gates, GRUCell, LSTMCell, RNNCell
from tinygrad_lstm.nn.criteria import (
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
    SmoothL1Loss,
)
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
)
from tinygrad_lstm.nn.module import Module, Parameter
from tinygrad_lstm.nn.packing import PackedSequence
from tinygrad_lstm.nn.recurrent import GRU, LSTM, RNN, Recurrent
from tinygrad_lstm.nn.scan import LinearCell, MinGRU, MinGRUCell, MinLSTM, MinLSTMCell, linear_scan
from tinygrad_lstm.nn.separate import SeparateLSTMCell
from tinygrad_lstm.nn.truncated import Stateful, truncated_bptt
from tinygrad_lstm.nn.unroll import Chain, Step, Trajectory, unroll
from tinygrad_lstm.nn.wrappers import LockedDropout, RecurrentDropout, Residual, WeightDrop, Zoneout

__all__ = [
    "ActivatedGRUCell", "ActivatedLSTMCell", "ActivatedRNNCell", "ActivatedResetBeforeGRUCell",
    "Apply", "BCEWithLogitsLoss", "CandidateDropoutLSTMCell", "Cell", "Chain", "ClippedLSTMCell", "CoupledLSTMCell",
    "CrossEntropyLoss", "Dropout", "Embedding", "Flatten", "GELU", "GRU", "GRUCell", "Gates", "HuberLoss", "Identity",
    "KLDivLoss", "L1Loss", "LSTM", "LSTMCell", "LayerNorm", "LayerNormGRUCell", "LayerNormLSTMCell", "Linear",
    "LinearCell", "LockedDropout", "LogSoftmax", "MGUCell", "MSELoss", "MinGRU", "MinGRUCell", "MinLSTM", "MinLSTMCell",
    "Module", "ModuleList", "MultiheadAttention", "NLLLoss", "PackedSequence", "Parameter", "PeepholeLSTMCell",
    "ProjectedLSTMCell", "RNN", "RNNCell", "ReLU", "Recurrent", "RecurrentDropout", "ResetBeforeGRUCell", "Residual",
    "SeparateLSTMCell", "Sequential", "SiLU", "Sigmoid", "SmoothL1Loss", "Softmax", "Softplus", "Stateful", "Step",
    "Tanh", "Trajectory", "TransformerBlock", "WeightDrop", "Zoneout", "functional", "init", "linear_scan",
    "position_codes", "truncated_bptt", "unroll", "utils",
]  # fmt: skip

if not TYPE_CHECKING:  # to a type checker, what is not here does not exist
    __getattr__ = getattr_of("nn", __name__)


def __dir__() -> list[str]:
    """What there is for a user."""
    return [*__all__, *[name for name in globals() if name.startswith("__")]]
