"""Which elements of an op's inputs meet in each element of its output, op by op.

Each element carries a whole number, as the length of a way. An op hands on, for each element of its output, the largest
(or smallest) number among the elements that this one is computed from: a row of ``linear`` those of its own row of x, a
``sum`` those along its axes. An op that only moves elements or picks some, as ``stack``, ``index`` and ``where``
do, runs on the numbers as it runs on values. So elements that are stacked and then read one by one never mix.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, TypeAlias

import numpy as np

from tinygrad_lstm.engine.node import Node, input_name
from tinygrad_lstm.engine.ops import choices, indexing, linear, nonlinear, reductions, shapes, softmax
from tinygrad_lstm.engine.ops.binding import run
from tinygrad_lstm.engine.ops.more import activations, contractions, norms, picking, products, ufuncs
from tinygrad_lstm.engine.ops.primitive import Primitive

Array: TypeAlias = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Meeting:
    """A run of an op on numbers: an array for each input, None for a bare number or array beside the tensors.

    ``choose`` is np.maximum or np.minimum; ``nothing`` the number of an element that no tensor leads to.
    """

    node: Node
    inputs: Sequence[Array | None]
    choose: np.ufunc
    nothing: int

    def outputs(self) -> list[Array]:
        """An array for each output of the op."""
        op = self.node.op
        assert op is not None
        numbers = RULES.get(op, Meeting.all_meet)(self)
        return numbers if isinstance(numbers, list) else [np.asarray(numbers)]

    @property
    def tensors(self) -> list[Array]:
        """The numbers of the inputs that are tensors."""
        return [x for x in self.inputs if x is not None]

    def input(self, k: int) -> Array:
        """The numbers of input k, also of a literal."""
        given = self.inputs[k]
        return np.full(np.shape(self.literal(k)), self.nothing, np.int64) if given is None else given

    def literal(self, k: int) -> Any:
        """The bare number or array that is input k."""
        assert self.node.op is not None
        return self.node.params[input_name(self.node.op, k)]

    def moved(self) -> Any:
        """The op itself, run on the numbers."""
        op = self.node.op
        assert op is not None
        options = {name: self.node.params[name] for name in op.names if name in self.node.params.keys() - {*op.inputs}}
        return run(op, [self.input(k) for k in range(len(self.inputs))], options)

    def elementwise(self) -> Array:
        """Each element of those in its place."""
        return np.broadcast_to(reduce(self.choose, self.tensors), self.node.shapes[0])

    def reduced(self) -> Array:
        """Each element of those along the axes that are reduced."""
        return self.over(self.tensors[0], self.node.params["axis"], self.node.params["keepdims"])

    def over(self, x: Array, axis: Any, keepdims: bool = False) -> Array:
        """The chosen of the numbers along these axes (None: all)."""
        axis = tuple(axis) if isinstance(axis, list) else axis
        return np.asarray(self.choose.reduce(x, axis=axis, keepdims=keepdims, initial=self.nothing))

    def normalised(self) -> Array:
        """``softmax``: each element of all along its axis."""
        x = self.tensors[0]
        return np.broadcast_to(self.over(x, self.node.params["axis"], keepdims=True), x.shape)

    def accumulated(self) -> Array:
        """``cumsum``: each element of those up to it."""
        x, axis = self.tensors[0], self.node.params["axis"]
        return np.asarray(self.choose.accumulate(x.reshape(-1) if axis is None else x, axis=axis or 0))

    def scattered(self) -> Array:
        """``scatter``: each element of those that are added there."""
        y = np.full(self.node.shapes[0], self.nothing, np.int64)
        where = self.node.params["where"]
        self.choose.at(y, where, np.broadcast_to(self.tensors[0], y[where].shape))
        return y

    def multiplied(self) -> Array:
        """A product summed over what the output lacks: each element of a row of each factor."""
        words, out = self._words()
        parts = [self._along(x, word, out) for x, word in zip(self.inputs, words, strict=True) if x is not None]
        return np.broadcast_to(reduce(self.choose, parts), self.node.shapes[0])

    def _words(self) -> tuple[list[str], str]:
        """The axes of the factors and of the product as letters, as in einsum."""
        ndims = tuple([np.ndim(self.literal(k) if x is None else x) for k, x in enumerate(self.inputs)])
        if self.node.op is linear.linear:
            return contractions.spelled_out("...d,kd->...k", ndims)
        if self.node.op is linear.matmul:
            rows, columns = ndims[0] > 1, ndims[1] > 1
            left, right = "...n" * rows, "k" * columns
            subscripts = f"{left}m,{'...' * columns}m{right}->{'...' * (rows or columns)}{'n' * rows}{right}"
            return contractions.spelled_out(subscripts, ndims)
        return contractions.spelled_out(self.node.params["subscripts"], ndims)

    def _along(self, x: Array, word: str, out: str) -> Array:
        """The numbers of a factor with the axes of the product, of length 1 where the factor lacks one."""
        letters = "".join(dict.fromkeys(word))
        x = np.einsum(f"{word}->{letters}", x)  # a letter twice reads the diagonal
        x = self.over(x, tuple([k for k, letter in enumerate(letters) if letter not in out]))
        left = [letter for letter in letters if letter in out]
        x = np.transpose(x, [left.index(letter) for letter in out if letter in left])
        return np.expand_dims(x, [k for k, letter in enumerate(out) if letter not in left])

    def all_meet(self) -> list[Array]:
        """An op that is not known here: each element of all elements of all inputs."""
        number = reduce(self.choose, [self.over(x, None) for x in self.tensors])
        return [np.broadcast_to(number, shape) for shape in self.node.shapes]


MOVING = frozenset({  # what only moves elements or picks some computes nothing
    shapes.reshape, shapes.swapaxes, shapes.transpose, shapes.expand_dims, shapes.squeeze, shapes.broadcast_to,
    shapes.roll, shapes.split, shapes.unstack, shapes.concatenate, shapes.stack, indexing.index, indexing.embedding,
    picking.index_put, choices.where,
})  # fmt: skip
UFUNCS = [op for f, op in Primitive.by_numpy.items() if isinstance(f, np.ufunc) and f.signature is None]
RULES: dict[Any, Callable[[Meeting], Any]] = {
    **dict.fromkeys(MOVING, Meeting.moved),
    **dict.fromkeys(UFUNCS, Meeting.elementwise),
    **dict.fromkeys([nonlinear.sigmoid, nonlinear.relu, nonlinear.softplus], Meeting.elementwise),
    **dict.fromkeys([activations.elu, activations.softsign, activations.hard_sigmoid], Meeting.elementwise),
    **dict.fromkeys([choices.clip, shapes.cast, ufuncs.erf, ufuncs.round], Meeting.elementwise),
    **dict.fromkeys([reductions.sum, reductions.mean, reductions.max, reductions.min], Meeting.reduced),
    **dict.fromkeys([reductions.var, reductions.std, products.prod, norms.norm], Meeting.reduced),
    softmax.logsumexp: Meeting.reduced,
    **dict.fromkeys([softmax.softmax, softmax.log_softmax], Meeting.normalised),
    softmax.softmax_cross_entropy: lambda run: run.over(run.tensors[0], -1),
    **dict.fromkeys([reductions.cumsum, products.cumprod], Meeting.accumulated),
    indexing.scatter: Meeting.scattered,
    **dict.fromkeys([linear.linear, linear.matmul, contractions.contract], Meeting.multiplied),
}
