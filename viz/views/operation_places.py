"""Places of the op view: blocks side by side along time, carried states on level lines, the weights below.

No line leads to the weights, which all steps read: each reader has the name of its weight beside it, a chip.
"""

from __future__ import annotations

from collections.abc import Mapping

from tinygrad_lstm.graph import GraphEdge
from viz.diagram.blocks import Blocks
from viz.diagram.collapse import Operation, OperationLink, Quotient
from viz.diagram.names import brief
from viz.layout.geometry import Drawing, Point, Rect, on_disc, on_tip, tip_of
from viz.layout.layered import Line, Spacing
from viz.layout.timeline import Item, timeline
from viz.scene.marks import Node
from viz.style import fonts

MOST_READERS = 8  # of a leaf in its block; of more, no line could be followed by eye
CHIP = 20.0  # points: the height of a chip
BELT = 8.0  # how much a carried state pulls at its line
SPACING = Spacing(rank=22.0, box=12.0, line=6.0)


def place_operations(quotient: Quotient, looks: Mapping[str, Node], widths: Mapping[str, float]) -> Drawing:
    """Where the nodes of a graph are, its clusters, and the paths of its lines, which are as wide as ``widths`` say.

    Where a line has no way to a leaf, it begins at its chip (``chip_of``).
    """
    blocks = Blocks(quotient)
    rows, chips = _belts(quotient, blocks), _chips(quotient, blocks)
    items = {
        name: Item(
            *looks[name].size, None if name in chips else blocks.of[name], rows.get(name, 0), blocks.groups[name]
        )
        for name in blocks.order
    }
    lines, backwards = [], set[str]()
    for link in quotient.links:
        source, reader = link.source, link.reader
        if source in chips:
            at = items[reader]
            source = chip_of(link)
            items[source] = Item(
                fonts.width(chip_name(quotient.nodes[link.source]), 12) + 12, CHIP, at.block, groups=at.groups
            )
        elif blocks.of[source] == blocks.of[reader] and blocks.order[source] > blocks.order[reader]:
            source, reader = reader, source  # of closed modules that read each other
            backwards.add(link.id)
        lines.append(Line(source, reader, widths[link.id], BELT if _carries(link.edges) else 1.0))
    drawn = timeline(items, lines, panels=blocks.panels(), spacing=SPACING)
    paths = {}
    for link, line, path in zip(quotient.links, lines, drawn.paths, strict=True):
        start = _docked(path[0], drawn.boxes[line.source], looks.get(line.source))
        stop = _docked(path[-1], drawn.boxes[line.target], looks.get(line.target))
        whole = (start, *path[1:-1], stop)
        paths[link.id] = whole[::-1] if link.id in backwards else whole
    return Drawing(drawn.boxes, paths, drawn.panels, blocks.inside())


def chip_of(link: OperationLink) -> str:
    """The name of a line's chip."""
    return f"chip_{link.id}"


def chip_name(leaf: Operation) -> str:
    """What a chip says: where it stands, no module has to be named."""
    return brief(leaf.first.label) or leaf.first.kind


def _carries(edges: tuple[GraphEdge, ...]) -> bool:
    return any(edge.tag == "carry" for edge in edges)


def _chips(quotient: Quotient, blocks: Blocks) -> set[str]:
    """The leaves that have chips: those that several blocks read, or very many nodes of one."""
    leaves = (name for name, node in quotient.nodes.items() if node.is_leaf)
    return {name for name in leaves if blocks.of[name] is None or len(quotient.links_from[name]) > MOST_READERS}


def _belts(quotient: Quotient, blocks: Blocks) -> dict[str, float]:
    """The row of every node on a belt: of each carried state one, level through all steps."""
    rows: dict[str, float] = {}
    belts: dict[object, float] = {}
    taken = set[tuple[int | None, float]]()  # of several operations that read a carried state the first is level
    vertices = quotient.graph.vertices
    carrying = [(link, edge) for link in quotient.links for edge in link.edges if edge.tag == "carry"]
    states = {link.source for link, _ in carrying}
    for link, edge in carrying:
        label = vertices[edge.source].label
        row = belts.setdefault((vertices[edge.reader].module, label), len(belts) + 1.0)
        rows.setdefault(link.source, row)
        path = _longest_path(link.reader, states, label, quotient, blocks)
        if (place := (blocks.of[path[0]], row)) not in taken:
            taken.add(place)
            rows |= dict.fromkeys(path, row)
    return rows


def _longest_path(first: str, states: set[str], label: str, quotient: Quotient, blocks: Blocks) -> list[str]:
    """The longest path within a block from what reads a carried state to the state that it becomes."""
    there = blocks.members(first)
    length, before = {first: 1}, dict[str, str]()
    for name in there[there.index(first) + 1 :]:
        for link in quotient.links_into[name]:
            if length.get(link.source, 0) >= length.get(name, 1):
                length[name], before[name] = length[link.source] + 1, link.source
    ends = [name for name in length if (quotient.nodes[name].first.label == label if label else name in states)]
    path = [max(ends, key=length.__getitem__, default=first)]
    while path[-1] != first:
        path.append(before[path[-1]])
    return path


def _docked(end: Point, box: Rect, look: Node | None) -> Point:
    """Where a line whose end lies on the rectangle around a node meets its outline."""
    if look is None or look.shape not in ("disc", "hexagon", "flag"):
        return end
    if look.shape == "disc":
        return on_disc(end, box) if box.height == look.size[1] else end
    if look.shape == "flag" and end.x < box.middle.x + box.width / 4:
        return end
    return on_tip(end, box, tip_of(box.width))
