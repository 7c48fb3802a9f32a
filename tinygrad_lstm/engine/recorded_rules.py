"""Rules that run on Tensors, so that the backward pass has a graph of its own: ``create_graph``, second derivatives."""

from __future__ import annotations

from typing import Any

from tinygrad_lstm.engine.changes import freed_error
from tinygrad_lstm.engine.failures import no_second_derivative
from tinygrad_lstm.engine.handle import from_array
from tinygrad_lstm.engine.node import Node, Source, make_source
from tinygrad_lstm.engine.ops.primitive import Array


def kept_as_tensors(node: Node) -> tuple[Any, ...]:
    """What the node kept, with its inputs and outputs as Tensors, so that the rules run on them are recorded."""
    op, plan, kept = node.op, node.plan, node.kept
    assert op is not None
    assert plan is not None
    if node.freed_by is not None:  # by another thread, in the middle of this pass
        raise freed_error([node])

    def lift(value: Array, source: Source | None) -> Any:
        return value if source is None or not source.node.requires_grad else from_array(value, source)

    values: list[Any] = []
    for name, value in zip(plan.keep, kept, strict=True):
        if name == op.spelling.saved:
            raise no_second_derivative(op)
        if name == op.spelling.y:
            outputs = enumerate(value if op.multi_output else [value])
            tensors = tuple(from_array(part, make_source(node, k)) for k, part in outputs)
            value = tensors if op.multi_output else tensors[0]
        elif name in op.inputs:
            k = op.inputs.index(name)
            value = tuple(map(lift, value, node.sources)) if op.sequence else lift(value, node.sources[k])
        values.append(value)
    return tuple(values)
