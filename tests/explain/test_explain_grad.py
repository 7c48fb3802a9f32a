"""explain_grad: each reason why a gradient is None, zero or NaN is found and named."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.long_chains import few_and_many, run_with_a_shallow_stack
from tinygrad_lstm import Tensor, nn
from tinygrad_lstm.errors import DtypeError, GradError
from tinygrad_lstm.explain import Explanation


def leaf(data: Any, dtype: Any = float) -> Tensor:
    return tg.tensor(np.asarray(data, dtype), requires_grad=True)


def line_of(text: str) -> int:
    """The line of this file that has this text and is marked so."""
    with open(__file__, encoding="utf-8") as file:
        (number,) = [k for k, line in enumerate(file, start=1) if f"# {text}" in line and "line_of" not in line]
    return number


def one_reason(why: Explanation) -> str:
    (reason,) = why.reasons
    return reason


# None ---------------------------------------------------------------------------------------------------------------


def test_no_path_cut_by_detach_names_the_line_and_the_tensor() -> None:
    w, v = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    with tg.scope("net"), tg.scope("t=3", 3):
        h = tg.tanh(w)
        tg.label(h=h, w=w)
        cut = h.detach()  # here
    why = tg.explain_grad((cut * v).sum(), w)
    assert why.verdict == "none"
    assert why.reasons == (
        "no path leads from it to the loss",
        f"cut by detach() at {__file__}:{line_of('here')}: h of shape (2,) in net/t=3",
    )
    assert str(why).startswith("The gradient of w (leaf) of shape (2,), made at ")


def test_one_of_two_paths_cut_by_detach_is_noted() -> None:
    w = leaf(2.0)
    tg.label(w=w)
    why = tg.explain_grad(w * w.detach(), w)
    assert (why.verdict, why.norm) == ("fine", 2.0)
    assert one_reason(why).startswith(f"elsewhere cut by detach() at {__file__}:")


def test_no_path_at_all() -> None:
    w, v = leaf(1.0), leaf(2.0)
    why = tg.explain_grad(v * v, w)
    assert why.reasons == (
        "no path leads from it to the loss",
        "was it used under no_grad(), through .data or .numpy(), or after the loss?",
    )


def test_no_path_because_of_no_grad_names_the_constant() -> None:
    w, v = leaf(1.0), leaf(2.0)
    with tg.no_grad():
        h = w * 2
    tg.label(h=h)
    why = tg.explain_grad(h * v, w)
    assert re.match(r"a constant may hide it: h \(constant\) of shape \(\), made at .*:\d+", why.reasons[1])


def test_a_loss_without_a_graph() -> None:
    w = leaf(1.0)
    with tg.no_grad():
        loss = w * w
    assert "the loss depends on nothing that requires a gradient" in one_reason(tg.explain_grad(loss, w))
    assert "cut by detach() at" in one_reason(tg.explain_grad((w * w).detach(), w))


def test_a_leaf_that_was_replaced() -> None:
    cell = nn.LSTMCell(2, 3)
    old = tg.tag(cell.W, "initial")
    cell.astype(float)
    why = tg.explain_grad(cell(np.ones((1, 2)))[0].sum(), old)
    assert "the graph has another leaf called W, made at" in why.reasons[1]
    assert tg.explain_grad(cell(np.ones((1, 2)))[0].sum(), cell.W).verdict == "fine"


def test_parameters_that_cannot_have_a_gradient() -> None:
    w = leaf(2.0)
    loss = w * w
    assert "its dtype is int64" in one_reason(tg.explain_grad(loss, tg.tensor(np.array([1, 2]))))
    assert "does not require a gradient: set requires_grad=True" in one_reason(tg.explain_grad(loss, tg.tensor(1.0)))
    assert f"made by detach() at {__file__}" in one_reason(tg.explain_grad(loss, w.detach()))


def test_a_path_that_through_cuts() -> None:
    w = leaf(2.0)
    y = w * 3
    with tg.through(lambda edge, g: None):
        why = tg.explain_grad(y, w)
    assert why.verdict == "none"
    assert "no contribution came" in why.reasons[0]
    assert "is cut here, by through()" in why.reasons[1]


def test_a_computed_tensor_is_told_of_retain_grad() -> None:
    w = leaf(2.0)
    h = w * 3
    why = tg.explain_grad(h * h, h)
    assert why.norm == 12.0
    assert why.reasons == ("it is computed, so its .grad stays None unless retain_grad() was called",)


# Zero ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda w: tg.relu(w - 5), r"relu at .*:\d+ is off \(its input is ≤ 0\)"),
        (lambda w: tg.clip(w, 4, 5), "clip at .* is outside its bounds"),
        (lambda w: tg.where(w.data > 9, w, 1.0), "where at .* is masked"),
        (lambda w: w * np.zeros(2), r"multiply at .* multiplies by zero \(b\)"),
        (lambda w: tg.maximum(w, 9.0), "maximum at .* is the smaller one"),
        (lambda w: w - w, "leaf at .* gets 2 contributions that cancel: they sum to zero"),
        (lambda w: tg.softmax(w), "softmax at .* gets only what all its classes have in common"),
        (lambda w: tg.tanh(w * 100), "tanh at .* is saturated"),
        (lambda w: tg.sigmoid(w * 1000), "sigmoid at .* is saturated"),
        (lambda w: np.sign(w), "sign at .* has slope zero"),
        (lambda w: (w * 1e-200) * 1e-200, "multiply at .* underflows: at most 1e-200 came in, the product is too"),
    ],
    ids=["relu", "clip", "where", "zeros", "maximum", "cancel", "softmax", "tanh", "sigmoid", "sign", "underflow"],
)  # fmt: skip
def test_why_it_is_zero(function: Any, reason: str) -> None:
    w = leaf([1.0, 2.0])
    why = tg.explain_grad(function(w).sum(), w)
    assert (why.verdict, why.norm) == ("zero", 0.0)
    assert re.search(reason, one_reason(why)), why
    assert "is zero, ‖g‖ = 0." in str(why)


def test_contributions_that_cancel_but_for_rounding_are_found_too() -> None:
    w = leaf([1.0])
    loss = (w * 0.1 + w * 0.2 - w * 0.3).sum()
    (g,) = tg.grad(loss, w, retain_graph=True)
    assert 0 < abs(g.item()) < 1e-16
    assert "3 contributions that cancel" in str(tg.explain_grad(loss, w))


def test_cancellation_on_the_way_is_found_where_it_happens() -> None:
    w = leaf(2.0)
    h = w * 3
    tg.label(h=h)
    assert (
        one_reason(tg.explain_grad(h * 5 - 5 * h, w))
        == "h (multiply) gets 2 contributions that cancel: they sum to zero"
    )


def test_a_saturated_gate_is_named_with_its_steps() -> None:
    w = leaf([0.5])
    total = leaf(0.0)
    with tg.scope("rnn"):
        for t in (3, *range(7, 13)):
            with tg.scope(f"t={t}", t):
                f = tg.sigmoid(w + 1e4)
                tg.label(f=f)
                total = total + f.sum()
    assert one_reason(tg.explain_grad(total, w)) == "f (sigmoid) in rnn is saturated at t=3, 7..12"


def test_saturated_steps_of_a_fine_gradient_are_noted() -> None:
    lstm = nn.LSTM(1, 2).astype(float)
    lstm.layers[0].b.data = np.array([30.0, 30.0, *[0.0] * 6])
    lstm.layers[0].W.data = np.ones((8, 1))
    x = np.ones((6, 1, 1))
    loss = lstm(x)[0].sum()
    why = tg.explain_grad(loss, lstm.layers[0].W)
    assert why.verdict == "fine"
    assert why.reasons[0] == "f (sigmoid) in lstm/layers.0 is saturated at t=2..6"
    assert len(why.uses) == 6
    assert [use.reader[-3:] for use in why.uses] == [f"t={t}" for t in range(1, 7)]


def test_underflow_in_float32_names_the_step() -> None:
    h = w = leaf(1.0, np.float32)
    for t in range(1, 21):
        with tg.scope(f"t={t}", t):
            h = h * np.float32(1e-3)
    why = tg.explain_grad(h, w)
    assert why.verdict == "zero"
    assert re.search(r"underflows: at most 1\.4e-45 came in, the product is too small for float32 at t=5", str(why))


# NaN ----------------------------------------------------------------------------------------------------------------


def test_a_nan_made_in_backward_is_named() -> None:
    x = leaf([0.0, 4.0])
    y = tg.sqrt(x)
    with np.errstate(all="ignore"):
        why = tg.explain_grad((y * y).sum() * 0.0, x)
    assert why.verdict == "nan"
    assert "backward: the derivative of sqrt for its input x is the first that is not finite" in str(why)
    assert "y = tg.sqrt(x)" in str(why)


def test_an_infinite_gradient() -> None:
    x = leaf([0.0, 4.0])
    why = tg.explain_grad(tg.sqrt(x).sum(), x)
    assert why.verdict == "inf"


def test_a_nan_made_in_forward_is_named_first() -> None:
    x = leaf([-1.0, 4.0])
    with np.errstate(invalid="ignore"):
        bad = tg.log(x)
    why = tg.explain_grad((bad * bad).sum(), x)
    assert why.verdict == "nan"
    assert why.reasons[0] == "the loss itself is not finite: (): 1 NaN"
    assert "forward: the first value that is not finite is log of shape (2,)" in why.reasons[1]
    assert "bad = tg.log(x)" in why.reasons[1]


# Fine ---------------------------------------------------------------------------------------------------------------


def test_a_fine_gradient_shows_what_arrived_at_each_use() -> None:
    w, x = leaf([3.0]), leaf([4.0])
    tg.label(w=w)
    why = tg.explain_grad((w * x + w).sum(), w)
    assert (why.verdict, why.norm, why.reasons) == ("fine", 5.0, ())
    assert [(use.norm, use.reader.split()[0], use.reader[-1]) for use in why.uses] == [
        (4.0, "multiply", "a"), (1.0, "add", "b"),
    ]  # fmt: skip
    assert "is fine, ‖g‖ = 5." in str(why)


def test_the_norms_are_those_of_the_engine_and_many_uses_are_elided() -> None:
    lstm = nn.LSTM(2, 3)
    loss = lstm(tg.randn(30, 2, 2))[0].sum()
    W = lstm.layers[0].W
    why = tg.explain_grad(loss, W)
    assert len(why.uses) == 30
    assert "  ... 18 more ..." in str(why)
    (g,) = tg.grad(loss, W)
    assert why.norm == pytest.approx(np.linalg.norm(g.data), rel=1e-5)


def test_partly_dead_elements_are_counted() -> None:
    w = leaf([1.0, -1.0, -2.0])
    why = tg.explain_grad(tg.relu(w).sum(), w)
    assert why.verdict == "fine"
    assert "2 of its 3 elements are zero" in why.reasons
    assert "is off (its input is ≤ 0) (67% or more of it" in why.reasons[0]


def test_several_outputs() -> None:
    x = leaf([1.0, 2.0])
    a, b = tg.split(x, 2)
    assert tg.explain_grad((a * 3).sum(), a).norm == 3.0
    assert tg.explain_grad((a * 3).sum(), b).verdict == "zero"


def test_graph_and_grads_stay_as_they_were() -> None:
    w = leaf(3.0)
    y = w * w
    tg.explain_grad(y, w)
    assert w.grad is None
    y.backward()
    with pytest.raises(GradError, match="already used and freed"):
        tg.explain_grad(y, w)


def test_bad_input() -> None:
    with pytest.raises(DtypeError, match=r"takes a tensor as param, not the number 1\.0"):
        tg.explain_grad(leaf(1.0), 1.0)  # type: ignore[arg-type]  # on purpose


@few_and_many(1_000, 30_000)
def test_a_long_chain(n: int) -> None:
    printed = run_with_a_shallow_stack(f"""
        w = h = tg.tensor(0.5, requires_grad=True)
        for t in range({n}):
            with tg.scope("step", t):
                h = tg.tanh(w + h)
        print(tg.explain_grad(h, w))
    """)
    assert f"What arrived, by use ({n + 1})" in printed


@pytest.mark.parametrize("move", [lambda x: x[::-1], lambda x: tg.roll(x, 1), lambda x: x.T, lambda x: tg.cumsum(x, 0)])
def test_elements_that_only_change_places_are_not_saturated(move: Any) -> None:
    x, one = leaf([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.0, 0.0], [1.0, 0.0]])
    why = tg.explain_grad((move(x) * one).sum(), x)
    assert "saturated" not in str(why)
