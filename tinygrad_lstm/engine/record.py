"""Running a primitive, and writing down that it ran: forward mode of the whole engine, in one function."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lstm.engine.autodiff import Node, Source, input_name
from tinygrad_lstm.engine.ops.primitive import Primitive
from tinygrad_lstm.engine.scope import modes, place
from tinygrad_lstm.engine.tensor import Tensor, get_default_dtype, handle
from tinygrad_lstm.errors import DtypeError, ShapeError, TinygradError

_inside_the_engine = True
_NO_PARAMS: dict[str, Any] = {}


def record(op: Primitive[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run the op on the arrays of its inputs; if one of them needs a gradient, make the node that remembers it."""
    if kwargs or len(args) != op.plain:
        inputs, params = op.bind(args, kwargs)
        params = {name: _plain_param(op, name, value) for name, value in params.items()}
    else:
        inputs, params = args, op.defaults
    arrays: list[Any] = []
    wanted: list[bool] = []
    for value in inputs:
        if isinstance(value, Tensor):
            arrays.append(value._data)
            source = value._source
            wanted.append(source is not None and source[0].requires_grad)
        else:
            arrays.append(_literal(op, value))
            wanted.append(False)
    try:
        y = op.run(arrays, params)
    except TinygradError:
        raise
    except (ValueError, IndexError, TypeError) as error:
        raise _explained(op, arrays, params, error) from error
    y, saved = y if op.saves else (y, None)
    if op.several:
        y = tuple(map(np.asarray, y))
    elif type(y) is not np.ndarray:
        y = np.asarray(y)
    if not (modes.grad_enabled and any(wanted)):
        return tuple([handle(part, None) for part in y]) if op.several else handle(y, None)

    outputs = y if op.several else (y,)
    sources = tuple([value.source if isinstance(value, Tensor) else None for value in inputs])
    node = Node(
        op, sources, tuple([part.shape for part in outputs]), tuple([part.dtype for part in outputs]), place(), True
    )
    node.params = params
    node.plan = plan = op.plan(tuple(wanted))
    if plan.slots is not None:
        arrays.append(y)
        node.kept = tuple([arrays[slot] for slot in plan.slots])
    else:
        node.kept = tuple([op.meaning(name, arrays, y, params, saved, tuple(wanted)) for name in plan.keep])
    if op.several:
        return tuple([handle(part, Source(node, k, None)) for k, part in enumerate(y)])
    return handle(y, Source(node, 0, None))


def _literal(op: Primitive[Any, Any], value: Any) -> Any:
    """A bare number or array: NumPy's scalars count as Python's, so that none of them widens a tensor."""
    if isinstance(value, np.ndarray | int | float | complex):
        return value.item() if isinstance(value, np.generic) else value
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, str | dict):
        raise DtypeError(f"{op.name} takes tensors, arrays and numbers, not {type(value).__name__}")
    return np.asarray(value, dtype=get_default_dtype())


def _plain_param(op: Primitive[Any, Any], name: str, value: Any) -> Any:
    """A parameter that is not differentiated: a Tensor there must be one that needs no gradient."""
    if isinstance(value, Tensor):
        if value.requires_grad:
            raise DtypeError(f"{op.name} has no derivative for {name}: detach() it, if it is meant as a constant")
        return value._data
    return value


def _explained(op: Primitive[Any, Any], arrays: list[Any], params: dict[str, Any], error: Exception) -> TinygradError:
    """The same error, in the caller's words: which op, which shapes, in which module and at which step."""
    shown = ", ".join(f"{input_name(op, k)} {np.shape(array)}" for k, array in enumerate(arrays[:6]))
    shown += f", ... {len(arrays)} in all" if len(arrays) > 6 else ""
    shown += "".join(f", {name}={value!r}" for name, value in params.items() if np.size(value) < 6)
    where = f" in {modes.scope}" if modes.scope is not None else ""
    kind = DtypeError if isinstance(error, TypeError) else ShapeError
    return kind(f"{op.name}({shown}){where}: {error}")


Primitive.interpreter = staticmethod(record)
