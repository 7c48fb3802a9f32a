"""Stop where the first NaN or inf is made, forward or backward, and report what is known about that op.

While a thread is in the mode, a hook looks at the output of every op, and another at each contribution of a backward
pass before it is summed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from contextvars import ContextVar
from types import TracebackType
from typing import Any

import numpy as np

from tinygrad_lstm.engine.blocks import Block
from tinygrad_lstm.engine.call_site import first_outside
from tinygrad_lstm.engine.current import current_scope
from tinygrad_lstm.engine.kept import kept_values
from tinygrad_lstm.engine.node import Edge, Node, input_name
from tinygrad_lstm.engine.ops.binding import bind
from tinygrad_lstm.engine.ops.primitive import Primitive
from tinygrad_lstm.engine.outputs import outputs_through
from tinygrad_lstm.engine.scope import Scope
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.engine.through import at_start, through
from tinygrad_lstm.errors import AnomalyError
from tinygrad_lstm.explain.source import assigned_name, caller_of, underline
from tinygrad_lstm.explain.values import describe, first_not_finite, is_finite, plain

# The blocks that are open in this thread, each with what to undo when it ends
watching: ContextVar[tuple[tuple[Block, ExitStack], ...]] = ContextVar("watching", default=())


class detect_anomaly(Block):  # noqa: N801  # PyTorch's name
    """A block, or a function (``@detect_anomaly()``), in which the first NaN or inf is an error where it is made.

    Forward: an op whose output has a NaN, or an inf that none of its inputs has. So a mask of -inf may be used, but
    log(0) is an error, and so is the first op that computes with a NaN it was given. Backward: a loss that is not
    finite, and the first derivative that is not. The AnomalyError names op, label, step, scope, shapes, least and
    largest numbers, and the line, with the part of it that ran. NumPy's own warnings are silent inside. Everything
    costs more in the block, and nothing outside.

    Raises AnomalyError.

    >>> import tinygrad_lstm as tg
    >>> x = tg.tensor([1.0, 0.0], requires_grad=True)
    >>> with detect_anomaly(), tg.scope("toy"), tg.scope("t=7", step=7):
    ...     f = tg.log(x)
    Traceback (most recent call last):
    tinygrad_lstm.errors.AnomalyError: log gave inf of finite numbers, for f, at step 7, in toy/t=7
      x (leaf): (2,): 0 to 1
      gave: (2,): 0, 1 inf
      ...
    """

    __slots__ = ()
    variable = watching

    def __enter__(self) -> None:
        with ExitStack() as modes:
            modes.enter_context(np.errstate(divide="ignore", invalid="ignore", over="ignore"))
            modes.enter_context(outputs_through(_check))
            modes.enter_context(through(_check_contribution, indexed=True))
            watching.set((*watching.get(), (self, modes.pop_all())))
            at_start.set(_check_start)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        entered = list(watching.get())
        last = max((k for k, (block, _) in enumerate(entered) if block is self), default=None)
        if last is None:  # it began in another thread, which handed its generator to this one
            return
        _, modes = entered.pop(last)
        watching.set(tuple(entered))
        at_start.set(_check_start if entered else None)
        modes.close()


# Forward ------------------------------------------------------------------------------------------------------------


def _check(op: Primitive[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any], y: Any) -> Any:
    """y, the output of the op, if it is finite."""
    for part in y if op.multi_output else (y,):
        if not is_finite(part._data):
            _refuse_new(op, bind(op, args, kwargs)[0], part)
    return y


def _refuse_new(op: Primitive[Any, Any], inputs: Sequence[Any], y: Tensor) -> None:
    """Raise, unless the op only passes its input on."""
    has_nan = bool(np.isnan(y._data).any())
    spoilt = [value for value in inputs if not is_finite(value)]
    nans = [k for k, value in enumerate(inputs) if plain(value).dtype.kind in "fc" and np.isnan(plain(value)).any()]
    if spoilt and (not has_nan or (nans and op.view)):
        return  # it passes its input on, or views it in another shape: the first op that computes with it is reported
    frame = first_outside(sys._getframe())
    place, scope = (frame.f_code, frame.f_lasti), current_scope.get()
    if nans:
        what = f"{_name_input(op, nans[0], inputs[nans[0]])} held NaN before {op.name} read it"
    else:
        what = f"{op.name} gave {'NaN' if has_nan else 'inf'} of {'inf' if spoilt else 'finite numbers'}"
    lines = [what + _where(assigned_name(place), scope)]
    lines += [f"{_name_input(op, k, value)}: {describe(value)}" for k, value in enumerate(inputs[:8])]
    raise AnomalyError(_report([*lines, f"gave: {describe(y._data)}", underline(place)], scope))


def _where(name: str, scope: Scope | None) -> str:
    step = f", at step {scope.step}" if scope is not None and scope.step is not None else ""
    return (f", for {name}" if name else "") + step + (f", in {scope}" if scope is not None else "")


def _name_input(op: Primitive[Any, Any], position: int, value: Any) -> str:
    """An input by its name in the op, and by its label if it has one."""
    node = value._source.node if isinstance(value, Tensor) and value._source is not None else None
    kind = "literal" if not isinstance(value, Tensor) else "constant" if node is None or not node.requires_grad else ""
    kind = kind or ("leaf" if node is not None and node.op is None else "computed")
    return f"{input_name(op, position)} ({(node.label + ', ') if node is not None and node.label else ''}{kind})"


def _report(lines: list[str], scope: Scope | None) -> str:
    called = caller_of(scope)
    lines = [*lines, f"called from {called}"] if called is not None else lines
    return "\n".join(lines).replace("\n", "\n  ")


# Backward -----------------------------------------------------------------------------------------------------------


def _check_start(tensor: Tensor, cotangent: Any) -> None:
    """Refuse to start from a NaN or an inf with a cotangent other than zero."""
    if not is_finite(cotangent):
        raise AnomalyError(f"backward was given a cotangent that is not finite: {describe(cotangent)}")
    spoilt = ~np.isfinite(tensor._data) & (cotangent != 0)
    if spoilt.any():
        node = tensor.source.node
        lines = [f"backward starts from a value that is not finite: {node}", describe(tensor._data)]
        raise AnomalyError(_report([*lines, *_origin(node)], node.scope))


def _check_contribution(edge: Edge, c: Any) -> Any:
    """c, if it is finite. All contributions before it were, so one that is not was made by this rule."""
    if is_finite(c):
        return c
    node, g, c = edge.reader, edge.cotangent, edge.whole(c)
    assert node.op is not None
    values = [value for value in kept_values(node) if plain(value.array).dtype.kind in "fc"]
    what = "NaN" if np.isnan(plain(c)).any() else "inf"
    cotangents = g if isinstance(g, list) else [g]
    lines = [f"the derivative of {node.op.name} for its input {edge.name} is {what}"]
    origin: list[str] = []
    if not all(map(is_finite, cotangents)):
        by = "a hook changed it" if node.hooks else "what came to it was finite, but its sum is not"
        lines[0] += f": {by}"
    elif not all(is_finite(value.array) for value in values):
        lines[0] += ": what the forward pass kept for it was not finite"
        origin = _origin(node)
    else:
        lines[0] += ", though all that it was made of is finite"
    lines[0] += _where(node.label or assigned_name(node.call_site), node.scope)
    lines += [f"backward of {node}"]
    lines += [f"g: {describe(part)}" for part in cotangents[:4]]
    lines += [
        f"{name}{f' ({vertex.label})' if vertex and vertex.label else ''}: {describe(a)}"
        for name, vertex, a in values[:8]
    ]
    raise AnomalyError(_report([*lines, f"gave: {describe(c)}", underline(node.call_site), *origin], node.scope))


def _origin(node: Node) -> list[str]:
    """Where the first value that is not finite was made, as far as it was kept."""
    found = first_not_finite(node)
    if found is None:
        return ["no value that the graph kept shows where it was made: run the forward pass in detect_anomaly() too"]
    first, array = found
    return [f"the first that the graph shows is {first}", describe(array), underline(first.call_site)]
