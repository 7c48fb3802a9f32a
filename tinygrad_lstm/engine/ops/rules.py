"""What a rule may ask for by name, and what it may return.

A rule is a function from ``g``, the cotangent ∂L/∂y of an op's output y (z so far), to ∂L/∂(input). Its parameters
after g name the values it needs, as b in ``lambda g, b: g * b``, and only these are kept for backward. The *inputs* of
an op are the arguments that may get a gradient; its other parameters, e.g. an axis, are *options*.

====================  ========================================================================================
``g``                 the cotangent of the output (``gs``, a list, when there are several outputs)
``y``                 the output (a tuple when there are several)
``a``                 the input or option of that name
``a_shape``           the shape of that input, when its values are not needed
``saved``             what the forward returned beside its output, if the op was made with ``saves=True``
``k``                 which of the inputs, in one rule for any number of them
``needs_input_grad``  which inputs need a gradient, a tuple of bools: a rule for all can leave the others out
====================  ========================================================================================

An op may have an input with a name of this table. The name then means the input, and the table's word gets an
underscore: where y is an input, the output is ``y_``. The first parameter must be called g, so that a rule that forgets
the cotangent fails where it is written; only where an input is called g, it may have another name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

Rule: TypeAlias = Callable[..., Any]


class IndexedCotangent(NamedTuple):
    """A cotangent that is zero outside ``where``; the loop adds ``values`` there in place.

    Repeated indices add up. The rule of ``x[t]`` returns one instead of a whole array: a network that reads x[0], x[1],
    ..., x[T - 1] hands T rows back, which is O(T) numbers; T whole arrays of T rows would be O(T²).
    """

    where: Any
    values: Any


class Spelling:
    """How the rules of one op spell the words of the table, since its inputs and options may have these names.

    >>> spelling = Spelling(("x", "y"))  # of an op with the inputs x and y
    >>> spelling.y, spelling.saved, spelling.input_of
    ('y_', 'saved', {'x_shape': 'x', 'y_shape': 'y'})
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.y, self.saved, self.needs_input_grad = map(self._free, ("y", "saved", "needs_input_grad"))
        self.input_of = {self._free(f"{name}_shape"): name for name in names}  # which input a shape is of

    def _free(self, word: str) -> str:
        while word in self.names:  # an input or an option has this name
            word += "_"
        return word

    def needs_of(self, rule: Rule, first: Sequence[str], inputs: Sequence[str], saves: bool) -> tuple[str, ...]:
        """The names that a rule asks for, without its first parameters (``first``), which are given by position.

        TypeError for a rule without those, or with an unknown name; the caller puts "a rule of <op>" before its text.
        """
        names = tuple(inspect.signature(rule).parameters)
        lead, needs = names[: len(first)], names[len(first) :]
        shapes = {word for word, name in self.input_of.items() if name in inputs}
        known = {*self.names, *shapes, self.y, self.needs_input_grad} | ({self.saved} if saves else set())
        if len(lead) < len(first) or not all(map(self._fits, lead, first)):
            raise TypeError(f"starts with {', '.join(first)}; this one asks for ({', '.join(names)})")
        if unknown := set(needs) - known:
            raise TypeError(f"cannot ask for {unknown}; this one asks for ({', '.join(names)})")
        return needs

    def _fits(self, name: str, word: str) -> bool:
        """Whether the parameter for a word may be called so: another name only where an input already has the word."""
        return name == word or (word in self.names and name not in self.names)
