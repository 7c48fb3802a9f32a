"""Graphs in words: what they are made of, and how far a gradient goes through them."""

from __future__ import annotations

import tinygrad_lstm as tg
from viz.diagram.names import Names, brief
from viz.measure.backward import Delivered
from viz.style.text import number, quantity


def size_in_words(graph: tg.Graph) -> str:
    """How large a graph is."""
    vertices, edges = quantity(len(graph.vertices), "vertex", "vertices"), quantity(len(graph.edges), "edge")
    return f"graph of {vertices} and {edges}"


def describe_graph(graph: tg.Graph) -> str:
    """What a graph is made of, in a sentence."""
    kinds: dict[str, int] = {}
    ops: dict[str, int] = {}
    for vertex in graph.vertices:
        kind = "operation" if vertex.kind in ("op", "state") else vertex.kind
        kinds[kind] = kinds.get(kind, 0) + 1
        if kind == "operation":
            ops[vertex.op] = ops.get(vertex.op, 0) + 1
    parts = ", ".join(quantity(count, kind) for kind, count in kinds.items())
    done = ", ".join(f"{count} {op}" for op, count in ops.items())
    text = f"A {size_in_words(graph)}: {parts}"
    return f"{text} ({done})." if done else f"{text}."


def describe_delivered(graph: tg.Graph, delivered: Delivered) -> str:
    """How far a gradient goes through a graph, and what comes to its leaves."""
    names = Names(graph)
    norms = [
        f"{brief(names.of(vertex)) or 'a leaf'} {number(size)}"
        for vertex in graph.vertices
        if vertex.kind == "parameter" and (size := delivered.norm_of((vertex.id, 0))) is not None
    ]
    said = f"The gradient goes along {len(delivered.whole.edges)} of {len(graph.edges)} edges."
    return f"{said} Its norm at the leaves: {', '.join(norms[:12])}{', ...' * (len(norms) > 12)}." if norms else said
