"""Places of the op view: a block for every time step, side by side, the weights below as bars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from viz.diagram.collapse import OperationLink, Quotient
from viz.diagram.names import ScopePath, is_leaf, path_of, step_depth
from viz.geometry import Box, Place, Placement
from viz.places import BAR, HEIGHT, Places, Spot, places
from viz.routing import Routing
from viz.scene.marks import Node, between

MOST_WITH_DETOURS = 600  # nodes; of more, no line within a step can be followed by eye
APART = 14  # points between two lines that join the same nodes


def place_operations(quotient: Quotient, looks: Mapping[str, Node]) -> Placement:
    """Where the nodes of a graph are, its clusters, and the points of every line."""
    found = places(_spots(quotient, looks), [(link.source, link.reader) for link in quotient.links])
    sizes = {
        name: (found.widths[name], float(BAR)) if name in found.bars else look.size for name, look in looks.items()
    }
    placed = {name: replace(look, middle=found.middles[name], size=sizes[name]) for name, look in looks.items()}
    placement = Placement(sizes, found.middles, _Lines(found, placed, quotient).points())
    inside: dict[ScopePath, list[str]] = {}  # of every cluster, those deeper inside included
    for name, node in quotient.nodes.items():
        for length in range(1, len(node.scope) + 1):
            inside.setdefault(node.scope[:length], []).append(name)
    for path, names in inside.items():
        deeper = max(len(quotient.nodes[name].scope) for name in names) - len(path)
        placement.clusters[quotient.clusters[path]] = found.around(names, deeper)
    return placement


def _spots(quotient: Quotient, looks: Mapping[str, Node]) -> dict[str, Spot]:
    """What the layout needs of each node: a block is a time step, or a run of what is made in one scope."""
    spots: dict[str, Spot] = {}
    blocks: dict[tuple[ScopePath, int], int] = {}
    run, last = 0, ScopePath()
    plain = not any(node.scope or node.closed for node in quotient.nodes.values())  # one block, leaves among the others
    for name, node in sorted(quotient.nodes.items(), key=lambda item: item[1].first.id):
        vertex, width = node.first, looks[name].size[0]
        if plain:
            spots[name] = Spot(width, (0, 0))
            continue
        if is_leaf(vertex) and not vertex.scope and not quotient.names.is_start(vertex):
            spots[name] = Spot(width, None)
            continue
        path = path_of(vertex)
        step = step_depth(path)
        scope = path[: step or None]
        if not is_leaf(vertex):
            run += scope != last
            last = scope
        block = blocks.setdefault((scope, 0 if step or is_leaf(vertex) else run), len(blocks))
        spots[name] = Spot(width, (block, blocks.setdefault((node.scope, -1), len(blocks)) if step else 0))
    return spots


class _Lines:
    """The way of every line: up from a bar, above all columns for what carries a state, else around what is between."""

    def __init__(self, found: Places, placed: Mapping[str, Node], quotient: Quotient) -> None:
        self.found, self.placed, self.quotient = found, placed, quotient
        self.far, self.lanes = 0, dict[tuple[str, ...], int]()  # one lane above the other for several layers
        self.detours = self._detours(placed) if len(placed) <= MOST_WITH_DETOURS else {}

    def points(self) -> dict[str, tuple[Place, ...]]:
        """The points of every line, by its id."""
        same: dict[tuple[str, str], list[str]] = {}
        for link in self.quotient.links:
            same.setdefault((link.source, link.reader), []).append(link.id)
        return {
            link.id: self._aside(link, same[link.source, link.reader]) or self._points(link)
            for link in self.quotient.links
        }

    def _aside(self, link: OperationLink, same: list[str]) -> tuple[Place, ...]:
        """Of several lines between two nodes each has a bend of its own."""
        if len(same) == 1 or link.source in self.found.bars:
            return ()
        one, other = self.placed[link.source], self.placed[link.reader]
        (x, y), (u, v) = one.middle, other.middle
        shift = APART * (same.index(link.id) - (len(same) - 1) / 2)
        return between(one, other, ((x + u) / 2, (y + v) / 2 + shift))

    def _points(self, link: OperationLink) -> tuple[Place, ...]:
        source, reader = link.source, link.reader
        if source in self.found.bars:
            return self.found.riser(source, reader)
        if any(edge.tag == "carry" for edge in link.edges):
            module = self.quotient.nodes[reader].first.module
            return self.found.lane(source, reader, self.lanes.setdefault(module, len(self.lanes)))
        if self.found.is_far(source, reader):
            self.far += 1
            return self.found.tunnel(source, reader, self.far - 1)
        bends: Iterable[Place] = ()
        block = self.found.blocks[source]
        if block == self.found.blocks[reader] and block in self.detours:
            self.detours[block].connect(source, reader)
            bends = self.detours[block].corners.get((source, reader), ())
        return between(self.placed[source], self.placed[reader], *bends)

    def _detours(self, placed: Mapping[str, Node]) -> dict[int, Routing]:
        """For each block the routing of lines around what is in it."""
        boxes: dict[int, dict[str, Box]] = {}
        for name, block in self.found.blocks.items():
            boxes.setdefault(block, {})[name] = placed[name].box
        return {block: Routing(inside, self.found.top + HEIGHT) for block, inside in boxes.items()}
