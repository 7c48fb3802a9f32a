"""The op view as a picture: for ``draw`` and ``gradient_paths``, for the player, and where there is no cell view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import tinygrad_lstm as tg
from viz.diagram.collapse import Quotient, close_runs, closed_scopes, quotient_of
from viz.diagram.folding import steps_when_opened
from viz.encode.gradients import Strongest
from viz.encode.operations import OperationEncoding
from viz.figures.options import Options
from viz.layout.geometry import Drawing
from viz.measure.backward import Delivered
from viz.output.dot_layout import place_by_dot
from viz.output.picture import Picture
from viz.scene.marks import Node, Scene
from viz.views.graph_words import describe_delivered, describe_graph, size_in_words
from viz.views.header import add_header, scale_items
from viz.views.operation_places import place_operations
from viz.views.operations import draw_operations
from viz.views.words import describe_folds

CHIPS = "What several steps read is below them, its name wherever it is read."


def picture_of_operations(
    graph: tg.Graph, options: Options, delivered: Delivered | None = None, strongest: Strongest | None = None,
    note: str = "", encode: type[OperationEncoding] = OperationEncoding,
) -> Picture:  # fmt: skip
    """A graph, every operation or closed scope a box, each line as wide as the gradient along it, if there is one.

    Raises NoGraphvizError where ``dot`` is to find the places and is not there.
    """
    boxes, hidden = close_runs(graph, closed_scopes(graph, options.depth, options.collapse), options.fold)
    opened = None
    if hidden:
        steps = steps_when_opened(max(vertex.step or 0 for vertex in graph.vertices), hidden)
        as_opened = replace(options, fold=steps)
        opened = partial(picture_of_operations, graph, as_opened, delivered, strongest, note, encode)
    note = " ".join(filter(None, [note, describe_folds(hidden)]))
    encoding = encode(quotient_of(graph, boxes), options.theme, delivered, strongest)
    scene = Scene(options.theme)
    draw_operations(scene, encoding, _place_by_dot if options.engine == "dot" else place_operations)
    size = size_in_words(graph)
    title = f"Where the gradient of L flows: {size}" if delivered else f"Computation {size}"
    scale = scale_items(encoding.scale, encoding.looks.sample) if delivered else []
    chips = CHIPS if any(name.startswith("chip_") for name in scene.nodes) else ""
    add_header(scene, title, " ".join(filter(None, [encoding.guide, chips, note])), encoding.key, scale)
    said = describe_delivered(graph, delivered) if delivered else ""
    return Picture(scene, title, " ".join(filter(None, [describe_graph(graph), said, note])), opened=opened)


def _place_by_dot(quotient: Quotient, looks: Mapping[str, Node], widths: Mapping[str, float]) -> Drawing:
    """Graphviz's own layout, with the clusters of modules and time steps; lines of any width are alike to it."""
    sizes = {name: look.size for name, look in looks.items()}
    links = [(link.id, link.source, link.reader) for link in quotient.links]
    return place_by_dot(sizes, links, quotient.parents | quotient.members)
