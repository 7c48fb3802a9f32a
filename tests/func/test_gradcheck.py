"""The checker checked: right rules pass, and every way of being wrong that we could think of is caught."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import Tensor, gradcheck, gradgradcheck
from tinygrad_lstm.errors import DtypeError, GradcheckError, GradError, TinygradError

Array: TypeAlias = Any
Rng: TypeAlias = np.random.Generator


def leaf(data: Any) -> Tensor:
    return tg.tensor(np.asarray(data, float), requires_grad=True)


def unary(forward: Callable[[Array], Array], rule: Callable[..., Array]) -> Any:
    """An op of one input with this rule."""

    @tg.primitive
    def op(x: Array) -> Array:
        return forward(x)

    op.defvjp(x=rule)
    return op


def binary(forward: Callable[[Array, Array], Array], a: Callable[..., Array], b: Callable[..., Array]) -> Any:
    @tg.primitive
    def op(a: Array, b: Array) -> Array:
        return forward(a, b)

    op.defvjp(a=a, b=b)
    return op


def is_refused(f: Any, *inputs: Tensor, check: Any = gradcheck) -> str:
    """The message, also making sure that raise_exception=False agrees."""
    assert check(f, inputs, raise_exception=False) is False
    with pytest.raises(GradcheckError) as caught:
        check(f, inputs)
    return str(caught.value)


# Wrong rules ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mutant", "hint"),
    [
        pytest.param(lambda g, y: -g * (1 - y * y), "wrong sign", id="sign flipped"),
        pytest.param(lambda g, y: 2 * g * (1 - y * y), "twice the right value", id="doubled"),
        pytest.param(lambda g, y: 0.5 * g * (1 - y * y), "half of the right value", id="halved"),
        pytest.param(lambda g, y: 0 * g, "nothing arrives", id="zero"),
        pytest.param(lambda g, y: g * (1 - y * y) * (1 + 1e-4), "same factor 1.0001 everywhere", id="factor 1+1e-4"),
        pytest.param(lambda g, y: 777.0 * g, None, id="a constant"),
        pytest.param(lambda g, y: g * (1 - y), None, id="square forgotten"),
        pytest.param(lambda g, y: g * np.nan, None, id="NaN"),
        pytest.param(lambda g, y: 1 - y * y, None, id="cotangent forgotten"),
        pytest.param(lambda g, y: (g * (1 - y * y))[::-1], None, id="order reversed"),
    ],
)
def test_a_wrong_rule_of_tanh_is_caught(mutant: Callable[..., Array], hint: str | None, rng: Rng) -> None:
    message = is_refused(unary(np.tanh, mutant), leaf(rng.standard_normal((3, 4))))
    assert ("hint" in message) == (hint is not None)
    assert hint is None or hint in message


def test_a_transposed_gradient_is_caught(rng: Rng) -> None:
    matmul = binary(np.matmul, lambda g, b: g @ b.T, lambda g, a: (a.T @ g).T)
    message = is_refused(matmul, leaf(rng.standard_normal((3, 3))), leaf(rng.standard_normal((3, 3))))
    assert re.search(r"^ +1 +\(0, 1\)", message, re.MULTILINE)
    assert not re.search(r"^ +0 +\(", message, re.MULTILINE), "input 0 is right"


def test_one_rule_of_two_wrong_is_caught_and_named(rng: Rng) -> None:
    multiply = binary(np.multiply, lambda g, b: g * b, lambda g, b: g * b)
    message = is_refused(multiply, leaf(rng.standard_normal(3)), leaf(rng.standard_normal(3)))
    assert message.startswith("3 of 6 elements of the gradient are wrong")
    assert {line.split()[0] for line in message.splitlines()[2:]} == {"1"}


def test_a_missing_path_is_caught(rng: Rng) -> None:
    message = is_refused(lambda x: x * x.detach(), leaf(rng.standard_normal(4)))
    assert "half of the right value: one of two paths missing" in message


def test_an_input_that_f_reads_behind_the_graphs_back_is_caught(rng: Rng) -> None:
    message = is_refused(lambda a, b: a * tg.tensor(b.data), leaf(rng.standard_normal(2)), leaf(rng.standard_normal(2)))
    assert "no gradient reaches input 1, though f depends on it" in message
    message = is_refused(lambda a: tg.tensor(2 * a.data), leaf(rng.standard_normal(2)))
    assert "no gradient reaches input 0" in message


def test_forgotten_broadcasting_is_caught() -> None:
    """A rule that gives the whole cotangent's mean where the sum is due."""
    add = binary(np.add, lambda g: g, lambda g: g.sum(axis=0) / len(g))
    assert "input 1: " in is_refused(add, leaf(np.ones((4, 3))), leaf(np.ones(3)))


def test_wrong_for_some_values_only_is_caught() -> None:
    clipped = unary(lambda x: np.clip(x, -1, 1), lambda g: g)  # right inside, wrong outside
    assert gradcheck(clipped, leaf([0.5, -0.5]))
    message = is_refused(clipped, leaf([0.5, 2.0]))
    assert message.startswith("1 of 2 elements")
    assert "(1,)" in message


def test_a_cotangent_of_ones_would_not_have_seen_it(rng: Rng) -> None:
    """Σ softmax = 1, so under ones the gradient of softmax is zero whatever the factor."""
    doubled = unary(lambda x: np.exp(x) / np.exp(x).sum(), lambda g, y: 2 * y * (g - (g * y).sum()))
    assert gradcheck(lambda x: doubled(x).sum(), leaf(rng.standard_normal(4)))
    is_refused(doubled, leaf(rng.standard_normal(4)))


def test_one_of_several_outputs_wrong_is_caught(rng: Rng) -> None:
    wrong = unary(np.exp, lambda g, y: 1.01 * g * y)
    is_refused(lambda x: (tg.exp(x), wrong(x)), leaf(rng.standard_normal(3)))
    assert gradcheck(lambda x: (tg.exp(x), tg.tanh(x)), leaf(rng.standard_normal(3)))


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(lambda g, x: 3 * g * (x * x).detach() if isinstance(x, Tensor) else 3 * g * x * x, id="detached"),
        pytest.param(lambda g, x: 3 * g * x * x.data if isinstance(x, Tensor) else 3 * g * x * x, id="half detached"),
        pytest.param(
            lambda g, x: tg.tensor(3 * g.data) * x * x if isinstance(x, Tensor) else 3 * g * x * x, id="g cut"
        ),
    ],
)
def test_a_wrong_second_derivative_is_caught_behind_a_right_first_one(rule: Callable[..., Array], rng: Rng) -> None:
    cube = unary(lambda x: x**3, rule)
    x = leaf(rng.standard_normal(3))
    assert gradcheck(cube, x)
    is_refused(cube, x, check=gradgradcheck)


# Wrong functions -----------------------------------------------------------------------------------------------------


def test_a_function_that_is_not_deterministic_is_caught() -> None:
    random = np.random.default_rng(0)
    message = is_refused(lambda x: x * random.random(), leaf([1.0, 2.0]))
    assert "not deterministic" in message


def test_a_gradient_that_is_not_deterministic_is_caught() -> None:
    random = np.random.default_rng(0)
    message = is_refused(unary(np.exp, lambda g, y: g * y * (1 + 1e-9 * random.random())), leaf([1.0, 2.0]))
    assert "the gradient of f is not deterministic" in message


def test_float32_is_refused() -> None:
    with pytest.raises(DtypeError, match=r"input 0 is float32.*float64"):
        gradcheck(tg.tanh, tg.tensor([1.0], requires_grad=True))
    with pytest.raises(DtypeError, match="input 1 is float32"):
        gradgradcheck(lambda a, b: a * b, [leaf([1.0]), tg.tensor([1.0], requires_grad=True)])
    with pytest.raises(DtypeError, match="output 0 is float32"):
        gradcheck(lambda x: x.astype(np.float32), leaf([1.0]), raise_exception=False)


def test_what_cannot_be_checked_is_refused() -> None:
    with pytest.raises(GradError, match="no input requires a gradient"):
        gradcheck(tg.tanh, tg.tensor(np.ones(2)))
    with pytest.raises(DtypeError, match="output 0 is of type float"):
        gradcheck(lambda x: x.item(), leaf([1.0]))
    x = leaf(np.ones(3))
    with pytest.raises(GradError, match="inputs 0 and 1 share memory"):
        gradcheck(lambda a, b: a * b, [x, x.detach()])
    x = tg.broadcast_to(tg.tensor(np.float64(1.0)), 3)
    x.requires_grad = True
    with pytest.raises(GradError, match="input 0 is read-only"):
        gradcheck(tg.tanh, x)


def test_the_error_is_both_ours_and_an_assertion() -> None:
    assert issubclass(GradcheckError, TinygradError)
    assert issubclass(GradcheckError, AssertionError)


# Right ones ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("trial", range(50))
def test_no_false_alarm(trial: int) -> None:
    """Small, large and tiny values through a chain of ops, first and second order."""
    rng = np.random.default_rng(trial)
    scale = 10.0 ** rng.integers(-2, 2)
    x, w = leaf(scale * rng.standard_normal((3, 4))), leaf(rng.standard_normal((2, 4)) / scale)
    b = leaf(rng.standard_normal(2))

    def f(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        h = tg.tanh(x @ w.T + b)
        return tg.log_softmax(h * tg.sigmoid(h), axis=0)

    assert gradcheck(f, [x, w, b])
    assert gradgradcheck(f, [x, w, b])


def test_a_function_of_none_of_its_inputs_has_slope_zero() -> None:
    assert gradcheck(lambda x: tg.tensor(np.ones(3)), leaf([1.0, 2.0]))
    assert gradcheck(lambda a, b: a * 2.0, [leaf([1.0]), leaf([2.0])])
    assert gradgradcheck(lambda x: tg.tensor(np.ones(3)), leaf([1.0, 2.0]))
    assert gradgradcheck(lambda a, b: a * 2.0, [leaf([1.0]), leaf([2.0])])


def test_empty_and_zero_dimensional_inputs() -> None:
    assert gradcheck(tg.exp, leaf(1.0))
    assert gradgradcheck(tg.exp, leaf(1.0))
    assert gradcheck(tg.exp, leaf(np.zeros((0, 3))))


def test_constants_are_left_where_they_are() -> None:
    """Only tensors that require a gradient are moved; other arguments reach f as they are."""
    constant = tg.tensor(np.array([3.0, 4.0]))
    seen: list[Any] = []

    def f(x: Tensor, c: Tensor, n: int) -> Tensor:
        seen.append((c is constant, n))
        return x * c * n

    assert gradcheck(f, (leaf([1.0, 2.0]), constant, 2))
    assert set(seen) == {(True, 2)}


def test_parameters_read_from_elsewhere_are_checked_too() -> None:
    """The tensors are moved in place, so f may find them on its own, as a module does."""
    w = leaf([1.0, 2.0])
    assert gradcheck(lambda *_: w * w, [w])
    is_refused(lambda *_: w * w.detach(), w)


def test_inputs_are_put_back_and_grad_is_left_alone() -> None:
    x = leaf([0.1, 0.2, 0.3])
    before = x.data
    x.grad = tg.tensor(np.array([7.0, 8.0, 9.0]))

    def fails(x: Tensor) -> Tensor:
        if x.data[1] > 0.2:
            raise ZeroDivisionError
        return x * x

    assert gradcheck(lambda x: x * x, x)
    with pytest.raises(ZeroDivisionError):
        gradcheck(fails, x)
    assert x.data is before
    assert x.data.tolist() == [0.1, 0.2, 0.3]
    assert x.grad is not None
    assert x.grad.tolist() == [7.0, 8.0, 9.0]


def test_the_answer_is_the_same_each_time(rng: Rng) -> None:
    x = leaf(rng.standard_normal(3))
    wrong = unary(np.exp, lambda g, y: 1.5 * g * y)
    tg.manual_seed(3)
    first = is_refused(wrong, x)
    tg.manual_seed(4)
    assert is_refused(wrong, x) == first


def test_works_within_no_grad() -> None:
    with tg.no_grad():
        assert gradcheck(tg.tanh, leaf([1.0]))
        assert gradgradcheck(tg.tanh, leaf([1.0]))


def test_a_long_table_is_cut_short() -> None:
    message = is_refused(unary(np.exp, lambda g, y: 3 * g * y), leaf(np.linspace(0, 1, 40)))
    assert "... and 28 more" in message
    assert len(message.splitlines()) < 20
