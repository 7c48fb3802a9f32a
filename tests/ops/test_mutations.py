"""Every rule of the package broken on purpose, and the backward loop too: each time somebody must notice.

A test that cannot fail proves nothing. Here the samples of the registry and ``gradcheck`` are the ones under test: for
each input of each primitive its rule is made wrong in four ways, and one of the op's own samples has to object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.cases import Case, case_of, pull_back
from tests.support.registry import RECORDS, Record
from tinygrad_lstm import IndexedCotangent, Tensor
from tinygrad_lstm.engine import autodiff, contributions
from tinygrad_lstm.engine.node import topological_order
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
    """A rule to break: that of one input, or element ``k`` of what a joint rule gives."""

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


def broken(c: Any, mutation: Mutation) -> Any:
    if isinstance(c, IndexedCotangent):
        return c._replace(values=mutation(c.values))
    return mutation(c)


def break_rule(target: Target, mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    op = target.record.op
    monkeypatch.setattr(op, "plans", {})
    if target.k is None:
        rule, names = op.rules[target.name]
        rules = op.rules | {target.name: (lambda *args: broken(rule(*args), mutation), names)}
        monkeypatch.setattr(op, "rules", rules)
    else:
        assert op.joint is not None
        joint, names = op.joint

        def mutant(*args: Any) -> list[Any]:
            parts = list(joint(*args))
            if target.k is not None and target.k < len(parts) and parts[target.k] is not None:
                parts[target.k] = broken(parts[target.k], mutation)
            return parts

        monkeypatch.setattr(op, "joint", (mutant, names))


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
def test_a_broken_rule_is_noticed(target: Target, mutation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    flat = not moves(target)  # floor, sign: their gradient is zero, so only what adds to it shows
    break_rule(target, MUTATIONS[mutation], monkeypatch)
    assert is_noticed(target.record) == (not flat or mutation == "shifted")


# The loop ------------------------------------------------------------------------------------------------------------


def first_row_instead_of_the_sum(c: Array, shape: tuple[int, ...], *_: Any) -> Array:
    while c.ndim > len(shape):
        c = c[0]
    return np.array(np.broadcast_to(c, np.broadcast_shapes(c.shape, shape))[tuple(slice(0, n) for n in shape)])


def overwrite(
    pending: dict[Any, Any], owned: set[Any], node: Any, index: int, c: Any, recorded: bool
) -> None:  # as in tinygrad of October 2020: only the last contribution counts
    if len(node.shapes) > 1:
        outputs = pending.setdefault(node, [None] * len(node.shapes))
        outputs[index] = c
    else:
        pending[node] = c


def add_into_anybodys_array(
    pending: dict[Any, Any], owned: set[Any], node: Any, index: int, c: Any, recorded: bool
) -> None:
    if node in pending:
        pending[node] += c
    else:
        pending[node] = c


def oldest_first(roots: Sequence[Any], **options: Any) -> list[Any]:
    """A walk that goes on from a node before all of its parts have arrived: siblings in the wrong order."""
    order = topological_order(roots, **options)
    order.sort(key=lambda node: (node.op is not None, -node.number if node.op is not None else 0))
    return order


def x_twice(x: Tensor) -> Tensor:
    return x * x + x


def two_ways_to_share(a: Tensor, b: Tensor) -> Tensor:
    return a * 3.0 + (a + b)


def bias(x: Tensor, b: Tensor) -> Tensor:
    return tg.tanh(x * 2.0 + b)


@pytest.mark.parametrize(
    ("name", "mutant", "f", "shapes"),
    [
        pytest.param("hand_on", overwrite, x_twice, [(3,)], id="overwrite for add"),
        pytest.param("hand_on", add_into_anybodys_array, two_ways_to_share, [(3,), (3,)], id="a buffer not our own"),
        pytest.param("unbroadcast", first_row_instead_of_the_sum, bias, [(2, 3), (3,)], id="missing unbroadcast"),
        pytest.param(
            "topological_order", oldest_first, lambda x: tg.exp(tg.sigmoid(x) + x), [(3,)], id="not topological"
        ),
    ],
)
def test_a_broken_loop_is_noticed(
    name: str, mutant: Any, f: Any, shapes: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    inputs = [Tensor(rng.standard_normal(shape), requires_grad=True) for shape in shapes]
    assert tg.gradcheck(f, inputs)
    monkeypatch.setattr(autodiff if hasattr(autodiff, name) else contributions, name, mutant)
    assert not tg.gradcheck(f, inputs, raise_exception=False)
