"""Where we are: the modes of this thread, the scope path, and the names of values.

Scopes nest as modules call each other, and a recurrent layer pushes one for each time step, so every node of a graph
knows the path of names it was made under. Modes are per thread: one thread's ``no_grad`` is no other's.
"""

from __future__ import annotations

import functools
import itertools
import sys
from collections.abc import Callable
from contextvars import ContextVar
from types import CodeType, FrameType, TracebackType
from typing import Any, NamedTuple, TypeAlias

from tinygrad_lstm.engine.blocks import Block
from tinygrad_lstm.errors import DtypeError

Place: TypeAlias = tuple[
    CodeType, int
]  # code object and instruction offset: never a frame, which would keep its locals


class Scope:
    """One name on the path, e.g. ``lstm`` or ``t=3``; the step is inherited by everything inside."""

    __slots__ = ("block", "caller", "is_step", "name", "parent", "step")

    def __init__(
        self, name: str, parent: Scope | None, step: int | None, caller: Place | None = None, block: scope | None = None
    ) -> None:
        self.name, self.parent, self.caller, self.block = name, parent, caller, block
        self.is_step = step is not None  # whether the name itself is that of a time step
        self.step: int | None = step if step is not None or parent is None else parent.step

    @property
    def chain(self) -> tuple[Scope, ...]:
        """The scopes from the outermost to this one."""
        scopes: list[Scope] = []
        scope: Scope | None = self
        while scope is not None:
            scopes.append(scope)
            scope = scope.parent
        return tuple(reversed(scopes))

    @property
    def path(self) -> tuple[str, ...]:
        """The names from the outermost scope to this one."""
        return tuple([scope.name for scope in self.chain])

    @property
    def module(self) -> tuple[str, ...]:
        """The same without the names of time steps, whatever these are called."""
        return tuple([scope.name for scope in self.chain if not scope.is_step])

    def __str__(self) -> str:
        return "/".join(self.path)


# What the engine should do just now, in this thread: every thread starts with the defaults. Every op reads the first
# two, and a context variable is read in a third of the time of a threading.local's attribute.
grad_enabled: ContextVar[bool] = ContextVar("grad_enabled", default=True)
current_scope: ContextVar[Scope | None] = ContextVar("current_scope", default=None)
collecting: ContextVar[dict[str, Any] | None] = ContextVar("collecting", default=None)  # where label() leaves names
current_hook: ContextVar[Callable[[Any, Any], Any] | None] = ContextVar("current_hook", default=None)  # see through()
# called with each tensor that a backward pass starts from, and its cotangent: see detect_anomaly
at_start: ContextVar[Callable[[Any, Any], None] | None] = ContextVar("at_start", default=None)


class scope(Block):  # noqa: N801  # read as a statement: with scope("name"):
    """Everything made inside belongs to this name, and to this time step (1, 2, ...) if one is given.

    >>> import tinygrad_lstm as tg
    >>> x = tg.tensor(1.0, requires_grad=True)
    >>> with tg.scope("toy"), tg.scope("t=1", step=1):
    ...     y = x * x
    >>> vertex = tg.graph_of(y).vertices[-1]
    >>> vertex.scope, vertex.step
    (('toy', 't=1'), 1)
    """

    __slots__ = ("caller", "name", "step")
    variable = current_scope

    def __init__(self, name: str, step: int | None = None, *, caller: Place | None = None) -> None:
        self.name, self.step, self.caller = name, step, caller

    def __enter__(self) -> Scope:  # a Block's, shorter: the scopes themselves say which blocks are open
        outer = current_scope.get()
        inner = Scope(self.name, outer, self.step, self.caller, self)
        try:
            current_scope.set(inner)
            return inner
        except BaseException:  # Ctrl-C may come now, before the with statement is in charge
            current_scope.set(outer)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        inner, within = current_scope.get(), []  # ``within``: the scopes that began in this one and go on
        while inner is not None and inner.block is not self:
            within.append(inner)
            inner = inner.parent
        if inner is None:  # it began in another thread, in a generator that has changed hands
            return
        scope = inner.parent
        for other in reversed(within):
            scope = Scope(other.name, scope, other.step if other.is_step else None, other.caller, other.block)
        current_scope.set(scope)


class no_grad(Block):  # noqa: N801  # PyTorch's name
    """Nothing inside is recorded: ``with no_grad():``, or ``@no_grad()`` before a function.

    >>> import tinygrad_lstm as tg
    >>> x = tg.tensor(1.0, requires_grad=True)
    >>> with tg.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    __slots__ = ()
    variable = grad_enabled

    def inside(self, outer: bool) -> bool:
        """Off."""
        return False


class enable_grad(Block):  # noqa: N801  # PyTorch's name
    """Recording is on inside, also within ``no_grad``."""

    __slots__ = ()
    variable = grad_enabled

    def inside(self, outer: bool) -> bool:
        """On."""
        return True


class through(Block):  # noqa: N801  # read as a statement: with through(hook):
    """Every backward pass inside shows ``hook(edge, cotangent)`` each contribution before it is summed.

    What the hook returns goes on instead; None cuts the edge. Hooks nest: the innermost sees a contribution first.
    With ``indexed`` the contribution of a read ``x[t]`` comes as the IndexedCotangent it is, so that T reads stay O(T);
    ``edge.whole(cotangent)`` is the array.

    >>> import tinygrad_lstm as tg
    >>> x = tg.tensor(3.0, requires_grad=True)
    >>> y = x * x
    >>> with tg.through(lambda edge, g: g if edge.name == "a" else None):
    ...     tg.grad(y, x)
    (tensor(3.),)
    """

    __slots__ = ("hook", "indexed")
    variable = current_hook

    def __init__(self, hook: Callable[[Any, Any], Any], indexed: bool = False) -> None:
        if not callable(hook):
            raise DtypeError(f"through() takes a function of an edge and a cotangent, not a {type(hook).__name__}")
        self.hook, self.indexed = hook, indexed

    def inside(self, outer: Callable[[Any, Any], Any] | None) -> Callable[[Any, Any], Any]:
        """This hook, then those outside."""
        hook, indexed = self.hook, self.indexed

        def both(edge: Any, cotangent: Any) -> Any:
            shown = cotangent if indexed else edge.shown(cotangent)
            kept = hook(edge, shown)
            kept = cotangent if kept is shown else kept
            return kept if kept is None or outer is None else outer(edge, kept)

        return both


_inside_the_engine = True  # a mark that place() looks for in a frame's globals; each engine module bears it


def caller(depth: int) -> FrameType:
    """Who called the engine: the first frame outside it, looked for from ``depth`` frames above the asker."""
    frame = sys._getframe(depth + 1)  # every frame skipped here is one that need not be made an object
    while "_inside_the_engine" in frame.f_globals and frame.f_back is not None:
        frame = frame.f_back
    return frame


def place() -> Place:
    """Where the engine was called from."""
    frame = caller(2)
    return frame.f_code, frame.f_lasti


class SourceLine(NamedTuple):
    """A place in the user's code; columns are None where Python does not know them."""

    file: str
    line: int
    first_column: int | None
    last_column: int | None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def source_line(place: Place) -> SourceLine:
    """File, line and columns of a place: looked up only when somebody asks."""
    code, offset = place
    return _source_line(code, offset, code.co_filename)  # the same function in two files is equal code


@functools.lru_cache(maxsize=4096)  # a loop makes all its nodes at a few places
def _source_line(code: CodeType, offset: int, file: str) -> SourceLine:
    for line, _, first, last in itertools.islice(code.co_positions(), offset // 2, None):
        return SourceLine(file, line or code.co_firstlineno, first, last)
    return SourceLine(file, code.co_firstlineno, None, None)
