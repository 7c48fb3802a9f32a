"""The classes of edges: how a gradient can travel between time steps, and what remains of it where a class is weakened.

Two paths lead a gradient from one step to an earlier one. The **belt** is the path along the cell state, from C at one
step to C at the next, the conveyor belt: only a gate scales the gradient there. A **crossing** leaves it: the path goes
through the hidden state h into a gate or the candidate, where U and the slopes of σ and tanh multiply. So every
read of an earlier state is one of

    carry      elementwise into the same state's next value: f ⊙ c, z ⊙ h, a mask's or zoneout's keep; the belt
    peephole   the cell state into a gate
    crossing   every other one: h into the gates, also attention over earlier states

and an edge within a step is one of

    depth      a computed value from outside the step: the layer below
    weight     a leaf: a parameter, read again at every step
    read       the rest: products, gates, tanh c, the output to the layer above

Cells tag carries and peepholes (``tg.tag``); the other classes follow from where an edge leads, so a cell of your own
needs no tag for its crossings. ``tg.register_tag("attention", ...)`` makes one more class, of the edges that have that
tag. The steps are those of the scopes. Layers open them; your own loop says ``with tg.scope(f"t={t}", step=t)``, tags
what it only scales, ``f * tg.tag(c, "carry")``, and the states it starts from, ``tg.tag(h, "initial")``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from tinygrad_lstm.arguments import Kind, Mismatch, came, takes
from tinygrad_lstm.engine.node import Edge, Node, topological_order
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.engine.through import through
from tinygrad_lstm.errors import ArgumentError, DtypeError, UnsupportedError
from tinygrad_lstm.escaping import printable
from tinygrad_lstm.func.checkpoint import recomputed
from tinygrad_lstm.graph import Graph, GraphEdge
from tinygrad_lstm.tags import TAGS, UNTAGGED, did_you_mean

EdgeClass: TypeAlias = str  # carry, peephole, crossing, depth, weight, read, or a tag that was registered
Predicate: TypeAlias = Callable[[Edge], bool]


def _which(value: Any) -> Any:
    known = edge_classes()
    if not callable(value) and not (isinstance(value, str) and value in known):
        names = f"edges are {', '.join(known)}{did_you_mean(value, known)}"
        raise Mismatch(f"{came(value)}: {names.rstrip('.')}", ArgumentError)
    return value


def _weight(value: Any) -> Any:
    is_number = isinstance(value, int | float | complex | np.number) and not isinstance(value, bool)
    if not is_number or not np.isfinite(value):
        raise Mismatch(came(value), ArgumentError)
    return value


WHICH = Kind("a class of edges by its name, or a function of an edge,", _which)
WEIGHT = Kind("a finite number or a function of an edge", lambda value: value if callable(value) else _weight(value))


def edge_classes() -> tuple[EdgeClass, ...]:
    """The names of all classes, those of registered tags included.

    >>> edge_classes()[:6]
    ('carry', 'peephole', 'crossing', 'depth', 'weight', 'read')
    """
    carry, peephole, *registered = [name for name in TAGS if name != "initial"]
    return (carry, peephole, *UNTAGGED, *registered)


def edge_class(edge: Edge | GraphEdge, graph: Graph | None = None) -> EdgeClass:
    """The class of an edge that a hook of ``tg.through`` sees, or of an edge of ``graph``.

    >>> import numpy as np
    >>> import tinygrad_lstm as tg
    >>> trajectory = tg.nn.LSTM(2, 3).unroll(np.ones((4, 1, 2)))
    >>> seen = []
    >>> with tg.through(lambda edge, g: seen.append(edge_class(edge)) or g):
    ...     _ = tg.grad(trajectory.output.sum(), trajectory.steps[0].c)
    >>> [(name, seen.count(name)) for name in ("carry", "crossing")]
    [('carry', 3), ('crossing', 3)]
    >>> graph = tg.graph_of(trajectory.output)
    >>> [edge_class(edge, graph) for edge in graph.edges].count("carry")  # one more: the first step reads the initial c
    4
    """
    if not isinstance(edge, Edge | GraphEdge):  # written out: every edge comes here
        raise DtypeError(f"edge_class(edge, graph) takes an edge, of a hook or of a graph, not {came(edge)}")
    if edge.tag is not None and edge.tag != "initial":
        return edge.tag
    if isinstance(edge, GraphEdge):
        if not isinstance(graph, Graph):
            raise DtypeError(f"edge_class(edge, graph) takes the graph that the edge is of, not {came(graph)}")
        source, reader = graph.vertices[edge.source], graph.vertices[edge.reader]
        is_leaf, here, there = source.kind in ("input", "parameter", "constant"), reader.step, source.step
    else:
        is_leaf, here, there = edge.source.op is None, edge.reader.step, edge.source.step
    if edge.tag == "initial" or (here is not None and there is not None and here != there):
        return "crossing"
    if here is None or there is not None:
        return "read"
    return "weight" if is_leaf else "depth"


def is_crossing(edge: Edge | GraphEdge, graph: Graph | None = None) -> bool:
    """Whether a gradient leaves the belt here: the edge is a crossing, a peephole, or of a tag that counts as one."""
    kind = edge_class(edge, graph)
    return kind == "crossing" or (kind in TAGS and TAGS[kind].crosses)


def in_class(what: EdgeClass | Predicate) -> Predicate:
    """A predicate on edges: of a class by its name, or the one that was given."""
    return what if callable(what) else lambda edge: edge_class(edge) == what


@takes(what=WHICH, weight=WEIGHT)
def edge_weight(what: EdgeClass | Predicate, weight: complex | Callable[[Edge], complex]) -> through:
    """Inside the block every gradient along such an edge is multiplied by the weight; the forward pass is unchanged.

    It serves for one backward pass or for training. ``weight`` may be a function of the edge: h-detach (Arpit 2018,
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
            refuse_hidden_steps(edge.reader)
        if not among(edge):
            return g
        by = weight(edge) if callable(weight) else weight
        return g * by if by else None

    return through(weigh)


@takes(what=WHICH)
def cut(what: EdgeClass | Predicate) -> through:
    """Inside the block no gradient passes along such edges; it raises what ``edge_weight`` raises.

    With ``cut("crossing")`` only the belt is left: the truncated gradient of Hochreiter & Schmidhuber 1997, and what
    ∂C_t/∂C_{t-1} = f means in textbooks. ``cut(lambda edge: edge.reader.label in ("f", "i", "o"))`` cuts at the gates.

    >>> import numpy as np
    >>> import tinygrad_lstm as tg
    >>> step = tg.nn.LSTM(2, 3).unroll(np.ones((2, 2))).steps
    >>> with cut("crossing"):
    ...     belt, = tg.grad(step[1].c.sum(), step[0].c)
    >>> np.allclose(belt.data, step[1].f.data)
    True
    """
    return edge_weight(what, 0.0)


def refuse_hidden_steps(node: Node) -> None:
    """UnsupportedError for an op that runs all time steps inside: it hides the edges between them."""
    if node.op is not None and node.op.hides_steps:
        raise UnsupportedError(
            f"{node} runs all steps as one op, which hides the routes through them: layer.unroll(x), or a layer made "
            "with fused=False, runs them one by one (an op of your own: compute it in smaller ops)"
        )


def composed_nodes(*losses: Tensor, steps: bool = False) -> list[Node]:
    """The nodes of a graph, oldest first.

    UnsupportedError where an op hides steps, where a checkpoint hides ops, or where there are no ``steps``.
    """
    order = topological_order([loss.source.node for loss in losses])
    for node in order:
        refuse_hidden_steps(node)
        if node.op is recomputed:
            raise UnsupportedError(
                f"{node} records nothing of what it runs, so an account of the ways through it would lack them: "
                "call the function plainly, or run the layer without checkpoint="
            )
    if steps and not any(node.step for node in order):
        raise UnsupportedError(
            "the graph has no time steps, so no edge leads from one to the next: a layer that runs as a scan runs "
            "step by step in layer.unroll(x); your own loop says with tg.scope(name, step=t)"
        )
    return order


def name_of(node: Node, index: int | None = None) -> str:
    """The name of an output of a node: its label, else its op, or "leaf"; without an index, the node's first label.

    >>> import tinygrad_lstm as tg
    >>> h, c = tg.split(tg.tensor([1.0, 2.0], requires_grad=True), 2)
    >>> tg.label(c=c)
    >>> [name_of(each.source.node, each.source.index) for each in (h, c)]
    ['split', 'c']
    """
    label = node.label if index is None else (node.labels or {}).get(index, "")
    return printable(label or (node.op.name if node.op else "leaf"))


def name_at_step(node: Node, index: int | None = None) -> str:
    """The same name with the time step of the value."""
    return name_of(node, index) if node.step is None else f"{name_of(node, index)} t={node.step}"
