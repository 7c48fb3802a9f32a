"""Running a primitive, and writing down that it ran: forward mode of the whole engine, in one function."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tinygrad_lstm.engine.autodiff import Node, Source, input_name
from tinygrad_lstm.engine.ops.primitive import Primitive
from tinygrad_lstm.engine.scope import modes, place
from tinygrad_lstm.engine.tensor import Tensor, get_default_dtype, handle
from tinygrad_lstm.errors import DtypeError, ShapeError, TinygradError

_inside_the_engine = True
new_source: Callable[[tuple[Node, int, str | None]], Source] = partial(
    tuple.__new__, Source
)  # half the time of Source()


def record(op: Primitive[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run the op on the arrays of its inputs; if one of them needs a gradient, make the node that remembers it."""
    if kwargs or not args or len(args) != op.plain:
        inputs, params = op.bind(args, kwargs)
        for name, value in params.items():
            if isinstance(value, Tensor):
                params[name] = _plain_param(op, name, value)
            elif isinstance(value, np.generic):
                params[name] = value.item()
    else:
        inputs, params = args, op.defaults
    arrays: list[Any] = []
    sources: list[Source | None] = []
    wanted: list[bool] = []
    for value in inputs:
        if isinstance(value, Tensor):
            arrays.append(value._data)
            source = value._source
            sources.append(source)
            wanted.append(source is not None and source[0].requires_grad)
        else:
            arrays.append(_literal(op, value))
            sources.append(None)
            wanted.append(False)
    try:
        if True not in wanted and not any(isinstance(array, np.ndarray) for array in arrays):
            arrays = [np.asarray(number, get_default_dtype()) for number in arrays]
        y = op.run(arrays, params) if params or not op.plain else op.forward(*arrays)
    except TinygradError:
        raise
    except (ValueError, IndexError, TypeError) as error:
        raise _explained(op, arrays, params, error) from error
    y, saved = y if op.saves else (y, None)
    if op.several:
        y = tuple(map(np.asarray, y))
    elif type(y) is not np.ndarray:
        y = np.asarray(y)
    if True not in wanted or not modes.grad_enabled:
        return tuple([handle(part, None) for part in y]) if op.several else handle(y, None)

    mask = tuple(wanted)
    plan = op.plans.get(mask) or op.plan(mask)
    if plan.pick is not None:
        arrays.append(y)
        kept = plan.pick(arrays)
    else:
        kept = tuple([op.meaning(name, arrays, y, params, saved, mask) for name in plan.keep])
    if None in sources:  # a literal, or a constant that nobody has recorded before
        sources = [value.source if isinstance(value, Tensor) else None for value in inputs]
    if op.several:
        shapes, dtypes = tuple([part.shape for part in y]), tuple([part.dtype for part in y])
        node = Node(op, tuple(sources), shapes, dtypes, place(), True, plan, kept, params)
        return tuple([handle(part, Source(node, k, None)) for k, part in enumerate(y)])
    node = Node(op, tuple(sources), (y.shape,), (y.dtype,), place(), True, plan, kept, params)
    return handle(y, new_source((node, 0, None)))


def _literal(op: Primitive[Any, Any], value: Any) -> Any:
    """A bare number or array: NumPy's scalars count as Python's, so that none of them widens a tensor."""
    if isinstance(value, np.ndarray | int | float | complex):
        return value.item() if isinstance(value, np.generic) else value
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, str | dict):
        raise DtypeError(f"{op.name} takes tensors, arrays and numbers, not {type(value).__name__}")
    return np.asarray(value, dtype=get_default_dtype())


def _plain_param(op: Primitive[Any, Any], name: str, value: Tensor) -> Any:
    """The array of a parameter that is not differentiated, so it must be of a tensor that needs no gradient."""
    if value.requires_grad:
        raise DtypeError(f"{op.name} has no derivative for {name}: detach() it, if it is meant as a constant")
    return value._data


def _explained(op: Primitive[Any, Any], arrays: list[Any], params: dict[str, Any], error: Exception) -> TinygradError:
    """The same error, in the caller's words: which op, which shapes, in which module and at which step."""
    shown = ", ".join(f"{input_name(op, k)} {np.shape(array)}" for k, array in enumerate(arrays[:6]))
    shown += f", ... {len(arrays)} in all" if len(arrays) > 6 else ""
    shown += "".join(f", {name}={value!r}" for name, value in params.items() if np.size(value) < 6)
    where = f" in {modes.scope}" if modes.scope is not None else ""
    kind = DtypeError if isinstance(error, TypeError) else ShapeError
    return kind(f"{op.name}({shown}){where}: {error}")


Primitive.interpreter = staticmethod(record)
