"""How a gradient can travel between time steps: the classes of edges, and what becomes of it if one is weakened.

Every read of an earlier state is one of

    carry      elementwise into the same state's next value: f ⊙ c, z ⊙ h, a mask's or zoneout's keep. The belt
    peephole   the cell state into a gate
    crossing   anything else: h into the gates, where U and the squashing wait

Cells tag carries and peepholes; a crossing is any other edge from one time step to the next, so a cell of your own
needs to know nothing of this. Edges within a step are told apart by where they lead:

    depth      a computed value from outside the step: the layer below
    weight     a leaf: a parameter, read again at every step
    read       the rest: products, gates, tanh c, the output handed on
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias, get_args

from tinygrad_lstm.engine.node import Edge
from tinygrad_lstm.engine.scope import through
from tinygrad_lstm.errors import ArgumentError

EdgeClass: TypeAlias = Literal["carry", "crossing", "peephole", "depth", "weight", "read"]
CLASSES = get_args(EdgeClass)
Predicate: TypeAlias = Callable[[Edge], bool]


def edge_class(edge: Edge) -> EdgeClass:
    """Which of the classes an edge is in.

    >>> import numpy as np
    >>> import tinygrad_lstm as tg
    >>> trajectory = tg.nn.LSTM(2, 3).unroll(np.ones((4, 1, 2)))
    >>> seen = []
    >>> with tg.through(lambda edge, g: seen.append(edge_class(edge)) or g):
    ...     _ = tg.grad(trajectory.output.sum(), trajectory.steps[0].c)
    >>> [(name, seen.count(name)) for name in ("carry", "crossing")]
    [('carry', 3), ('crossing', 3)]
    """
    if edge.tag in ("carry", "peephole"):
        return edge.tag  # type: ignore[return-value]  # one of the two
    here, there = edge.reader.step, edge.source.step
    if edge.tag == "initial" or (here is not None and there is not None and here != there):
        return "crossing"
    if here is None or there is not None:
        return "read"
    return "weight" if edge.source.op is None else "depth"


def in_class(what: EdgeClass | Predicate) -> Predicate:
    """A predicate on edges: of a class by its name, or one of your own; ArgumentError for another name."""
    if callable(what):
        return what
    if what not in CLASSES:
        raise ArgumentError(f"edges are {', '.join(CLASSES)}, or a function of an edge, not {what!r}")
    return lambda edge: edge_class(edge) == what


@contextmanager
def edge_weight(what: EdgeClass | Predicate, weight: complex | Callable[[Edge], complex]) -> Iterator[None]:
    """Every gradient that passes along such an edge inside is multiplied by the weight; forward stays as it is.

    For one backward or for training. A function gives each edge a weight of its own, so that h-detach (Arpit 2018),
    which cuts h into the gates of a step with probability p, is
    ``edge_weight("crossing", lambda edge: rng.random() >= p)``.

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
        if not among(edge):
            return g
        by = weight(edge) if callable(weight) else weight
        return g * by if by else None

    with through(weigh):
        yield


@contextmanager
def cut(what: EdgeClass | Predicate) -> Iterator[None]:
    """No gradient passes along such edges inside.

    ``cut("crossing")`` leaves the belt alone: the LSTM gradient of 1997, and what the notes' ∂C_t/∂C_{t-1} = f means.
    """
    with edge_weight(what, 0.0):
        yield
