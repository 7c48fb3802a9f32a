"""The scope: the path of names, and the time step, under which a node is made.

Scopes nest as modules call each other, and a recurrent layer opens one for each time step, so every node of a graph
knows the path of names it was made under. Every thread has its own.
"""

from __future__ import annotations

from sys import _getframe
from types import TracebackType
from typing import Any

import numpy as np

from tinygrad_lstm.engine.blocks import Block
from tinygrad_lstm.engine.call_site import CallSite, first_outside
from tinygrad_lstm.engine.current import current_scope
from tinygrad_lstm.errors import ArgumentError


class Scope:
    """One name on the path, e.g. ``lstm`` or ``t=3``; the step is inherited by everything inside."""

    __slots__ = ("block", "caller", "is_step", "name", "parent", "step")

    def __init__(
        self,
        name: str,
        parent: Scope | None,
        step: int | None,
        caller: CallSite | None = None,
        block: scope | None = None,
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


class scope(Block):  # noqa: N801  # read as a statement: with scope("name"):
    """Everything made inside belongs to this name, and to this time step (1, 2, ...) if one is given.

    >>> import tinygrad_lstm as tg
    >>> x = tg.tensor(1.0, requires_grad=True)
    >>> with tg.scope("toy"), tg.scope("t=1", step=1):
    ...     y = x * x
    >>> vertex = tg.graph_of(y).vertices[-1]
    >>> vertex.scope, vertex.step
    (('toy', 't=1'), 1)

    Raises ArgumentError for a name that is no text and a step that is no whole number.
    """

    __slots__ = ("caller", "name", "step")
    variable = current_scope

    def __init__(self, name: str, step: int | None = None, *, caller: CallSite | None = None) -> None:
        if type(name) is not str or (step is not None and type(step) is not int):
            name, step = _checked(name, step)
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
        inner = current_scope.get()
        if inner is not None and inner.block is self:  # as nearly always: none that began in this one goes on
            current_scope.set(inner.parent)
            return
        within = []  # the scopes that do
        while inner is not None and inner.block is not self:
            within.append(inner)
            inner = inner.parent
        if inner is None:  # it began in another thread, which handed its generator to this one
            return
        scope = inner.parent
        for other in reversed(within):
            scope = Scope(other.name, scope, other.step if other.is_step else None, other.caller, other.block)
        current_scope.set(scope)


def called_from() -> CallSite:
    """The line that called the caller of this function: a module notes it on its scope."""
    frame = first_outside(_getframe(2))
    return frame.f_code, frame.f_lasti


def _checked(name: Any, step: Any) -> tuple[str, int | None]:
    """Name and step of a scope, if they are a text and a whole number, of a subclass or of NumPy's kinds too."""
    if not isinstance(name, str):
        raise ArgumentError(f"the name of a scope is a text, not {name!r}")
    if step is not None and (isinstance(step, bool) or not isinstance(step, int | np.integer)):
        raise ArgumentError(f"the step of a scope is a whole number, not {step!r}")
    return str(name), None if step is None else int(step)
