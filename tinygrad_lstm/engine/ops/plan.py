"""What a recorded op keeps for backward, and which rules it will call: made once for each set of wanted inputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, TypeAlias

Rule: TypeAlias = Callable[..., Any]
Call: TypeAlias = tuple[int, Rule, tuple[int, ...]]  # for input k: the rule, called rule(g, *[kept[n] for n in needs])


@dataclass(frozen=True, slots=True)  # read at every op: a NamedTuple's fields take twice as long
class Plan:
    """What to keep, and whom to call, when just these inputs want a gradient.

    ``pick`` takes the kept values out of ``(*inputs, y)``; it is None when some of them are not there. A joint rule is
    called first, ``joint(g, *kept)``; the calls then only take their parts of what it gave.
    """

    keep: tuple[str, ...]
    pick: Callable[[tuple[Any, ...]], tuple[Any, ...]] | None
    calls: tuple[Call, ...]
    joint: Rule | None
    several: bool  # the rules take a list of cotangents, one for each output


def picker(slots: list[int]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """A function that takes these elements out of a tuple; itemgetter gives a tuple for several, and for a slice."""
    if len(slots) > 1:
        return itemgetter(*slots)  # always a tuple
    return itemgetter(slice(slots[0], slots[0] + 1) if slots else slice(0))
