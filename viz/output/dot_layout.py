"""Places by ``dot``: boxes, lines and clusters without places in, the layout that Graphviz finds out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from math import dist

import graphviz

from viz.layout.geometry import Drawing, Point, Rect
from viz.output.png_by_graphviz import TIMEOUT, render

PIECES = 6  # straight ones for each Bézier curve of a line
HEAD = 17  # points, of the longest arrowhead


def place_by_dot(
    sizes: Mapping[str, tuple[float, float]],
    links: Iterable[tuple[str, str, str]],
    inside: Mapping[str, str],
    timeout: float = TIMEOUT,
) -> Drawing:
    """Where ``dot`` puts boxes and lines, from left to right.

    ``links`` have an id, a source and a reader; ``inside`` has of each box and each cluster the innermost cluster
    around it, or "": outer clusters first.

    Raises NoGraphvizError where there is no Graphviz, RenderError where it fails or takes too long.
    """
    return placement_in(render(layout_source(sizes, links, inside), "json0", timeout), sizes, inside)


def layout_source(
    sizes: Mapping[str, tuple[float, float]],
    links: Iterable[tuple[str, str, str]],
    inside: Mapping[str, str],
) -> str:
    """What ``dot`` is given: sizes, lines and clusters, and nothing of how they look."""
    dot = graphviz.Digraph("graph")
    dot.attr("graph", rankdir="LR", newrank="true", nodesep="0.18", ranksep="0.34")
    dot.attr("node", shape="box", fixedsize="true", label="")
    parents = {name: parent for name, parent in inside.items() if name not in sizes}
    clusters = {"": dot} | {name: graphviz.Digraph(f"cluster_{name}") for name in parents}
    for name, (width, height) in sizes.items():
        inches = {"width": f"{width / 72:.4f}", "height": f"{height / 72:.4f}"}
        clusters[inside[name]].node(name, **inches)
    for name, parent in reversed(list(parents.items())):
        clusters[name].attr(label=" ", fontsize="12", margin="10")  # room for the caption
        clusters[parent].subgraph(clusters[name])
    for name, source, reader in links:
        dot.edge(source, reader, id=name)
    return str(dot.source)


def placement_in(drawn: bytes, sizes: Mapping[str, tuple[float, float]], inside: Mapping[str, str]) -> Drawing:
    """The places in what Graphviz writes as JSON: splines become lines of short straight pieces."""
    found = json.loads(drawn)
    placement = Drawing(inside=dict(inside))
    for one in found.get("objects", ()):
        name = one["name"].removeprefix("cluster_")
        if "pos" in one:
            placement.boxes[name] = Rect.around(Point(*map(float, one["pos"].split(","))), *sizes[name])
        elif "bb" in one:
            placement.panels[name] = Rect(*map(float, one["bb"].split(",")))
    for edge in found.get("edges", ()):
        placement.paths[edge["id"]] = _with_room_for_heads(list(_points(edge["pos"])))
    return placement


def _points(spline: str) -> Iterator[Point]:
    """The points of a spline ``"e,x,y x,y x,y ..."``: an arrowhead's tip first, then Bézier curves end to end."""
    tip: Point | None = None
    corners: list[Point] = []
    for word in spline.split():
        *end, x, y = word.split(",")
        if end:
            tip = Point(float(x), float(y))
        else:
            corners.append(Point(float(x), float(y)))
    yield corners[0]
    for k in range(0, len(corners) - 3, 3):
        for piece in range(1, PIECES + 1):
            yield _on_bezier(corners[k : k + 4], piece / PIECES)
    if tip is not None:
        yield tip


def _with_room_for_heads(points: list[Point]) -> tuple[Point, ...]:
    """The points without those so near to an end that an arrowhead would not fit on the last piece."""
    first, *inner, last = points
    return first, *(point for point in inner if min(dist(point, first), dist(point, last)) > HEAD), last


def _on_bezier(corners: list[Point], part: float) -> Point:
    """De Casteljau's point of a curve: the middle of the middles, so to speak."""
    while len(corners) > 1:
        corners = [Point(x + part * (u - x), y + part * (v - y)) for (x, y), (u, v) in pairwise(corners)]
    return corners[0]
