"""What is in force in this thread: whether ops are recorded, under which scope, and what watches a backward pass.

The engine reads these variables. Users set them with blocks such as ``with no_grad():``; see ``modes``, ``scope`` and
``through`` in chapter 4. Every thread and asyncio task has its own, so one thread's block does not reach another.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinygrad_lstm.engine.scope import Scope

# Context variables: every op reads grad_enabled, and a threading.local's attribute would take three times as long
grad_enabled: ContextVar[bool] = ContextVar("grad_enabled", default=True)
current_scope: ContextVar[Scope | None] = ContextVar("current_scope", default=None)  # the path, as lstm/t=3
# A hook is a function of the user's that a backward pass calls with every contribution before it is added up
current_hook: ContextVar[Callable[[Any, Any], Any] | None] = ContextVar("current_hook", default=None)
