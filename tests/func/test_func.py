"""Transforms of functions: values against closed forms and PyTorch, nesting without confusion, clear errors."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, cast

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import Tensor, func, nn
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


# Nesting: no perturbation confusion --------------------------------------------------------------------------------


def test_the_derivative_of_x_times_a_derivative() -> None:
    """d/dx [x · d/dy (x + y)] = 1 at any x: who mixes the two derivatives up gets 2 (Siskind & Pearlmutter 2005)."""
    for x in (-1.0, 0.0, 3.0):
        assert func.grad(lambda x: x * func.grad(lambda y: x + y)(1.0))(x).item() == 1.0
        assert func.grad(lambda x: x * func.grad(lambda y: x + y)(x))(x).item() == 1.0
        assert func.grad(lambda x: x * func.jvp(lambda y: x + y, (1.0,), (1.0,))[1])(x).item() == 1.0
        assert func.jvp(lambda x: x * func.grad(lambda y: x + y)(1.0), (x,), (1.0,))[1].item() == 1.0
        assert func.jvp(lambda x: x * func.jvp(lambda y: x + y, (1.0,), (1.0,))[1], (x,), (1.0,))[1].item() == 1.0


def test_an_inner_derivative_by_the_outer_variable_itself() -> None:
    # d/dx [d/dy (x y²) at y = x] = d/dx 2x² = 4x
    assert func.grad(lambda x: func.grad(lambda y: x * y * y)(x))(3.0).item() == 12.0
    # the third one down: d/dx d/dy d/dz (x y z)² at z = y = x: ∂z 2x²y²z → at z=y: 2x²y³ → ∂y 6x²y² → 6x⁴ → 24x³
    nested = func.grad(lambda x: func.grad(lambda y: func.grad(lambda z: (x * y * z) ** 2)(y))(x))
    assert nested(2.0).item() == 24 * 8


def test_derivatives_of_every_order_of_a_power() -> None:
    f: Callable[..., Any] = lambda x: x**5  # noqa: E731
    for expected in (80.0, 160.0, 240.0, 240.0, 120.0, 0.0):
        f = func.grad(f)
        assert f(tg.tensor(2.0, dtype=float)).item() == pytest.approx(expected)


def test_forward_over_reverse_and_reverse_over_forward_agree(rng: np.random.Generator) -> None:
    A, x, v = rng.standard_normal((3, 3)), rng.standard_normal(3), rng.standard_normal(3)

    def f(x: Any) -> Tensor:
        return tg.sum(tg.tanh(A @ x) ** 3)

    H = func.hessian(f)(x).data
    assert close(H, H.T)
    assert close(func.hvp(f, x, v), H @ v)
    assert close(func.jvp(func.grad(f), (x,), (v,))[1], H @ v)
    assert close(func.grad(lambda x: func.jvp(f, (x,), (v,))[1])(x), H @ v)
    assert close(func.jacobian(lambda x: func.vjp(f, x)[1](1.0))(x), H)
    assert close(func.grad(lambda x: tg.sum(func.grad(f)(x) * v))(x), H @ v)
    third = func.jacobian(func.hessian(f))(x).data
    assert close(third, np.transpose(third, (2, 0, 1)))


def test_a_pull_back_can_be_differentiated_by_its_cotangent_and_by_the_argument(rng: np.random.Generator) -> None:
    x, v = rng.standard_normal(3), rng.standard_normal(3)
    assert close(func.jacobian(lambda v: func.vjp(tg.tanh, x)[1](v))(v), np.diag(1 / np.cosh(x) ** 2))
    slope = 1 / np.cosh(x) ** 2
    assert close(func.jacobian(lambda x: func.vjp(tg.tanh, x)[1](v))(x), np.diag(-2 * v * np.tanh(x) * slope))
    single = np.float32(2.0)
    _, pull_back = func.vjp(lambda x: x * x, np.array(3.0))
    dv = func.grad(lambda v: pull_back(v))(single)  # another dtype on the way
    assert (dv.item(), dv.dtype) == (6.0, np.float32)


def test_a_function_may_use_tg_grad_and_backward_inside() -> None:
    def by_grad(x: Tensor) -> Tensor:
        y = tg.tensor(2.0, requires_grad=True)
        (dy,) = tg.grad(x * y**2, y, create_graph=True)
        return x * dy  # 2 x² y

    def by_backward(x: Tensor) -> Tensor:
        y = tg.tensor(2.0, requires_grad=True)
        (x * y**2).backward(create_graph=True)
        assert y.grad is not None
        return x * y.grad

    for f in (by_grad, by_backward):
        assert func.grad(f)(3.0).item() == 24.0
        assert func.grad(func.grad(f))(3.0).item() == 8.0
        x = tg.tensor(3.0, requires_grad=True)
        (dx,) = tg.grad(f(x), x)
        assert dx.item() == 24.0


def test_tensors_that_a_function_finds_elsewhere_are_constants_and_yet_differentiable() -> None:
    w = tg.tensor(5.0, requires_grad=True)
    g = func.grad(lambda x: w * x * x)(3.0)
    assert g.item() == 30.0
    g.backward()  # ∂/∂w of 2 w x
    assert w.grad is not None
    assert w.grad.item() == 6.0
    H = func.hessian(lambda x: w**2 * x * x)(3.0)
    (dw,) = tg.grad(H, w)
    assert dw.item() == 20.0
    assert plain(func.grad(lambda x: w.detach() * x)(3.0))


def test_gradients_of_a_tensor_that_needs_one_lead_on_to_it() -> None:
    x = tg.tensor(2.0, requires_grad=True)
    y = x * 1.5
    value, g = func.value_and_grad(lambda x: x**3)(y)
    (dx,) = tg.grad(g, x, retain_graph=True)
    assert dx.item() == pytest.approx(6 * 3.0 * 1.5)
    (dx,) = tg.grad(value, x)
    assert dx.item() == pytest.approx(3 * 9.0 * 1.5)
    assert tg.gradgradcheck(lambda x: func.grad(lambda x: tg.sum(tg.tanh(x) ** 3))(x),
                            tg.tensor([0.3, -0.8], dtype=float, requires_grad=True))  # fmt: skip


def test_no_grad_of_anybodys_is_touched() -> None:
    x, w = tg.tensor([2.0, 3.0], requires_grad=True), tg.tensor(5.0, requires_grad=True)
    w.grad = tg.tensor(7.0)
    f = lambda x: (w * x**3).sum()  # noqa: E731
    func.grad(f)(x), func.hessian(f)(x), func.hvp(f, x, [1.0, 1.0]), func.jvp(f, (x,), ([1.0, 1.0],))
    func.vjp(f, x)[1](1.0)
    assert x.grad is None
    assert w.grad.item() == 7.0


def test_no_grad_around_a_transform_is_respected_in_its_result_only() -> None:
    w = tg.tensor(5.0, requires_grad=True)
    with tg.no_grad():
        value, g = func.value_and_grad(lambda x: w * x**2)(3.0)
        H = func.hessian(lambda x: w * x**2)(w)
        t = func.jvp(lambda x: w * x**2, (3.0,), (1.0,))[1]
    assert (g.item(), H.item(), t.item()) == (30.0, 10.0, 30.0)
    assert all(map(plain, (value, g, H, t)))

    @tg.no_grad()
    def still(x: Tensor) -> Tensor:
        return x * x

    assert func.grad(lambda x: x + still(x))(3.0).item() == 1.0


def test_threads_do_not_disturb_each_other() -> None:
    def work(seed: int) -> Any:
        A = np.random.default_rng(seed).standard_normal((4, 4))
        with tg.no_grad():
            return func.hessian(lambda x: tg.sum(tg.tanh(A @ x) ** 2))(A[0]).numpy()

    with ThreadPoolExecutor(4) as pool:
        for one, other in zip(map(work, range(8)), pool.map(work, range(8)), strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_long_chain() -> None:
    def f(x: Tensor) -> Tensor:
        y = x
        for _ in range(20_000):
            y = y * 1.0001
        return y

    assert func.grad(f)(tg.tensor(1.0, dtype=float)).item() == pytest.approx(1.0001**20_000)


# Networks ----------------------------------------------------------------------------------------------------------


def lstm_loss(p: Any, x: Any) -> Any:
    """An LSTM by hand, two layers over the steps of x (T, B, D); all weights in one dict."""
    loss = tg.tensor(0.0, dtype=float)
    H = p["U0"].shape[1]
    states: list[Any] = [(np.zeros((x.shape[1], H)), np.zeros((x.shape[1], H))) for _ in range(2)]
    for t in range(x.shape[0]):
        y = x[t]
        for k in range(2):
            h, c = states[k]
            z = y @ p[f"W{k}"].T + h @ p[f"U{k}"].T + p[f"b{k}"]
            f, i, o, g = tg.split(z, 4, axis=-1)
            c = tg.sigmoid(f) * c + tg.sigmoid(i) * tg.tanh(g)
            h = tg.sigmoid(o) * tg.tanh(c)
            states[k], y = (h, c), h
        loss = loss + tg.sum(y**2)
    return loss


def lstm_weights(rng: np.random.Generator, D: int = 2, H: int = 3) -> dict[str, Array]:
    shapes = {"W0": (4 * H, D), "U0": (4 * H, H), "b0": (4 * H,), "W1": (4 * H, H), "U1": (4 * H, H), "b1": (4 * H,)}
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


def test_hvp_through_an_unrolled_lstm_of_two_layers_against_differences_of_gradients(rng: np.random.Generator) -> None:
    p, v, x = lstm_weights(rng), lstm_weights(rng), rng.standard_normal((3, 2, 2))
    product = func.hvp(lambda p: lstm_loss(p, x), p, v)
    step = 1e-5
    up, down = (func.grad(lstm_loss)({n: p[n] + sign * v[n] for n in p}, x) for sign in (step, -step))
    for name in p:
        assert close(product[name], (up[name].data - down[name].data) / (2 * step), 1e-6), name


def test_hessian_of_a_loss_by_the_weights_of_a_cell_is_symmetric(rng: np.random.Generator) -> None:
    p, x = lstm_weights(rng, 1, 1), rng.standard_normal((2, 1, 1))
    H = func.hessian(lambda p: lstm_loss(p, x))(p)
    names = list(p)
    full = np.block([[H[a][b].data.reshape(p[a].size, p[b].size) for b in names] for a in names])
    assert full.shape == (24, 24)
    assert close(full, full.T)


def test_the_layers_of_nn_are_differentiated_by_their_input(rng: np.random.Generator) -> None:
    lstm = nn.LSTM(2, 3, num_layers=2).astype(float)
    x, v = rng.standard_normal((4, 1, 2)), rng.standard_normal((4, 1, 2))
    product = func.hvp(lambda x: (lstm(x)[0] ** 2).sum(), x, v)
    step = 1e-5
    up, down = (func.grad(lambda x: (lstm(x)[0] ** 2).sum())(x + sign * v).data for sign in (step, -step))
    assert close(product, (up - down) / (2 * step), 1e-7)
    assert all(parameter.grad is None for parameter in lstm.parameters())


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


# PyTorch -----------------------------------------------------------------------------------------------------------


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:.torch.jit")  # torch.func uses what torch deprecates
def test_everything_equals_torch_func_on_a_small_network(rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch")
    A, B, x, t = (rng.standard_normal(shape) for shape in ((4, 3), (2, 4), (3,), (3,)))
    v = rng.standard_normal(2)

    def ours(x: Any) -> Any:
        return tg.sigmoid(B @ tg.tanh(A @ x)) * x[0]

    def theirs(x: Any) -> Any:
        return torch.sigmoid(torch.tensor(B) @ torch.tanh(torch.tensor(A) @ x)) * x[0]

    tx, tt, tv = map(torch.tensor, (x, t, v))

    def scalar(x: Any) -> Any:
        return ours(x).sum()

    def torch_scalar(x: Any) -> Any:
        return theirs(x).sum()

    pairs = [
        (func.grad(scalar)(x), torch.func.grad(torch_scalar)(tx)),
        (func.vjp(ours, x)[1](v), torch.func.vjp(theirs, tx)[1](tv)[0]),
        (func.jvp(ours, (x,), (t,))[1], torch.func.jvp(theirs, (tx,), (tt,))[1]),
        (func.jacobian(ours)(x), torch.func.jacrev(theirs)(tx)),
        (func.hessian(scalar)(x), torch.func.hessian(torch_scalar)(tx)),
        (func.hvp(scalar, x, t), torch.autograd.functional.hvp(torch_scalar, tx, tt)[1]),
        (func.jacobian(func.hessian(scalar))(x), torch.func.jacrev(torch.func.hessian(torch_scalar))(tx)),
    ]
    for a, b in pairs:
        assert close(a, b.numpy(), 1e-10)


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:.torch.jit")  # torch.func uses what torch deprecates
def test_an_lstm_step_equals_torch_func(rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch")
    H, D = 3, 2
    W, U, b, x = (rng.standard_normal(s) for s in ((4 * H, D), (4 * H, H), (4 * H,), (2, D)))
    h, c, t_h, t_c = rng.standard_normal((4, 2, H))

    def step(m: Any, split: Callable[[Any], Any], given: Any, h: Any, c: Any) -> Any:
        W, U, b, x = given
        f, i, o, g = split(x @ W.T + h @ U.T + b)
        c = m.sigmoid(f) * c + m.sigmoid(i) * m.tanh(g)
        return m.sigmoid(o) * m.tanh(c), c

    def ours(h: Any, c: Any) -> Any:
        return step(tg, lambda z: tg.split(z, 4, axis=-1), (W, U, b, tg.tensor(x)), h, c)

    def theirs(h: Any, c: Any) -> Any:
        return step(torch, lambda z: torch.split(z, H, -1), [torch.tensor(part) for part in (W, U, b, x)], h, c)

    th, tc = torch.tensor(h), torch.tensor(c)
    J, K = func.jacobian(ours, argnums=(0, 1))(h, c), torch.func.jacrev(theirs, argnums=(0, 1))(th, tc)
    for row, other in zip(J, K, strict=True):
        for block, their_block in zip(row, other, strict=True):
            assert close(block, their_block.numpy(), 1e-10)
    _, moved = func.jvp(ours, (h, c), (t_h, t_c))
    _, their_moved = torch.func.jvp(theirs, (th, tc), (torch.tensor(t_h), torch.tensor(t_c)))
    for a, b_ in zip(moved, their_moved, strict=True):
        assert close(a, b_.numpy(), 1e-10)
