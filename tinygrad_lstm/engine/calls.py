"""Any call of an op: arguments by name, numbers, lists and arrays beside Tensors, one output or several."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lstm.engine.current import grad_enabled
from tinygrad_lstm.engine.failures import complex_refused, forward_failed
from tinygrad_lstm.engine.handle import Handle, bare_array, from_array, output
from tinygrad_lstm.engine.literals import as_param, literal_inputs
from tinygrad_lstm.engine.node import input_name, make_node
from tinygrad_lstm.engine.ops.binding import bind, run
from tinygrad_lstm.engine.ops.plan import kept_values, plan_for
from tinygrad_lstm.engine.ops.primitive import Primitive
from tinygrad_lstm.engine.ops.wide import in_float32, rule_in_float32
from tinygrad_lstm.engine.record import record_one, record_two
from tinygrad_lstm.errors import PYTHON_ERRORS, DtypeError, TinygradError

NUMBERS = frozenset({int, float})
NUMERIC = frozenset("biufc")  # kinds of dtypes
PLAIN = frozenset({int, bool, float, str, type(None)})  # parameters of these types go to the forward as they are


def call(op: Primitive[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run the op on the arrays of its inputs; if one of them needs a gradient, make the node that remembers it."""
    inputs, params = bind(op, args, kwargs)
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
Primitive.in_float32, Primitive.rule_in_float32 = in_float32, rule_in_float32
