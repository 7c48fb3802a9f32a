"""Names of values: the letters of the equations, which add no vertex to the graph."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any, ParamSpec, TypeVar

from tinygrad_lstm.engine.current import grad_enabled
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import DtypeError

P = ParamSpec("P")
R = TypeVar("R")

# Runs the forward of a cell with values held by their names: see paths.pinned
holding: ContextVar[Any] = ContextVar("holding", default=None)
collecting: ContextVar[dict[str, Any] | None] = ContextVar("collecting", default=None)  # where label() leaves names


def with_held(forward: Callable[P, R]) -> Callable[P, R]:
    """The forward of a cell; inside ``tg.paths.pinned`` one that holds the named values."""
    held = holding.get()
    return forward if held is None else partial(held, forward)


def label(**named: Tensor) -> None:
    """Name tensors after the letters of the equations, so that the equations can stay bare.

    The names are shown in pictures and errors, and a Trajectory being collected takes the tensors by them.

    >>> x = Tensor(2.0, requires_grad=True)
    >>> y = x * x
    >>> label(x=x, y=y)
    >>> y.source.node.label
    'y'
    """
    recording = grad_enabled.get()
    for name, tensor in named.items():
        if not isinstance(tensor, Tensor):
            raise DtypeError(f"label() names tensors, but {name} is of type {type(tensor).__name__}")
        if recording or tensor._source is not None:  # else it has no node to name
            source = tensor._source or tensor.source
            node = source.node
            if node.labels is None:
                node.labels = {source.index: name}
            else:
                node.labels[source.index] = name
    names = collecting.get()
    if names is not None:
        names.update(named)
