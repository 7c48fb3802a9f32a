"""Transforms of transforms, of closures and in modes: no perturbation is taken for another."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import Tensor, func


def close(a: Any, b: Any, tolerance: float = 1e-12) -> bool:
    a, b = (part.detach().numpy() if isinstance(part, Tensor) else np.asarray(part) for part in (a, b))
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=tolerance, atol=tolerance))


def plain(tensor: Tensor) -> bool:
    """Whether it is a constant: numpy() would refuse otherwise."""
    return not tensor.requires_grad


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
