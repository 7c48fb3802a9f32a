"""Transforms of functions: values against closed forms and PyTorch, nesting without confusion, clear errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import Tensor, func
from tinygrad_lstm.errors import ArgumentError, DtypeError, ShapeError

Array = np.ndarray[Any, Any]


def close(a: Any, b: Any, tolerance: float = 1e-12) -> bool:
    a, b = (part.detach().numpy() if isinstance(part, Tensor) else np.asarray(part) for part in (a, b))
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=tolerance, atol=tolerance))


def plain(tensor: Tensor) -> bool:
    """Whether it is a constant: numpy() would refuse otherwise."""
    return not tensor.requires_grad


# Closed forms ------------------------------------------------------------------------------------------------------


def test_grad_of_an_array_is_a_constant_of_its_shape_and_dtype(rng: np.random.Generator) -> None:
    x = rng.standard_normal((2, 3))
    g = func.grad(lambda x: tg.sum(tg.tanh(x) ** 2))(x)
    assert close(g, 2 * np.tanh(x) / np.cosh(x) ** 2)
    assert plain(g)
    assert g.dtype == np.float64
    assert func.grad(lambda x: tg.sum(x * x))(x.astype(np.float32)).dtype == np.float32
    assert func.grad(lambda x: x * x)(3.0).dtype == np.float32


def test_value_and_grad_of_several_arguments() -> None:
    f = lambda a, b, scale=1.0: scale * a * b**2  # noqa: E731
    value, (da, db) = func.value_and_grad(f, argnums=(0, 1))(2.0, 3.0, scale=10.0)
    assert (value.item(), da.item(), db.item()) == (180.0, 90.0, 120.0)
    assert plain(value)
    assert func.grad(f, argnums=1)(2.0, 3.0).item() == 12.0
    assert func.grad(f, argnums=-1)(2.0, 3.0).item() == 12.0
    last, first = func.grad(f, argnums=(1, 0))(2.0, 3.0)
    assert (last.item(), first.item()) == (12.0, 9.0)


def test_arguments_with_parts_give_gradients_with_the_same_parts() -> None:
    p = {"W": np.ones((2, 2)), "rest": (np.ones(2), [tg.tensor(1.0, dtype=float), np.array(2.0)])}

    def f(p: Any, x: Array) -> Any:
        W, (b, (s, t)) = p["W"], p["rest"]
        return tg.sum(W @ x + b) * s * t

    g = func.grad(f)(p, np.array([1.0, 10.0]))
    assert list(g) == ["W", "rest"]
    assert isinstance(g["rest"], tuple)
    assert isinstance(g["rest"][1], list)
    assert close(g["W"], [[2.0, 20.0], [2.0, 20.0]])
    assert close(g["rest"][0], [2.0, 2.0])
    assert [part.item() for part in g["rest"][1]] == [48.0, 24.0]


class State(NamedTuple):
    h: Any
    c: Any


def test_a_named_tuple_gives_a_named_tuple() -> None:
    g = func.grad(lambda s: s.h * s.c)(State(h=2.0, c=5.0))
    assert isinstance(g, State)
    assert (g.h.item(), g.c.item()) == (5.0, 2.0)
    _, moved = func.jvp(lambda s: State(s.h * s.c, s.c), (State(2.0, 5.0),), (State(1.0, 0.0),))
    assert (moved.h.item(), moved.c.item()) == (5.0, 0.0)


def test_a_list_of_numbers_is_an_array_as_everywhere() -> None:
    assert close(func.grad(lambda x: (x * x).sum())([[1.0], [2.0]]), np.array([[2.0], [4.0]]))


def test_vjp_pulls_back_as_often_as_one_likes(rng: np.random.Generator) -> None:
    A = rng.standard_normal((3, 2))
    y, pull_back = func.vjp(lambda x: A @ x, np.ones(2))
    assert close(y, A.sum(axis=1))
    assert plain(y)
    for v in rng.standard_normal((3, 3)):
        assert close(pull_back(v), v @ A)


def test_vjp_of_results_with_parts(rng: np.random.Generator) -> None:
    a, b = rng.standard_normal((2, 4))
    y, pull_back = func.vjp(lambda a, b: {"sum": a + b, "pair": (a * b, 7.0)}, a, b)
    assert close(y["pair"][0], a * b)
    assert y["pair"][1].item() == 7.0
    da, db = pull_back({"pair": (np.ones(4), 1.0), "sum": 2 * np.ones(4)})  # in another order
    assert close(da, 2 + b)
    assert close(db, 2 + a)


def test_jvp_and_vjp_are_two_readings_of_one_jacobian(rng: np.random.Generator) -> None:
    def f(x: Any, W: Any) -> Any:
        return tg.tanh(W @ x) * x[0]

    x, W, t_x, t_W, v = (rng.standard_normal(shape) for shape in ((3,), (4, 3), (3,), (4, 3), (4,)))
    y, t_y = func.jvp(f, (x, W), (t_x, t_W))
    value, pull_back = func.vjp(f, x, W)
    g_x, g_W = pull_back(v)
    assert close(y, value)
    assert plain(t_y)
    assert close((v * t_y.data).sum(), (g_x.data * t_x).sum() + (g_W.data * t_W).sum())
    step = 1e-6
    numeric = (f(x + step * t_x, W + step * t_W) - f(x - step * t_x, W - step * t_W)).data / (2 * step)
    assert close(t_y, numeric, 1e-8)


def test_jvp_of_results_with_parts_some_of_which_stand_still() -> None:
    y, t = func.jvp(lambda x: (x * x, tg.tensor([1.0, 2.0]), {"n": 3}), ([3.0],), ([10.0],))
    assert close(t[0], np.array([60.0], np.float32))
    assert close(t[1], np.zeros(2, np.float32))
    assert t[2]["n"].item() == 0.0
    assert y[2]["n"].item() == 3.0


def test_jacobian_has_the_axes_of_the_result_and_then_those_of_the_argument(rng: np.random.Generator) -> None:
    A, x = rng.standard_normal((2, 3, 4)), rng.standard_normal(4)
    assert close(func.jacobian(lambda x: A @ x)(x), A)
    J = func.jacobian(lambda x: x.reshape(2, 2).T)(x)
    assert J.shape == (2, 2, 4)
    assert close(J.data.reshape(4, 4), np.eye(4)[[0, 2, 1, 3]])
    assert func.jacobian(lambda x: x.sum())(x).shape == (4,)
    assert func.jacobian(lambda x: x[:0])(x).shape == (0, 4)
    assert func.jacobian(lambda x: x)(np.zeros((0, 2))).shape == (0, 2, 0, 2)


def test_jacobian_of_parts_by_parts() -> None:
    J = func.jacobian(lambda p, x: {"y": p["a"] * x, "z": p["b"].sum()})({"a": [1.0, 2.0], "b": [3.0, 4.0, 5.0]}, 10.0)
    assert close(J["y"]["a"], 10 * np.eye(2))
    assert close(J["y"]["b"], np.zeros((2, 3)))
    assert close(J["z"]["b"], np.ones(3))


def test_the_price_of_a_jacobian_is_one_run_and_one_backward_pass_for_each_element(rng: np.random.Generator) -> None:
    calls = []

    @tg.primitive
    def counted(x: Any) -> Any:
        calls.append("run")
        return x * 2

    def rule(g: Any) -> Any:
        calls.append("pass")
        return 2 * g

    counted.defvjp(x=rule)
    func.jacobian(lambda x: counted(x))(rng.standard_normal(5))
    assert calls == ["run"] + ["pass"] * 5


def test_hessian_of_a_quadratic_form_is_its_matrix(rng: np.random.Generator) -> None:
    A, x = rng.standard_normal((4, 4)), rng.standard_normal(4)
    assert close(func.hessian(lambda x: x @ A @ x)(x), A + A.T)
    assert close(func.hvp(lambda x: x @ A @ x, x, np.arange(4.0)), (A + A.T) @ np.arange(4.0))
    H = func.hessian(lambda a, b: tg.sum(a * a) * b, argnums=(0, 1))(x, np.array(3.0))
    assert close(H[0][0], 6 * np.eye(4))
    assert close(H[0][1], 2 * x)
    assert close(H[1][0], 2 * x)
    assert H[1][1].item() == 0.0


def test_hvp_of_parts() -> None:
    product = func.hvp(lambda p: p["a"] ** 2 * p["b"], {"a": 3.0, "b": 5.0}, {"a": 1.0, "b": 10.0})
    assert product["a"].item() == 2 * 5 * 1 + 2 * 3 * 10
    assert product["b"].item() == 2 * 3 * 1


# What nothing leads to ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f", [lambda x: 3.0, lambda x: tg.tensor(3.0), lambda x: x.detach().sum(), lambda x: np.ones(())]
)
def test_a_value_that_does_not_depend_on_the_argument_has_gradient_zero(f: Callable[..., Any]) -> None:
    x = np.array([1.0, 2.0])
    assert close(func.grad(f)(x), np.zeros(2))
    assert close(func.jacobian(f)(x), np.zeros(2))
    assert close(func.hessian(f)(x), np.zeros((2, 2)))
    assert close(func.hvp(f, x, x), np.zeros(2))
    assert func.jvp(f, (x,), (x,))[1].item() == 0.0
    _, pull_back = func.vjp(f, x)
    assert close(pull_back(1.0), np.zeros(2))


def test_an_argument_that_is_not_used_has_gradient_zero() -> None:
    assert [g.item() for g in func.grad(lambda a, b: a * a, argnums=(0, 1))(3.0, 5.0)] == [6.0, 0.0]


def test_the_identity() -> None:
    assert func.grad(lambda x: x)(3.0).item() == 1.0
    value, change = func.jvp(lambda x: x, (3.0,), (2.0,))
    assert (value.item(), change.item(), plain(value)) == (3.0, 2.0, True)


# Wrong calls -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: func.grad(lambda x: x * x)([1.0, 2.0]), ShapeError, r"one number.*shape \(2,\).*jacobian"),
        (lambda: func.grad(lambda x: (x, x))(1.0), ShapeError, "one number, but the function returned a tuple"),
        (lambda: func.grad(lambda x: None)(1.0), DtypeError, "must return tensors.*NoneType"),
        (lambda: func.hessian(lambda x: x * x)([1.0, 2.0]), ShapeError, "one number"),
        (lambda: func.grad(lambda x: x, argnums=1)(1.0), ArgumentError, "argnums 1, .* 1 positional argument"),
        (lambda: func.grad(lambda x: x, argnums=(0, 0))(1.0), ArgumentError, "twice"),
        (lambda: func.grad(lambda x, y: x, argnums=(0, -2))(1.0, 1.0), ArgumentError, "twice"),
        (lambda: func.grad(lambda x: x, argnums=cast(Any, "x"))(1.0), ArgumentError, "argnums is a position"),
        (lambda: func.grad(lambda x: x)(x=1.0), ArgumentError, "called with 0 positional"),
        (lambda: func.grad(lambda x: x.sum())(np.arange(3)), DtypeError, "argument 0 is int64.*floating"),
        (lambda: func.jacobian(lambda i, x: x[i], argnums=(0, 1))(np.array([0]), [1.0]), DtypeError, "0 is int64"),
        (lambda: func.grad(lambda x: x.sum())(np.array([True])), DtypeError, "bool"),
        (lambda: func.grad(lambda x: x)("x"), DtypeError, "str"),
        (lambda: func.grad(cast(Any, tg.tensor(1.0))), DtypeError, "got a Tensor.*tg.grad"),
        (lambda: func.vjp(cast(Any, 3), 1.0), DtypeError, "got a int"),
        (lambda: func.vjp(lambda x: x, [1.0])[1]([1.0, 2.0]), ShapeError, r"cotangent of shape \(2,\) .*shape \(1,\)"),
        (lambda: func.vjp(lambda x: (x, x), 1.0)[1](1.0), ShapeError, "the cotangent must have the structure"),
        (lambda: func.vjp(lambda x: {"a": x}, 1.0)[1]({"b": 1.0}), ShapeError, "structure {'a': 'value'}, not {'b'"),
        (lambda: func.jvp(lambda x: x, (1.0,), ([1.0],)), ShapeError, r"tangent of shape \(1,\) .*shape \(\)"),
        (lambda: func.jvp(lambda x: x, (1.0,), (1.0, 2.0)), ShapeError, "the tangents must have the structure"),
        (lambda: func.jvp(lambda x: x, cast(Any, 1.0), cast(Any, 1.0)), ArgumentError, "xs of jvp is a tuple"),
        (lambda: func.hvp(lambda x: x.sum(), [1.0, 2.0], [1.0]), ShapeError, r"\(1,\).*\(2,\)"),
    ],
)  # fmt: skip
def test_a_wrong_call_is_told_in_the_callers_words(call: Callable[[], Any], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        call()


def test_an_error_inside_f_is_its_own_and_leaves_the_mode_as_it_was() -> None:
    with pytest.raises(ZeroDivisionError), tg.no_grad():
        func.grad(lambda x: x * (1 // 0))(1.0)
    assert (tg.tensor(1.0, requires_grad=True) * 2).requires_grad
