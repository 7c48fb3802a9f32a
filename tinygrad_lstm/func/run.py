"""One run of f on vertices of its own, with the derivatives of its outputs with respect to them.

Only what f does with *these* vertices counts, so a derivative inside a derivative never sees the outer variable. All
else that f reads is a constant here; it keeps its own vertex in the graph, so the result can be differentiated by it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from tinygrad_lstm.engine.current import grad_enabled
from tinygrad_lstm.engine.gradients import grad as gradients_of
from tinygrad_lstm.engine.modes import enable_grad
from tinygrad_lstm.engine.node import Node, topological_order
from tinygrad_lstm.engine.ops.shapes import reshape, stack
from tinygrad_lstm.engine.tensor import Tensor, TensorLike
from tinygrad_lstm.errors import ArgumentError, DtypeError
from tinygrad_lstm.func.structures import map_values, rebuild, values_of

Function: TypeAlias = Callable[..., Any]
Argnums: TypeAlias = int | tuple[int, ...]


@dataclass(frozen=True)
class Run:
    """The arguments and results of one run of f."""

    chosen: Any  # the arguments to differentiate by, as f got them
    inputs: list[Tensor]  # the same, without the structure
    value: Any  # what f returned
    outputs: list[Tensor]

    @cached_property
    def _open(self) -> bool:
        """Whether the derivative could itself be differentiated, by something outside this call."""
        return any(self._leads_out(y) for y in self.outputs)

    def _records(self, *directions: Tensor) -> bool:
        """Whether to record the backward pass along these (co)tangents."""
        return grad_enabled.get() and (self._open or any(direction.requires_grad for direction in directions))

    def _leads_out(self, tensor: Tensor) -> bool:
        own: set[Node] = {x.source.node for x in self.inputs}
        order = topological_order([tensor.source.node]) if tensor.requires_grad else []
        return any(node.op is None and node not in own for node in order)

    def hand_out(self, tensor: Tensor) -> Tensor:
        """A tensor as the caller gets it: a constant, unless a tensor of the caller leads to it."""
        return tensor if grad_enabled.get() and self._leads_out(tensor) else tensor.detach()

    def pull_back(self, vs: Sequence[Tensor], *, again: bool) -> list[Tensor]:
        """vᵀJ for each input; zeros where none of the outputs depends on it."""
        recorded = self._records(*vs)
        found = gradients_of(self.outputs, self.inputs, vs, again or recorded, recorded, allow_unused=True)
        return [self.hand_out(_or_zeros(g, x)) for g, x in zip(found, self.inputs, strict=True)]

    def push(self, ts: Sequence[Tensor]) -> list[Tensor]:
        """J t for each output; zeros where it depends on none of the inputs."""
        changes = [_or_zeros(None, y) for y in self.outputs]
        moving = [k for k, y in enumerate(self.outputs) if y.requires_grad]
        vs = [Tensor(np.zeros_like(self.outputs[k].data), requires_grad=True) for k in moving]
        with enable_grad():  # vᵀJ, recorded, to be differentiated by v; its value does not matter
            pulled = gradients_of([self.outputs[k] for k in moving], self.inputs, vs, None, True, allow_unused=True)
        pairs = [(g, t) for g, t in zip(pulled, ts, strict=True) if g is not None]
        if pairs:
            gs, along = zip(*pairs, strict=True)
            pushed = gradients_of(gs, vs, along, None, self._records(*ts), allow_unused=True)
            for k, change in zip(moving, pushed, strict=True):
                changes[k] = self.hand_out(_or_zeros(change, self.outputs[k]))
        return changes

    def rows(self, k: int) -> list[Tensor]:
        """The jacobian of output number k by each input, from one backward pass for each of its elements."""
        y, recorded = self.outputs[k], self._records()
        rows: list[list[Tensor]] = []
        for one in range(y.size):
            v = np.zeros(y.size, y.dtype)
            v[one] = 1
            found = gradients_of(y, self.inputs, v.reshape(y.shape), True, recorded, allow_unused=True)
            rows.append([_or_zeros(g, x) for g, x in zip(found, self.inputs, strict=True)])
        if not rows:
            return [Tensor(np.zeros(y.shape + x.shape, x.dtype)) for x in self.inputs]
        return [
            self.hand_out(reshape(stack(column), y.shape + x.shape))
            for column, x in zip(zip(*rows, strict=True), self.inputs, strict=True)
        ]

    def argument(self, gradients: Sequence[Tensor]) -> Any:
        """One tensor for each input, in the structure of the arguments."""
        return rebuild(self.chosen, gradients)


def run_on_leaves(f: Function, xs: Sequence[Any], argnums: Argnums, options: dict[str, Any]) -> Run:
    """Run f with the chosen arguments replaced by vertices of its own."""
    chosen = _positions(xs, argnums)
    arguments = list(xs)
    with enable_grad():
        for k in chosen:
            arguments[k] = map_values(lambda x, k=k: _own_vertex(x, k), xs[k])
        value = map_values(_as_output, f(*arguments, **options))
    picked = arguments[chosen[0]] if isinstance(argnums, int) else tuple([arguments[k] for k in chosen])
    return Run(picked, values_of(picked), value, values_of(value))


def _positions(xs: Sequence[Any], argnums: Argnums) -> list[int]:
    """The positions of the arguments to differentiate by."""
    asked = argnums if isinstance(argnums, tuple) else (argnums,)
    for k in asked:
        if not isinstance(k, int):
            raise ArgumentError(f"argnums is a position or a tuple of positions, not {argnums!r}")
        if not -len(xs) <= k < len(xs):
            raise ArgumentError(f"argnums {k}, but the function was called with {len(xs)} positional arguments")
    chosen = [k % len(xs) for k in asked]
    if len(set(chosen)) < len(chosen):
        raise ArgumentError(f"argnums {argnums} names an argument twice")
    return chosen


def _own_vertex(x: TensorLike, k: int) -> Tensor:
    tensor: Tensor = x if isinstance(x, Tensor) else Tensor(x)
    if tensor.dtype.kind not in "fc":
        raise DtypeError(
            f"argument {k} is {tensor.dtype}, which has no derivative: make it floating, or leave it out of argnums"
        )
    if tensor.requires_grad:
        return reshape(tensor, tensor.shape)  # a view: the result still depends on the tensor it came from
    own = tensor.detach()
    own.requires_grad = True
    return own


def _as_output(y: Any) -> Tensor:
    if y is None or isinstance(y, str):
        raise DtypeError(f"the function must return tensors, or tuples and dicts of them, not {type(y).__name__}")
    return y if isinstance(y, Tensor) else Tensor(y)


def _or_zeros(g: Tensor | None, x: Tensor) -> Tensor:
    return Tensor(np.zeros_like(x.data)) if g is None else g
