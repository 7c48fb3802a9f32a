"""Binding a call: which of its arguments are the inputs of the op, and which are its other parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tinygrad_lstm.engine.ops.primitive import Array, Primitive
from tinygrad_lstm.errors import DtypeError, wrong_call


class Form(NamedTuple):
    """What is the same for all calls of an op with so many arguments by position and these names."""

    first: int  # how many inputs come first, so need no name
    named: Sequence[tuple[int, str]]  # positions and names of the arguments behind them
    plain: bool  # nothing is given but the inputs


def bind(
    op: Primitive[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Sequence[Any], dict[str, Any]]:
    """The inputs and the other parameters of a call of the op; a wrong call is Python's own TypeError."""
    given = len(args), *kwargs
    first, named, plain = op.forms.get(given) or op.forms.setdefault(given, _form(op, args, kwargs))
    if plain:
        return args, op.options
    values = {**(op.options if first else op.defaults), **kwargs}
    for k, name in named:
        values[name] = args[k]
    if op.sequence:
        inputs = args[0] if first else values.pop(op.names[0])
        if not hasattr(inputs, "__iter__") or getattr(inputs, "shape", None) == ():
            came = type(inputs).__name__ + " of no axes" * hasattr(inputs, "shape")
            raise DtypeError(f"{op.name} takes a sequence as {op.names[0]}, not a {came}")
        return tuple(inputs), values
    return args[:first] if first else [values.pop(name) for name in op.inputs], values


def _form(op: Primitive[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Form:
    """The form of a call that Python accepts."""
    try:
        op.signature.bind(*args, **kwargs)
    except TypeError as error:
        takes = ", ".join(f"{x}={op.defaults[x]!r}" if x in op.defaults else x for x in op.names)
        raise wrong_call(TypeError(f"{op.name}({takes}) {error}"), kwargs, op) from None
    first = len(op.inputs) if len(args) >= len(op.inputs) and _inputs_lead(op) else 0
    named = [(k, op.names[k]) for k in range(first, len(args))]
    return Form(first, named, bool(first) and not (named or kwargs or op.sequence))


def _inputs_lead(op: Primitive[Any, Any]) -> bool:
    """Whether the first parameters are the inputs."""
    return op.names[: len(op.inputs)] == op.inputs


def run(op: Primitive[Any, Any], arrays: Sequence[Array], params: Mapping[str, Any]) -> Any:
    """The op's forward on plain arrays."""
    if op.sequence:
        return op.forward(arrays, **params)
    if _inputs_lead(op):
        return op.forward(*arrays, **params)
    return op.forward(**dict(zip(op.inputs, arrays, strict=True)), **params)
