"""Who runs in ``bench.py``: a training step, or a forward pass, of an LSTM in our ways and in those of others.

Each is a function of (T, B, D, H) that returns a function without arguments, which runs one step: forward and backward,
the loss being the sum of all outputs; float32, one BLAS thread. A package that is missing is an ImportError.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lstm.training.speed import Step, Way, compiled, data, layer, torch_layer


def lstm(xs: Any, zero: Any, W: Any, U: Any, b: Any, *, of: Any) -> list[Any]:
    """The bare lines, the same for every package that has ``linear``, ``split``, ``sigmoid`` and ``tanh``."""
    h, c, outputs = zero, zero, []
    for x in xs:
        z = of.linear(x, W) + of.linear(h, U) + b
        f, i, o, g = of.split(z)
        f, i, o, g = of.sigmoid(f), of.sigmoid(i), of.sigmoid(o), of.tanh(g)
        c = f * c + i * g
        h = o * of.tanh(c)
        outputs.append(h)
    return outputs


# Ours ----------------------------------------------------------------------------------------------------------------


def lines(T: int, B: int, D: int, H: int) -> Step:
    """The bare lines on our graph."""
    import tinygrad_lstm as tg

    class Of:
        linear, sigmoid, tanh = staticmethod(tg.linear), staticmethod(tg.sigmoid), staticmethod(tg.tanh)

        @staticmethod
        def split(z: Any) -> Any:
            return tg.split(z, 4, axis=-1)

    sequence, arrays = data(T, B, D, H)
    x, weights = tg.tensor(sequence), [tg.tensor(array, requires_grad=True) for array in arrays]
    zero = np.zeros((B, H), np.float32)

    def step() -> None:
        for weight in weights:
            weight.grad = None
        tg.stack(lstm(tg.unstack(x), tg.tensor(zero), *weights, of=Of)).sum().backward()

    return step


def inference(kind: str, **options: Any) -> Way:
    """A forward pass of one of our layers without a graph."""

    def make(T: int, B: int, D: int, H: int) -> Step:
        import tinygrad_lstm as tg

        x, run = tg.tensor(data(T, B, D, H)[0]), getattr(tg.nn, kind)(D, H, **options)

        def step() -> object:
            with tg.no_grad():
                return run(x)[0]

        return step

    return make


def products(T: int, B: int, D: int, H: int) -> Step:
    """The matrix products of a training step alone, by NumPy: what no way of writing the rest can go below."""
    x, (W, U, _) = data(T, B, D, H)
    z, h, rows = np.ones((B, 4 * H), np.float32), np.ones((B, H), np.float32), x.reshape(T * B, D)
    over_time, states = np.ones((T * B, 4 * H), np.float32), np.ones((T * B, H), np.float32)

    def step() -> None:
        rows @ W.T
        for _ in range(T):
            h @ U.T
        for _ in range(T):
            z @ U
        over_time.T @ states
        over_time.T @ rows

    return step


def products_forward(T: int, B: int, D: int, H: int) -> Step:
    """Those of a forward pass."""
    x, (W, U, _) = data(T, B, D, H)
    h, rows = np.ones((B, H), np.float32), x.reshape(T * B, D)

    def step() -> None:
        rows @ W.T
        for _ in range(T):
            h @ U.T

    return step


# Others --------------------------------------------------------------------------------------------------------------


def eager(T: int, B: int, D: int, H: int) -> Step:
    """The bare lines in eager PyTorch."""
    import torch

    torch.set_num_threads(1)

    class Of:
        linear, sigmoid, tanh = torch.nn.functional.linear, torch.sigmoid, torch.tanh

        @staticmethod
        def split(z: Any) -> Any:
            return z.chunk(4, -1)

    sequence, arrays = data(T, B, D, H)
    x, weights = torch.tensor(sequence), [torch.tensor(array, requires_grad=True) for array in arrays]

    def step() -> None:
        for weight in weights:
            weight.grad = None
        torch.stack(lstm(x.unbind(0), torch.zeros(B, H), *weights, of=Of)).sum().backward()

    return step


def hips(T: int, B: int, D: int, H: int) -> Step:
    """The bare lines under HIPS autograd."""
    import autograd
    import autograd.numpy as anp

    class Of:
        tanh = staticmethod(anp.tanh)

        @staticmethod
        def linear(x: Any, W: Any) -> Any:
            return anp.dot(x, W.T)

        @staticmethod
        def split(z: Any) -> Any:
            return [z[:, k * H : (k + 1) * H] for k in range(4)]

        @staticmethod
        def sigmoid(z: Any) -> Any:
            return 0.5 * (anp.tanh(0.5 * z) + 1)

    x, weights = data(T, B, D, H)
    zero = np.zeros((B, H), np.float32)

    def loss(weights: Any) -> Any:
        return sum(anp.sum(h) for h in lstm(x, zero, *weights, of=Of))

    gradient = autograd.grad(loss)
    return lambda: gradient(weights)


def mygrad(T: int, B: int, D: int, H: int) -> Step:
    """The bare lines under MyGrad, its memory guard off."""
    import mygrad as mg
    from mygrad.nnet import activations

    mg.turn_memory_guarding_off()

    class Of:
        tanh, sigmoid = staticmethod(mg.tanh), staticmethod(activations.sigmoid)

        @staticmethod
        def linear(x: Any, W: Any) -> Any:
            return mg.matmul(x, W.T)

        @staticmethod
        def split(z: Any) -> Any:
            return [z[:, k * H : (k + 1) * H] for k in range(4)]

    x, arrays = data(T, B, D, H)
    weights = [mg.tensor(array) for array in arrays]
    zero = np.zeros((B, H), np.float32)

    def step() -> None:
        for weight in weights:
            weight.null_grad()
        total = mg.tensor(0.0)
        for h in lstm(x, mg.tensor(zero), *weights, of=Of):
            total = total + h.sum()
        total.backward()

    return step


def jax_jit(T: int, B: int, D: int, H: int) -> Step:
    """The bare lines under JAX, compiled by XLA as a scan over time."""
    import jax
    from jax import numpy as jnp

    x, weights = data(T, B, D, H)
    zero = jnp.zeros((B, H), jnp.float32)

    def loss(weights: Any, x: Any) -> Any:
        W, U, b = weights

        def one(state: Any, x: Any) -> Any:
            h, c = state
            f, i, o, g = jnp.split(x @ W.T + h @ U.T + b, 4, axis=-1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        return jax.lax.scan(one, (zero, zero), x)[1].sum()

    gradient = jax.jit(jax.grad(loss))
    given = [jnp.asarray(array) for array in weights], jnp.asarray(x)
    return lambda: jax.block_until_ready(gradient(*given))


WHO: dict[str, Way] = {
    "composed lines": lines, "nn.LSTM": layer("LSTM"), "nn.LSTM, fused": layer("LSTM", fused=True),
    "nn.GRU, fused": layer("GRU", fused=True), "nn.RNN, fused": layer("RNN", fused=True),
    "nn.LSTM, compiled": compiled, "nn.LSTM, checkpoint": layer("LSTM", checkpoint=True),
    "nn.LSTM, fused, no_grad": inference("LSTM", fused=True), "NumPy's products": products,
    "NumPy's products, forward": products_forward,
    "PyTorch, the same lines": eager, "torch.nn.LSTM": torch_layer("LSTM"), "torch.nn.GRU": torch_layer("GRU"),
    "torch.nn.RNN": torch_layer("RNN"), "torch.nn.LSTM, no_grad": torch_layer("LSTM", train=False),
    "HIPS autograd": hips, "MyGrad": mygrad, "JAX jit": jax_jit,
}  # fmt: skip
