"""How modules are copied and pickled: a whole group at once and without recursion, so that any nesting works.

First come all the modules, still empty, then what each of them holds. Modules may point at each other in circles, and
what is shared (a tied weight, a module used twice) is shared in the copy. Gradients come along, hooks do not: see
``Tensor``.
"""

from __future__ import annotations

import copyreg
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, ClassVar, Self
from weakref import WeakValueDictionary


class Copied:
    """What ``copy``, ``deepcopy`` and ``pickle`` ask of a module. A subclass may have a ``__getstate__`` of its own."""

    def modules(self) -> Iterator[Any]:
        """This module and all that are parts of it."""
        raise NotImplementedError

    def __copy__(self) -> Self:
        return _restore(_empty(self), self.__getstate__())  # type: ignore[no-any-return]  # the empty module it was given

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """A copy that shares nothing with this module: parameters with their gradients, without their hooks."""
        group = [part for part in self.modules() if part is self or (id(part) not in memo and _copies_plainly(part))]
        memo.update({id(part): _empty(part) for part in group})
        for part in group:
            _restore(memo[id(part)], deepcopy(part.__getstate__(), memo))
        return memo[id(self)]  # type: ignore[no-any-return]  # what the memo holds for self is its copy

    def __reduce__(self) -> str | tuple[Any, ...]:
        """An empty module; what it holds comes with its group."""
        if not _is_plain(self):  # a subclass with a __reduce__ of its own, which asks for what it extends
            return object.__reduce__(self)
        group = Group.being_written.get(id(self)) or Group([part for part in self.modules() if _is_plain(part)])
        return copyreg.__newobj__, (type(self),), group, None, None, _comes_with_its_group  # type: ignore[attr-defined]


class Group:
    """Modules that hang together, as a pickler writes them: a list of them, all empty, then what each holds.

    The pickler asks every module in the list for its group, and gets this one, which it has begun to write already. So
    a group is known from its making until its list is written, or until the pickler, which alone holds it, is gone.
    """

    being_written: ClassVar[WeakValueDictionary[int, Group]] = WeakValueDictionary()

    def __init__(self, modules: list[Any]) -> None:
        self.modules = modules
        Group.being_written.update({id(module): self for module in modules})

    def __reduce__(self) -> tuple[Any, ...]:
        return Group, ([],), (self.modules, Contents(self)), None, None, _fill


class Contents:
    """What the modules of a group hold, asked for when a pickler comes to it: by then their list is written."""

    def __init__(self, group: Group) -> None:
        self.group = group

    def __reduce__(self) -> tuple[Any, ...]:
        for module in self.group.modules:
            Group.being_written.pop(id(module), None)
        return list, (), None, iter([module.__getstate__() for module in self.group.modules])


def _fill(group: Group, state: tuple[list[Any], list[Any]]) -> None:
    """Give every module of the group what it held."""
    for module, held in zip(*state, strict=True):
        _restore(module, held)


def _comes_with_its_group(module: Any, group: Group) -> None:
    """Nothing is left to do: the group fills its modules."""


def _is_plain(module: Any) -> bool:
    """Whether it is pickled as modules are, not by a method of its own class."""
    kind: Any = type(module)
    return bool(kind.__reduce__ is Copied.__reduce__ and kind.__reduce_ex__ is object.__reduce_ex__)


def _copies_plainly(module: Any) -> bool:
    """The same of ``deepcopy``."""
    kind: Any = type(module)
    return bool(kind.__deepcopy__ is Copied.__deepcopy__)


def _empty(module: Any) -> Any:
    kind: Any = type(module)
    return kind.__new__(kind)


def _restore(module: Any, held: Any) -> Any:
    """The module, once it has what ``__getstate__`` gave: attributes, or those and slots."""
    if hasattr(type(module), "__setstate__"):
        module.__setstate__(held)
        return module
    attributes, slots = held if isinstance(held, tuple) else (held, None)
    vars(module).update(attributes or {})
    for name, value in (slots or {}).items():
        object.__setattr__(module, name, value)
    return module
