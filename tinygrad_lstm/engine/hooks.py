"""The handle on a hook: how a function that watches a gradient is removed."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeAlias

from tinygrad_lstm.engine.node import Node, changing

Watch: TypeAlias = Callable[[Any], Any]


class HookHandle:
    """What ``register_hook`` gives: ``remove()`` removes the hook. A with block does so at its end, and so does a
    call of the handle.

    A second ``remove()``, also of another thread, does nothing. Copies of a tensor have no hooks, so the copy of a
    handle, as one that a module holds, has nothing to remove.

    >>> import tinygrad_lstm as tg
    >>> x = tg.tensor(3.0, requires_grad=True)
    >>> with x.register_hook(lambda g: 10 * g):
    ...     (x * x).backward()
    >>> (x * x).backward()
    >>> x.grad
    tensor(66.)
    """

    __slots__ = ("__weakref__", "_node", "_watch")

    def __init__(self, node: Node | None = None, watch: Watch | None = None) -> None:
        self._node, self._watch = node, watch

    def remove(self) -> None:
        """Remove the hook, if it is still there."""
        with changing:
            if self._node is not None:
                self._node.hooks = tuple(other for other in self._node.hooks if other is not self._watch)
                self._node = self._watch = None  # a handle that is kept for long keeps no graph

    __call__ = remove

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def __reduce__(self) -> tuple[type[HookHandle], tuple[()]]:
        return HookHandle, ()


def add_hook(node: Node, watch: Watch) -> HookHandle:
    """Have every backward pass call ``watch`` with the node's cotangent."""
    with changing:
        node.hooks = (*node.hooks, watch)
    return HookHandle(node, watch)
