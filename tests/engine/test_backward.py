"""What a user may rely on of ``backward`` and ``grad``: sums over paths, several roots, higher orders."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import Tensor
from tinygrad_lstm.errors import GradError, ShapeError


def leaf(data: Any) -> Tensor:
    return tg.tensor(np.asarray(data, float), requires_grad=True)


def grad_of(x: Tensor) -> Any:
    assert x.grad is not None
    return x.grad.tolist()


# Sums over paths ----------------------------------------------------------------------------------------------------


def test_micrograds_counter_example() -> None:
    """z = x·x + x: a walk in the wrong order, or one that counts paths twice, gets something else than 2x + 1."""
    x = leaf(3.0)
    (x * x + x).backward()
    assert grad_of(x) == 7.0


@pytest.mark.parametrize(
    ("f", "slope"), [(lambda x: x + x, 2.0), (lambda x: x * x + x, 3.0), (lambda x: x * x * x, 3.0)]
)
def test_a_value_read_twice_gets_both_parts(f: Any, slope: float) -> None:
    """tinygrad of 2020 overwrote one with the other and found 1 for each of these at x = 1."""
    x = leaf(1.0)
    f(x).backward()
    assert grad_of(x) == slope


def test_a_shared_weight_sums_over_all_time_steps() -> None:
    w, h = leaf(0.5), tg.tensor(1.0, dtype=np.float64)
    for _ in range(4):
        h = h * w
    h.backward()
    assert grad_of(w) == pytest.approx(4 * 0.5**3)


def test_a_thousand_diamonds_cost_a_thousand_steps_not_two_to_the_thousand() -> None:
    x = leaf(1.0)
    y = x
    for _ in range(1000):
        y = 0.5 * y + 0.5 * y
    y.backward()
    assert grad_of(x) == 1.0


def test_grad_accumulates_over_backward_passes() -> None:
    x = leaf([1.0, 2.0])
    (x * x).sum().backward()
    first = x.grad
    (3 * x).sum().backward()
    assert grad_of(x) == [5.0, 7.0]
    assert first is not None
    assert first.tolist() == [2.0, 4.0], "what was handed out before has not changed"
    x.grad = None
    (3 * x).sum().backward()
    assert grad_of(x) == [3.0, 3.0]


def test_backward_twice_doubles_the_leaves_only() -> None:
    """micrograd's accumulation on intermediate nodes gives 12 → 36 here."""
    x = leaf(2.0)
    y = x * x
    z = y * 3.0
    z.backward(retain_graph=True)
    z.backward(retain_graph=True)
    assert grad_of(x) == 24.0
    assert y.grad is None


def test_the_order_in_which_independent_parts_are_made_does_not_matter(rng: np.random.Generator) -> None:
    data = rng.standard_normal((5, 3))

    def run(order: list[int]) -> Any:
        x = leaf(data)
        parts: dict[int, Tensor] = {}
        for k in order:
            parts[k] = tg.tanh(x[k] * x[(k + 1) % 5])
        sum((parts[k] for k in range(5)), tg.tensor(np.zeros(3))).sum().backward()
        return grad_of(x)

    np.testing.assert_allclose(run([0, 1, 2, 3, 4]), run([3, 0, 4, 2, 1]), rtol=1e-14)


# tg.grad ------------------------------------------------------------------------------------------------------------


def test_grad_returns_a_tuple_and_leaves_grad_alone() -> None:
    x, y = leaf(2.0), leaf(3.0)
    gradients = tg.grad(x * x * y, [x, y])
    assert isinstance(gradients, tuple)
    assert [g.item() for g in gradients if g is not None] == [12.0, 4.0]
    assert isinstance(tg.grad(x * x, x), tuple)
    assert x.grad is None
    assert y.grad is None


def test_grad_for_a_computed_tensor_and_for_the_output_itself() -> None:
    x = leaf(2.0)
    h = x * x
    y = 5 * h
    dh, dx, dy = tg.grad(y, [h, x, y])
    assert dh is not None
    assert dx is not None
    assert dy is not None
    assert (dh.item(), dx.item(), dy.item()) == (5.0, 20.0, 1.0)


def test_grad_visits_only_what_lies_between() -> None:
    """A rule on a branch that leads to no input asked for does not run."""
    calls: list[str] = []
    spy = tg.primitive(lambda x: 1.0 * x)
    spy.defvjp(x=lambda g: calls.append("ran") or g)  # type: ignore[func-returns-value]
    x, w = leaf(2.0), leaf(3.0)
    tg.grad(x * x + spy(w), x)
    assert calls == []
    tg.grad(x * x + spy(w), w)
    assert calls == ["ran"]


def test_a_rule_is_not_called_for_an_input_that_leads_to_none_of_those_asked_for() -> None:
    called = []

    @tg.primitive
    def product(a: Any, b: Any) -> Any:
        return a * b

    def noted(name: str, value: Any) -> Any:
        called.append(name)
        return value

    product.defvjp(a=lambda g, b: noted("a", g * b), b=lambda g, a: noted("b", g * a))
    x, w = leaf(2.0), leaf(3.0)
    (g,) = tg.grad(product(x, w), x)
    assert g is not None
    assert (g.item(), called) == (3.0, ["a"])


def test_a_leaf_that_no_longer_requires_a_gradient_gets_none_of_a_graph_that_is_there() -> None:
    x, w = leaf(2.0), leaf(3.0)
    y = x * w
    w.requires_grad = False
    y.backward()
    assert x.grad is not None
    assert (x.grad.item(), w.grad) == (3.0, None)


def test_several_outputs_add_up() -> None:
    x = leaf([1.0, 2.0])
    y, z = x * x, 3 * x
    (g,) = tg.grad([y, z], x, [np.array([1.0, 0.0]), np.array([0.0, 10.0])])
    assert g is not None
    assert g.tolist() == [2.0, 30.0]
    (g,) = tg.grad([(x * x).sum(), (3 * x).sum()], x)
    assert g is not None
    assert g.tolist() == [5.0, 7.0]


def test_the_same_output_twice_counts_twice() -> None:
    x = leaf(3.0)
    y = x * x
    (g,) = tg.grad([y, y], x)
    assert g is not None
    assert g.item() == 12.0


def test_an_output_inside_the_graph_of_another() -> None:
    x = leaf(3.0)
    y = x * x
    z = y * x
    (g,) = tg.grad([z, y], x)
    assert g is not None
    assert g.item() == 27.0 + 6.0


def test_an_input_that_does_not_count_is_an_error_or_none() -> None:
    x, unused = leaf(2.0), leaf(3.0)
    with pytest.raises(GradError, match=r"input 1 \(leaf of shape \(\).*allow_unused=True"):
        tg.grad(x * x, [x, unused])
    dx, nothing = tg.grad(x * x, [x, unused], allow_unused=True)
    assert dx is not None
    assert dx.item() == 4.0
    assert nothing is None


def test_grad_of_and_for_what_needs_no_gradient_is_an_error() -> None:
    x, constant = leaf(2.0), tg.tensor(1.0)
    with pytest.raises(GradError, match="input 0 does not require a gradient"):
        tg.grad(x * constant, constant)
    with pytest.raises(GradError, match="output 0 depends on nothing that requires a gradient"):
        tg.grad(constant * 2, x)
    with pytest.raises(GradError, match="depends on nothing that requires a gradient"):
        constant.backward()
    with pytest.raises(GradError, match="2 outputs but 1 grad_outputs"):
        tg.grad([x * x, x], x, [1.0])


def test_the_cotangent_is_one_for_a_single_element_and_else_must_be_given() -> None:
    x = leaf([[1.0, 2.0]])
    with pytest.raises(ShapeError, match=re.escape("backward from a tensor of shape (1, 2): reduce it to one number")):
        (x * x).backward()
    with pytest.raises(ShapeError, match=r"a cotangent of shape \(2,\) for an output of shape \(1, 2\)"):
        (x * x).backward(np.ones(2))
    assert x.grad is None
    (x * x)[:, :1].backward()
    (x * x).backward(tg.tensor([[0.0, 1.0]]))
    assert grad_of(x) == [[2.0, 4.0]]


def test_grad_of_grad_of_grad_of_a_polynomial() -> None:
    x = leaf(2.0)
    y = x**4 - 3 * x**2 + x
    values = []
    for _ in range(5):
        g = tg.grad(y, x, create_graph=True)[0]
        assert g is not None
        values.append(g.item())
        y = g
        if not y.requires_grad:
            break
    assert values[:4] == [4 * 8 - 12 + 1, 12 * 4 - 6, 24 * 2, 24]


def test_backward_with_create_graph_leaves_a_gradient_with_a_graph() -> None:
    x = leaf(3.0)
    (x**3).backward(create_graph=True)
    assert x.grad is not None
    assert x.grad.requires_grad
    (second,) = tg.grad(x.grad, x)
    assert second is not None
    assert second.item() == 18.0


def test_perturbation_confusion() -> None:
    """d/dx (x · d/dy (x + y)) = 1: an engine that mixes up the two levels of derivative says 2."""
    x = leaf(1.0)
    y = leaf(1.0)
    (inner,) = tg.grad(x + y, y, create_graph=True)
    assert inner is not None
    (outer,) = tg.grad(x * inner, x)
    assert outer is not None
    assert outer.item() == 1.0


# Whose arrays they are ----------------------------------------------------------------------------------------------


def test_gradients_of_two_leaves_share_no_memory() -> None:
    for create_graph in (False, True):
        a, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
        h = a + b
        h.retain_grad()
        v = np.ones(2)
        h.backward(v, create_graph=create_graph)
        arrays = [v] + [t.grad.data for t in (a, b, h) if t.grad is not None]
        assert len(arrays) == 4
        assert not any(np.shares_memory(arrays[i], arrays[j]) for i in range(4) for j in range(i))


def test_the_gradient_of_a_computed_tensor_is_the_users_to_write_into() -> None:
    h, v = leaf([1.0, 2.0]) * 2, np.ones(2)
    for g in (*tg.grad(h, h, v, retain_graph=True), *tg.grad(h + 1.0, h, v)):
        assert g is not None
        assert not np.shares_memory(g.data, v)


def test_indexed_and_dense_parts_meet_in_a_value_without_axes() -> None:
    x = leaf(1.0)
    picked = x[()]
    (x + x + picked + picked).backward()
    assert grad_of(x) == 4.0


def test_a_rule_that_fails_on_the_way_leaves_every_grad_as_it_was() -> None:
    bad = tg.primitive(lambda x: x * 1.0)
    bad.defvjp(x=lambda g: np.ones(7))
    x = leaf([1.0, 2.0])
    h = bad(x)
    w = leaf([1.0, 2.0])  # newer than the op that fails, so its turn comes first
    with pytest.raises(ShapeError, match=r"the rule of <lambda> for x gave a cotangent of shape \(7,\).*shape \(2,\)"):
        (h * w).sum().backward()
    assert x.grad is None
    assert w.grad is None
