"""``grad``: the gradients of any tensors of a graph; every ``.grad`` stays as it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, overload

import numpy as np

from tinygrad_lstm.engine.arrays import has_members
from tinygrad_lstm.engine.autodiff import backpropagate
from tinygrad_lstm.engine.collector import collector_paused
from tinygrad_lstm.engine.node import Node, Source
from tinygrad_lstm.engine.recorded_rules import kept_as_tensors
from tinygrad_lstm.engine.tensor import Tensor, TensorLike, from_array, seed
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
