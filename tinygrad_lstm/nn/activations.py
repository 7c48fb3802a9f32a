"""Functions as modules: they have no weights, and ``print(network)`` shows each where it acts.

``Sequential`` takes plain functions as well: ``Sequential(Linear(2, 3), tg.tanh)``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

from tinygrad_lstm.engine.ops.more.ufuncs import erf
from tinygrad_lstm.engine.ops.nonlinear import relu, sigmoid, softplus, tanh
from tinygrad_lstm.engine.ops.shapes import reshape
from tinygrad_lstm.engine.ops.softmax import log_softmax, softmax
from tinygrad_lstm.engine.tensor import Tensor, TensorLike
from tinygrad_lstm.errors import DtypeError, ShapeError
from tinygrad_lstm.nn.module import Module
from tinygrad_lstm.nn.options import check_arguments


def gelu(x: Tensor) -> Tensor:
    """x Φ(x), Φ the normal distribution: x times the chance that a normal number is smaller (Hendrycks 2016)."""
    return x * (1 + erf(x / math.sqrt(2))) / 2


def silu(x: Tensor) -> Tensor:
    """x σ(x), also called swish (Elfwing 2018)."""
    return x * sigmoid(x)


class Apply(Module):
    """A function as a module: what ``Sequential`` makes of a function that is put into it.

    >>> import tinygrad_lstm as tg
    >>> Apply(tg.tanh), Apply(lambda x: 2 * x)(3.0)
    (Apply(tanh), 6.0)
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        if isinstance(function, type | Module) or not callable(function):
            kind = f"the class {function.__name__}" if isinstance(function, type) else f"a {type(function).__name__}"
            raise DtypeError(f"a function is applied, not {kind}")
        if isinstance(getattr(function, "__self__", None), Module):
            raise DtypeError("a method of a module hides its parameters, which would not be trained: give the module")
        self.function = function

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the function gives."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"Apply({getattr(self.function, '__name__', repr(self.function))})"


class Activation(Module):
    """A function of x, of any shape, that has no weights: a subclass says which, or writes ``forward``."""

    function: ClassVar[Callable[..., Tensor]]

    def forward(self, x: TensorLike) -> Tensor:
        """Element by element."""
        y: Tensor = type(self).function(self.floating(x))
        return y

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.extra_repr()})"


class ReLU(Activation):
    """max(x, 0).

    >>> import tinygrad_lstm as tg
    >>> ReLU()(tg.tensor([-1.0, 2.0])), ReLU()
    (tensor([0., 2.]), ReLU())
    """

    function = relu


class Tanh(Activation):
    """tanh x, in (-1, 1)."""

    function = tanh


class Sigmoid(Activation):
    """σ(x) = 1 / (1 + e⁻ˣ), in (0, 1)."""

    function = sigmoid


class Softplus(Activation):
    """log(1 + eˣ), a smooth relu."""

    function = softplus


class GELU(Activation):
    """x Φ(x), Φ the normal distribution (Hendrycks 2016); the exact one, by ``erf``."""

    function = gelu


class SiLU(Activation):
    """x σ(x), also called swish (Elfwing 2018)."""

    function = silu


class Identity(Activation):
    """x as it is: a place in a network that does nothing."""

    def forward(self, x: Any) -> Any:
        """x."""
        return x


class Softmax(Activation):
    """Shares along an axis, the last unless said otherwise: positive, and their sum is 1.

    >>> import tinygrad_lstm as tg
    >>> Softmax()(tg.zeros(2, 4)).tolist()[0], Softmax(axis=0)
    ([0.25, 0.25, 0.25, 0.25], Softmax(axis=0))
    """

    @check_arguments
    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: TensorLike) -> Tensor:
        """Along the axis."""
        return softmax(self.floating(x), self.axis)

    def extra_repr(self) -> str:
        """The axis."""
        return f"axis={self.axis}"


class LogSoftmax(Softmax):
    """The logarithms of these shares: log-probabilities."""

    def forward(self, x: TensorLike) -> Tensor:
        """Along the axis."""
        return log_softmax(self.floating(x), self.axis)


class Flatten(Activation):
    """The axes from ``start_axis`` to ``end_axis``, both included, as one: (B, C, D) as (B, C D).

    >>> import tinygrad_lstm as tg
    >>> Flatten()(tg.zeros(5, 2, 3)).shape, Flatten(0, 1)(tg.zeros(5, 2, 3)).shape
    ((5, 6), (10, 3))
    """

    @check_arguments
    def __init__(self, start_axis: int = 1, end_axis: int = -1) -> None:
        self.start_axis, self.end_axis = start_axis, end_axis

    def forward(self, x: TensorLike) -> Tensor:
        """x with fewer axes; ShapeError where it has no such axes."""
        y: Tensor = x if isinstance(x, Tensor) else Tensor(x)
        axes = range(y.ndim)
        try:
            start, end = axes[self.start_axis], axes[self.end_axis]
        except IndexError:
            raise ShapeError(f"no axes {self.start_axis} to {self.end_axis} in {y.shape}") from None
        if start > end:
            raise ShapeError(f"axis {start} comes after axis {end}: nothing of {y.shape} is to be flattened")
        return reshape(y, (*y.shape[:start], math.prod(y.shape[start : end + 1]), *y.shape[end + 1 :]))

    def extra_repr(self) -> str:
        """The axes, where they are not the usual ones."""
        usual = (self.start_axis, self.end_axis) == (1, -1)
        return "" if usual else f"start_axis={self.start_axis}, end_axis={self.end_axis}"
