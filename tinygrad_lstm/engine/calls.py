"""Any call of an op: arguments by name, numbers, lists and arrays beside Tensors, one output or several."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lstm.engine.current import grad_enabled
from tinygrad_lstm.engine.failures import complex_refused, forward_failed
from tinygrad_lstm.engine.handle import Handle, bare_array, from_array, output
from tinygrad_lstm.engine.literals import as_param, literal_inputs
from tinygrad_lstm.engine.node import input_name, make_node, one_dtype, one_shape
from tinygrad_lstm.engine.ops.binding import bind, run
from tinygrad_lstm.engine.ops.plan import kept_values, plan_for
from tinygrad_lstm.engine.ops.primitive import Primitive
from tinygrad_lstm.engine.ops.wide import in_float32, rule_in_float32
from tinygrad_lstm.engine.record import ONE_INPUT, record_one, record_two
from tinygrad_lstm.errors import PYTHON_ERRORS, DtypeError, TinygradError

NUMBERS = frozenset({int, float})
NUMERIC = frozenset("biufc")  # kinds of dtypes
PLAIN = frozenset({int, bool, float, str, type(None)})  # parameters of these types go to the forward as they are


def record_number(op: Primitive[Any, Any], a: Any, b: Any) -> Any:
    """``record_two`` where one input is a Python number, as in 1 - z; any other literal goes to ``call``.

    NumPy gives the number the dtype of the array beside it. ``call`` does the same in three times the time.
    """
    if isinstance(a, Handle) and type(b) in NUMBERS:
        tensor, given, needs, name = a, (a._data, b), (True, False), op.inputs[1]
    elif isinstance(b, Handle) and type(a) in NUMBERS:
        tensor, given, needs, name = b, (a, b._data), (False, True), op.inputs[0]
    else:
        return Primitive.interpreter(op, (a, b), {})
    try:
        y = op.forward(*given)
    except TinygradError:
        raise
    except PYTHON_ERRORS as error:
        raise forward_failed(op, given, op.options, error) from error
    if type(y) is not np.ndarray:  # a NumPy scalar
        y = np.asarray(y)
    source = tensor._source
    if source is None or not source.node.requires_grad or not grad_enabled.get():
        return from_array(y, None)
    plan = op.plans.get(needs) or plan_for(op, needs)
    kept = plan.pick((*given, y)) if plan.pick else kept_values(op, plan, given, y, op.options, needs)
    sources, params = ((source, None), {name: b}) if needs[0] else ((None, source), {name: a})
    node = make_node(op, sources, one_shape[y.shape], one_dtype[y.dtype], plan, kept, op.options | params)
    return output(y, node)


def record_with_options(op: Primitive[Any, Any], x: Any, params: dict[str, Any]) -> Any:
    """``record_one`` with options and any number of outputs, as in split(x, 4): ``call`` takes twice the time."""
    array, source = x._data, x._source
    try:
        y = op.forward(array, **params)
    except TinygradError:
        raise
    except PYTHON_ERRORS as error:
        raise forward_failed(op, (array,), params, error) from error
    parts = [part if type(part) is np.ndarray else np.asarray(part) for part in (y if op.multi_output else (y,))]
    if source is None or not source.node.requires_grad or not grad_enabled.get():
        tensors = [from_array(part, None) for part in parts]
    else:
        plan = op.plans.get(ONE_INPUT) or plan_for(op, ONE_INPUT)
        kept = kept_values(op, plan, (array,), tuple(parts) if op.multi_output else parts[0], params, ONE_INPUT)
        shapes, dtypes = tuple([part.shape for part in parts]), tuple([part.dtype for part in parts])
        node = make_node(op, (source,), shapes, dtypes, plan, kept, params)
        tensors = [output(part, node, k) for k, part in enumerate(parts)]
    return tuple(tensors) if op.multi_output else tensors[0]


def call(op: Primitive[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run the op on the arrays of its inputs; if one of them needs a gradient, make the node that remembers it."""
    inputs, params = bind(op, args, kwargs)
    if op.unary and isinstance(inputs[0], Handle) and PLAIN.issuperset(map(type, params.values())):
        return record_with_options(op, inputs[0], params)
    arrays: list[Any] = []
    needs: list[bool] = []  # which inputs need a gradient
    others = bare = False  # whether an input is no Tensor; whether one is a list or an array, no Python number either
    for value in inputs:
        if isinstance(value, Handle):
            arrays.append(value._data)
            needs.append(value._source is not None and value._source.node.requires_grad)
        else:
            arrays.append(value)
            needs.append(False)
            others, bare = True, bare or type(value) not in NUMBERS
    recorded = True in needs and grad_enabled.get()
    literals = bare or (others and (op.sequence or not recorded))  # a Python number beside a Tensor stays one
    try:
        if literals:
            arrays = literal_inputs(op, inputs, recorded)
        for name, value in params.items():
            if type(value) not in PLAIN:
                params[name] = as_param(op, name, value, recorded)
        y = run(op, arrays, params)
    except TinygradError:
        raise
    except PYTHON_ERRORS as error:
        raise forward_failed(op, arrays, params, error) from error
    y, saved = y if op.saves else (y, None)
    parts = [part if type(part) is np.ndarray else bare_array(part) for part in (y if op.multi_output else [y])]
    if not (op.built_in or {part.dtype.kind for part in parts} <= NUMERIC):  # our own ops are only given numbers
        raise DtypeError(f"the forward of {op.name} gave {', '.join(str(part.dtype) for part in parts)}, not numbers")
    if not recorded:
        if literals:  # no output may share memory with an array of the caller
            given = [value for value in inputs if isinstance(value, np.ndarray)]
            parts = [part.copy() if any(np.may_share_memory(part, one) for one in given) else part for part in parts]
        return tuple([from_array(part, None) for part in parts]) if op.multi_output else from_array(parts[0], None)

    if (bare or not op.built_in) and any(map(np.iscomplexobj, (*arrays, *parts))):
        raise complex_refused(f"{op.name} of or into complex numbers cannot be recorded")
    shapes, dtypes = tuple([part.shape for part in parts]), tuple([part.dtype for part in parts])
    needs_input_grad = tuple(needs)
    plan = op.plans.get(needs_input_grad) or plan_for(op, needs_input_grad)
    y = tuple(parts) if op.multi_output else parts[0]
    kept = kept_values(op, plan, arrays, y, params, needs_input_grad, saved)
    sources = tuple([value.source if isinstance(value, Handle) else None for value in inputs])
    if None in sources:  # the literals, by the names of their inputs: the record of the graph shows them
        params = params | {input_name(op, k): arrays[k] for k, source in enumerate(sources) if source is None}
    node = make_node(op, sources, shapes, dtypes, plan, kept, params)
    outputs = [output(part, node, k) for k, part in enumerate(parts)]
    return tuple(outputs) if op.multi_output else outputs[0]


Primitive.interpreter, Primitive.of_one, Primitive.of_two = call, record_one, record_two
Primitive.beside_literal = record_number
Primitive.in_float32, Primitive.rule_in_float32 = in_float32, rule_in_float32
