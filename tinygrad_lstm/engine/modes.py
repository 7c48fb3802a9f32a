"""Modes: whether ops are recorded, in this thread.

Modes are per thread: one thread's ``no_grad`` does not reach another, and every thread starts with the default.
"""

from __future__ import annotations

from contextvars import ContextVar

from tinygrad_lstm.engine.blocks import Block

# Every op reads it, and a context variable is read in a third of the time of a threading.local's attribute
grad_enabled: ContextVar[bool] = ContextVar("grad_enabled", default=True)


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
