"""Every rule of the package broken on purpose, and the backward loop too: each time somebody must notice.

A test that cannot fail proves nothing. Here the samples of the registry and ``gradcheck`` are the ones under test: for
each input of each primitive its rule is made wrong in four ways, and one of the op's own samples has to object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.cases import Case, case_of, pull_back
from tests.support.registry import RECORDS, Record
from tinygrad_lstm import IndexedCotangent, Tensor
from tinygrad_lstm.errors import TinygradError

Array: TypeAlias = Any
Mutation: TypeAlias = Callable[[Array], Array]


def every_other_halved(c: Array) -> Array:
    c = np.array(c, order="C")
    c.reshape(-1)[::2] *= 0.5
    return c


MUTATIONS: dict[str, Mutation] = {
    "sign flipped": lambda c: -c,
    "factor 1 + 1e-4": lambda c: c * (1 + 1e-4),
    "shifted": lambda c: c + 1e-3,
    "every other element halved": every_other_halved,
}


class Target(NamedTuple):
    """A rule to break: that of an input, or what a joint rule gives to input number ``k``."""

    record: Record
    name: str
    k: int | None


def targets() -> Iterator[Target]:
    for record in RECORDS:
        if record.op.joint is not None:
            count = 2 if record.op.sequence else len(record.op.inputs)
            yield from (Target(record, f"its part {k}", k) for k in range(count))
        else:
            yield from (Target(record, name, None) for name in record.op.inputs)


def broken(target: Target, mutation: Mutation) -> tg.through:
    """Inside, what the target's rule gives goes on changed."""
    op = target.record.op

    def change(edge: Any, c: Any) -> Any:
        name = edge.name.split("[")[0]  # arrays[2]: of the input arrays
        if edge.reader.op is not op or (name != target.name if target.k is None else edge.position != target.k):
            return c
        return c._replace(values=mutation(c.values)) if isinstance(c, IndexedCotangent) else mutation(c)

    return tg.through(change, indexed=True)


def samples(record: Record) -> list[Case]:
    """The smallest first, so that most mutants die young."""
    found = [case_of(record, call) for call in record.samples(np.random.default_rng(0))]
    return sorted(found, key=lambda case: (not case.arrays, sum(array.size for array in case.arrays)))


def moves(target: Target) -> bool:
    """Somewhere its gradient is not zero, so that a wrong one can be told from it."""
    op = target.record.op
    return any(
        np.any(g)
        for case in samples(target.record)
        for slot, g in zip(case.slots, pull_back(case, case.leaves()), strict=True)
        if target.k is not None or op.sequence or target.name == (op.names[slot] if isinstance(slot, int) else slot)
    )


def is_noticed(record: Record) -> bool:
    for case in samples(record):
        try:
            if not tg.gradcheck(case.op, case.leaves(), raise_exception=False):
                return True
        except TinygradError:
            return True
    return False


@pytest.mark.parametrize("mutation", MUTATIONS)
@pytest.mark.parametrize("target", [pytest.param(t, id=f"{t.record.op.name}-{t.name}") for t in targets()])
def test_a_broken_rule_is_noticed(target: Target, mutation: str) -> None:
    flat = not moves(target)  # floor, sign: their gradient is zero, so only what adds to it shows
    with broken(target, MUTATIONS[mutation]):
        assert is_noticed(target.record) == (not flat or mutation == "shifted")


# The loop: what it does with contributions ---------------------------------------------------------------------------


def x_twice(x: Tensor) -> Tensor:
    return x * x + x


def two_ways_to_share(a: Tensor, b: Tensor) -> Tensor:
    return a * 3.0 + (a + b)


def bias(x: Tensor, b: Tensor) -> Tensor:
    return tg.tanh(x * 2.0 + b)


def through_a_sum(x: Tensor) -> Tensor:
    return tg.exp(tg.sigmoid(x) + x)


LOOPS: dict[str, tuple[Callable[..., Tensor], list[tuple[int, ...]], Callable[[Any, Array], Array | None]]] = {
    "only one contribution counts": (x_twice, [(3,)], lambda edge, c: None if edge.reader.op is tg.add else c),
    "one counts twice": (
        two_ways_to_share, [(3,), (3,)], lambda edge, c: 2 * c if edge.reader.op is tg.multiply else c,
    ),
    "the first row instead of the sum over rows": (
        bias, [(2, 3), (3,)], lambda edge, c: edge.cotangent[0] if c.shape == (3,) else c,
    ),
    "a node hands on before all has arrived": (
        through_a_sum, [(3,)], lambda edge, c: None if edge.reader.op is tg.sigmoid else c,
    ),
    "a rule sees the cotangent of another node": (
        through_a_sum, [(3,)], lambda edge, c: edge.cotangent if edge.reader.op is tg.exp else c,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LOOPS)
def test_a_broken_loop_is_noticed(name: str) -> None:
    f, shapes, change = LOOPS[name]
    rng = np.random.default_rng(1)
    inputs = [Tensor(rng.standard_normal(shape), requires_grad=True) for shape in shapes]
    assert tg.gradcheck(f, inputs)
    with tg.through(change):
        assert not tg.gradcheck(f, inputs, raise_exception=False)
