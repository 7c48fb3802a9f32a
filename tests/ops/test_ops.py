"""Every primitive of the package, by its record in ``registry.py``: its value, its manners, its errors."""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
import sys
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.cases import Case, case_of, cases, cotangents_of, pull_back, records
from tests.support.registry import BY_NAME, RECORDS, Record, Refused
from tinygrad_lstm import Tensor
from tinygrad_lstm.engine.ops.primitive import Primitive

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
    assert len(ours) > 90
    assert ours - BY_NAME.keys() == set(), "add their records to a family, see tests/registry.py"
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


@records(wanted=lambda record: record.op.__module__.startswith("tinygrad_lstm.engine."))
def test_exported_under_its_name(record: Record) -> None:
    assert getattr(tg, record.op.name) is record.op
    assert record.op.__doc__


# Manners -------------------------------------------------------------------------------------------------------------


@cases(wanted=lambda record: record.keeps_dtype)
def test_float32_stays_float32(case: Case) -> None:
    leaves = case.leaves(np.float32)
    outputs = case.op(*leaves)
    assert {y.dtype for y in outputs} == {np.dtype(np.float32)}
    gradients = tg.grad(outputs, leaves, cotangents_of(outputs))
    assert {g.dtype for g in gradients if g is not None} == {np.dtype(np.float32)}
    for g, exact in zip(gradients, pull_back(case, case.leaves()), strict=True):
        assert g is not None
        np.testing.assert_allclose(g.data, exact, rtol=2e-4, atol=2e-5)


@cases(wanted=lambda record: record.keeps_dtype and record.order >= 2)
def test_float32_stays_float32_in_the_second_derivative(case: Case) -> None:
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
    given = [*(leaf.data for leaf in leaves), *vs]
    before = [array.copy() for array in given]
    pull_back(case, leaves, vs)  # writing into any of them would be an error
    for array, was in zip(given, before, strict=True):
        np.testing.assert_array_equal(array, was)


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
def test_an_output_that_looks_into_an_input_is_of_an_op_known_for_it(case: Case) -> None:
    """The check for data changed after use follows such outputs back, and knows the ops by name."""
    leaves = case.leaves()
    looks = any(np.shares_memory(y.data, leaf.data) for y in case.op(*leaves) for leaf in leaves)
    assert not looks or case.record.op.view


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


# Errors -------------------------------------------------------------------------------------------------------------


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
