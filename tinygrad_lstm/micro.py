"""Chapter zero: the whole idea with plain numbers.

Reverse mode, in a paragraph. Every operation makes a new value from one or two others. If one of those changes a
little, the new value changes too, by that change times a factor: where a changes, z = a·b changes b times as much. The
factor is the *slope* ∂z/∂a; write it down while you compute. To find ∂L/∂x, the slope of the end result L, for every x
before it, walk back from L, starting with ∂L/∂L = 1. A value z that knows its own ∂L/∂z hands ∂L/∂z times the slope to
each number that z was made from: that is the chain rule. A number that was used several times gets several parts, and
they add up: ∂L/∂x = Σ ∂L/∂z · ∂z/∂x over all values z whose operation read x. It must wait for all its parts before it
hands anything on, so the walk goes from the newest value to the oldest: a z that read x is newer than x. The walk back
costs about as much as the computation, however many x there are. ``tinygrad_lstm.engine`` does this with arrays.

>>> x, w, b = Value(2.0), Value(-3.0), Value(7.0)
>>> y = (w * x + b).tanh()
>>> y.backward()
>>> x, w, b
(Value(2.0, grad=-1.259...), Value(-3.0, grad=0.839...), Value(7.0, grad=0.419...))
"""

from __future__ import annotations

import math


class Value:
    """A number that remembers what it was made from, and with which slopes."""

    made = 0  # how many there are so far

    def __init__(self, data: float, sources: tuple[tuple[Value, float], ...] = ()) -> None:
        self.data, self.grad, self.sources = data, 0.0, sources
        Value.made += 1
        self.number = Value.made  # the newer, the larger

    def backward(self) -> None:
        """Add ∂self/∂value to the ``grad`` of every value that led to self, over any number of operations."""
        found: set[Value] = set()
        to_visit = [self]
        while to_visit:
            value = to_visit.pop()
            if value not in found:
                found.add(value)
                to_visit += [source for source, _ in value.sources]
        arrived = {self: 1.0}  # the sum of the parts so far, of this walk alone: grad may hold those of earlier walks
        for value in sorted(found, key=lambda value: value.number, reverse=True):
            g = arrived.pop(value)
            value.grad += g
            for source, slope in value.sources:
                arrived[source] = arrived.get(source, 0.0) + g * slope

    # Operations: the new number, and its slope with respect to each of the old ones

    def __add__(self, other: Value | float) -> Value:
        other = value_of(other)
        return Value(self.data + other.data, ((self, 1.0), (other, 1.0)))

    def __mul__(self, other: Value | float) -> Value:
        other = value_of(other)
        return Value(self.data * other.data, ((self, other.data), (other, self.data)))

    def __pow__(self, n: Value | float) -> Value:
        if isinstance(n, Value):
            return (self.log() * n).exp()
        return Value(self.data**n, ((self, n * self.data ** (n - 1) if n else 0.0),))  # 0 ** -1 is an error

    def exp(self) -> Value:
        """eˣ, its own slope."""
        y = math.exp(self.data)
        return Value(y, ((self, y),))

    def log(self) -> Value:
        """The natural logarithm."""
        return Value(math.log(self.data), ((self, 1 / self.data),))

    def tanh(self) -> Value:
        """The squashing function of recurrent networks."""
        y = math.tanh(self.data)
        return Value(y, ((self, 1 - y * y),))

    def relu(self) -> Value:
        """x where it is positive, else 0; at the kink the slope is 0."""
        return Value(max(self.data, 0.0), ((self, float(self.data > 0)),))

    def maximum(self, other: Value | float) -> Value:
        """The larger of the two; where they tie, each has half the slope."""
        other = value_of(other)
        share = 0.5 if self.data == other.data else float(self.data > other.data)
        return Value(max(self.data, other.data), ((self, share), (other, 1 - share)))

    # The rest is made of these

    def __neg__(self) -> Value:
        return self * -1.0

    def __sub__(self, other: Value | float) -> Value:
        return self + -other

    def __truediv__(self, other: Value | float) -> Value:
        return self * value_of(other) ** -1

    def sigmoid(self) -> Value:
        """σ(x) = 1 / (1 + e⁻ˣ), written with tanh, which never overflows."""
        return ((self / 2).tanh() + 1) / 2

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, other: float) -> Value:
        return -self + other

    def __rtruediv__(self, other: float) -> Value:
        return self**-1 * other

    def __rpow__(self, other: float) -> Value:
        return value_of(other) ** self

    def __repr__(self) -> str:
        return f"Value({self.data}, grad={self.grad})"


def value_of(x: Value | float) -> Value:
    """A number as a Value; a Value as it is."""
    return x if isinstance(x, Value) else Value(x)
