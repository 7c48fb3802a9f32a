"""What the engine says where an op or its rule fails: which one, of what shapes, and where it was called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_lstm.engine.changes import freed_error
from tinygrad_lstm.engine.current import current_scope
from tinygrad_lstm.engine.node import Node, input_name
from tinygrad_lstm.engine.ops.primitive import Primitive
from tinygrad_lstm.engine.source_line import describe
from tinygrad_lstm.errors import DtypeError, GradError, ShapeError, TinygradError, abbreviate, kind_of, translate

# What a rule may raise: it is raised again by ``rule_failed``
FAILURES = (TinygradError, ValueError, IndexError, TypeError, AttributeError, OverflowError)


def forward_failed(
    op: Primitive[Any, Any], arrays: Sequence[Any], params: Mapping[str, Any], error: Exception
) -> TinygradError:
    """The error of a forward, raised again with the op, the shapes, the module and the step."""
    given = [f"{input_name(op, k)} {_shape(array)}" for k, array in enumerate(arrays[:6])]
    given += [f"... {len(arrays)} in all"] if len(arrays) > 6 else []
    given += [f"{name}={abbreviate(value)}" for name, value in params.items()]
    scope = current_scope.get()
    where = f" in {scope}" if scope is not None else ""
    return translate(error, f"{op.name}({', '.join(given)}){where}", ShapeError)


def _shape(value: Any) -> str:
    """The shape of an input; of a literal that is no array yet, and may never be one, what it is."""
    return str(np.shape(value)) if isinstance(value, np.ndarray | np.generic | int | float) else abbreviate(value)


def complex_refused(what: str) -> DtypeError:
    """The error for complex numbers where an op is recorded."""
    return DtypeError(
        f"{what}: the rules hold for real numbers only. Compute with the real and the imaginary part as two tensors"
    )


def masked_refused() -> DtypeError:
    """The error for a masked array among tensors."""
    return DtypeError(
        "a masked array would lose its mask here: give its .filled(0), and the mask to tg.where or to the loss"
    )


def rule_failed(node: Node, position: int | None, error: Exception) -> TinygradError:
    """The error of a rule, with the op, its input (None: the joint rule), and the line of the forward pass."""
    if node.freed_by is not None:  # by another thread, in the middle of this pass
        return freed_error([node])
    kind = type(error) if isinstance(error, TinygradError) else kind_of(error, ShapeError)
    return kind(f"{_rule(node, position)} failed: {error}; in backward of {describe(node)}")


def unfit(node: Node, position: int, gave: str, wrong: type[TinygradError] = DtypeError) -> TinygradError:
    """The error for a rule that gave this, which is no cotangent of its input."""
    return wrong(f"{_rule(node, position)} gave {gave}; in backward of {describe(node)}")


def _rule(node: Node, position: int | None) -> str:
    assert node.op is not None
    return f"the rule of {node.op.name}" + (f" for {input_name(node.op, position)}" if position is not None else "")


def no_second_derivative(op: Primitive[Any, Any]) -> GradError:
    """The error for a joint rule that works with what its forward saved, where it should be recorded."""
    return GradError(
        f"{op.name} saves arrays for its backward, which no graph leads through, so it has no second derivative "
        f"(create_graph=True); use its composed form"
    )
