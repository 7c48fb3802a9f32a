"""What a copy of a tensor has in common with it, be it made by ``deepcopy`` or by ``pickle``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tinygrad_lstm.engine.ops.primitive import Array
from tinygrad_lstm.errors import GradError

if TYPE_CHECKING:
    from tinygrad_lstm.engine.tensor import Tensor


class State(NamedTuple):
    """What a leaf gives to its copy. Hooks stay behind: they are functions of the tensor that they watch."""

    data: Array
    requires_grad: bool
    labels: dict[int, str] | None
    grad: Tensor | None
    others: dict[str, Any] | None  # the attributes that a subclass may have


def state_of(tensor: Tensor, what: str) -> State:
    """The state of a leaf; GradError where a graph would have to come along: the tensor's own, or that of its grad."""
    grad = tensor.grad
    if not tensor.is_leaf:
        raise GradError(f"{what} of a computed tensor would have to take its whole graph along: detach() it first")
    if grad is not None and not grad.is_leaf:
        raise GradError(
            f"{what} of a tensor whose grad is computed (create_graph=True) would have to take the graph along: "
            "set grad to None, or to grad.detach(), first"
        )
    return State(tensor._data, tensor.requires_grad, tensor._labels(), grad, getattr(tensor, "__dict__", None))


def restore(tensor: Tensor, state: State) -> None:
    """Make an empty tensor a leaf of this state, with an array of its own in the same memory order."""
    data, requires_grad, labels, grad, others = state
    tensor._data, tensor._source = data.copy(order="A"), None  # "A": as a pickled array keeps it, C or Fortran
    if requires_grad or labels or grad is not None:
        tensor._source = tensor._leaf(requires_grad)
        tensor._source.node.labels, tensor._source.node.grad = labels, grad
    if others:
        vars(tensor).update(others)
