"""The neighbours of a chain in the graph: the weights that its steps share, and what reads their states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.graph import GraphEdge
from viz.diagram.cellgraph import LOSS, NEXT_LAYER, NodeKey, OutputKey
from viz.diagram.reads import find_unread


def named_weights(graph: tg.Graph, cell: nn.Cell) -> dict[int, str]:
    """The names of a cell's weights in the graph, without the parts inside, as in a wrapper, if they are clear so."""
    found = {graph.id_of(p): name for name, p in cell.named_parameters() if p in graph}
    short = {vertex: name.rpartition(".")[2] for vertex, name in found.items()}
    return short if len(set(short.values())) == len(short) else found


def outside(
    graph: tg.Graph, states: Mapping[OutputKey, NodeKey], where: Mapping[int, NodeKey], above: Iterable[nn.Chain]
) -> tuple[dict[tuple[NodeKey, NodeKey], list[GraphEdge]], tuple[NodeKey, ...]]:
    """The lines from states to what reads them outside of the chain, the next layer or the loss; and what else is read.

    ``where`` are the vertices of the chain by their parts; what is read of them and is no state has no line. A part of
    which nothing is read in the end is none of these, as in a stack of all steps of which a loss takes the last.
    """
    links: dict[tuple[NodeKey, NodeKey], list[GraphEdge]] = {}
    elsewhere: dict[NodeKey, None] = {}  # in the order in which they are found
    leaving = [edge for edge in graph.edges if edge.source in where and edge.reader not in where]
    feeding = _feeding(graph, above, where)
    unread = find_unread(graph, {edge for edge in leaving if edge.reader not in feeding})
    for edge in (edge for edge in leaving if edge not in unread):
        part = states.get((edge.source, edge.index))
        if part is None:
            elsewhere[where[edge.source]] = None
        else:
            links.setdefault((part, (NEXT_LAYER if edge.reader in feeding else LOSS, part[1])), []).append(edge)
    return links, tuple(elsewhere)


def _feeding(graph: tg.Graph, above: Iterable[nn.Chain], where: Mapping[int, NodeKey]) -> set[int]:
    """The vertices between this chain and the inputs of those above."""
    waiting = [graph.id_of(step.named["x"]) for chain in above for step in chain.steps if "x" in step.named]
    if not waiting:
        return set()
    sources: dict[int, list[int]] = {}
    for edge in graph.edges:
        sources.setdefault(edge.reader, []).append(edge.source)
    feeding: set[int] = set()
    while waiting:
        vertex = waiting.pop()
        if vertex not in feeding and vertex not in where:
            feeding.add(vertex)
            waiting += sources.get(vertex, ())
    return feeding


def layer_numbers(trajectory: nn.Trajectory) -> list[int]:
    """The layer that each chain is: with two directions two chains are one layer."""
    chains = trajectory.chains
    directions = 2 if len(chains) > 1 and chains[1].reverse and not chains[0].reverse else 1
    return [k // directions for k in range(len(chains))]
