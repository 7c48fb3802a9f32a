"""What an attribute holds: the modules and parameters in lists, tuples and dicts, however nested, by dotted names.

``layers.0`` is the first of the list ``layers``, ``heads.word`` what the dict ``heads`` has under "word". The names are
those that a ModuleList gives.
"""

from __future__ import annotations

from collections import UserDict, UserList, deque
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import numpy as np

from tinygrad_lstm.errors import ArgumentError

BY_KEY: tuple[type, ...] = (dict, UserDict, MappingProxyType)
CONTAINERS: tuple[type, ...] = (list, tuple, deque, UserList, type({}.values()), *BY_KEY)
NAMELESS = (set, frozenset, np.ndarray)  # no names for what is in them: a module there is refused
MAY_HOLD = CONTAINERS + NAMELESS
HOLD_NOTHING = frozenset({int, float, bool, str, type(None)})  # found at once: isinstance asks two abstract classes
LARGE = 256  # a longer container may be data: a vocabulary, a million numbers


def can_grow(value: Any) -> bool:
    """Whether more can be put into a value later on: a list, a dict, a tuple with one of them inside."""
    if isinstance(value, tuple):
        return any(isinstance(entry, CONTAINERS) for entry in value)
    return isinstance(value, CONTAINERS)


def find_parts(
    name: str, value: Any, kinds: tuple[type, ...], seen: frozenset[int] = frozenset()
) -> Iterator[tuple[str, Any]]:
    """Every object of these kinds in a value, by its dotted name: the value itself, or what its containers hold.

    A container of more than 256 entries is data, and passed over, if neither the first nor the last entry is or holds
    such an object. Raises ArgumentError for one in a set or an array, and for keys of a dict that are one word.

    >>> list(find_parts("x", [1, ["a", 2], {"b": "c"}], (str,)))
    [('x.1.0', 'a'), ('x.2.b', 'c')]
    """
    visited = set(seen)
    waiting = [(name, value)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, kinds):
            yield name, value
        elif isinstance(value, MAY_HOLD) and id(value) not in visited:
            visited.add(id(value))
            waiting += reversed(_worth_a_look(name, value, kinds, visited))


def _worth_a_look(name: str, value: Any, kinds: tuple[type, ...], visited: set[int]) -> list[tuple[str, Any]]:
    """The entries of a container that are, or may hold, what is looked for."""
    if type(value) in (list, tuple) and HOLD_NOTHING.difference(kinds).issuperset(map(type, value)):
        return []  # numbers and words, as in most: at C's speed
    if isinstance(value, NAMELESS):
        _refuse_nameless(name, value, kinds)
        return []
    by_key = isinstance(value, BY_KEY)
    value = value.data if isinstance(value, UserList | UserDict) else value
    entries = value.values() if by_key else value
    inside = kinds + MAY_HOLD
    if len(entries) > LARGE:
        ends = next(iter(entries)), next(reversed(entries))
        if not any(True for end in ends for _ in find_parts(name, end, kinds, frozenset(visited))):
            return []
    if not any(issubclass(kind, inside) for kind in set(map(type, entries))):  # mostly the answer is no
        return []
    keyed = value.items() if by_key else enumerate(value)
    worth = [(f"{name}.{key}", entry) for key, entry in keyed if isinstance(entry, inside)]
    names = [name for name, _ in worth]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ArgumentError(f"two keys of a dict make the same name, {twice}: parts are named by words or by numbers")
    return worth


def _refuse_nameless(name: str, value: Any, kinds: tuple[type, ...]) -> None:
    """ArgumentError for a set or an array of objects that holds what is looked for."""
    entries = value if not isinstance(value, np.ndarray) else value.ravel() if value.dtype.hasobject else ()
    some = entries if len(entries) <= LARGE else [next(iter(entries))]
    held = next((type(entry).__name__ for entry in some if isinstance(entry, kinds)), None)
    if held is not None:
        raise ArgumentError(
            f"{name} is a {type(value).__name__} that holds a {held}, which has no name there, so it would not be "
            "trained: put it into an nn.ModuleList, a list or a dict"
        )
