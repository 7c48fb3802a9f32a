"""How many numbers each module of a network learns, all counted at once."""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING

from tinygrad_lstm.engine.tensor import Tensor

if TYPE_CHECKING:
    from tinygrad_lstm.nn.module import Module


def parameter_counts(module: Module) -> dict[int, int]:
    """``parameter_count()`` of the module and of every part, by its id: what is shared counts once in each.

    Each module has a set of parameters, its own and those of its parts, as the bits of a number. Where modules point at
    each other in circles, this repeats until no set grows.
    """
    sizes: dict[int, int] = {}
    bits: dict[int, int] = {}  # which bit a parameter is
    sets: dict[int, int] = {}  # the parameters of each module
    inside: dict[int, list[int]] = {}
    for part in module.modules():
        held = [value for _, value in part._parts()]
        own = [value for value in held if isinstance(value, Tensor)]
        for parameter in own:
            sizes[bits.setdefault(id(parameter), 1 << len(bits))] = parameter.size
        sets[id(part)] = sum({bits[id(parameter)] for parameter in own})
        inside[id(part)] = [id(value) for value in held if not isinstance(value, Tensor)]
    order, grown = list(sets), True
    while grown:
        grown = False
        order.reverse()  # from the innermost outwards, then back
        for outer in order:
            before = sets[outer]
            for inner in inside[outer]:
                sets[outer] |= sets[inner]
            grown |= sets[outer] != before
    counts = {each: sum(compress(sizes.values(), map(int, f"{each:b}"[::-1]))) for each in set(sets.values())}
    return {number: counts[each] for number, each in sets.items()}
