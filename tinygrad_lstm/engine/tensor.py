"""Tensor: an array and a handle on the node that made it, as users see it.

What it is to the engine is in ``handle``; what it can do as an array is in ``operators``.
"""

from __future__ import annotations

import copyreg
from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tinygrad_lstm.engine import handle
from tinygrad_lstm.engine.arrays import get_default_dtype, numpy_array, protect, to_array
from tinygrad_lstm.engine.autodiff import backpropagate
from tinygrad_lstm.engine.changes import note_change
from tinygrad_lstm.engine.collector import collector_paused
from tinygrad_lstm.engine.copying import State, restore, state_of
from tinygrad_lstm.engine.handle import bare_array, plain
from tinygrad_lstm.engine.handle import from_array as from_array
from tinygrad_lstm.engine.node import NO_PARAMS, Node, changing
from tinygrad_lstm.engine.operators import Operators
from tinygrad_lstm.engine.operators import TensorLike as TensorLike
from tinygrad_lstm.engine.ops.primitive import Array
from tinygrad_lstm.engine.recorded_rules import kept_as_tensors
from tinygrad_lstm.engine.through import at_start
from tinygrad_lstm.errors import DtypeError, GradError, ShapeError

if TYPE_CHECKING:
    from tinygrad_lstm.engine.hooks import HookHandle


class Tensor(Operators):
    """An n-dimensional array that remembers how it was made.

    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4., 6.])
    """

    __slots__ = ()

    def __init__(self, data: TensorLike, requires_grad: bool = False, dtype: DTypeLike | None = None) -> None:
        self._data = to_array(data, dtype)
        self._source = None
        if requires_grad:
            self.requires_grad = True

    # What it holds -------------------------------------------------------------------------------------------------

    @property
    def data(self) -> Array:
        """The array itself. Setting it copies the values, in this tensor's dtype; ``p.data -= step`` writes into it.

        Both are noted, also for views, detached tensors and other handles that share the memory: a backward pass that
        still needs the old values raises GradError. ``p.data[0] = 1`` is not noticed.

        Raises ShapeError or DtypeError for values that do not fit.
        """
        return self._data

    @data.setter
    def data(self, value: TensorLike) -> None:
        array = value._data if isinstance(value, Tensor) else bare_array(value)
        if array.shape != self._data.shape:
            raise ShapeError(f"data of shape {array.shape} for a tensor of shape {self._data.shape}")
        if not np.can_cast(array.dtype, self._data.dtype, "same_kind"):
            raise DtypeError(f"data of dtype {array.dtype} for a tensor of {self._data.dtype} would lose a part of it")
        old = self._data
        if array is not old:
            self._data = np.array(array, old.dtype)
        node = self._source.node if self._source is not None else None
        note_change(old, node, in_place=array is old)

    def numpy(self) -> Array:
        """The array. GradError for a tensor that needs a gradient, because its graph would end here unnoticed."""
        if self.requires_grad:
            raise GradError("numpy() of a tensor that needs a gradient: say detach().numpy(), or .data")
        return self._data

    def __repr__(self) -> str:
        text = np.array2string(self._data, separator=", ", prefix="tensor(", threshold=200)
        extra = "" if self.dtype in (get_default_dtype(), np.bool_) else f", dtype={self.dtype}"
        if self._source is not None and self.requires_grad:
            op = self._source.node.op
            extra += f", op={op.name}" if op else ", requires_grad=True"
        return f"tensor({text}{extra})"

    # np.generic is an array of any dtype: with it, type checkers choose Tensor.__rmatmul__ for ndarray @ tensor
    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[np.generic]:
        if self.requires_grad:
            raise GradError(
                "a tensor that needs a gradient does not turn into an array by itself, for its graph would be lost: "
                "say detach().numpy(), or use a tg function, e.g. tg.stack for np.array([t, u])"
            )
        return np.array(self._data, dtype=dtype, copy=copy)

    # Where it stands in the graph ------------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to it. Set it on a leaf; a computed tensor has it from its inputs."""
        return self._source is not None and self._source.node.requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if not self.is_leaf:
            raise GradError("requires_grad of a computed tensor follows from its inputs; detach() gives one without")
        if value and self._data.dtype.kind != "f":
            raise DtypeError(
                f"only floating tensors can require a gradient, not {self._data.dtype}: gradients are of real numbers"
            )
        if value:
            node = self.source.node
            node.params = NO_PARAMS  # if it was detached: from here on it is a leaf
            node.requires_grad = True
        elif self._source is not None:
            self._source.node.requires_grad = False

    @property
    def is_leaf(self) -> bool:
        """Made by the user, not computed (or computed while nothing was recorded)."""
        return self._source is None or self._source.node.op is None

    @property
    def grad(self) -> Tensor | None:
        """dL/d(this), added up over the backward passes since it was last None; of leaves and ``retain_grad`` only."""
        return self._source.node.grad if self._source is not None else None

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None and (not isinstance(value, Tensor) or value.shape != self.shape):
            raise ShapeError(f"grad must be None or a Tensor of shape {self.shape}, not {value!r}")
        if value is not None and value.dtype.kind != "f":
            raise DtypeError(f"a gradient is of real numbers in a floating dtype, not of {value.dtype}")
        if value is not None or self._source is not None:
            self.source.node.grad = value

    @collector_paused
    def backward(
        self, gradient: TensorLike = None, retain_graph: bool | None = None, create_graph: bool = False
    ) -> None:
        """Add dL/d(leaf) to ``grad`` of every leaf this tensor depends on.

        ``gradient`` is dL/d(this), 1 for a single element. The graph is freed on the way unless ``retain_graph``.
        ``create_graph`` records the backward pass itself, for second derivatives, and by default retains the graph.

        Raises GradError where no gradient is needed, the graph was freed, or a kept value was changed.
        """
        if not self.requires_grad:
            raise GradError("backward() of a tensor that depends on nothing that requires a gradient")
        lift = kept_as_tensors if create_graph else None
        retain = create_graph if retain_graph is None else retain_graph
        first = require_real(seed(self, gradient, create_graph))
        walk = backpropagate([self.source], [first], retain_graph=retain, lift=lift)
        found = [(node, require_real(g)) for node, g in walk if node.op is None or node.retains_grad]
        for node, g in found:
            accumulate(node, g)  # only now: where a rule or a hook fails on the way, every grad is as it was

    def retain_grad(self) -> None:
        """Keep ``grad`` of this computed tensor too."""
        if not self.requires_grad:
            raise GradError("retain_grad() of a tensor that needs no gradient")
        self._sole_output("retain_grad").retains_grad = True

    def register_hook(self, hook: Callable[[Tensor], TensorLike | None]) -> HookHandle:
        """Call ``hook(dL/d(this))`` in every backward pass; what it returns, unless None, goes on instead.

        The hook cannot write into the array that it gets, because other tensors may share it. The returned handle
        removes the hook: ``handle.remove()``, or the end of ``with handle:``.
        """
        if not callable(hook):
            raise DtypeError(f"register_hook() takes a function of the gradient, not a {type(hook).__name__}")
        if not self.requires_grad:
            raise GradError("register_hook() of a tensor that needs no gradient")
        node = self._sole_output("register_hook")

        def watch(g: Any) -> Any:
            changed = hook(g if isinstance(g, Tensor) else from_array(protect(np.asarray(g)), None))
            if changed is None:
                return None
            if np.shape(changed) != node.shapes[0]:
                raise ShapeError(f"a hook gave a cotangent of shape {np.shape(changed)} for {node}")
            if isinstance(g, Tensor) and isinstance(changed, Tensor) and changed.dtype.kind != "c":
                return changed
            array = numpy_array(plain(changed), node.dtypes[0])  # a copy: the hook may use its array again
            return from_array(array, None) if isinstance(g, Tensor) else array

        from tinygrad_lstm.engine.hooks import add_hook  # imported here, since most programs have no hooks

        return add_hook(node, watch)

    def _sole_output(self, what: str) -> Node:
        node = self.source.node
        if len(node.shapes) > 1:
            raise GradError(f"{what}() of one output of {node}: ask tg.grad(loss, [tensor]) for it instead")
        return node

    def detach(self) -> Tensor:
        """The same array without its history: no gradient passes. In the graph it is a constant with its name."""
        return from_array(self._data, self._leaf(False, {"detached": True}) if self.requires_grad else None)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        """A leaf of its own: name and ``grad`` come along as they do in pickle, hooks do not."""
        state, kind = state_of(self, "deepcopy"), type(self)
        memo[id(self)] = copied = kind.__new__(kind)
        restore(copied, state._replace(grad=deepcopy(state.grad, memo), others=deepcopy(state.others, memo)))
        return copied

    def __reduce__(self) -> tuple[Any, ...]:
        return copyreg.__newobj__, (type(self),), state_of(self, "pickle")  # type: ignore[attr-defined]  # pickle's own

    def __setstate__(self, state: State) -> None:
        restore(self, state)


def seed(tensor: Tensor, gradient: TensorLike, recorded: bool) -> Any:
    """dL/d(tensor), with which backward starts: 1 for a single element, else it must be given in the same shape."""
    if gradient is None:
        if tensor.size != 1:
            raise ShapeError(
                f"backward from a tensor of shape {tensor.shape}: reduce it to one number (.sum() or .mean()), "
                "or give the cotangent, of the same shape"
            )
        gradient = np.ones_like(tensor._data)
    given = plain(gradient)
    array = bare_array(given) if isinstance(given, np.ndarray) else numpy_array(given, None)
    if array.dtype.kind not in "biufc":
        raise DtypeError(f"a cotangent is an array of numbers, not of {array.dtype}")
    if array.shape != tensor.shape:
        raise ShapeError(f"a cotangent of shape {array.shape} for an output of shape {tensor.shape}")
    array = array if array.dtype.kind == "c" else array.astype(tensor.dtype, copy=False)
    if (check := at_start.get()) is not None:
        check(tensor, array)
    if not recorded:
        return array
    if isinstance(gradient, Tensor) and array is gradient._data:
        return gradient
    return from_array(np.array(array), None)  # a copy: the rules' graph keeps it, and the caller may use it again


def require_real(g: Any) -> Any:
    """A cotangent that backward starts from, or adds to a ``grad``, as it is; DtypeError for complex numbers."""
    if g.dtype.kind == "c":
        raise DtypeError(f"backward adds to real gradients; for a cotangent of {g.dtype} ask tg.grad")
    return g


def accumulate(node: Node, g: Any) -> None:
    """Add the cotangent of a leaf, or of a node that retains it, to its ``grad``, an array of its own."""
    if isinstance(g, Tensor):
        g = from_array(g._data.copy(), g._source)
    else:
        g = from_array(np.array(g) if node.op is not None else np.asarray(g), None)  # a leaf's array is new already
    with changing:
        node.grad = g if node.grad is None else node.grad + g


handle.tensor_class = Tensor
