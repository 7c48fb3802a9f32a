"""Hooks on every output of an op, in this thread: while a thread has one, its ops run through a second interpreter.

When no thread has one, the engine is as it was, and nothing is paid for them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import ContextVar
from types import TracebackType
from typing import Any, TypeAlias

from tinygrad_lstm.engine.blocks import Block
from tinygrad_lstm.engine.handle import Handle
from tinygrad_lstm.engine.ops.primitive import Primitive

OutputHook: TypeAlias = Callable[[Primitive[Any, Any], tuple[Any, ...], dict[str, Any], Any], Any]
current: ContextVar[OutputHook | None] = ContextVar("output_hook", default=None)
_lock = threading.Lock()
_inside: list[tuple[Any, Any, Any]] = []  # the engine's interpreters, once for each block that is open in any thread


class outputs_through(Block):  # noqa: N801  # read as a statement: with outputs_through(hook):
    """Every op inside goes on with what ``hook(op, args, kwargs, y)`` returns in place of its output y.

    y is a Tensor, or of an op with several outputs a tuple. Hooks nest: the innermost sees an output first.
    """

    __slots__ = ("hook",)
    variable = current

    def __init__(self, hook: OutputHook) -> None:
        self.hook = hook

    def inside(self, outer: OutputHook | None) -> OutputHook:
        """This hook, then those outside."""
        hook = self.hook
        return hook if outer is None else lambda op, args, kwargs, y: outer(op, args, kwargs, hook(op, args, kwargs, y))

    def __enter__(self) -> None:
        _install()
        try:
            super().__enter__()
        except BaseException:
            _uninstall()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            super().__exit__(kind, error, trace)
        finally:
            _uninstall()


def _install() -> None:
    """Put the second interpreter around the engine's own, unless another block has done so."""
    with _lock:
        _inside.append(_inside[0] if _inside else (Primitive.interpreter, Primitive.of_one, Primitive.of_two))
        if len(_inside) == 1:
            every, one, two = _inside[0]

            def interpreter(op: Any, args: Any, kwargs: Any) -> Any:
                return _hand_over(op, args, kwargs, every(op, args, kwargs))

            def of_one(op: Any, x: Any) -> Any:  # a fast path, which hands what is no Tensor to the interpreter
                return _hand_over(op, (x,), {}, one(op, x)) if isinstance(x, Handle) else interpreter(op, (x,), {})

            def of_two(op: Any, a: Any, b: Any) -> Any:
                fast = isinstance(a, Handle) and isinstance(b, Handle)
                return _hand_over(op, (a, b), {}, two(op, a, b)) if fast else interpreter(op, (a, b), {})

            Primitive.interpreter, Primitive.of_one, Primitive.of_two = interpreter, of_one, of_two


def _uninstall() -> None:
    with _lock:
        engine = _inside.pop()
        if not _inside:
            Primitive.interpreter, Primitive.of_one, Primitive.of_two = engine


def _hand_over(op: Primitive[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any], y: Any) -> Any:
    if (hook := current.get()) is None:
        return y
    current.set(None)  # it does not see its own ops
    try:
        return hook(op, args, kwargs, y)
    finally:
        current.set(hook)
