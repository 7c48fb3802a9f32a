"""Binding a call: which of its arguments are the inputs of the op, and which are its other parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tinygrad_lstm.engine.ops.primitive import Array, Primitive
from tinygrad_lstm.errors import DtypeError, wrong_call


class Binding(NamedTuple):
    """What is the same for all calls of an op."""

    leading: int  # how many inputs there are, if they are the first parameters
    others: frozenset[str]  # the names of all parameters but these
    plain: int  # a call with just this many positional arguments gives the inputs and nothing else


def binding_of(op: Primitive[Any, Any]) -> Binding:
    """The binding of an op, found at its first call."""
    if op.binding is None:
        leading = len(op.inputs) if op.names[: len(op.inputs)] == op.inputs else 0
        others = frozenset(op.names[leading:])
        op.binding = Binding(leading, others, leading if not op.sequence and others == op.options.keys() else 0)
    return op.binding


def bind(
    op: Primitive[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Sequence[Any], dict[str, Any]]:
    """The inputs and the other parameters of a call of the op; a wrong call is Python's own TypeError."""
    names, (leading, others, plain) = op.names, op.binding or binding_of(op)
    if not kwargs and args and len(args) == plain:
        return args, op.options
    first = leading if len(args) >= leading else 0  # so many inputs need no name
    given = dict(zip(names[first:], args[first:], strict=False)) | kwargs
    values = (op.options if first else op.defaults) | given
    expected = others if first else op.signature.parameters.keys()
    if len(given) != len(args) - first + len(kwargs) or values.keys() != expected:
        try:
            op.signature.bind(*args, **kwargs)
        except TypeError as error:
            takes = ", ".join(f"{x}={op.defaults[x]!r}" if x in op.defaults else x for x in names)
            raise wrong_call(TypeError(f"{op.name}({takes}) {error}"), kwargs, op) from None
    if op.sequence:
        inputs = args[0] if first else values.pop(names[0])
        if not hasattr(inputs, "__iter__") or getattr(inputs, "shape", None) == ():
            came = type(inputs).__name__ + " of no axes" * hasattr(inputs, "shape")
            raise DtypeError(f"{op.name} takes a sequence as {names[0]}, not a {came}")
        return tuple(inputs), values
    return args[:first] if first else [values.pop(name) for name in op.inputs], values


def run(op: Primitive[Any, Any], arrays: Sequence[Array], params: Mapping[str, Any]) -> Any:
    """The op's forward on plain arrays."""
    if op.sequence:
        return op.forward(arrays, **params)
    if (op.binding or binding_of(op)).leading:
        return op.forward(*arrays, **params)
    return op.forward(**dict(zip(op.inputs, arrays, strict=True)), **params)
