"""Where the gradient went: an exact account of its routes through an unrolled network.

The **belt** is the path along the cell state, from C at one step to C at the next: the conveyor belt, on which
only gates scale a gradient. A **crossing** goes from one step to the next through the hidden state h into a gate or the
candidate, where U and the slopes of σ and tanh multiply the gradient.

Read in this order: edges, routes, ledger, lag, flow, jacobian, strongest, meeting, depth, pinned.
"""

from tinygrad_lstm.paths.depth import CriticalPath, OpPath, PathOp, ShortestPath, depth, shortest
from tinygrad_lstm.paths.edges import cut, edge_class, edge_classes, edge_weight, is_crossing
from tinygrad_lstm.paths.flow import Flow, FlowEdge, flow
from tinygrad_lstm.paths.jacobian import Horizon, StateJacobian, half_life, horizon, state_jacobian
from tinygrad_lstm.paths.lag import LagMatrix, lag_matrix
from tinygrad_lstm.paths.ledger import Ledger, Use, ledger
from tinygrad_lstm.paths.pinned import pinned
from tinygrad_lstm.paths.routes import Routes, routes
from tinygrad_lstm.paths.strongest import PathEdge, StrongestPath, strongest_path

__all__ = [
    "CriticalPath", "Flow", "FlowEdge", "Horizon", "LagMatrix", "Ledger", "OpPath", "PathEdge", "PathOp", "Routes",
    "ShortestPath", "StateJacobian", "StrongestPath", "Use", "cut", "depth", "edge_class", "edge_classes",
    "edge_weight", "flow", "half_life", "horizon", "is_crossing", "lag_matrix", "ledger", "pinned", "routes",
    "shortest", "state_jacobian", "strongest_path",
]  # fmt: skip
