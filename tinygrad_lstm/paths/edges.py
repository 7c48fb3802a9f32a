"""How a gradient can travel between time steps: the classes of edges, and what becomes of it if one is weakened.

Every read of an earlier state is one of

    carry      elementwise into the same state's next value: f ⊙ c, z ⊙ h, a mask's or zoneout's keep. The belt
    peephole   the cell state into a gate
    crossing   anything else: h into the gates, where U and the squashing wait

Cells tag carries and peepholes; a crossing is any other edge from one time step to the next, so a cell of your own
needs to know nothing of this, nor does attention over earlier states. Edges within a step are told by where they lead:

    depth      a computed value from outside the step: the layer below
    weight     a leaf: a parameter, read again at every step
    read       the rest: products, gates, tanh c, the output handed on

What tells the steps is their scope. Layers see to it; a loop of your own says ``with tg.scope(f"t={t}", step=t)``, tags
what it only scales, ``f * tg.tag(c, "carry")``, and the states it starts from, ``tg.tag(h, "initial")``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from tinygrad_lstm.arguments import Kind, Mismatch, came, takes
from tinygrad_lstm.engine.node import Edge, Node, topological_order
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.engine.through import current_hook, through
from tinygrad_lstm.errors import ArgumentError, DtypeError, UnsupportedError
from tinygrad_lstm.escaping import printable
from tinygrad_lstm.graph import Graph, GraphEdge

EdgeClass: TypeAlias = Literal["carry", "crossing", "peephole", "depth", "weight", "read"]
CLASSES = get_args(EdgeClass)
Predicate: TypeAlias = Callable[[Edge], bool]


def _which(value: Any) -> Any:
    if not callable(value) and not (isinstance(value, str) and value in CLASSES):
        raise Mismatch(came(value), ArgumentError)
    return value


def _weight(value: Any) -> Any:
    is_number = isinstance(value, int | float | complex | np.number) and not isinstance(value, bool)
    if not is_number or not np.isfinite(value):
        raise Mismatch(came(value), ArgumentError)
    return value


WHICH = Kind(f"{', '.join(CLASSES)}, or a function of an edge,", _which)
WEIGHT = Kind("a finite number or a function of an edge", lambda value: value if callable(value) else _weight(value))


def edge_class(edge: Edge | GraphEdge, graph: Graph | None = None) -> EdgeClass:
    """Which of the classes an edge is in, as a hook of ``tg.through`` sees it, or as ``graph`` has it.

    >>> import numpy as np
    >>> import tinygrad_lstm as tg
    >>> trajectory = tg.nn.LSTM(2, 3).unroll(np.ones((4, 1, 2)))
    >>> seen = []
    >>> with tg.through(lambda edge, g: seen.append(edge_class(edge)) or g):
    ...     _ = tg.grad(trajectory.output.sum(), trajectory.steps[0].c)
    >>> [(name, seen.count(name)) for name in ("carry", "crossing")]
    [('carry', 3), ('crossing', 3)]
    >>> graph = tg.graph_of(trajectory.output)
    >>> [edge_class(edge, graph) for edge in graph.edges].count("carry")  # that of the initial c is one more
    4
    """
    if not isinstance(edge, Edge | GraphEdge):  # written out, for it is asked of every edge
        raise DtypeError(f"edge_class(edge, graph) takes an edge, of a hook or of a graph, not {came(edge)}")
    if edge.tag in ("carry", "peephole"):
        return edge.tag  # type: ignore[return-value]  # one of the two
    if isinstance(edge, GraphEdge):
        if not isinstance(graph, Graph):
            raise DtypeError(f"edge_class(edge, graph) takes the graph that the edge is of, not {came(graph)}")
        source, reader = graph.vertices[edge.source], graph.vertices[edge.target]
        is_leaf, here, there = source.kind in ("input", "parameter", "constant"), reader.step, source.step
    else:
        is_leaf, here, there = edge.source.op is None, edge.reader.step, edge.source.step
    if edge.tag == "initial" or (here is not None and there is not None and here != there):
        return "crossing"
    if here is None or there is not None:
        return "read"
    return "weight" if is_leaf else "depth"


def in_class(what: EdgeClass | Predicate, *others: EdgeClass) -> Predicate:
    """A predicate on edges: of classes by their names, or one of your own; ArgumentError for another name."""
    if callable(what):
        return what
    if not isinstance(what, str) or what not in CLASSES:
        raise ArgumentError(f"edges are {', '.join(CLASSES)}, or a function of an edge, not {what!r}")
    return lambda edge: (found := edge_class(edge)) == what or found in others


@takes(what=WHICH, weight=WEIGHT)
def edge_weight(what: EdgeClass | Predicate, weight: complex | Callable[[Edge], complex]) -> through:
    """Every gradient that passes along such an edge inside is multiplied by the weight; forward stays as it is.

    For one backward or for training. A function gives each edge a weight of its own, so that h-detach (Arpit 2018,
    1810.03023), which cuts h into the gates of a step with probability p, is
    ``edge_weight("crossing", lambda edge: rng.random() >= p)`` for a cell that reads h once, as most do.

    Raises ArgumentError for an unknown class; in backward UnsupportedError, where a fused layer hides such edges.

    >>> import numpy as np
    >>> import tinygrad_lstm as tg
    >>> step = tg.nn.RNN(2, 3).unroll(np.ones((4, 1, 2))).steps
    >>> whole, = tg.grad(step[3].h.sum(), step[0].h, retain_graph=True)
    >>> with edge_weight("crossing", 0.5):
    ...     weak, = tg.grad(step[3].h.sum(), step[0].h)
    >>> np.allclose(weak.data, whole.data * 0.5**3)
    True
    """
    among = in_class(what)

    def weigh(edge: Edge, g: Any) -> Any:
        if not callable(what):
            refuse_if_fused(edge.reader)
        if not among(edge):
            return g
        by = weight(edge) if callable(weight) else weight
        return g * by if by else None

    return through(weigh)


@takes(what=WHICH)
def cut(what: EdgeClass | Predicate) -> through:
    """No gradient passes along such edges inside; errors as of ``edge_weight``.

    ``cut("crossing")`` leaves the belt alone: the truncated gradient of Hochreiter & Schmidhuber 1997, and what the
    notes' ∂C_t/∂C_{t-1} = f means. ``cut(lambda edge: edge.reader.label in ("f", "i", "o"))`` stops it at the gates.

    >>> import numpy as np
    >>> import tinygrad_lstm as tg
    >>> step = tg.nn.LSTM(2, 3).unroll(np.ones((2, 2))).steps
    >>> with cut("crossing"):
    ...     belt, = tg.grad(step[1].c.sum(), step[0].c)
    >>> np.allclose(belt.data, step[1].f.data)
    True
    """
    return edge_weight(what, 0.0)


def after_others(watch: Callable[[Edge, Any], Any]) -> Callable[[Edge, Any], Any]:
    """The same hook, for a pass of our own: it sees what the hooks around it, as ``cut``, have left of a gradient."""
    outer = current_hook.get()
    if outer is None:
        return watch

    def both(edge: Edge, g: Any) -> Any:
        g = outer(edge, g)
        return None if g is None else watch(edge, g)

    return both


def refuse_if_fused(node: Node) -> None:
    """UnsupportedError for the run of a fused layer: its one op hides the steps that an edge's class is told by."""
    if node.op is not None and node.op.name in ("fused_lstm", "fused_gru"):
        raise UnsupportedError(
            f"{node} runs all steps as one op, which hides the routes through them: take the loss from the output of "
            "layer.unroll(x), which runs the composed cell, or make the layer with fused=False"
        )


def composed(*losses: Tensor, steps: bool = False) -> list[Node]:
    """The nodes of a graph, oldest first; UnsupportedError if it has fused layers, or no ``steps`` where they count."""
    order = topological_order([loss.source.node for loss in losses])
    for node in order:
        refuse_if_fused(node)
    if steps and not any(node.step for node in order):
        raise UnsupportedError(
            "the graph has no time steps, so nothing is seen to go from one to the next: a layer that runs as a scan "
            "runs step by step in layer.unroll(x); a loop of your own says with tg.scope(name, step=t)"
        )
    return order


def name_of(node: Node, index: int | None = None) -> str:
    """What an output of a node is called: its label, else the op, or "leaf"; without an index, by its first label.

    >>> import tinygrad_lstm as tg
    >>> h, c = tg.split(tg.tensor([1.0, 2.0], requires_grad=True), 2)
    >>> tg.label(c=c)
    >>> [name_of(each.source.node, each.source.index) for each in (h, c)]
    ['split', 'c']
    """
    label = node.label if index is None else (node.labels or {}).get(index, "")
    return printable(label or (node.op.name if node.op else "leaf"))


def with_step(node: Node, index: int | None = None) -> str:
    """The same with the time step of the value."""
    return name_of(node, index) if node.step is None else f"{name_of(node, index)} t={node.step}"
