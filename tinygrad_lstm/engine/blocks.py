"""With-blocks in which a variable of this thread has another value; the old one is back after any end."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextvars import ContextVar
from types import TracebackType
from typing import Any, ClassVar, ParamSpec, TypeAlias, TypeVar, cast

from tinygrad_lstm.errors import DtypeError, UnsupportedError

P = ParamSpec("P")
R = TypeVar("R")

# The innermost open block, the value outside of it, and the same for the block around it. Every thread and every
# asyncio task has its own.
Open: TypeAlias = "tuple[Block, Any, Open] | None"
innermost: ContextVar[Open] = ContextVar("innermost", default=None)


class Block:
    """A block (``with``) or a decorated function, inside which ``variable`` has the value that ``inside`` gives.

    The object holds nothing of a run, so it may be entered again before it is left, also by other threads. Blocks may
    end in another order than they began, as those in two generators do: each takes back its own value.
    """

    __slots__ = ()
    variable: ClassVar[ContextVar[Any]]

    def inside(self, outer: Any) -> Any:
        """The value inside, given the value outside."""
        raise NotImplementedError

    def __enter__(self) -> Any:
        outer, around = self.variable.get(), innermost.get()
        try:
            innermost.set((self, outer, around))
            value = self.inside(outer)
            self.variable.set(value)
            return value
        except BaseException:  # Ctrl-C may come now, before the with statement is in charge
            self.variable.set(outer)
            innermost.set(around)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        entry, within = innermost.get(), []  # ``within``: the blocks that began in this one and go on
        while entry is not None and entry[0] is not self:
            within.append(entry)
            entry = entry[2]
        if entry is None:  # it began in another thread, which handed its generator to this one
            return
        _, value, around = entry
        for block, outer, _ in reversed(within):
            if block.variable is self.variable:
                outer, value = value, block.inside(value)
            around = block, outer, around
        try:
            self.variable.set(value)
        finally:
            innermost.set(around)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """The function, with every call of it in such a block; of an ``async def``, every run."""
        mode = type(self).__name__
        if not callable(function):
            raise DtypeError(f"@{mode}(...) decorates a function, not a {type(function).__name__}")
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise UnsupportedError(
                f"@{mode}() on the generator {function.__name__} would be over before its body runs: "
                f"say with {mode}(): inside, around what lies between two yields"
            )
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def later(*args: P.args, **kwargs: P.kwargs) -> Any:
                with self:
                    return await function(*args, **kwargs)

            return cast(Callable[P, R], later)

        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            with self:
                return function(*args, **kwargs)

        return run
