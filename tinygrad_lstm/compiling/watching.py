"""Watching a function while it is recorded: which arrays its ops are given, and what it reads outside the graph.

A graph does not hold all that a program of it needs. A constant keeps its shape and not its array; an array beside a
tensor is copied, so that it no longer shows whose it was; and a value that f reads out of a tensor, to decide something
by it, leaves no trace at all. All of these pass through few functions of the engine. Python reports every call of a
function to a profile function; ours looks at the calls of those few, and only while f is recorded, so that nothing is
paid for this elsewhere.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

import numpy as np

from tinygrad_lstm.engine import calls, creation, literals, record
from tinygrad_lstm.engine.call_site import in_engine
from tinygrad_lstm.engine.handle import Handle
from tinygrad_lstm.engine.node import Node
from tinygrad_lstm.engine.numpy_protocol import PLAIN, NumpyProtocol
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import UnsupportedError
from tinygrad_lstm.func.checkpoint import run_checkpoint

SHAPES = {np.shape, np.ndim, np.size, np.result_type, np.zeros_like, np.ones_like, np.full_like, np.empty_like}
VALUES = PLAIN - SHAPES  # NumPy's functions that read the values of a tensor
COMPARED = [getattr(Tensor, f"__{name}__") for name in ("eq", "ne", "lt", "le", "gt", "ge", "bool")]
PLACES = [Tensor.argmax, Tensor.argmin, Tensor.argsort, Tensor.nonzero, Tensor.any, Tensor.all]
READERS: list[Any] = [Tensor.data.fget, Tensor.numpy, Tensor.item, Tensor.tolist, *COMPARED, *PLACES]  # type: ignore[attr-defined]  # a property


def code_of(function: Any) -> CodeType:
    """The code that runs, under any decorators."""
    code: CodeType = getattr(function, "__wrapped__", function).__code__
    return code


@dataclass(eq=False)
class Draw:
    """An array that a function drew at random, and the call that draws another: ``function(*arguments)``."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    array: Any


@dataclass
class Watch:
    """What was seen while a function ran."""

    handles: dict[Node, Any] = field(default_factory=dict)  # of leaves and constants, by their nodes
    originals: dict[int, tuple[Any, Any]] = field(default_factory=dict)  # by id: a copy, and the array it is of
    draws: list[Draw] = field(default_factory=list)
    drawing: list[FrameType] = field(default_factory=list)  # the calls that have asked for the generator
    raised: list[Node] = field(default_factory=list)  # constants that need a gradient while f is recorded

    def close(self) -> None:
        """Let constants be constants again."""
        for node in self.raised:
            node.requires_grad = False

    def given(self, value: Any) -> None:
        """Note the tensors among the inputs of an op.

        A constant is recorded as a leaf, so that the first step, which reads a constant state, has the same lines
        backward as all others; what is not wanted of them is dropped.
        """
        if isinstance(value, Handle):
            node = value.source.node
            if node.op is None:
                self.handles.setdefault(node, value)
                if not node.requires_grad and value._data.dtype.kind == "f" and not node.params:
                    node.requires_grad = True
                    self.raised.append(node)
        elif isinstance(value, list | tuple):
            for part in value:
                self.given(part)


Seen = Callable[[Watch, FrameType, str, Any], None]


def _op(*names: str) -> Seen:
    def seen(watch: Watch, frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            for name in names:
                watch.given(frame.f_locals[name])

    return seen


def _copied(watch: Watch, frame: FrameType, event: str, result: Any) -> None:
    if event == "return" and result is not None:
        array = frame.f_locals["array"]
        watch.originals[id(result)] = result, watch.originals.get(id(array), (None, array))[1]


def _asked_for_the_generator(watch: Watch, frame: FrameType, event: str, _: Any) -> None:
    if event == "call" and frame.f_back is not None:
        watch.drawing.append(frame.f_back)


def _read(watch: Watch, frame: FrameType, event: str, _: Any) -> None:
    caller = frame.f_back
    while caller is not None and caller.f_code.co_name == "run" and "errors" in caller.f_code.co_filename:
        caller = caller.f_back  # a decorator
    if event == "call" and caller is not None and not in_engine[caller.f_code.co_filename]:
        _refuse_reading(frame.f_locals["self"], frame.f_code.co_name)


def _read_by_numpy(watch: Watch, frame: FrameType, event: str, _: Any) -> None:
    function: Any = frame.f_locals.get("ufunc", frame.f_locals.get("function"))
    inputs = frame.f_locals.get("inputs", frame.f_locals.get("args", ()))
    if event == "call" and function in VALUES:
        for value in inputs:
            _refuse_reading(value, f"np.{function.__name__}")


def _refuse_reading(tensor: Any, name: str) -> None:
    if isinstance(tensor, Handle) and tensor._source is not None and tensor._source.node.requires_grad:
        raise UnsupportedError(
            f"compile() cannot see what a function does with the values of a tensor: {name} reads those of "
            f"{tensor._source.node}. Use ops instead (tg.where for an if), or give the values as an array"
        )


def _run_as_a_checkpoint(_: Watch, __: FrameType, event: str, ___: Any) -> None:
    if event == "call":
        raise UnsupportedError(
            "compile() cannot look into a checkpoint, whose ops run in the backward pass: compile the function without "
            "checkpoint(), a layer without checkpoint="
        )


WATCHED: dict[CodeType, Seen] = {
    run_checkpoint.__code__: _run_as_a_checkpoint,
    record.record_one.__code__: _op("x"),
    record.record_two.__code__: _op("a", "b"),
    calls.call.__code__: _op("args", "kwargs"),
    literals.snapshot.__code__: _copied,
    creation.generator.__code__: _asked_for_the_generator,
    code_of(NumpyProtocol.__array_ufunc__): _read_by_numpy,
    code_of(NumpyProtocol.__array_function__): _read_by_numpy,
    **{code_of(function): _read for function in READERS},
}


@contextmanager
def watching(watch: Watch) -> Iterator[None]:
    """A block in which this thread's calls of the engine are watched."""
    outer = sys.getprofile()

    def profile(frame: FrameType, event: str, result: Any) -> None:
        if event not in ("call", "return"):
            return
        if event == "return" and watch.drawing and watch.drawing[-1] is frame:
            _drew(watch, frame, result)
        seen = WATCHED.get(frame.f_code)
        if seen is not None:
            seen(watch, frame, event, result)

    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(outer)


def _drew(watch: Watch, frame: FrameType, result: Any) -> None:
    """A function that asked for the generator returns: can it be called again for another draw?"""
    while watch.drawing and watch.drawing[-1] is frame:
        watch.drawing.pop()
    code = frame.f_code
    function: Any = frame.f_globals.get(code.co_name)
    if isinstance(result, np.ndarray) and getattr(function, "__code__", None) is code and not code.co_freevars:
        arguments = tuple(frame.f_locals[name] for name in code.co_varnames[: code.co_argcount])
        watch.draws.append(Draw(function, arguments, result))
    else:
        raise UnsupportedError(
            f"compile() cannot draw the random numbers of {code.co_qualname} anew at each call: it can where a "
            "function of a module draws an array and returns it"
        )
