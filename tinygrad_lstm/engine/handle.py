"""A handle on a value: its array, and where in the graph it comes from.

This is the part of a Tensor that the engine works with. The methods that users call are in ``tensor``, which comes
after the backward loop, since ``backward`` is one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_lstm.engine.failures import complex_refused, masked_refused
from tinygrad_lstm.engine.node import NO_PARAMS, Node, Source, changing, make_node, make_source
from tinygrad_lstm.engine.ops.primitive import Array

if TYPE_CHECKING:
    from tinygrad_lstm.engine.tensor import Tensor


class Handle:
    """The base of Tensor. It is light: gradient, hooks and history live on the node, so handles come and go."""

    __slots__ = ("__weakref__", "_data", "_source")

    _data: Array
    _source: Source | None  # None until it needs one

    @property
    def source(self) -> Source:
        """The node this value comes from, which of its outputs, and the tag of the edges to its readers.

        A constant gets its node the first time it is asked for one. Raises DtypeError for complex numbers.
        """
        if self._source is None:
            if self._data.dtype.kind == "c":
                raise complex_refused(f"a graph is of real numbers, not of {self._data.dtype}")
            with changing:  # another thread may ask as well
                self._source = self._source or self._leaf(False)
        return self._source

    def _leaf(self, requires_grad: bool, params: dict[str, Any] = NO_PARAMS) -> Source:
        """A node for a leaf or a constant, labelled as the node before, if any; params: ``detached``, for pictures."""
        shape, dtype = self._data.shape, self._data.dtype
        node = make_node(None, (), (shape,), (dtype,), params=params, requires_grad=requires_grad)
        node.labels = self._labels()
        return make_source(node)

    def _labels(self) -> dict[int, str] | None:
        """The label of this value, if it has one, for a node of which it is the only output."""
        name = self._source and (self._source.node.labels or {}).get(self._source.index)
        return {0: name} if name else None


tensor_class: Any = Handle  # the class of what ops return: ``tensor`` sets it to Tensor


def from_array(data: Array, source: Source | None) -> Tensor:
    """A Tensor on an array that is there already: no copy, no check."""
    tensor: Tensor = object.__new__(tensor_class)
    tensor._data, tensor._source = data, source
    return tensor


def output(data: Array, node: Node, index: int = 0) -> Tensor:
    """A handle on an output of a node just made: ``from_array(data, make_source(node, index))``, in less time."""
    tensor: Tensor = object.__new__(tensor_class)
    source = Source()
    source.node, source.index, source.tag = node, index, None
    tensor._data, tensor._source = data, source
    return tensor


def plain(value: Any) -> Any:
    """The array of a Tensor; anything else as it is."""
    return value._data if isinstance(value, Handle) else value


def bare_array(value: Any) -> Array:
    """The value as an ndarray of no subclass: np.matrix has another product. DtypeError for a masked array."""
    if type(value) is np.ndarray:
        return value
    if isinstance(value, np.ndarray) and isinstance(value, np.ma.MaskedArray):
        raise masked_refused()
    return np.asarray(value)
