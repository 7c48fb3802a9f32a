"""The forward pass: an op runs on the arrays of its inputs, and a node remembers that it ran.

Nearly all calls in a recurrent cell are of one Tensor or two, without options. The two functions here run them: the
fast paths of ``Primitive``. Chapter 5 puts them there (``calls``), and has ``Primitive.interpreter`` for all others.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lstm.engine.current import grad_enabled
from tinygrad_lstm.engine.failures import forward_failed
from tinygrad_lstm.engine.handle import Handle, from_array, output
from tinygrad_lstm.engine.node import make_node, one_dtype, one_shape
from tinygrad_lstm.engine.ops.plan import kept_values, plan_for
from tinygrad_lstm.engine.ops.primitive import Primitive
from tinygrad_lstm.errors import PYTHON_ERRORS, TinygradError

ONE_INPUT = (True,)


def record_one(op: Primitive[Any, Any], x: Any) -> Any:
    """Run an op of one input on its array; if the input needs a gradient, make the node that remembers it."""
    if not isinstance(x, Handle):
        return Primitive.interpreter(op, (x,), {})
    array, source = x._data, x._source
    try:
        y = op.forward(array)
    except TinygradError:
        raise
    except PYTHON_ERRORS as error:
        raise forward_failed(op, (array,), op.options, error) from error
    if type(y) is not np.ndarray:  # a NumPy scalar
        y = np.asarray(y)
    if source is None or not source.node.requires_grad or not grad_enabled.get():
        return from_array(y, None)
    plan = op.plans.get(ONE_INPUT) or plan_for(op, ONE_INPUT)
    kept = plan.pick((array, y)) if plan.pick else kept_values(op, plan, (array,), y, op.options, ONE_INPUT)
    node = make_node(op, (source,), one_shape[y.shape], one_dtype[y.dtype], plan, kept, op.options)
    return output(y, node)


def record_two(op: Primitive[Any, Any], a: Any, b: Any) -> Any:
    """The same for two inputs, written out, since a general loop over the inputs takes longer."""
    if not (isinstance(a, Handle) and isinstance(b, Handle)):
        return Primitive.beside_literal(op, a, b)
    left, from_a = a._data, a._source
    right, from_b = b._data, b._source
    try:
        y = op.forward(left, right)
    except TinygradError:
        raise
    except PYTHON_ERRORS as error:
        raise forward_failed(op, (left, right), op.options, error) from error
    if type(y) is not np.ndarray:  # a NumPy scalar
        y = np.asarray(y)
    a_needs = from_a is not None and from_a.node.requires_grad
    b_needs = from_b is not None and from_b.node.requires_grad
    if not (a_needs or b_needs) or not grad_enabled.get():
        return from_array(y, None)
    needs = a_needs, b_needs
    plan = op.plans.get(needs) or plan_for(op, needs)
    kept = plan.pick((left, right, y)) if plan.pick else kept_values(op, plan, (left, right), y, op.options, needs)
    sources = from_a or a.source, from_b or b.source  # a constant gets its node when an op first records it
    node = make_node(op, sources, one_shape[y.shape], one_dtype[y.dtype], plan, kept, op.options)
    return output(y, node)
