"""Where the gradient went: an exact account of its routes through an unrolled network."""

from tinygrad_lstm.paths.edges import cut, edge_class, edge_weight
from tinygrad_lstm.paths.routes import Routes, routes

__all__ = ["Routes", "cut", "edge_class", "edge_weight", "routes"]
