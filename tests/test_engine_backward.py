"""What a user may rely on of ``backward`` and ``grad``: sums, several roots, freeing, stale values, hooks."""

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


# Freed graphs and changed values ------------------------------------------------------------------------------------


def test_a_second_backward_names_the_tensor_that_crosses_and_advises_detach_first() -> None:
    w = leaf(0.5)
    h = tg.tensor(1.0, dtype=np.float64)
    with tg.scope("rnn"), tg.scope("t=1", step=1):
        h = tg.tanh(w * h)
        tg.label(h=h)
    h.backward()
    before = grad_of(w)
    with pytest.raises(GradError) as caught:
        (tg.tanh(w * h) * w).backward()
    message = str(caught.value)
    assert re.search(r"h \(tanh\) of shape \(\), made at .*test_engine_backward\.py:\d+ in rnn/t=1", message)
    assert 0 < message.index("detach()") < message.index("retain_graph=True")
    assert grad_of(w) == before, "nothing half done"


def test_retain_graph_keeps_the_graph() -> None:
    x = leaf(3.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    with pytest.raises(GradError, match="already used and freed"):
        y.backward()
    assert grad_of(x) == 12.0


def test_a_graph_that_kept_nothing_can_be_walked_again() -> None:
    """x + x keeps no values, so there is nothing to free."""
    x = leaf(3.0)
    y = x + x
    y.backward()
    y.backward()
    assert grad_of(x) == 4.0


def test_data_changed_after_use_is_refused_naming_leaf_line_and_op() -> None:
    w, x = leaf([2.0]), leaf([3.0])
    tg.label(w=w)
    y = (w * x).sum()
    w.data -= 0.1
    with pytest.raises(GradError) as caught:
        y.backward()
    assert re.search(
        r"the data of w \(leaf\) of shape \(1,\), made at .*test_engine_backward\.py:\d+ was changed after multiply of "
        r"shape \(1,\), made at .*test_engine_backward\.py:\d+ had kept it",
        str(caught.value),
    )
    assert x.grad is None
    assert w.grad is None


def test_data_changed_after_use_is_fine_where_the_op_kept_none_of_it() -> None:
    w, x = leaf([2.0]), leaf([3.0])
    y = (tg.tanh(w) + x * 2).sum()
    w.data = np.array([5.0])  # tanh kept its own output
    x.data -= 1
    y.backward()
    assert grad_of(x) == [2.0]
    assert grad_of(w) == [pytest.approx(1 - np.tanh(2.0) ** 2)]


def test_data_changed_before_use_is_fine() -> None:
    w = leaf([2.0])
    w.data -= 1
    (w * w).sum().backward()
    assert grad_of(w) == [2.0]


@pytest.mark.parametrize(
    "view",
    [
        pytest.param(lambda w: w.reshape(4), id="reshape"), pytest.param(lambda w: w.T, id="transpose"),
        pytest.param(lambda w: w[0], id="slice"), pytest.param(lambda w: tg.unstack(w)[1], id="unstack"),
        pytest.param(lambda w: tg.split(w.T, 2)[0], id="split"), pytest.param(lambda w: tg.stack([w, w]), id="a copy"),
    ],
)  # fmt: skip
def test_a_change_is_noticed_through_views_and_only_through_views(view: Any) -> None:
    w = leaf(np.ones((2, 2)))
    v = view(w)
    y = (v * v).sum()
    w.data -= 0.5
    if np.shares_memory(v.data, w.data):
        with pytest.raises(GradError, match="was changed after multiply"):
            y.backward()
    else:
        y.backward()


def test_an_output_changed_after_it_was_kept_is_refused() -> None:
    x = leaf([1.0])
    y = tg.exp(x)
    z = y.sum()
    y.data -= 1
    with pytest.raises(GradError, match="the data of exp"):
        z.backward()


def test_a_refused_backward_can_be_repeated_after_reading_again() -> None:
    w = leaf([2.0])
    stale = (w * w).sum()
    w.data = w.data + 1
    with pytest.raises(GradError):
        stale.backward()
    (w * w).sum().backward()
    assert grad_of(w) == [6.0]


def test_data_of_another_shape_is_refused_and_dtype_is_kept() -> None:
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(ShapeError, match=r"data of shape \(3,\) for a tensor of shape \(2,\)"):
        w.data = np.ones(3)
    w.data = np.ones(2, np.float64)
    assert w.dtype == np.float32


# retain_grad and hooks ----------------------------------------------------------------------------------------------


def test_retain_grad_keeps_the_gradient_of_a_computed_tensor() -> None:
    x = leaf(2.0)
    h = x * x
    h.retain_grad()
    (3 * h).backward(retain_graph=True)
    assert grad_of(h) == 3.0
    (3 * h).backward()
    assert grad_of(h) == 6.0
    assert (x * x).grad is None


def test_retain_grad_of_what_has_none_is_an_error() -> None:
    with pytest.raises(GradError, match="needs no gradient"):
        tg.tensor(1.0).retain_grad()
    with pytest.raises(GradError, match=r"ask tg\.grad\(loss, \[tensor\]\)"):
        tg.split(leaf([1.0, 2.0]), 2)[0].retain_grad()


def test_a_hook_sees_and_changes_the_gradient_of_a_leaf_and_of_a_computed_tensor() -> None:
    x = leaf([1.0, 2.0])
    h = x * x
    seen: list[Any] = []
    h.register_hook(lambda g: seen.append(g.tolist()))
    h.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: np.clip(g.data, -30, 30))
    h.sum().backward()
    assert seen == [[1.0, 1.0]]
    assert grad_of(x) == [20.0, 30.0]


def test_a_hook_sees_the_whole_gradient_once() -> None:
    x = leaf(1.0)
    h = x * 1.0
    seen: list[float] = []
    h.register_hook(lambda g: seen.append(g.item()))
    (h + h * 2 + h * 3).backward()
    assert seen == [6.0]


def test_a_hook_can_be_taken_away() -> None:
    x = leaf(1.0)
    remove = x.register_hook(lambda g: g * 0)
    keep = x.register_hook(lambda g: g + 1)
    remove()
    (2 * x).backward()
    assert grad_of(x) == 3.0
    keep()
    remove()


def test_a_hook_on_another_handle_of_the_same_value_counts() -> None:
    x = leaf(1.0)
    tg.tag(x, "carry").register_hook(lambda g: g * 5)
    (2 * x).backward()
    assert grad_of(x) == 10.0


def test_hooks_work_under_create_graph() -> None:
    x = leaf(3.0)
    x.register_hook(lambda g: g * x)
    (g,) = tg.grad(x * x, x, create_graph=True)  # 2x · x
    assert g is not None
    assert g.item() == 18.0


def test_a_hook_of_the_wrong_shape_and_on_a_constant_is_an_error() -> None:
    x = leaf([1.0, 2.0])
    x.register_hook(lambda g: np.ones(3))
    with pytest.raises(ShapeError, match=r"a hook gave a cotangent of shape \(3,\) for leaf of shape \(2,\)"):
        x.sum().backward()
    with pytest.raises(GradError, match="register_hook"):
        tg.tensor(1.0).register_hook(lambda g: None)


def test_what_a_hook_returns_is_not_written_into() -> None:
    x = leaf([1.0, 2.0])
    mine = np.array([5.0, 6.0])
    x.register_hook(lambda g: mine)
    (x + x).sum().backward()
    x.sum().backward()
    assert grad_of(x) == [10.0, 12.0]
    assert mine.tolist() == [5.0, 6.0]


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
