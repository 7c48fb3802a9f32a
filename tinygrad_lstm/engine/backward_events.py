"""A backward pass one node at a time: what came in, what was handed on, what was freed. To watch it, or to count."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from tinygrad_lstm.engine.autodiff import Lift, backpropagate
from tinygrad_lstm.engine.node import Edge, Node
from tinygrad_lstm.engine.recorded_rules import kept_as_tensors
from tinygrad_lstm.engine.tensor import Tensor, TensorLike, accumulate, require_real, seed
from tinygrad_lstm.engine.through import join_outer_hook
from tinygrad_lstm.errors import DtypeError, GradError


class Contribution(NamedTuple):
    """What a node handed to one of its sources."""

    edge: Edge
    cotangent: Any  # an array, or the IndexedCotangent of a read x[t]

    @property
    def name(self) -> str:
        """The input's name in the op."""
        return self.edge.name

    @property
    def source(self) -> Node:
        """The node it went to."""
        return self.edge.source

    @property
    def array(self) -> Any:
        """The contribution, of the shape of the source."""
        return self.edge.whole(self.cotangent)


class BackwardEvent(NamedTuple):
    """One node's turn in a backward pass: what came in, what went out, what could be let go."""

    node: Node
    cotangent: Any
    contributions: tuple[Contribution, ...]
    freed: tuple[str, ...]  # the names of the kept values that are gone now


def backward_events(
    loss: Tensor, gradient: TensorLike = None, retain_graph: bool | None = None, create_graph: bool = False,
    *, accumulate: bool = True,
) -> Iterator[BackwardEvent]:  # fmt: skip
    """``loss.backward()``, one node at a time: take all the events and every leaf's ``grad`` has been added to.

    With ``accumulate=False`` no ``grad`` changes: to watch only.

    Raises GradError where no gradient is needed, the graph was freed, or a kept value was changed.

    >>> x = Tensor(3.0, requires_grad=True)
    >>> for event in backward_events(x * x + x):
    ...     name = event.node.op.name if event.node.op else "leaf"
    ...     print(name, event.cotangent, [c.name for c in event.contributions])
    add 1.0 ['a', 'b']
    multiply 1.0 ['a', 'b']
    leaf 7.0 []
    """
    if not isinstance(loss, Tensor):
        raise DtypeError(f"backward_events() walks the graph of a tensor, not of a {type(loss).__name__}")
    if not loss.requires_grad:
        raise GradError("backward_events() of a tensor that depends on nothing that requires a gradient")
    retain = create_graph if retain_graph is None else retain_graph
    first = seed(loss, gradient, create_graph)
    first = first if isinstance(first, Tensor) else np.array(first)  # a copy: the pass goes on after we return
    return _events(loss, first, retain, kept_as_tensors if create_graph else None, accumulate)


def _events(loss: Tensor, first: Any, retain: bool, lift: Lift | None, adds: bool) -> Iterator[BackwardEvent]:
    contributions: list[Contribution] = []

    def watch(edge: Edge, g: Any) -> Any:
        contributions.append(Contribution(edge, g))
        return g

    hook = join_outer_hook(watch)
    for node, g in backpropagate([loss.source], [first], retain_graph=retain, lift=lift, hook=hook, indexed=True):
        if adds and (node.op is None or node.retains_grad):
            accumulate(node, require_real(g))
        freed = node.plan.keep if node.plan is not None and not retain else ()
        yield BackwardEvent(node, g, tuple(contributions), freed)
        contributions.clear()
