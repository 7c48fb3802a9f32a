"""The program of a graph, executed by itself, gives the loss and the gradients of the engine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.cases import Case, cases, cotangents_of
from tests.support.long_chains import few_and_many, run_with_a_shallow_stack
from tinygrad_lstm import Tensor, nn
from tinygrad_lstm.errors import ArgumentError, DtypeError, GradError, UnsupportedError
from tinygrad_lstm.explain.program import program


@pytest.fixture(autouse=True)
def in_float64() -> Iterator[None]:
    tg.set_default_dtype("float64")
    yield
    tg.set_default_dtype("float32")


def leaf(data: Any) -> Tensor:
    return tg.tensor(np.asarray(data, float), requires_grad=True)


def check(loss: Tensor, **named: Tensor) -> str:
    """Run the program by itself on these leaves and constants; compare with the engine; returns the text."""
    written = program(loss)
    leaves = {name: value for name, value in named.items() if value.requires_grad}
    values = written.given | {name: value.data for name, value in named.items()}
    namespace: dict[str, Any] = {}
    exec(str(written), namespace)
    value, gradients = namespace["program"](**values)
    assert value == pytest.approx(loss.item(), rel=1e-12, abs=1e-12)
    for (name, _), g in zip(leaves.items(), tg.grad(loss, list(leaves.values())), strict=True):
        np.testing.assert_allclose(gradients[name], g.data, rtol=1e-12, atol=1e-12, err_msg=name)
        assert np.shape(gradients[name]) == g.shape
        assert gradients[name].dtype == g.dtype
    assert gradients.keys() == leaves.keys()
    again, _ = written.run(**named)
    assert again == value
    assert "tinygrad" not in re.sub("#.*", "", str(written)), "it needs nothing of this package"
    return str(written)


def named_parameters(model: nn.Module) -> dict[str, Tensor]:
    return {name.split(".")[-1]: parameter for name, parameter in model.named_parameters()}


def inputs(trajectory: Any) -> dict[str, Tensor]:
    return {f"x_{step.t}": step.x for step in trajectory.steps} | dict(trajectory.initial.named)


def test_an_lstm_of_three_steps_reads_as_its_equations() -> None:
    lstm = nn.LSTM(2, 3)
    trajectory = lstm.unroll(tg.randn(3, 2, 2))
    loss = (trajectory.output**2).mean()
    text = check(loss, **named_parameters(lstm), **inputs(trajectory))
    for line in ("f_3 = sigmoid(", "c_3 = ", "h_3 = o_3 * ", "dc_2 = ", "dW = dW + ", "# lstm/t=2/layers.0"):
        assert line in text
    assert re.search(r"f_3 = .*# cells\.py:\d+", text)


def test_a_gru() -> None:
    gru = nn.GRU(2, 3)
    trajectory = gru.unroll(tg.randn(3, 2, 2))
    check(trajectory.output[-1].sum(), **named_parameters(gru), **inputs(trajectory))


def test_an_mlp_with_cross_entropy() -> None:
    W1, b1, W2, x = leaf(np.eye(4, 3)), leaf(np.ones(4)), leaf(np.arange(8).reshape(2, 4) / 8), tg.randn(40, 3)
    tg.label(W1=W1, b1=b1, W2=W2, x=x)
    logits = tg.linear(tg.relu(tg.linear(x, W1) + b1), W2)
    text = check(tg.losses.cross_entropy(logits, np.arange(40) % 2), W1=W1, b1=b1, W2=W2, x=x)
    assert "np.where(" in text, "a mask is computed, not written down"
    assert "softmax_cross_entropy_targets,  # (40,), a literal of the graph" in text


def test_a_graph_that_contains_a_backward_pass() -> None:
    """The norm of a gradient, as in a penalty: the graph has what create_graph recorded."""
    W, x = leaf([[0.3, -0.2], [0.1, 0.4]]), tg.tensor([[1.0, 2.0]])
    tg.label(W=W, x=x)
    loss = tg.tanh(tg.linear(x, W)).sum()
    (g,) = tg.grad(loss, W, create_graph=True)
    written = program((g * g).sum())
    others = {
        name: np.ones((1, 2)) for name in written.inputs if name not in ("W", "x", *written.given)
    }  # dloss/dy = 1
    _, gradients = written.run(**{"W": W, "x": x, **others})
    (expected,) = tg.grad((g * g).sum(), W)
    np.testing.assert_allclose(gradients["W"], expected.data, rtol=1e-12)


def test_masks_are_those_of_the_values_it_is_run_on() -> None:
    x = leaf([1.0, -1.0])
    tg.label(x=x)
    _, gradients = program((tg.relu(x) * 3.0).sum()).run(x=np.array([-2.0, 2.0]))
    assert gradients["x"].tolist() == [0.0, 3.0]


def test_broadcasting_scalars_and_literals() -> None:
    a, b, c = leaf([[1.0], [2.0]]), leaf([3.0, 4.0, 5.0]), leaf(2.0)
    tg.label(a=a, b=b, c=c)
    y = (a * b - c) / (1 + b**2) + np.arange(3.0) - a * -2.5
    check((y * np.ones((2, 3))).sum(), a=a, b=b, c=c)


def test_indexing_splitting_and_reading_an_embedding() -> None:
    x, E = leaf(np.arange(12.0).reshape(3, 4)), leaf(np.ones((30, 2)))
    tg.label(x=x, E=E)
    first, *_, last = tg.split(x, 4, axis=1)
    rows = tg.embedding(E, np.array([[1, 2], [1, 29]])) * 2
    y = x[1:, [0, 0]].sum() + (x[0] * x[0, ::2][0]).sum() + (first * last).sum() + (rows * rows).mean()
    check(y + x[np.arange(12).reshape(3, 4) > 3].sum(), x=x, E=E)


def test_an_element_of_a_0d_array_beside_other_reads() -> None:
    x = leaf(2.0)
    tg.label(x=x)
    check(x[()] * 3.0 + x * x + x[()] * 2.0, x=x)


def test_the_literal_arrays_are_named_once() -> None:
    x, mask = leaf(np.ones(50)), np.arange(50.0)
    tg.label(x=x)
    written = program((x * mask + tg.tanh(x * mask)).sum())
    assert list(written.given) == ["multiply_b"]
    np.testing.assert_array_equal(written.given["multiply_b"], mask)
    check((x * mask + tg.tanh(x * mask)).sum(), x=x)


@cases(suits=lambda case: bool(case.slots))
def test_every_op(case: Case) -> None:
    leaves = case.leaves()
    tg.label(**{f"x{k}": x for k, x in enumerate(leaves)})
    outputs = case.op(*leaves)
    tg.label(start=(start := leaf(0.0)))
    loss = sum(((y * v).sum() for y, v in zip(outputs, cotangents_of(outputs), strict=True)), start=start)
    written = program(loss)
    values = {"start": 0.0} | {f"x{k}": x.data for k, x in enumerate(leaves)}
    value, gradients = written.run(**{name: values[name] for name in written.inputs if name in values})
    np.testing.assert_allclose(value, loss.data, rtol=1e-12, atol=1e-12)
    for k, (x, g) in enumerate(zip(leaves, tg.grad(loss, leaves, allow_unused=True), strict=True)):
        if g is not None:
            np.testing.assert_allclose(gradients[f"x{k}"], g.data, rtol=1e-12, atol=1e-12)
            assert gradients[f"x{k}"].shape == x.shape


@cases(wanted=lambda record: record.op.wide, suits=lambda case: bool(case.slots) and case.arrays[0].size > 0)
def test_what_sums_float16_does_so_in_float32(case: Case) -> None:
    (x, *_) = leaves = case.leaves(np.float16)
    tg.label(x=x)
    loss = tg.tanh(case.op(*leaves)[0]).sum()
    value, gradients = program(loss).run(x=x.data)
    assert value.dtype == gradients["x"].dtype == np.float16
    np.testing.assert_array_equal(value, loss.data)
    np.testing.assert_array_equal(gradients["x"], tg.grad(loss, x)[0].data)


# Ops of one's own ---------------------------------------------------------------------------------------------------

SCALE = 3.0


def _helper(x: Any) -> Any:
    """Used by the op."""
    return np.sin(x) * SCALE


def test_an_op_of_ones_own_with_helpers_a_closure_and_a_clash_of_names() -> None:
    power = 2

    @tg.primitive
    def tanh(x: Any) -> Any:
        y = _helper(x)
        return y**power

    tanh.defvjp(x=lambda g, x: g * power * _helper(x) * SCALE * np.cos(x))
    x = leaf([0.3, 0.4])
    tg.label(x=x, tanh=(y := tg.tanh(x)))
    text = check((tanh(x) * y).sum(), x=x)
    assert "return np.sin(x) * 3.0" in text


def test_an_op_with_a_joint_rule_that_saves() -> None:
    @tg.primitive(saves=True)
    def product(a: Any, b: Any, *, scale: float = 1.0) -> Any:
        y = a * b
        return y * scale, scale * y

    product.defvjp_all(
        lambda g, saved, needs_input_grad, a, b: (g * saved / a if needs_input_grad[0] else None, g * saved / b)
    )
    a, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    tg.label(a=a, b=b)
    check(product(a, b, scale=0.5).sum(), a=a, b=b)


def test_two_ops_of_one_name_stay_two() -> None:
    def make(n: int) -> Any:
        @tg.primitive
        def cube(x: Any) -> Any:
            y = x
            return y**n

        cube.defvjp(x=lambda g, x: g * n * x ** (n - 1))
        return cube

    x = leaf([2.0])
    tg.label(x=x)
    check((make(3)(x) + make(4)(x)).sum(), x=x)


def test_a_function_without_source_is_refused_by_name() -> None:
    @tg.primitive
    def odd(x: Any) -> Any:
        return np.array(x) + 1

    odd.defvjp(x=eval("lambda g: g"))
    with pytest.raises(UnsupportedError, match="odd_vjp_x cannot be written as a program: the source of"):
        program(odd(leaf(1.0)))


# What it leaves alone, and what it refuses --------------------------------------------------------------------------


def test_graph_and_grads_stay_as_they_were() -> None:
    x = leaf(3.0)
    y = x * x
    program(y)
    assert x.grad is None
    y.backward()
    with pytest.raises(GradError, match="already used and freed"):
        program(y)


def test_bad_input() -> None:
    with pytest.raises(DtypeError, match=r"takes a tensor of one number as loss, not the number 1\.0"):
        program(1.0)  # type: ignore[arg-type]  # on purpose
    with pytest.raises(GradError, match="depends on nothing"):
        program(tg.tensor(1.0))
    x = leaf(1.0)
    tg.label(x=x)
    with pytest.raises(ArgumentError, match="takes x; missing: x; unknown: z"):
        program(x * x).run(z=1.0)
    x.register_hook(lambda g: g * 2)
    with pytest.raises(UnsupportedError, match="a hook cannot be written"):
        program(x * x)


def test_names_that_are_no_names_in_python() -> None:
    x, y = leaf(1.0), leaf(2.0)
    tg.label(**{"W.0": x, "lambda": y, "np": (z := x * y)})
    written = program(z * 2.0)
    _, gradients = written.run(**dict.fromkeys(written.inputs, np.array(3.0)))
    assert [float(g) for g in gradients.values()] == [6.0, 6.0]
    assert list(written.inputs) == ["W_0", "lambda__2"]


@few_and_many(500, 10_000)
def test_the_program_of_a_long_chain(n: int) -> None:
    printed = run_with_a_shallow_stack(f"""
        w = h = tg.tensor(0.5, requires_grad=True)
        for t in range({n}):
            h = tg.tanh(w * h)
        print(len(str(tg.program(h)).splitlines()))
    """)
    assert 5 * n < int(printed) < 9 * n


def test_a_checkpoint_is_refused_by_name() -> None:
    y = tg.func.checkpoint(lambda x: (x * x).sum(), leaf([1.0, 2.0]))
    with pytest.raises(UnsupportedError, match="the inside of a checkpoint is not recorded"):
        program(y)
