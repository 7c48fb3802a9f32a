"""``viz.player``: a page that steps through forward and backward, one event of the engine at a time."""

from __future__ import annotations

import html
import os
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.arguments import LOSS, TRAJECTORY, integer, takes
from tinygrad_lstm.escaping import markup
from tinygrad_lstm.graph import GraphEdge
from tinygrad_lstm.torch_modules import also_of_torch, loss_and_trajectory
from viz.diagram.cellgraph import LOSS as LOSSES
from viz.diagram.cellgraph import EdgeKey, Link, NoCellViewError
from viz.encode.gradients import GradientEncoding, scale_of
from viz.encode.operations import OperationEncoding
from viz.figures.composition import Arrangement, picture
from viz.figures.operations import picture_of_operations
from viz.figures.options import Options
from viz.figures.selection import Selection, select
from viz.measure.backward import Event, backward_events, watch_backward
from viz.measure.gradient import measure_chains
from viz.output.files import place_for, write_file
from viz.output.notebook import bundle
from viz.output.picture import Picture
from viz.playback.page import Figure, page
from viz.playback.tape import tape_of
from viz.style.stroke import Stroke
from viz.style.theme import THEMES
from viz.views.words import describe_gradients

TITLE = "Where the gradient of L flows, through every operation"


@dataclass(frozen=True)
class Player:
    """A page: ``html`` is all of it, one file that needs no network; ``description`` says in words what it plays."""

    title: str
    description: str
    html: str = field(repr=False)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page, whole or not at all; returns the path that was written.

        Raises ValueError for a suffix other than .html, FileNotFoundError for a folder that is not there,
        IsADirectoryError for one that is, and as ``Picture.save`` does for what is no path or cannot be written.
        """
        return write_file(place_for(path, [".html"], "a player", "player.html"), self.html.encode())

    def __str__(self) -> str:
        return self.description

    def _repr_html_(self) -> str:
        """The page in a frame of its own, which can reach nothing of the notebook around it."""
        return (
            f'<iframe sandbox="allow-scripts" title="{markup(self.title)}" srcdoc="{html.escape(self.html)}" '
            'style="width:100%;height:48rem;border:0"></iframe>'
        )

    def _repr_mimebundle_(
        self, include: Container[str] | None = None, exclude: Container[str] | None = None
    ) -> dict[str, Any]:
        """The page, and for a reader without a browser what it plays, in words."""
        return bundle({"text/plain": lambda: self.description, "text/html": self._repr_html_}, include, exclude)


@also_of_torch(loss_and_trajectory)
@takes(loss=LOSS, trajectory=TRAJECTORY.or_none(), chain=integer(None).or_none())
@tg.collector_paused
def player(loss: tg.Tensor, trajectory: nn.Trajectory | None = None, *, chain: int | None = None) -> Player:
    """A page that steps through the forward pass, and through the backward pass in the engine's own order.

    At each step it shows what came in, each local derivative, what is handed on, and the sum that it is added to. The
    picture is the cell view of a trajectory's layers (or of the one ``chain``), all steps side by side; without a
    trajectory, or where there is no cell view of it, the op view. No ``.grad`` is touched, and the graph can be
    used again.

    Raises DtypeError for what is no tensor or no trajectory, GradError where nothing needs a gradient, the graph was
    freed, or the loss does not depend on the trajectory.

    >>> x = tg.tensor(3.0, requires_grad=True)
    >>> print(player(x * x + x))
    A graph of 3 vertices and 4 edges: ... Its norm at the leaves: a leaf 7.00.
    Played in 3 steps forward and 3 backward.
    """
    figure = figure_of(loss, trajectory, chain)
    tape = tape_of(loss, figure.graph, figure.known, figure.events)
    played = f"Played in {len(tape.forward)} steps forward and {len(tape.backward)} backward."
    return Player(figure.picture.title, f"{figure.picture.description} {played}", page(figure, tape))


def figure_of(loss: tg.Tensor, trajectory: nn.Trajectory | None = None, chain: int | None = None) -> Figure:
    """The picture that is played, and which of its elements stand for what: by the keys of its marks."""
    try:
        if trajectory is not None:
            return _cell_figure(loss, select(trajectory, chain, loss))
    except NoCellViewError:
        pass
    graph, events = tg.graph_of(loss), _events_of(loss)
    delivered = watch_backward(loss, graph, crossed=False, events=events)
    options = Options(THEMES["light"], "op", fold=None)
    drawn = picture_of_operations(graph, options, delivered, encode=_PlayedOperations)
    nodes, edges = _elements(drawn)
    return Figure(replace(drawn, title=TITLE), graph, nodes, edges, what="every operation", events=events)


def _events_of(loss: tg.Tensor) -> list[Event]:
    """One backward pass, for the picture and the tape."""
    with np.errstate(all="ignore"):  # a gradient that exploded is shown as it is
        return list(backward_events(loss))


def _cell_figure(loss: tg.Tensor, chosen: Selection) -> Figure:
    """The cell view, with every step of it."""
    events = _events_of(loss)
    delivered = watch_backward(loss, chosen.graph, events=events)
    gradients = measure_chains(chosen.chains, delivered)
    encodings = [_PlayedGradients(each, THEMES["light"], scale_of(gradients)) for each in gradients]
    title, words = f"Where the gradient of L flows: {chosen.title}", describe_gradients(gradients, chosen.captions)
    drawn = picture(chosen, encodings, Arrangement("cell", [], ""), THEMES["light"], title, words)
    drawn.scene.clusters[:] = [replace(cluster, tooltip=()) for cluster in drawn.scene.clusters]
    nodes, edges = _elements(drawn)
    graph, template = chosen.graph, chosen.chains[-1].template
    tensors = [
        t for one in chosen.chains for step in (one.chain.initial, *one.chain.steps) for t in step.named.values()
    ]
    tensors += [parameter for one in chosen.chains for parameter in one.chain.cell.parameters()]
    return Figure(
        drawn, graph, _with_losses(nodes, edges, chosen, drawn), edges, what=chosen.title,
        routes=(("C", "h") if template.is_lstm else ("carry", "crossing")) if template.belts else (),
        known={vertex: t.data for t in tensors if len(graph.vertices[vertex := graph.id_of(t)].shapes) == 1},
        events=events,
    )  # fmt: skip


class _PlayedGradients(GradientEncoding):
    """Widths and routes without the numbers: the tape shows each at its step."""

    def amount(self, link: Link) -> str:
        """Nothing."""
        return ""

    def stroke(self, link: Link) -> Stroke:
        """A line that names its route and no number."""
        return _without_norm(super().stroke(link))


class _PlayedOperations(OperationEncoding):
    """The same for every operation."""

    def amount(self, name: str) -> str:
        """Nothing."""
        return ""

    def stroke(self, name: str, edges: Sequence[GraphEdge]) -> Stroke:
        """A line that names its route and no number."""
        return _without_norm(super().stroke(name, edges))


def _without_norm(stroke: Stroke) -> Stroke:
    return replace(stroke, data={name: value for name, value in stroke.data.items() if name == "route"})


def _elements(drawn: Picture) -> tuple[dict[int, list[str]], dict[EdgeKey, list[str]]]:
    """The elements that stand for each vertex, and those that stand for each edge."""
    nodes: dict[int, list[str]] = {}
    edges: dict[EdgeKey, list[str]] = {}
    for key, name in drawn.scene.keyed():
        if isinstance(key, int):
            nodes.setdefault(key, []).append(name)
        else:
            edges.setdefault(key, []).append(name)
    return nodes, edges


def _with_losses(
    nodes: Mapping[int, list[str]], edges: Mapping[EdgeKey, list[str]], chosen: Selection, drawn: Picture
) -> dict[int, list[str]]:
    """The elements of vertices, and for every vertex after the chains the pills of a loss that it leads back to."""
    ends = {edge.id: edge.reader for edge in drawn.scene.edges}
    pills: dict[int, list[str]] = {}
    reading = [edge for one in chosen.chains for link in one.links if link.reader[0] == LOSSES for edge in link.edges]
    for edge in reading:
        for name in edges.get((edge.reader, edge.position), ()):
            pills.setdefault(edge.reader, []).append(ends[name])
    inside = {vertex for vertex in nodes if vertex not in pills}
    for graph_edge in chosen.graph.edges:  # in the order of their readers
        if graph_edge.source in pills and graph_edge.reader not in inside:
            found = pills.setdefault(graph_edge.reader, [])
            found += [pill for pill in pills[graph_edge.source] if pill not in found]
    return {**nodes, **{vertex: list(dict.fromkeys(found[::-1])) for vertex, found in pills.items()}}
