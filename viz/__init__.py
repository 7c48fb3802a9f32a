"""Pictures of graphs, and of where the gradient went.

    draw             what a tensor was computed from, or an unrolled cell: op, cell, strip and rolled views
    gradient_paths   how much gradient went along every line of it
    flow             the same as a conserved flow, with its sign
    compare          several runs on one scale: RNN, GRU and LSTM, or before and after training
    difference       what became of every line's gradient from one run to another
    player           one HTML page that steps through backpropagation, event by event
    describe         the story in words
    plots            gates over time, norms by lag, ledgers, eigenvalues, ... (``from viz import plots``)

All of it is read from the graph's public record. SVG of an unrolled cell needs no other program; small op graphs, PNG
and PDF need Graphviz: ``dot`` on the PATH, or ``pip install "tinygrad-lstm[viz]"``.
"""

from typing import TYPE_CHECKING

from tinygrad_lstm.foreign import getattr_of
from viz.compare import compare
from viz.difference import difference
from viz.picture import Picture
from viz.render import RenderError
from viz.sankey import flow
from viz.stepping import player
from viz.views import describe, draw, gradient_paths

__all__ = ["Picture", "RenderError", "compare", "describe", "difference", "draw", "flow", "gradient_paths", "player"]

if not TYPE_CHECKING:  # to a type checker, what is not here does not exist
    __getattr__ = getattr_of("viz", __name__)
