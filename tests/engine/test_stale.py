"""Graphs that were used and freed, values that were changed after use, and hooks on the way."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import Tensor
from tinygrad_lstm.errors import DtypeError, GradError, ShapeError


def leaf(data: Any) -> Tensor:
    return tg.tensor(np.asarray(data, float), requires_grad=True)


def grad_of(x: Tensor) -> Any:
    assert x.grad is not None
    return x.grad.tolist()


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
    assert re.search(r"h \(tanh\) of shape \(\), made at .*test_stale\.py:\d+ in rnn/t=1", message)
    assert 0 < message.index("detach()") < message.index("retain_graph=True")
    assert grad_of(w) == before, "nothing half done"


def test_what_crosses_is_named_even_where_it_kept_nothing_itself() -> None:
    """c = f·c + i·g is a sum, which has nothing to be freed; yet it is c that the new graph reads."""
    w = leaf([0.5])
    with tg.scope("lstm"), tg.scope("t=35", step=35):
        c = w * w + w * 2
        tg.label(c=c)
    (c * w).sum().backward()
    with pytest.raises(GradError, match=r"through c \(add\) of shape \(1,\), made at .*:\d+ in lstm/t=35\. If"):
        (c + w).sum().backward()
    with pytest.raises(GradError, match=r"through c \(add\)"):
        (tg.tanh(w + c) * w).sum().backward()


def test_a_change_right_after_the_last_op_is_noticed() -> None:
    x = leaf([1.0, 2.0])
    y = x * x
    x.data = np.array([3.0, 4.0])
    with pytest.raises(GradError, match="changed"):
        y.sum().backward()
    x.data = np.array([5.0, 6.0])
    (x * x).sum().backward()
    assert grad_of(x) == [10.0, 12.0]


def test_a_second_backward_of_the_same_loss_names_that_loss() -> None:
    w = leaf([0.5])
    loss = (w * w).sum() ** 2
    tg.label(loss=loss)
    loss.backward()
    with pytest.raises(GradError, match=r"through loss \(power\)"):
        loss.backward()


def test_detach_leaves_a_constant_of_the_same_name_that_says_where_and_holds_no_history() -> None:
    x = leaf([1.0])
    h = tg.exp(x)
    tg.label(h=h)
    y = h.detach() * x
    vertex = tg.graph_of(y).vertices[1]
    assert (vertex.kind, vertex.label, vertex.params) == ("input", "h", {"detached": True})
    assert vertex.place.file == __file__
    assert len(tg.graph_of(y).vertices) == 3, "the old graph is not reached"
    assert x.detach().detach().source.node.params == {}, "nothing is cut the second time"


# Rules that fail ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "error", "what"),
    [
        (lambda g, x: g @ np.ones((7, 7)), ShapeError, "failed: .*mismatch"),
        (lambda g, x: g[9], ShapeError, "failed: index 9 is out of bounds"),
        (lambda g, x: g + "a", DtypeError, "failed: "),
        (lambda g, x: 3.0, DtypeError, "gave a float, not an array"),
        (lambda g, x: np.ones(5), ShapeError, r"gave a cotangent of shape \(5,\), but the input has shape \(2,\)"),
    ],
)
def test_a_rule_that_fails_names_op_input_and_the_forward_line(rule: Any, error: Any, what: str) -> None:
    @tg.primitive
    def cube(x: Any) -> Any:
        return x**3

    cube.defvjp(x=rule)
    with tg.scope("net"), tg.scope("t=3", step=3):
        y = cube(leaf([1.0, 2.0]))
    with pytest.raises(
        error,
        match=rf"the rule of cube for x {what}.*in backward of cube of shape \(2,\), made at .* in net/t=3",
    ):
        y.sum().backward()


def test_a_joint_rule_that_fails_names_op_and_line() -> None:
    @tg.primitive
    def product(a: Any, b: Any) -> Any:
        return a * b

    product.defvjp_all(lambda g, a, b: 1 / "a")  # type: ignore[operator]  # on purpose
    with pytest.raises(DtypeError, match=r"the rule of product failed: .*in backward of product of shape"):
        product(leaf([1.0]), leaf([2.0])).sum().backward()


def test_a_bare_number_or_array_is_kept_by_name_for_whoever_tells_the_graph() -> None:
    x = leaf([1.0, 2.0])
    mask = np.array([0.0, 1.0])
    assert (x + 3.0).source.node.params == {"b": 3.0}
    assert (2 - x).source.node.params == {"a": 2}
    for kept in (x * mask).source.node.params["b"], tg.stack([x, mask]).source.node.params["arrays[1]"]:
        assert kept.tolist() == [0.0, 1.0]
        assert not np.shares_memory(kept, mask), "the caller may fill it anew"
    assert tg.add(x, x).source.node.params == {}


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
        r"the data of w \(leaf\) of shape \(1,\), made at .*test_stale\.py:\d+ was changed after multiply of "
        r"shape \(1,\), made at .*test_stale\.py:\d+ had kept it",
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
    assert np.shares_memory(v.data, w.data) == (v.shape != (2, 2, 2))  # only the stack is a copy
    if v.shape != (2, 2, 2):
        with pytest.raises(GradError, match="was changed after multiply"):
            y.backward()
        assert w.grad is None
    else:
        y.backward()
        assert grad_of(w) == [[4.0, 4.0], [4.0, 4.0]]


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
