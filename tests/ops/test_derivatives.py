"""Every primitive of the package, by its record in ``registry.py``: its derivatives, by three oracles and many laws.

Differences of second order (``gradcheck``), of fourth order (ten digits) and the complex step (all digits).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.cases import Array, Case, case_of, cases, cotangents_of, pull_back, records
from tests.support.registry import RECORDS, Call, Kink, Record


def slope(f: Callable[[list[Array]], Array], arrays: Sequence[Array], which: int, eps: float) -> Array:
    """∂f/∂(array ``which``), f a number, by differences of fourth order."""
    result = np.zeros_like(arrays[which])
    for place in np.ndindex(result.shape):

        def at(step: float, place: tuple[int, ...] = place) -> Array:
            moved = [array.copy() for array in arrays]
            moved[which][place] += step
            return f(moved)

        result[place] = (8 * (at(eps) - at(-eps)) - (at(2 * eps) - at(-2 * eps))) / (12 * eps)
    return result


# Derivatives ---------------------------------------------------------------------------------------------------------


@cases()
def test_first_derivative(case: Case) -> None:
    assert tg.gradcheck(case.op, case.leaves())


@cases(wanted=lambda record: record.order >= 2)
def test_second_derivative(case: Case) -> None:
    assert tg.gradgradcheck(case.op, case.leaves())


@cases()
def test_first_derivative_to_ten_digits(case: Case) -> None:
    vs = cotangents_of(case.op(*case.leaves()))

    def projected(arrays: list[Array]) -> Array:
        return sum(np.sum(v * y) for v, y in zip(vs, case.forward(arrays), strict=True))

    for k, gradient in enumerate(pull_back(case, case.leaves(), vs)):
        numeric = slope(projected, case.arrays, k, 1e-3)
        np.testing.assert_allclose(gradient, numeric, rtol=1e-8, atol=1e-10)


@cases(wanted=lambda record: record.analytic)
def test_first_derivative_by_the_complex_step(case: Case) -> None:
    """f(x + ih) = f(x) + ih f'(x) + O(h²): no difference is taken, so no digit is lost."""
    vs = cotangents_of(case.op(*case.leaves()))
    for k, gradient in enumerate(pull_back(case, case.leaves(), vs)):
        for place in np.ndindex(gradient.shape):
            moved = [array.astype(complex) for array in case.arrays]
            moved[k][place] += 1e-20j
            outputs = case.forward(moved)
            exact = sum(np.sum(v * y).imag for v, y in zip(vs, outputs, strict=True)) / 1e-20
            np.testing.assert_allclose(gradient[place], exact, rtol=1e-10, atol=1e-14)


@cases(wanted=lambda record: record.order >= 2)
def test_recorded_gradient_is_the_plain_one(case: Case) -> None:
    leaves = case.leaves()
    outputs = case.op(*leaves)
    vs = cotangents_of(outputs)
    recorded = tg.grad(outputs, leaves, vs, create_graph=True)
    for g, plain in zip(recorded, pull_back(case, leaves, vs), strict=True):
        assert g is not None
        np.testing.assert_allclose(g.data, plain, rtol=1e-14, atol=1e-15)


@cases(wanted=lambda record: record.order >= 2)
def test_forward_mode_and_reverse_mode_agree(case: Case) -> None:
    """v·(J u) = (v·J)·u, where J u comes of a vjp of the vjp; and J u is what differences along u give."""
    leaves = case.leaves()
    outputs = case.op(*leaves)
    us = cotangents_of(leaves, seed=2)
    vs = [tg.tensor(v, requires_grad=True) for v in cotangents_of(outputs)]
    pulled = tg.grad(outputs, leaves, vs, create_graph=True)
    pushed = tg.grad([g for g in pulled if g is not None], vs, us, allow_unused=True)
    one = sum(np.sum(v.data * (0 if ju is None else ju.data)) for v, ju in zip(vs, pushed, strict=True))
    other = sum(np.sum(g.data * u) for g, u in zip(pulled, us, strict=True) if g is not None)
    np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)

    def along(step: float) -> list[Any]:
        return case.forward([x + step * u for x, u in zip(case.arrays, us, strict=True)])

    for above, below, ju in zip(along(1e-6), along(-1e-6), pushed, strict=True):
        np.testing.assert_allclose(0 if ju is None else ju.data, (above - below) / 2e-6, rtol=1e-5, atol=1e-7)


@cases()
def test_linear_in_the_cotangent(case: Case) -> None:
    outputs = case.op(*case.leaves())
    v, w = cotangents_of(outputs, seed=1), cotangents_of(outputs, seed=2)
    both = pull_back(case, case.leaves(), [2 * a - 3 * b for a, b in zip(v, w, strict=True)])
    for g, gv, gw in zip(both, pull_back(case, case.leaves(), v), pull_back(case, case.leaves(), w), strict=True):
        np.testing.assert_allclose(g, 2 * gv - 3 * gw, rtol=1e-9, atol=1e-12)


@cases()
def test_zero_cotangent_gives_zero(case: Case) -> None:
    vs = [np.zeros(y.shape) for y in case.op(*case.leaves())]
    for g, array in zip(pull_back(case, case.leaves(), vs), case.arrays, strict=True):
        np.testing.assert_array_equal(g, np.zeros(array.shape))


@cases()
def test_output_used_twice_counts_twice(case: Case) -> None:
    leaves = case.leaves()
    outputs = case.op(*leaves)
    vs = cotangents_of(outputs)
    doubled = tg.grad([y + y for y in outputs], leaves, vs)
    for twice, once in zip(doubled, pull_back(case, case.leaves(), vs), strict=True):
        assert twice is not None
        np.testing.assert_allclose(twice.data, 2 * once, rtol=1e-14)


@cases(wanted=lambda record: record.op.multi_output)
def test_outputs_that_nobody_used_count_as_zero(case: Case) -> None:
    """Backward from each output alone; the parts add up to backward from all of them."""
    vs = cotangents_of(case.op(*case.leaves()))
    whole = pull_back(case, case.leaves(), vs)
    totals = [np.zeros_like(g) for g in whole]
    for k, v in enumerate(vs):
        leaves = case.leaves()
        case.op(*leaves)[k].backward(v)
        for total, leaf in zip(totals, leaves, strict=True):
            total += 0 if leaf.grad is None else leaf.grad.data
    for total, g in zip(totals, whole, strict=True):
        np.testing.assert_allclose(total, g, rtol=1e-13, atol=1e-15)


@cases(suits=lambda case: len(case.arrays) > 1)
def test_one_input_at_a_time(case: Case) -> None:
    """The gradient of one input is the same when the others are constants."""
    together = pull_back(case, case.leaves())
    for k, expected in enumerate(together):
        values: list[Any] = list(case.arrays)
        values[k] = x = case.leaves()[k]
        outputs = case.run(case.record.op, values)
        (g,) = tg.grad(outputs, x, cotangents_of(outputs))
        assert g is not None
        np.testing.assert_array_equal(g.data, expected)


@cases(
    wanted=lambda record: record.smooth_at_ties,
    suits=lambda case: len(case.arrays) > 1 and len({array.shape for array in case.arrays}) == 1,
)
def test_the_same_tensor_twice(case: Case) -> None:
    """d f(x, x)/dx is the sum of what the two places get."""
    apart = [tg.tensor(case.arrays[0], requires_grad=True) for _ in case.arrays]
    x = tg.tensor(case.arrays[0], requires_grad=True)
    outputs = case.op(*[x] * len(apart))
    (g,) = tg.grad(outputs, x, cotangents_of(outputs))
    assert g is not None
    np.testing.assert_allclose(g.data, sum(pull_back(case, apart)), rtol=1e-14)
    assert tg.gradcheck(lambda x: case.op(*[x] * len(apart)), x)
    assert tg.gradgradcheck(lambda x: case.op(*[x] * len(apart)), x)


# Broadcasting --------------------------------------------------------------------------------------------------------

PAIRS = [
    ((), (2, 3)), ((3,), (2, 3)), ((1,), (2, 3)), ((2, 1), (1, 3)), ((2, 1), (3,)), ((1, 1), (2,)), ((1,), ()),
    ((1, 3), (0, 3)), ((), (0,)), ((1,), (0,)), ((4, 1, 2), (3, 1)),
]  # fmt: skip


@pytest.mark.parametrize("pair", PAIRS + [(b, a) for a, b in PAIRS], ids=str)
@records(wanted=lambda record: len(record.draws) == 2)
def test_broadcasting(record: Record, pair: tuple[tuple[int, ...], ...], rng: np.random.Generator) -> None:
    case = case_of(record, Call(*(draw(rng, shape) for draw, shape in zip(record.draws, pair, strict=True))))
    (y,) = case.op(*case.leaves())
    np.testing.assert_allclose(y.data, record.reference(*case.arrays), rtol=1e-12)
    for g, array in zip(pull_back(case, case.leaves()), case.arrays, strict=True):
        assert g.shape == array.shape
    assert tg.gradcheck(case.op, case.leaves())
    if y.size < 4:
        assert tg.gradgradcheck(case.op, case.leaves())


# Kinks and errors ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "kink"),
    [pytest.param(r, kink, id=f"{r.op.name}-{k}") for r in RECORDS for k, kink in enumerate(r.kinks)],
)
def test_subgradient_at_a_kink(record: Record, kink: Kink) -> None:
    case = case_of(record, kink.call)
    outputs = case.op(*case.leaves())
    for g, want in zip(
        pull_back(case, case.leaves(), [np.ones(y.shape) for y in outputs]), kink.gradients, strict=True
    ):
        np.testing.assert_allclose(g, want, rtol=1e-14)


@records(wanted=lambda record: any(isinstance(k, Kink) for k in record.kinks) and record.op.name != "power")
def test_subgradient_lies_between_the_slopes_of_the_two_sides(record: Record) -> None:
    for kink in record.kinks:
        case = case_of(record, kink.call)
        ones = [np.ones(y.shape) for y in case.op(*case.leaves())]
        for k, gradient in enumerate(pull_back(case, case.leaves(), ones)):
            for place in np.ndindex(gradient.shape):
                sides = []
                for step in (1e-6, -1e-6):
                    moved = [array.copy() for array in case.arrays]
                    moved[k][place] += step
                    rise = sum(
                        np.sum(there - here)
                        for there, here in zip(case.forward(moved), case.forward(case.arrays), strict=True)
                    )
                    sides.append(rise / step)
                assert min(sides) - 1e-6 <= gradient[place] <= max(sides) + 1e-6
