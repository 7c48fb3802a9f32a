"""Tooltips: values, shapes, norms, and the lines of the source that computed them."""

from __future__ import annotations

import linecache
import os
from collections.abc import Iterable

import numpy as np

from tinygrad_lstm.graph import GraphEdge, Vertex
from viz.diagram.cellgraph import CellGraph, Link
from viz.diagram.names import Names
from viz.style.text import number

MOST = 8  # edges that a tooltip lists


def describe_node(cells: CellGraph, role: str, t: int) -> tuple[str, ...]:
    """A box of a step: mean and range of its values, and the source that computed it."""
    lines = []
    step = cells.step(t) if not cells.rolled else None
    if step is not None and role in step.named:
        tensor = step.named[role]
        with np.errstate(all="ignore"):  # of values that are not finite
            values = tensor.data.mean(), tensor.data.min(), tensor.data.max()
        mean, low, high = (number(float(value)) for value in values)
        lines.append(f"{cells.sign(role, t)} {tensor.shape} {tensor.dtype}: mean {mean}, {low} to {high}")
    vertices = cells.parts.get((cells.template.made_in.get(role, role), t), ())
    places = dict.fromkeys([(place.file, place.line) for v in vertices for place in [cells.graph.vertices[v].place]])
    for file, line in places:  # each line of the source once
        code = linecache.getline(file, line).split("#")[0].strip()
        lines.append(f"{os.path.basename(file)}:{line}  {code}")
    return tuple(lines or [cells.sign(role, t)])


def describe_link(cells: CellGraph, link: Link, amount: str) -> tuple[str, ...]:
    """A line: its ends, what goes along it, and the inputs in the graph that it stands for."""
    source, reader = cells.name_of(link.source), cells.name_of(link.reader)
    ends = f"from {reader} to {source}: {amount}" if amount else f"{source} to {reader}"
    vertices = cells.graph.vertices
    reads = list(dict.fromkeys(f"{vertices[edge.reader].op}.{edge.name} {edge.shape}" for edge in link.edges))
    return (ends, *_first(reads))


def describe_vertex(names: Names, vertex: Vertex) -> tuple[str, ...]:
    """A vertex of a graph: operation, shape, dtype, scope and the line that made it."""
    several = len(vertex.shapes)
    shapes = " and ".join(map(str, vertex.shapes)) if several < 4 else f"{several} x {vertex.shape}"
    params = ", ".join(f"{name}={value}" for name, value in vertex.params.items())
    place = vertex.place
    code = linecache.getline(place.file, place.line).strip()
    return (
        *(filter(None, [vertex.label])),
        f"{vertex.op}({params})" if params else vertex.op,
        f"{shapes} {vertex.dtype}",
        *(["/".join(vertex.scope)] if vertex.scope else []),
        f"{os.path.basename(place.file)}:{place.line}  {code}".rstrip(),
    )


def describe_edges(names: Names, edges: Iterable[GraphEdge]) -> tuple[str, ...]:
    """The edges behind a line of the op view: of each the input and the operation, what it reads, tag and shape."""
    return _first([_describe_edge(names, edge) for edge in edges])


def _describe_edge(names: Names, edge: GraphEdge) -> str:
    source, reader = names.vertices[edge.source], names.vertices[edge.reader]
    output = f"[{edge.index}]" if len(source.shapes) > 1 else ""
    tag = f", tagged {edge.tag}" if edge.tag else ""
    return f"{source.op}{output} as {edge.name} of {reader.op} {edge.shape}{tag}"


def _first(lines: list[str]) -> tuple[str, ...]:
    """The first few lines."""
    return (*lines[:MOST], *(["..."] if len(lines) > MOST else []))
