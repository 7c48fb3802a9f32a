"""Transforms of networks: an unrolled LSTM, the weights of a cell, and what PyTorch's transforms give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import Tensor, func, nn

Array = np.ndarray[Any, Any]


def close(a: Any, b: Any, tolerance: float = 1e-12) -> bool:
    a, b = (part.detach().numpy() if isinstance(part, Tensor) else np.asarray(part) for part in (a, b))
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=tolerance, atol=tolerance))


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
