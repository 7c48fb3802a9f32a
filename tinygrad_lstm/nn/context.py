"""What a module remembers from call to call, in each thread for itself: so threads may share the module."""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")


class PerContext(Generic[T]):
    """A value for each owner; every thread and every asyncio task has its own, which is removed with the owner.

    >>> class Owner:
    ...     pass
    >>> owner, remembered = Owner(), PerContext("remembered")
    >>> remembered[owner] = 3
    >>> remembered.get(owner), remembered.get(Owner())
    (3, None)
    """

    def __init__(self, name: str) -> None:
        self._values: ContextVar[WeakKeyDictionary[object, T] | None] = ContextVar(name, default=None)

    def get(self, owner: object) -> T | None:
        """Its value in this context, if there is one."""
        values = self._values.get()
        return None if values is None else values.get(owner)

    def __setitem__(self, owner: object, value: T) -> None:
        values = WeakKeyDictionary(self._values.get() or {})  # a new one: a task starts with that of its maker
        values[owner] = value
        self._values.set(values)

    def forget(self, owners: Iterable[object]) -> None:
        """As if these had none in this context."""
        if values := self._values.get():
            gone = set(map(id, owners))
            self._values.set(WeakKeyDictionary({o: value for o, value in values.items() if id(o) not in gone}))

    def now(self) -> WeakKeyDictionary[object, T] | None:
        """All values of this context, as they are; what is set later is not in it."""
        return self._values.get()

    def set_now(self, values: WeakKeyDictionary[object, T] | None) -> None:
        """The values of another moment in place of those of this context."""
        self._values.set(values)
