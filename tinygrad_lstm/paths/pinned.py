"""Gates held at a value, whatever they would be: for looking at what a gate is good for, and for training without it.

A cell names its gates by ``label`` only after it has used them. So a step runs twice: once to see which op makes the
value of that name, and again with the held value in place of that op's output. What the first step showed serves for
all later ones, whose labels confirm it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_lstm.arguments import came
from tinygrad_lstm.engine.blocks import Block
from tinygrad_lstm.engine.naming import collecting, holding
from tinygrad_lstm.engine.outputs import outputs_through
from tinygrad_lstm.engine.tensor import Tensor, from_array
from tinygrad_lstm.errors import ArgumentError, DtypeError, ShapeError, UnsupportedError
from tinygrad_lstm.tags import did_you_mean

TRIES = 4  # a first step may draw what lasts for its sequence, and so have other ops than the second


class pinned(Block):  # noqa: N801  # read as a statement: with pinned(f=1.0):
    """Inside the block the gates of these names have these values, in every cell, at every step.

    A value is a number, an array for the gate's (..., H), or a function of the gate's tensor, ``f=lambda f: 1 - f``. A
    gate at a number gets no gradient: the rest of the gradient is exact. What the equations make of the gate follows:
    with f at 1 the i of a CoupledLSTMCell is 0. Cells of your own can be pinned by the names they give with
    ``tg.label``, states too. Fused layers and scans run step by step inside; ``init`` and weights stay as they are.

    Raises ArgumentError, in the block, for a cell that names no such value; ShapeError for an array that does not fit.

    >>> import numpy as np
    >>> import tinygrad_lstm as tg
    >>> lstm = tg.nn.LSTM(2, 3)
    >>> with pinned(f=1.0, i=0.0):  # the conveyor belt, untouched
    ...     steps = lstm.unroll(np.ones((100, 1, 2)), (np.ones((1, 1, 3)), np.full((1, 1, 3), 0.3))).steps
    >>> steps[-1].c
    tensor([[0.3, 0.3, 0.3]], ...)
    """

    __slots__ = ("values",)
    variable = holding

    def __init__(self, **values: Any) -> None:
        if not values:
            raise ArgumentError("pinned() takes gates by name, such as pinned(f=1.0)")
        self.values = {name: _checked(name, value) for name, value in values.items()}

    def inside(self, outer: Held | None) -> Held:
        """These gates, and those held outside."""
        return Held({**(outer.values if outer else {}), **self.values})


class Held:
    """The values held in an open block; runs a cell's forward with them."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values
        self.places: dict[object, dict[int, str]] = {}  # of each cell: which of the outputs in a step has which name

    def __call__(self, forward: Callable[..., Any], *args: Any) -> Any:
        """``forward(*args)`` with the values held."""
        cell = getattr(forward, "__self__", forward)
        outer, places = collecting.get(), self.places.get(cell, {})
        token = holding.set(None)  # for the cells inside this one
        try:
            for _ in range(TRIES):
                after, names, outputs = self._run(forward, args, places)
                found = self._find(type(cell).__name__, names, outputs)
                if found == places:
                    self.places[cell] = places
                    if outer is not None:
                        outer.update(names)
                    return after
                places = found
        finally:
            collecting.set(outer)
            holding.reset(token)
        raise UnsupportedError(f"{type(cell).__name__} computes other ops each time, so no gate of it can be pinned")

    def _run(
        self, forward: Callable[..., Any], args: tuple[Any, ...], places: dict[int, str]
    ) -> tuple[Any, Names, list[Tensor]]:
        """What forward gives with the held values at these places, the names it gives, and the outputs of its ops."""
        names, outputs = Names(), list[Tensor]()

        def substitute(op: Any, args: Any, kwargs: Any, y: Any) -> Any:
            first = len(outputs)
            for part in y if op.multi_output else (y,):
                name = places.get(len(outputs))
                outputs.append(part if name is None else _held(name, self.values[name], part))
            return tuple(outputs[first:]) if op.multi_output else outputs[first]

        collecting.set(names)
        with outputs_through(substitute):
            return forward(*args), names, outputs

    def _find(self, cell: str, names: Names, outputs: list[Tensor]) -> dict[int, str]:
        """The numbers of the outputs that have the names; ArgumentError for a name that no output has."""
        numbers = {id(output._data): number for number, output in enumerate(outputs)}
        places = {}
        for name in self.values:
            if name not in names:
                has = f"it names {', '.join(names)}" if names else "it names nothing by tg.label"
                raise ArgumentError(
                    f"pinned({name}=...): {cell} has no {name!r}{did_you_mean(name, names)[:-1]}: {has}"
                )
            for tensor in names.given[name]:
                if (number := numbers.get(id(tensor._data))) is None:
                    raise ArgumentError(f"pinned({name}=...): the {name!r} of {cell} is not the output of an op")
                places[number] = name
        return places


class Names(dict[str, Tensor]):
    """The names that ``label`` gives in a step; where two cells inside give the same one, both values."""

    def __init__(self) -> None:
        self.given: dict[str, list[Tensor]] = {}

    def update(self, named: dict[str, Tensor]) -> None:  # type: ignore[override]  # all that label() calls
        """Note the names."""
        super().update(named)
        for name, tensor in named.items():
            self.given.setdefault(name, []).append(tensor)


def _checked(name: str, value: Any) -> Any:
    """A value that a gate can be held at: a function, or an array of real numbers."""
    if callable(value):
        return value
    array = np.array(value.data if isinstance(value, Tensor) else value)
    if array.dtype.kind not in "biuf":
        raise DtypeError(f"pinned({name}=...) takes a number, an array or a function of the gate, not {came(value)}")
    return array


def _held(name: str, value: Any, gate: Tensor) -> Tensor:
    """What stands in the place of a gate; ShapeError for what does not have its shape."""
    value = value(gate) if callable(value) else value
    if isinstance(value, Tensor) and value.shape == gate.shape:
        return value
    try:
        return from_array(np.array(np.broadcast_to(value, gate.shape), gate.dtype), None)
    except ValueError:
        raise ShapeError(f"pinned({name}=...): {np.shape(value)} for a gate of shape {gate.shape}") from None
