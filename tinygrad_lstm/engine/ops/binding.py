"""Binding a call: which of its arguments are the inputs of the op, and which are its other parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tinygrad_lstm.engine.ops.primitive import Array, Primitive
from tinygrad_lstm.errors import DtypeError, wrong_call


def bind(
    op: Primitive[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Sequence[Any], dict[str, Any]]:
    """The inputs and the other parameters of a call of the op; a wrong call is Python's own TypeError."""
    form = len(args), *kwargs
    known = op.forms.get(form)  # calls of one form are bound alike, so Python's rules are asked once
    if known is None:
        known = op.forms[form] = _form(op, args, kwargs)
    first, names = known
    values = {**(op.options if first else op.defaults), **kwargs}
    for k, name in names:
        values[name] = args[k]
    if op.sequence:
        inputs = args[0] if first else values.pop(op.names[0])
        if not hasattr(inputs, "__iter__") or getattr(inputs, "shape", None) == ():
            came = type(inputs).__name__ + " of no axes" * hasattr(inputs, "shape")
            raise DtypeError(f"{op.name} takes a sequence as {op.names[0]}, not a {came}")
        return tuple(inputs), values
    return args[:first] if first else [values.pop(name) for name in op.inputs], values


def _form(
    op: Primitive[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[int, Sequence[tuple[int, str]]]:
    """How many inputs come first, so need no name, and the positions and names of the arguments behind them."""
    try:
        op.signature.bind(*args, **kwargs)
    except TypeError as error:
        takes = ", ".join(f"{x}={op.defaults[x]!r}" if x in op.defaults else x for x in op.names)
        raise wrong_call(TypeError(f"{op.name}({takes}) {error}"), kwargs, op) from None
    first = op.leading if len(args) >= op.leading else 0
    return first, [(k, op.names[k]) for k in range(first, len(args))]


def run(op: Primitive[Any, Any], arrays: Sequence[Array], params: Mapping[str, Any]) -> Any:
    """The op's forward on plain arrays."""
    if op.sequence:
        return op.forward(arrays, **params)
    if op.leading:
        return op.forward(*arrays, **params)
    return op.forward(**dict(zip(op.inputs, arrays, strict=True)), **params)
