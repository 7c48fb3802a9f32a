"""The forward pass: running a primitive, and recording that it ran.

``record`` does it for any call. ``record_one`` and ``record_two`` do the same for one and for two inputs and nothing
else, as nearly every op of a recurrent cell is called: without lists and binding they take half the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_lstm.engine.arrays import bare_array
from tinygrad_lstm.engine.handle import Handle, from_array, output
from tinygrad_lstm.engine.literals import as_param, literal_inputs
from tinygrad_lstm.engine.modes import grad_enabled
from tinygrad_lstm.engine.node import input_name, make_node
from tinygrad_lstm.engine.ops.binding import bind, run
from tinygrad_lstm.engine.ops.plan import Plan, meaning, plan_for
from tinygrad_lstm.engine.ops.primitive import Primitive
from tinygrad_lstm.engine.scope import current_scope
from tinygrad_lstm.errors import BARE, DtypeError, ShapeError, TinygradError, abbreviate, translate

ONE_INPUT = (True,)
NUMBERS = frozenset({int, float})
NUMERIC = frozenset("biufc")  # kinds of dtypes
PLAIN = frozenset({int, bool, float, str, type(None)})  # parameters of these types go to the forward as they are


def record(op: Primitive[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run the op on the arrays of its inputs; if one of them needs a gradient, make the node that remembers it."""
    if kwargs or not args or len(args) != op.plain:
        inputs, params = bind(op, args, kwargs)
    else:
        inputs, params = args, op.options
    arrays: list[Any] = []
    needs: list[bool] = []  # which inputs need a gradient
    others = bare = False  # are there inputs that are no Tensors, and some that are no Python numbers either?
    for value in inputs:
        if isinstance(value, Handle):
            arrays.append(value._data)
            needs.append(value._source is not None and value._source.node.requires_grad)
        else:
            arrays.append(value)
            needs.append(False)
            others, bare = True, bare or type(value) not in NUMBERS
    recorded = True in needs and grad_enabled.get()
    literals = bare or (others and (op.sequence or not recorded))  # a number beside a Tensor goes as it is
    try:
        if literals:
            arrays = literal_inputs(op, inputs, recorded)
        for name, value in params.items():
            if type(value) not in PLAIN:
                params[name] = as_param(op, name, value, recorded)
        y = run(op, arrays, params)
    except TinygradError:
        raise
    except BARE as error:
        raise _explain(op, arrays, params, error) from error
    y, saved = y if op.saves else (y, None)
    parts = [part if type(part) is np.ndarray else bare_array(part) for part in (y if op.multi_output else [y])]
    if not (op.real or {part.dtype.kind for part in parts} <= NUMERIC):  # what is given to our own ops are numbers
        raise DtypeError(f"the forward of {op.name} gave {', '.join(str(part.dtype) for part in parts)}, not numbers")
    if not recorded:
        if literals:  # and no output may look into an array of the caller's
            given = [value for value in inputs if isinstance(value, np.ndarray)]
            parts = [part.copy() if any(np.may_share_memory(part, one) for one in given) else part for part in parts]
        return tuple([from_array(part, None) for part in parts]) if op.multi_output else from_array(parts[0], None)

    if (bare or not op.real) and any(map(np.iscomplexobj, (*arrays, *parts))):
        raise complex_error(op)
    shapes, dtypes = tuple([part.shape for part in parts]), tuple([part.dtype for part in parts])
    needs_input_grad = tuple(needs)
    plan = op.plans.get(needs_input_grad) or plan_for(op, needs_input_grad)
    y = tuple(parts) if op.multi_output else parts[0]
    kept = _keep(op, plan, arrays, y, params, saved, needs_input_grad)
    sources = tuple([value.source if isinstance(value, Handle) else None for value in inputs])
    if None in sources:  # the literals, by the names of their inputs: the record of the graph shows them
        params = params | {input_name(op, k): arrays[k] for k, source in enumerate(sources) if source is None}
    node = make_node(op, sources, shapes, dtypes, plan, kept, params)
    outputs = [output(part, node, k) for k, part in enumerate(parts)]
    return tuple(outputs) if op.multi_output else outputs[0]


def record_one(op: Primitive[Any, Any], x: Any) -> Any:
    """``record`` for one input."""
    if not isinstance(x, Handle):
        return record(op, (x,), {})
    array, source = x._data, x._source
    try:
        y = op.forward(array)
    except TinygradError:
        raise
    except BARE as error:
        raise _explain(op, (array,), op.options, error) from error
    if type(y) is not np.ndarray:  # a NumPy scalar
        y = np.asarray(y)
    if source is None or not source.node.requires_grad or not grad_enabled.get():
        return from_array(y, None)
    plan = op.plans.get(ONE_INPUT) or plan_for(op, ONE_INPUT)
    kept = plan.pick((array, y)) if plan.pick else _keep(op, plan, (array,), y, op.options, None, ONE_INPUT)
    node = make_node(op, (source,), (y.shape,), (y.dtype,), plan, kept, op.options)
    return output(y, node)


def record_two(op: Primitive[Any, Any], a: Any, b: Any) -> Any:
    """``record`` for two inputs."""
    if not (isinstance(a, Handle) and isinstance(b, Handle)):
        return record(op, (a, b), {})
    left, from_a = a._data, a._source
    right, from_b = b._data, b._source
    try:
        y = op.forward(left, right)
    except TinygradError:
        raise
    except BARE as error:
        raise _explain(op, (left, right), op.options, error) from error
    if type(y) is not np.ndarray:  # a NumPy scalar
        y = np.asarray(y)
    a_needs = from_a is not None and from_a.node.requires_grad
    b_needs = from_b is not None and from_b.node.requires_grad
    if not (a_needs or b_needs) or not grad_enabled.get():
        return from_array(y, None)
    needs = a_needs, b_needs
    plan = op.plans.get(needs) or plan_for(op, needs)
    kept = plan.pick((left, right, y)) if plan.pick else _keep(op, plan, (left, right), y, op.options, None, needs)
    sources = from_a or a.source, from_b or b.source  # a constant gets its vertex when an op first records it
    node = make_node(op, sources, (y.shape,), (y.dtype,), plan, kept, op.options)
    return output(y, node)


def _keep(
    op: Primitive[Any, Any], plan: Plan, arrays: Sequence[Any], y: Any, params: dict[str, Any], saved: Any,
    needs_input_grad: tuple[bool, ...],
) -> tuple[Any, ...]:  # fmt: skip
    """The values that the rules of this plan ask for, where they ask for more than inputs and output."""
    return tuple([meaning(op, name, arrays, y, params, saved, needs_input_grad) for name in plan.keep])


def complex_error(op: Primitive[Any, Any]) -> DtypeError:
    """The error for a recorded op that has to do with complex numbers."""
    return DtypeError(
        f"{op.name} of or into complex numbers cannot be recorded: the rules hold for real numbers only. "
        "Compute with the real and the imaginary part as two tensors"
    )


def _explain(op: Primitive[Any, Any], arrays: Sequence[Any], params: dict[str, Any], error: Exception) -> TinygradError:
    """The error of a forward, raised again with the op, the shapes, the module and the step."""
    given = [f"{input_name(op, k)} {_shape(array)}" for k, array in enumerate(arrays[:6])]
    given += [f"... {len(arrays)} in all"] if len(arrays) > 6 else []
    given += [f"{name}={abbreviate(value)}" for name, value in params.items()]
    scope = current_scope.get()
    where = f" in {scope}" if scope is not None else ""
    return translate(error, f"{op.name}({', '.join(given)}){where}", ShapeError)


def _shape(value: Any) -> str:
    """The shape of an input; a literal that is not an array as it is."""
    return str(np.shape(value)) if isinstance(value, np.ndarray | np.generic | int | float) else abbreviate(value)


Primitive.interpreter, Primitive.of_one, Primitive.of_two = record, record_one, record_two
