"""Every primitive of the package, by its record in ``registry.py``: its value, its derivatives, its manners."""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.registry import BY_NAME, RECORDS, Call, Kink, Record, Refused
from tinygrad_lstm import Tensor
from tinygrad_lstm.engine.ops.primitive import Primitive

Array: TypeAlias = Any
Slot: TypeAlias = int | str | tuple[int, int]  # a position, a keyword, or an element of the first argument


class Case(NamedTuple):
    """One sample of one record, with its float arrays taken out, so that they can be replaced."""

    record: Record
    call: Call
    slots: tuple[Slot, ...]
    arrays: tuple[Array, ...]

    def run(self, function: Callable[..., Any], values: Sequence[Any]) -> list[Any]:
        """The outputs of a function called with these values in the slots."""
        args, kwargs = list(self.call.args), dict(self.call.kwargs)
        if self.record.op.sequence:
            args[0] = list(args[0])
        for slot, value in zip(self.slots, values, strict=True):
            if isinstance(slot, tuple):
                args[slot[0]][slot[1]] = value
            elif isinstance(slot, int):
                args[slot] = value
            else:
                kwargs[slot] = value
        y = function(*args, **kwargs)
        return list(y) if isinstance(y, list | tuple) else [y]

    def op(self, *tensors: Any) -> list[Tensor]:
        return self.run(self.record.op, tensors)

    def leaves(self, dtype: Any = np.float64) -> list[Tensor]:
        return [tg.tensor(array.astype(dtype), requires_grad=True) for array in self.arrays]


def case_of(record: Record, call: Call) -> Case:
    op = record.op
    slots: list[Slot] = []
    arrays: list[Array] = []

    def look(slot: Slot, value: Any) -> None:
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            slots.append(slot)
            arrays.append(value)

    if op.sequence:
        for k, value in enumerate(call.args[0]):
            look((0, k), value)
    else:
        for name in op.inputs:
            position = op.names.index(name)
            if position < len(call.args):
                look(position, call.args[position])
            elif name in call.kwargs:
                look(name, call.kwargs[name])
    return Case(record, call, tuple(slots), tuple(arrays))


def cases(*, wanted: Callable[[Record], bool] = lambda record: True) -> pytest.MarkDecorator:
    """A parametrisation over all samples of the records wanted."""
    found = [
        pytest.param(case_of(record, call), id=f"{record.op.name}-{k}")
        for record in RECORDS
        if wanted(record)
        for k, call in enumerate(record.samples(np.random.default_rng(0)))
    ]
    return pytest.mark.parametrize("case", found)


def records(*, wanted: Callable[[Record], bool] = lambda record: True) -> pytest.MarkDecorator:
    found = [pytest.param(record, id=record.op.name) for record in RECORDS if wanted(record)]
    return pytest.mark.parametrize("record", found)


def cotangents_of(outputs: Sequence[Tensor], seed: int = 1) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(y.shape).astype(y.dtype) for y in outputs]


def pull_back(case: Case, tensors: Sequence[Tensor], vs: Sequence[Array] | None = None) -> list[Array]:
    """v·J, for the cotangents of seed 1 if none are given."""
    outputs = case.op(*tensors)
    gradients = tg.grad(outputs, tensors, cotangents_of(outputs) if vs is None else vs)
    return [g.data for g in gradients if g is not None]


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


# Completeness --------------------------------------------------------------------------------------------------------


def test_every_primitive_of_the_package_has_a_record() -> None:
    for module in pkgutil.walk_packages(tg.__path__, "tinygrad_lstm."):
        if "cli" not in module.name and "__main__" not in module.name:
            with contextlib.suppress(ModuleNotFoundError):  # an extra that is not installed
                importlib.import_module(module.name)
    ours = {
        name
        for name, op in Primitive.by_name.items()
        if getattr(sys.modules.get(op.__module__), op.__name__, None) is op
        and op.__module__.startswith("tinygrad_lstm.")
    }
    assert len(ours) > 40
    assert ours - BY_NAME.keys() == set(), "add their records to tests/registry.py"
    assert BY_NAME.keys() - ours == set(), "records of primitives that are gone"


@records()
def test_a_record_has_a_sample_of_each_kind_worth_having(record: Record) -> None:
    found = [case_of(record, call) for call in record.samples(np.random.default_rng(0))]
    assert all(case.arrays for case in found), "a sample with nothing to differentiate"
    assert any(array.size == 0 for case in found for array in case.arrays), "no empty sample"


# Values --------------------------------------------------------------------------------------------------------------


@cases()
def test_value_is_the_reference(case: Case) -> None:
    expected = case.run(case.record.reference, case.arrays)
    outputs = case.op(*case.leaves())
    assert len(outputs) == len(expected)
    for y, want in zip(outputs, expected, strict=True):
        assert y.shape == np.shape(want)
        assert y.dtype == np.float64
        np.testing.assert_allclose(y.data, want, rtol=1e-12, atol=1e-14)


@cases(wanted=lambda record: record.method is not None)
def test_method_is_the_function(case: Case) -> None:
    assert case.record.method is not None
    outputs = case.run(case.record.method, case.leaves())
    for y, want in zip(outputs, case.op(*case.leaves()), strict=True):
        np.testing.assert_array_equal(y.data, want.data)
        assert y.source.node.op is case.record.op


@cases(wanted=lambda record: record.numpy is not None)
def test_numpy_function_is_the_function(case: Case) -> None:
    assert case.record.numpy is not None
    outputs = case.run(case.record.numpy, case.leaves())
    for y, want in zip(outputs, case.op(*case.leaves()), strict=True):
        assert isinstance(y, Tensor)
        np.testing.assert_array_equal(y.data, want.data)
        assert y.source.node.op is case.record.op


@cases(wanted=lambda record: record.numpy is not None)
def test_plain_arrays_stay_numpys_own(case: Case) -> None:
    assert case.record.numpy is not None
    for y in case.run(case.record.numpy, case.arrays):
        assert not isinstance(y, Tensor)


@records()
def test_exported_under_its_name(record: Record) -> None:
    assert getattr(tg, record.op.name) is record.op
    assert record.op.__doc__


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
        return sum(np.sum(v * y) for v, y in zip(vs, case.run(case.record.op.forward, arrays), strict=True))

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
            outputs = case.run(case.record.op.forward, moved)
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
    """v·(J u) = (v·J)·u, where J u comes of a vjp of the vjp; and J u is the slope along u."""
    leaves = case.leaves()
    outputs = case.op(*leaves)
    us = cotangents_of(leaves, seed=2)
    vs = [tg.tensor(v, requires_grad=True) for v in cotangents_of(outputs)]
    pulled = tg.grad(outputs, leaves, vs, create_graph=True)
    pushed = tg.grad([g for g in pulled if g is not None], vs, us, allow_unused=True)
    one = sum(np.sum(v.data * (0 if ju is None else ju.data)) for v, ju in zip(vs, pushed, strict=True))
    other = sum(np.sum(g.data * u) for g, u in zip(pulled, us, strict=True) if g is not None)
    np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


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


@cases(wanted=lambda record: record.op.several)
def test_outputs_that_nobody_used_count_as_zero(case: Case) -> None:
    """Backward from each output alone; the parts add up to backward from all of them."""
    vs = cotangents_of(case.op(*case.leaves()))
    whole = pull_back(case, case.leaves(), vs)[0]
    total = np.zeros_like(whole)
    for k, v in enumerate(vs):
        (x,) = case.leaves()
        case.op(x)[k].backward(v)
        assert x.grad is not None
        total += x.grad.data
    np.testing.assert_allclose(total, whole, rtol=1e-14)


@cases(wanted=lambda record: len(record.op.inputs) > 1 or record.op.sequence)
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


@cases(wanted=lambda record: len(record.op.inputs) > 1 or record.op.sequence)
def test_the_same_tensor_twice(case: Case) -> None:
    """d f(x, x)/dx is the sum of what the two places get."""
    if len({array.shape for array in case.arrays}) > 1:
        pytest.skip("the inputs have different shapes")
    if case.record.op.name in ("maximum", "minimum"):
        pytest.skip("f(x, x) is the kink itself")
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


# Manners -------------------------------------------------------------------------------------------------------------


@cases()
def test_float32_stays_float32(case: Case) -> None:
    if case.record.op.name == "cast":
        pytest.skip("its dtype is what it is asked for")
    leaves = case.leaves(np.float32)
    outputs = case.op(*leaves)
    assert {y.dtype for y in outputs} == {np.dtype(np.float32)}
    gradients = tg.grad(outputs, leaves, cotangents_of(outputs))
    assert {g.dtype for g in gradients if g is not None} == {np.dtype(np.float32)}
    for g, exact in zip(gradients, pull_back(case, case.leaves()), strict=True):
        assert g is not None
        np.testing.assert_allclose(g.data, exact, rtol=2e-4, atol=2e-5)


@cases(wanted=lambda record: record.order >= 2)
def test_float32_stays_float32_in_the_second_derivative(case: Case) -> None:
    if case.record.op.name == "cast":
        pytest.skip("its dtype is what it is asked for")
    leaves = case.leaves(np.float32)
    outputs = case.op(*leaves)
    vs = [tg.tensor(v, requires_grad=True) for v in cotangents_of(outputs)]
    first = [g for g in tg.grad(outputs, leaves, vs, create_graph=True) if g is not None]
    second = tg.grad(first, [*leaves, *vs], cotangents_of(first, seed=2), allow_unused=True)
    assert {g.dtype for g in [*first, *second] if g is not None} == {np.dtype(np.float32)}


@cases()
def test_inputs_and_cotangents_are_left_as_they_were(case: Case) -> None:
    leaves = case.leaves()
    for leaf in leaves:
        leaf.data.flags.writeable = False
    vs = cotangents_of(case.op(*leaves))
    for v in vs:
        v.flags.writeable = False
    pull_back(case, leaves, vs)  # writing into any of them would be an error


@cases()
def test_gradients_share_no_memory(case: Case) -> None:
    """Not with the cotangents, the inputs, the outputs or each other: a user may write into a gradient."""
    leaves = case.leaves()
    outputs = case.op(*leaves)
    vs = cotangents_of(outputs)
    gradients = [g.data for g in tg.grad(outputs, leaves, vs, retain_graph=True) if g is not None]
    for y, v in zip(outputs, vs, strict=True):
        y.backward(v, retain_graph=True)
    gradients += [leaf.grad.data for leaf in leaves if leaf.grad is not None]
    others = [*vs, *(leaf.data for leaf in leaves), *(y.data for y in outputs)]
    for k, g in enumerate(gradients):
        assert g.flags.writeable
        assert not any(np.shares_memory(g, other) for other in [*others, *gradients[:k]])


@cases()
def test_memory_layout_does_not_matter(case: Case) -> None:
    """Transposed, reversed and strided arrays give what contiguous ones give."""
    expected = pull_back(case, case.leaves())
    strided = [
        np.repeat(np.asfortranarray(a), 2, axis=-1)[..., ::2] if a.ndim else np.stack([a, a])[1] for a in case.arrays
    ]
    backwards = [np.ascontiguousarray(a[..., ::-1])[..., ::-1] if a.ndim else a for a in case.arrays]
    for arrays in (strided, backwards):
        leaves = [tg.tensor(0.0 * a, dtype=np.float64, requires_grad=True) for a in arrays]
        for leaf, array in zip(leaves, arrays, strict=True):
            leaf.data = array  # tensor() would copy it into order
        for g, want in zip(pull_back(case, leaves), expected, strict=True):
            np.testing.assert_allclose(g, want, rtol=1e-14, atol=1e-15)


@cases()
def test_nothing_is_recorded_where_nothing_needs_a_gradient(case: Case) -> None:
    for y in case.op(*[tg.tensor(array) for array in case.arrays]):
        assert not y.requires_grad
        assert y.is_leaf
    with tg.no_grad():
        assert not any(y.requires_grad for y in case.op(*case.leaves()))


def test_numpys_numbers_count_as_pythons() -> None:
    """As axis, sections, index or bound; none of them widens float32."""
    x = tg.tensor(np.ones((4, 2), np.float32), requires_grad=True)
    one: Any = np.int64(1)
    two: Any = np.int64(2)
    assert [part.shape for part in tg.split(x, two)] == [(2, 2), (2, 2)]
    assert tg.mean(x, axis=one).shape == (4,)
    assert x[two].shape == (2,)
    number = np.float64(2)
    results = [
        number * x, x * number, number + x, x - number, number / x, x**number, number**x, x**two, x * 2.0, 2.0 * x,
        x**2, 2**x, x * np.float32(2), x * two, tg.maximum(x, number), tg.where(x > 1, number, x),
        tg.where(x > 1, x, 0.0), tg.clip(x, np.float64(0), np.float64(0.5)), x.mean(), x.sum() / 8, -x, abs(x),
        x.max(axis=0) - number,
    ]  # fmt: skip
    for y in results:
        assert y.dtype == np.float32
        (g,) = tg.grad(y.sum(), x)
        assert g is not None
        assert g.dtype == np.float32
    np.testing.assert_array_equal(tg.grad((number * x).sum(), x)[0], np.full((4, 2), 2.0))


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
                        for there, here in zip(
                            case.run(record.op.forward, moved), case.run(record.op.forward, case.arrays), strict=True
                        )
                    )
                    sides.append(rise / step)
                assert min(sides) - 1e-6 <= gradient[place] <= max(sides) + 1e-6


@pytest.mark.parametrize(
    ("record", "refused"),
    [pytest.param(r, refused, id=f"{r.op.name}-{k}") for r in RECORDS for k, refused in enumerate(r.refused)],
)
def test_wrong_calls_are_refused_in_the_callers_words(record: Record, refused: Refused) -> None:
    case = case_of(record, refused.call)
    with pytest.raises(refused.error, match=refused.match), tg.scope("lstm"), tg.scope("t=3"):
        case.op(*case.leaves())


@records()
def test_too_few_and_unknown_arguments_name_the_op(record: Record) -> None:
    with pytest.raises(TypeError, match=record.op.name):
        record.op()
    with pytest.raises(TypeError, match=record.op.name):
        record.op(np.ones(2), nonsense=1)
