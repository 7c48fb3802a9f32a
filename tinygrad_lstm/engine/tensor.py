"""Tensor: an array and a handle on the node that made it.

The handle is light: the array, and ``source``, the place in the graph its value comes from (None until it needs one).
Gradient, hooks and history live on the node, so handles come and go while the graph stays.

``x[i] = v`` is refused: the values that backward needs must not change. Look for ``where``, ``index`` or ``stack``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_lstm.engine import autodiff
from tinygrad_lstm.engine.autodiff import Node, Source, backpropagate
from tinygrad_lstm.engine.ops import arithmetic, indexing, reductions, shapes
from tinygrad_lstm.engine.ops.arithmetic import absolute, add, divide, multiply, negative, power, subtract
from tinygrad_lstm.engine.ops.linear import matmul
from tinygrad_lstm.engine.ops.primitive import Array, Primitive
from tinygrad_lstm.engine.scope import place
from tinygrad_lstm.errors import DtypeError, GradError, ShapeError, UnsupportedError

TensorLike: TypeAlias = Any  # a Tensor, or what NumPy makes an array of
Axis: TypeAlias = int | tuple[int, ...] | None
_inside_the_engine = True
_default_dtype = [np.dtype(np.float32)]


def set_default_dtype(dtype: DTypeLike) -> None:
    """The dtype that Python numbers and lists become: float32 unless set to another floating dtype."""
    if np.dtype(dtype).kind != "f":
        raise DtypeError(f"the default dtype must be a floating one, not {np.dtype(dtype)}")
    _default_dtype[0] = np.dtype(dtype)


def get_default_dtype() -> np.dtype:
    """The dtype that Python numbers and lists become."""
    return _default_dtype[0]


def to_array(data: TensorLike, dtype: DTypeLike | None = None) -> Array:
    """A fresh array: arrays keep their dtype, numbers and lists take the default one (truth values stay bool)."""
    if isinstance(data, Tensor):
        data = data._data
    if dtype is None and not isinstance(data, np.ndarray | np.generic):
        if isinstance(data, list | tuple) and any(isinstance(part, Tensor) for part in data):
            raise DtypeError(
                "a list of Tensors: put them together with tg.stack or tg.concatenate, which keep the graph"
            )
        array = np.array(data)
        array = array if array.dtype.kind in "bOUS" else array.astype(_default_dtype[0])
    else:
        array = np.array(data, dtype=dtype)
    if array.dtype.kind not in "biufc":
        raise DtypeError(f"cannot make a tensor of {type(data).__name__} ({array.dtype}): numbers are expected")
    return array


class Tensor:
    """An n-dimensional array that remembers how it was made.

    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4., 6.])
    """

    __slots__ = ("__weakref__", "_data", "_source")
    __array_priority__ = 1000.0

    def __init__(self, data: TensorLike, requires_grad: bool = False, dtype: DTypeLike | None = None) -> None:
        self._data: Array = to_array(data, dtype)
        self._source: Source | None = None
        if requires_grad:
            self.requires_grad = True

    # What it holds -------------------------------------------------------------------------------------------------

    @property
    def data(self) -> Array:
        """The array itself. Setting it (also by ``p.data -= step``) is noted, so that a stale backward is refused.

        Writing into it (``p.data[0] = 1``) goes unnoticed.
        """
        return self._data

    @data.setter
    def data(self, value: TensorLike) -> None:
        array = value._data if isinstance(value, Tensor) else np.asarray(value)
        if array.shape != self._data.shape:
            raise ShapeError(f"data of shape {array.shape} for a tensor of shape {self._data.shape}")
        self._data = array.astype(self._data.dtype, copy=False)
        if self._source is not None:
            self._source.node.changed_at = autodiff.last_change[0] = next(autodiff.counter)

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self._data.shape  # type: ignore[no-any-return]  # Array is Any

    @property
    def ndim(self) -> int:
        """How many axes."""
        return self._data.ndim  # type: ignore[no-any-return]  # Array is Any

    @property
    def size(self) -> int:
        """How many elements."""
        return self._data.size  # type: ignore[no-any-return]  # Array is Any

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the elements."""
        return self._data.dtype  # type: ignore[no-any-return]  # Array is Any

    def numpy(self) -> Array:
        """The array, of a tensor that needs no gradient; else GradError, for the graph would end here unseen."""
        if self.requires_grad:
            raise GradError("numpy() of a tensor that needs a gradient: say detach().numpy(), or .data")
        return self._data

    def item(self) -> Any:
        """The only element, as a Python number."""
        if self._data.size != 1:
            raise ShapeError(f"item() of a tensor of shape {self.shape}: it needs exactly one element")
        return self._data.item()

    def tolist(self) -> Any:
        """The elements as nested lists."""
        return self._data.tolist()

    def __repr__(self) -> str:
        text = np.array2string(self._data, separator=", ", prefix="tensor(", threshold=200)
        extra = "" if self.dtype in (_default_dtype[0], np.bool_) else f", dtype={self.dtype}"
        if self._source is not None and self.requires_grad:
            op = self._source.node.op
            extra += f", op={op.name}" if op else ", requires_grad=True"
        return f"tensor({text}{extra})"

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
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
        if value and self._data.dtype.kind not in "fc":
            raise DtypeError(f"only floating tensors can require a gradient, not {self._data.dtype}")
        if value != self.requires_grad:
            self._source = Source(self._leaf(True), 0, None) if value else None

    def _leaf(self, requires_grad: bool) -> Node:
        return Node(None, (), (self._data.shape,), (self._data.dtype,), place(), requires_grad)

    @property
    def source(self) -> Source:
        """The node this value comes from, which of its outputs, and the tag of the edge to its next reader.

        A constant gets its node the first time somebody asks.
        """
        if self._source is None:
            self._source = Source(self._leaf(False), 0, None)
        return self._source

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
        if value is not None or self._source is not None:
            self.source.node.grad = value

    def backward(
        self, gradient: TensorLike = None, retain_graph: bool | None = None, create_graph: bool = False
    ) -> None:
        """Add dL/d(leaf) to ``grad`` of every leaf this tensor depends on.

        ``gradient`` is dL/d(this), 1 for a single element. The graph is freed on the way unless ``retain_graph`` (by
        default as ``create_graph``, which records the backward pass itself, for second derivatives).

        Raises GradError where no gradient is needed, the graph was freed, or a kept value was changed.
        """
        if not self.requires_grad:
            raise GradError("backward() of a tensor that depends on nothing that requires a gradient")
        wrap = handle if create_graph else None
        retain = create_graph if retain_graph is None else retain_graph
        walk = backpropagate([self.source], [seed(self, gradient, create_graph)], retain_graph=retain, wrap=wrap)
        for node, g in [(node, g) for node, g, _ in walk if node.op is None or node.retains_grad]:
            accumulate(node, g)  # only now: where a rule or a hook fails on the way, every grad is as it was

    def retain_grad(self) -> None:
        """Keep ``grad`` of this computed tensor too."""
        if not self.requires_grad:
            raise GradError("retain_grad() of a tensor that needs no gradient")
        self._sole_output("retain_grad").retains_grad = True

    def register_hook(self, hook: Callable[[Tensor], TensorLike | None]) -> Callable[[], None]:
        """Call ``hook(dL/d(this))`` in every backward pass; what it returns, unless None, goes on instead.

        Returns a function that takes the hook away again.
        """
        if not self.requires_grad:
            raise GradError("register_hook() of a tensor that needs no gradient")
        node = self._sole_output("register_hook")

        def watch(g: Any) -> Any:
            recorded = isinstance(g, Tensor)
            changed = hook(g if recorded else handle(np.asarray(g), None))
            if changed is None:
                return None
            if np.shape(changed) != node.shapes[0]:
                raise ShapeError(f"a hook gave a cotangent of shape {np.shape(changed)} for {node}")
            if recorded:
                return changed
            return changed._data if isinstance(changed, Tensor) else np.asarray(changed, dtype=node.dtypes[0])

        node.hooks = (*node.hooks, watch)

        def remove() -> None:
            node.hooks = tuple(other for other in node.hooks if other is not watch)

        return remove

    def _sole_output(self, what: str) -> Node:
        node = self.source.node
        if len(node.shapes) > 1:
            raise GradError(f"{what}() of one output of {node}: ask tg.grad(loss, [tensor]) for it instead")
        return node

    def detach(self) -> Tensor:
        """The same array without its history: no gradient passes."""
        return handle(self._data, None)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        self._refuse_if_computed("deepcopy")
        copied = type(self).__new__(type(self))
        copied._data, copied._source = self._data.copy(), None
        copied.requires_grad = self.requires_grad
        if self.grad is not None:
            copied.grad = self.grad.__deepcopy__(memo)
        memo[id(self)] = copied
        return copied

    def __reduce__(self) -> tuple[Any, ...]:
        self._refuse_if_computed("pickle")
        return Tensor, (self._data, self.requires_grad)

    def _refuse_if_computed(self, what: str) -> None:
        if not self.is_leaf:
            raise GradError(f"{what} of a computed tensor would have to take its whole graph along: detach() it first")

    # NumPy's protocols: np.tanh(t), ndarray @ t and np.concatenate([t, u]) come here --------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **kwargs: Any) -> Any:
        plain = [part._data if isinstance(part, Tensor) else part for part in inputs]
        if out is not None:  # array -= tensor: the array stays an array, so nothing may need a gradient
            if any(isinstance(part, Tensor) and part.requires_grad for part in inputs):
                raise UnsupportedError(
                    f"np.{ufunc.__name__} into an array cannot be recorded: use the result, not out="
                )
            return getattr(ufunc, method)(*plain, out=out, **kwargs)
        primitive = Primitive.by_numpy.get(ufunc)
        if method == "__call__" and primitive is not None and not kwargs:
            return primitive(*inputs)
        if method == "__call__" and not kwargs and ufunc in _PLAIN:
            return ufunc(*plain)
        call = (
            f"np.{ufunc.__name__}"
            + ("" if method == "__call__" else f".{method}")
            + (" with options" if kwargs else "")
        )
        raise UnsupportedError(f"{call} has no derivative here; for values alone use tensor.detach().numpy()")

    def __array_function__(self, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        primitive = Primitive.by_numpy.get(function)
        if primitive is not None:
            return primitive(*args, **kwargs)
        if function in (np.shape, np.ndim, np.size):
            return function(args[0]._data, *args[1:], **kwargs)
        raise UnsupportedError(
            f"np.{function.__name__} has no derivative here; for values alone use tensor.detach().numpy(), "
            f"for a derivative register one with tg.primitive"
        )

    # Operators: each is the primitive of that name -------------------------------------------------------------------

    def __add__(self, other: TensorLike) -> Tensor:
        return add(self, other)

    def __radd__(self, other: TensorLike) -> Tensor:
        return add(other, self)

    def __sub__(self, other: TensorLike) -> Tensor:
        return subtract(self, other)

    def __rsub__(self, other: TensorLike) -> Tensor:
        return subtract(other, self)

    def __mul__(self, other: TensorLike) -> Tensor:
        return multiply(self, other)

    def __rmul__(self, other: TensorLike) -> Tensor:
        return multiply(other, self)

    def __truediv__(self, other: TensorLike) -> Tensor:
        return divide(self, other)

    def __rtruediv__(self, other: TensorLike) -> Tensor:
        return divide(other, self)

    def __pow__(self, other: TensorLike) -> Tensor:
        return power(self, other)

    def __rpow__(self, other: TensorLike) -> Tensor:
        return power(other, self)

    def __matmul__(self, other: TensorLike) -> Tensor:
        return matmul(self, other)

    def __rmatmul__(self, other: TensorLike) -> Tensor:
        return matmul(other, self)

    def __neg__(self) -> Tensor:
        return negative(self)

    def __pos__(self) -> Tensor:
        return self

    def __abs__(self) -> Tensor:
        return absolute(self)

    # Comparisons give plain arrays of truth values, for masks
    def __eq__(self, other: object) -> Array:  # type: ignore[override]  # as in NumPy, not a bool
        return self._data == (other._data if isinstance(other, Tensor) else other)

    def __ne__(self, other: object) -> Array:  # type: ignore[override]  # as in NumPy, not a bool
        return self._data != (other._data if isinstance(other, Tensor) else other)

    def __lt__(self, other: TensorLike) -> Array:
        return self._data < (other._data if isinstance(other, Tensor) else other)

    def __le__(self, other: TensorLike) -> Array:
        return self._data <= (other._data if isinstance(other, Tensor) else other)

    def __gt__(self, other: TensorLike) -> Array:
        return self._data > (other._data if isinstance(other, Tensor) else other)

    def __ge__(self, other: TensorLike) -> Array:
        return self._data >= (other._data if isinstance(other, Tensor) else other)

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        return bool(self._data)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        return iter(shapes.unstack(self))

    def __getitem__(self, key: Any) -> Tensor:
        return indexing.index(self, plain_key(key))

    def __setitem__(self, key: Any, value: Any) -> None:
        raise UnsupportedError(
            "x[key] = value would change what backward needs. Build the result instead: tg.stack a list of steps, "
            "tg.where(mask, value, x), or write into x.data outside the graph"
        )

    # Methods: NumPy's names --------------------------------------------------------------------------------------------

    @property
    def T(self) -> Tensor:  # noqa: N802  # NumPy's name
        """The axes reversed."""
        return shapes.transpose(self)

    def sum(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """See ``tg.sum``."""
        return reductions.sum(self, axis, keepdims)

    def mean(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """See ``tg.mean``."""
        return reductions.mean(self, axis, keepdims)

    def max(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """See ``tg.max``."""
        return reductions.max(self, axis, keepdims)

    def min(self, axis: Axis = None, keepdims: bool = False) -> Tensor:
        """See ``tg.min``."""
        return reductions.min(self, axis, keepdims)

    def argmax(self, axis: int | None = None) -> Array:
        """Where the largest element is: a plain array of indices."""
        return self._data.argmax(axis)

    def reshape(self, *shape: int | tuple[int, ...]) -> Tensor:
        """See ``tg.reshape``; the shape as one tuple or as several numbers."""
        return shapes.reshape(self, shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: int | Sequence[int]) -> Tensor:
        """See ``tg.transpose``; the axes as one tuple or as several numbers."""
        return shapes.transpose(self, axes[0] if len(axes) == 1 else axes or None)

    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        """See ``tg.swapaxes``."""
        return shapes.swapaxes(self, axis1, axis2)

    def squeeze(self, axis: Axis = None) -> Tensor:
        """See ``tg.squeeze``."""
        return shapes.squeeze(self, axis)

    def clip(self, min: TensorLike = None, max: TensorLike = None) -> Tensor:
        """See ``tg.clip``."""
        return arithmetic.clip(self, min, max)

    def astype(self, dtype: DTypeLike) -> Tensor:
        """See ``tg.cast``."""
        return shapes.cast(self, np.dtype(dtype))


_PLAIN = {
    np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal, np.isfinite, np.isnan, np.isinf,
    np.signbit,
}  # fmt: skip  # ufuncs whose result is a mask: plain arrays in, plain arrays out


def handle(data: Array, source: Source | None) -> Tensor:
    """A Tensor on an array that is there already: no copy, no check."""
    tensor = object.__new__(Tensor)
    tensor._data = data
    tensor._source = source
    return tensor


def plain_key(key: Any) -> Any:
    """An index with the arrays of any Tensors in it."""
    if isinstance(key, tuple):
        return tuple(part._data if isinstance(part, Tensor) else part for part in key)
    return key._data if isinstance(key, Tensor) else key


def seed(tensor: Tensor, gradient: TensorLike, recorded: bool) -> Any:
    """dL/d(tensor), with which backward starts: 1 for a single element, else it must be given in the same shape."""
    if gradient is None:
        if tensor.size != 1:
            raise ShapeError(
                f"backward from a tensor of shape {tensor.shape}: reduce it to one number (.sum() or .mean()), "
                "or give the cotangent, of the same shape"
            )
        gradient = np.ones_like(tensor._data)
    array = gradient._data if isinstance(gradient, Tensor) else np.asarray(gradient)
    if array.shape != tensor.shape:
        raise ShapeError(f"a cotangent of shape {array.shape} for an output of shape {tensor.shape}")
    if array.dtype.kind != "c":
        array = array.astype(tensor.dtype, copy=False)
    if not recorded:
        return array
    return gradient if isinstance(gradient, Tensor) and array is gradient._data else handle(array, None)


def accumulate(node: Node, g: Any) -> None:
    """Add the cotangent of a leaf, or of a node that retains it, to its ``grad``, an array of its own."""
    if isinstance(g, Tensor):
        g = handle(g._data.copy(), g._source)
    else:
        g = handle(np.array(g) if node.op is not None else np.asarray(g), None)
    node.grad = g if node.grad is None else node.grad + g
