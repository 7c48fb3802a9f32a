"""One part of a cell in full colour and the rest dimmed: a value, and what its equation reads.

The part is found in the graph: from the value back to the next values that bear a name, to the states of the step
before, and to the weights. So it is right for every cell that has a cell view.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from tinygrad_lstm.errors import ArgumentError
from viz.diagram.cellgraph import PARAMETERS, CellGraph, Link, NodeKey
from viz.diagram.templates import Template
from viz.scene.marks import Scene
from viz.style.stroke import Stroke
from viz.views.rows import Row

DIMMED = 0.16  # the opacity of what is not lit


def parts_of(template: Template) -> list[str]:
    """The values of a step that have an equation, in the order of the template."""
    return [name for name in template.letters if template.boxes[name].look != "input"]


def check_lit(name: str, templates: Iterable[Template]) -> None:
    """ArgumentError where no cell has a value of this name."""
    parts = list(dict.fromkeys(part for template in templates for part in parts_of(template)))
    if name not in parts:
        raise ArgumentError(f"lit={name!r} is no part of these cells, which are {', '.join(parts)}")


def equation(cells: CellGraph, name: str, t: int) -> list[Link]:
    """The lines of the equation of a value at step t: back to the values that have names of their own.

    >>> import tinygrad_lstm as tg
    >>> from viz.diagram.matching import match_chain
    >>> run = tg.nn.LSTM(2, 3).unroll(tg.randn(2, 1, 2))
    >>> cells = match_chain(tg.graph_of(run.output), run.chains[0])
    >>> [(link.source, link.reader[0]) for link in equation(cells, "h", 2)]
    [(('show', 2), 'h'), (('o', 2), 'show'), (('squash', 2), 'show'), (('c', 2), 'squash')]
    """
    into: dict[NodeKey, list[Link]] = {}
    for link in cells.links_to.get(t, ()):
        into.setdefault(link.reader, []).append(link)
    found: list[Link] = []
    ends = {*parts_of(cells.template), "x", PARAMETERS}
    looked_at, waiting = set[NodeKey](), [(name, t)]
    for part in waiting:  # the list grows as we go
        if part in looked_at:
            continue
        looked_at.add(part)
        for link in into.get(part, ()):
            found.append(link)
            if link.source[0] not in ends and link.source[1] == t:
                waiting.append(link.source)
    return found


def light(scene: Scene, rows: Sequence[Row], name: str) -> None:
    """Dim every mark but those of the equation of this value, at every step that is drawn."""
    boxes, lines, said = set[str](), set[tuple[str, str]](), set[tuple[object, ...]]()
    for row in rows:
        if name not in row.template.boxes:
            continue
        for t in row.axis.shown:
            boxes.add(row.node(name, t).id)
            said.add(row.cells.vertices((name, t)))
            for link in equation(row.cells, name, t):
                (source, u), (reader, _) = link.source, link.reader
                start = row.end(source, u).id if source != PARAMETERS else f"{row.prefix}weights_{reader}_{u}"
                boxes |= {start, row.node(reader, t).id}
                lines.add((start, row.node(reader, t).id))
                if source == PARAMETERS:
                    boxes |= {node for node in scene.nodes if node.startswith(f"{row.prefix}weights{row.suffix}")}
    for id, node in scene.nodes.items():
        if node.keys and id not in boxes and node.keys not in said:
            scene.nodes[id] = replace(node, opacity=DIMMED)
    for k, edge in enumerate(scene.edges):
        if (edge.source, edge.reader) not in lines:
            scene.edges[k] = replace(edge, stroke=_dim(edge.stroke))
    scene.paths = [replace(path, stroke=_dim(path.stroke)) for path in scene.paths]


def _dim(stroke: Stroke) -> Stroke:
    return replace(stroke, opacity=DIMMED, halo="")


def describe_lit(rows: Sequence[Row], name: str) -> str:
    """What is in full colour, in a few words."""
    row = next(row for row in rows if name in row.template.boxes)
    return f"what computes {row.cells.letter(name)}"
