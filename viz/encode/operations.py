"""The op view's lines: what is read by what, or how much gradient goes along each line, in the colour of its route."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import tinygrad_lstm as tg
from tinygrad_lstm.graph import GraphEdge
from viz.diagram.collapse import Quotient
from viz.encode.encoding import KeyOfLines
from viz.encode.gradients import LookOfRoutes, Strongest
from viz.encode.legend_words import BELT, ROUTES_OF_OPERATIONS, VALUES
from viz.measure.backward import Delivered
from viz.style.stroke import Stroke
from viz.style.text import number
from viz.style.theme import Theme
from viz.style.width_scales import LogWidth


class OperationEncoding:
    """How the lines of a quotient graph look; with what a backward pass delivered, as wide as the norm along them."""

    def __init__(
        self, quotient: Quotient, theme: Theme, delivered: Delivered | None = None, strongest: Strongest | None = None
    ) -> None:
        self.quotient, self.graph, self.theme = quotient, quotient.graph, theme
        self.delivered, self.strongest = delivered, strongest
        norms = {link.id: size for link in quotient.links if (size := self._norm(link.edges)) is not None}
        self.norms, self.scale = norms, LogWidth.of(norms.values())
        self.looks = LookOfRoutes(theme, self.scale)

    def _norm(self, edges: Sequence[GraphEdge]) -> float | None:
        """The norm of what came along edges, as one vector."""
        if self.delivered is None:
            return None
        keys = tuple((edge.reader, edge.position) for edge in edges)
        return self.delivered.norm_along(keys, keys)

    @property
    def guide(self) -> str:
        """How to read the picture."""
        if self.delivered is None:
            return "Values run left to right."
        said = "Values run left to right, gradients right to left."
        return f"{said} A line is as wide as the log of the gradient along it."

    @cached_property
    def key(self) -> KeyOfLines:
        """The kinds of lines."""
        if self.delivered is not None:
            return self.looks.key(ROUTES_OF_OPERATIONS, self.strongest)
        return {
            "belt": (BELT, Stroke(self.theme.carry, 2.4, "belt", open=True)),
            "constant": (VALUES["constant"], Stroke(self.theme.forward, 1.1, "constant", dashed=True, open=True)),
        }

    def stroke(self, name: str, edges: Sequence[GraphEdge]) -> Stroke:
        """A line in its colour, dash and width."""
        if self.delivered is None:
            return self._value(edges)
        size = self.norms.get(name)
        if size is None:
            return self.looks.stroke("forward", None)
        bright = self.strongest is not None and any((e.reader, e.position) in self.strongest.edges for e in edges)
        found = self.looks.stroke(self._route(edges), size, bright)
        return found if not bright else replace(found, data={**found.data, "strongest": "yes"})

    def amount(self, name: str) -> str:
        """The number of a line, in words."""
        return f"‖∇‖ {number(self.norms[name])}" if name in self.norms else ""

    def _value(self, edges: Sequence[GraphEdge]) -> Stroke:
        vertices = self.graph.vertices
        if any(edge.tag == "carry" for edge in edges):
            return self.key["belt"][1]
        if not any(vertices[edge.source].requires_grad for edge in edges):
            return self.key["constant"][1]
        shared = all(self.quotient.names.is_shared(vertices[edge.source]) for edge in edges)
        return Stroke(self.theme.weight, 0.8 if shared else 1.1, "value", open=True)

    def _route(self, edges: Sequence[GraphEdge]) -> str:
        classes = {tg.paths.edge_class(edge, self.graph) for edge in edges}
        if "carry" in classes:
            return "carry"
        if all(self.graph.vertices[edge.source].kind == "parameter" for edge in edges):
            return "weight"
        return "crossing" if any(tg.paths.is_crossing(edge, self.graph) for edge in edges) else "read"
