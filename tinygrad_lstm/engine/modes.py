"""Modes: blocks inside which ops are recorded, or are not."""

from __future__ import annotations

from tinygrad_lstm.engine.blocks import Block
from tinygrad_lstm.engine.current import grad_enabled


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
