"""Two more functions that run a backward pass: ``grad``, for chosen tensors, and ``backward_events``, step by step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, overload

import numpy as np

from tinygrad_lstm.engine.arrays import has_members
from tinygrad_lstm.engine.autodiff import Lift, backpropagate
from tinygrad_lstm.engine.collector import collector_paused
from tinygrad_lstm.engine.current import current_hook
from tinygrad_lstm.engine.node import Edge, Node, Source
from tinygrad_lstm.engine.recorded_rules import kept_as_tensors
from tinygrad_lstm.engine.tensor import Tensor, TensorLike, accumulate, from_array, real, seed
from tinygrad_lstm.errors import ArgumentError, DtypeError, GradError


@overload
def grad(
    outputs: Tensor | Iterable[Tensor],
    inputs: Tensor | Iterable[Tensor],
    grad_outputs: TensorLike | Sequence[TensorLike] = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: Literal[False] = False,
) -> tuple[Tensor, ...]: ...
@overload
def grad(
    outputs: Tensor | Iterable[Tensor],
    inputs: Tensor | Iterable[Tensor],
    grad_outputs: TensorLike | Sequence[TensorLike] = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    *,
    allow_unused: bool,
) -> tuple[Tensor | None, ...]: ...
@collector_paused
def grad(
    outputs: Tensor | Iterable[Tensor],
    inputs: Tensor | Iterable[Tensor],
    grad_outputs: TensorLike | Sequence[TensorLike] = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """dL/d(input) for each input, any tensors of the graph; every ``.grad`` stays as it is. A tuple, as in PyTorch.

    With several outputs L is Σ grad_output · output (a missing grad_output counts as 1 for a single element). Only
    nodes between inputs and outputs are visited. With ``create_graph`` the results have a graph of their own. An input
    that no output depends on is a GradError, or None with ``allow_unused``.

    >>> x = Tensor(3.0, requires_grad=True)
    >>> y = x**3
    >>> (dy,) = grad(y, x, create_graph=True)
    >>> (ddy,) = grad(dy, x)
    >>> dy.item(), ddy.item()
    (27.0, 18.0)
    """
    outputs, inputs = _tensors(outputs, "outputs"), _tensors(inputs, "inputs")
    if grad_outputs is None or isinstance(grad_outputs, Tensor) or (len(outputs) == 1 and not _is_list(grad_outputs)):
        grad_outputs = [grad_outputs] * len(outputs) if grad_outputs is None else [grad_outputs]
    if not _is_list(grad_outputs):
        raise DtypeError(f"{len(outputs)} outputs take a list of grad_outputs, not a {type(grad_outputs).__name__}")
    if len(grad_outputs) != len(outputs):
        raise GradError(f"{len(outputs)} outputs but {len(grad_outputs)} grad_outputs")
    for k, output in enumerate(outputs):
        if not output.requires_grad and not allow_unused:
            raise GradError(f"output {k} depends on nothing that requires a gradient")
    for k, value in enumerate(inputs):
        if not value.requires_grad:
            raise GradError(f"input {k} does not require a gradient: set requires_grad before it is used")
    roots = [output.source for output in outputs]
    seeds = [seed(output, g, create_graph) for output, g in zip(outputs, grad_outputs, strict=True)]
    found: dict[Node, Any] = {}
    targets = {value.source.node for value in inputs}
    retain = create_graph if retain_graph is None else retain_graph
    passes = backpropagate(
        roots, seeds, targets=targets, retain_graph=retain, lift=kept_as_tensors if create_graph else None
    )
    for node, g in passes:
        if node in targets:
            found[node] = g
    return tuple(_result(k, value.source, found, allow_unused) for k, value in enumerate(inputs))


def _tensors(given: Any, what: str) -> list[Tensor]:
    if isinstance(given, Tensor):
        return [given]
    tensors = list(given) if has_members(given) and not isinstance(given, Mapping) else [given]
    for value in tensors:
        if not isinstance(value, Tensor):
            raise DtypeError(f"the {what} of grad are a tensor or a sequence of tensors, not a {type(value).__name__}")
    if not tensors and isinstance(given, Iterator):
        raise ArgumentError(
            f"there are no {what} in this iterator (a generator, such as module.parameters(), gives its tensors only "
            "once: to use them twice, make a list)"
        )
    return tensors


def _is_list(value: TensorLike) -> bool:
    return isinstance(value, list | tuple)


def _result(k: int, source: Source, found: dict[Node, Any], allow_unused: bool) -> Tensor | None:
    g = found.get(source.node)
    if g is None:
        if allow_unused:
            return None
        raise GradError(
            f"input {k} ({source.node}) does not lead to the outputs; allow_unused=True gives None for it instead"
        )
    g = g[source.index] if len(source.node.shapes) > 1 else g
    return g if isinstance(g, Tensor) else from_array(np.array(g), None)


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
    outer = current_hook.get()

    def watch(edge: Edge, g: Any) -> Any:
        g = g if outer is None else outer(edge, g)
        if g is not None:
            contributions.append(Contribution(edge, g))
        return g

    for node, g in backpropagate([loss.source], [first], retain_graph=retain, lift=lift, hook=watch, indexed=True):
        if adds and (node.op is None or node.retains_grad):
            accumulate(node, real(g))
        freed = node.plan.keep if node.plan is not None and not retain else ()
        yield BackwardEvent(node, g, tuple(contributions), freed)
        contributions.clear()
