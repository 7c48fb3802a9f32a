"""Second derivatives through recurrent layers: every option, by differences of first derivatives."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import nn

T, B, D, H = 3, 2, 2, 2
LENGTHS = [2, 3]
HOLES = np.array([[True, False], [False, True], [True, True]])
OPTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # the layer's, and the call's
    "batch first": ({"batch_first": True, "bias": False}, {}),
    "reverse": ({"reverse": True}, {"lengths": LENGTHS}),
    "both ways": ({"bidirectional": True}, {"lengths": LENGTHS}),
    "both ways summed": ({"bidirectional": "sum", "bias": False}, {}),
    "repeat": ({}, {"mask": HOLES, "outside": "repeat"}),
    "raw": ({}, {"mask": HOLES, "outside": "raw"}),
    "dropout": ({"num_layers": 2, "dropout": 0.4, "bias": False}, {}),
    "locked dropout": ({"num_layers": 2, "dropout": nn.LockedDropout(0.4), "bias": False}, {}),
}
KINDS: dict[str, Any] = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU, "LSTMP": partial(nn.LSTM, proj_size=1)}


def make(kind: str, **options: Any) -> Any:
    layer = KINDS[kind](D, H, **options).astype(float)
    rng = np.random.default_rng(0)
    for parameter in layer.parameters():
        parameter.data = rng.normal(0, 0.7, parameter.shape)
    return layer


def leaf(seed: int, *shape: int) -> tg.Tensor:
    return tg.tensor(np.random.default_rng(seed).normal(size=shape), requires_grad=True)


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_gradgradcheck(kind: str, option: str) -> None:
    """Of output and final state, in x, the initial state and every parameter."""
    build, how = OPTIONS[option]
    layer = make(kind, **build)
    sizes = layer.layers[0].state_sizes
    x = leaf(1, *((B, T, D) if option == "batch first" else (T, B, D)))
    starts = [leaf(2 + k, len(layer.layers), B, size) for k, size in enumerate(sizes)]

    def run(x: tg.Tensor, *others: tg.Tensor) -> tuple[tg.Tensor, ...]:
        tg.manual_seed(0)
        state = others[: len(sizes)]
        output, final = layer(x, state if len(sizes) > 1 else state[0], **how)
        return (output, *(final if isinstance(final, tuple) else (final,)))

    leaves = [x, *starts, *layer.parameters()]
    assert tg.gradcheck(run, leaves)
    assert tg.gradgradcheck(run, leaves)


def test_a_hessian_vector_product_through_two_layers_is_the_difference_of_two_gradients() -> None:
    """H v = (g(w + ε v) - g(w - ε v)) / 2ε, for all weights of an LSTM at once."""
    lstm = make("LSTM", num_layers=2)
    x, rng = leaf(1, 5, B, D), np.random.default_rng(7)
    weights = list(lstm.parameters())
    start = [w.data.copy() for w in weights]
    v = [rng.normal(size=w.shape) for w in weights]

    def gradient(create_graph: bool = False) -> list[tg.Tensor]:
        output, (h, c) = lstm(x)
        return list(tg.grad((output**2).sum() + (h * c).sum(), weights, create_graph=create_graph))

    along = sum(((g * one).sum() for g, one in zip(gradient(True), v, strict=True)), tg.tensor(0.0))
    products = [g.data for g in tg.grad(along, weights)]
    ends = []
    for step in (1e-5, -1e-5):
        for w, w_0, one in zip(weights, start, v, strict=True):
            w.data = w_0 + step * one
        ends.append([g.data for g in gradient()])
    for product, up, down in zip(products, *ends, strict=True):
        np.testing.assert_allclose(product, (up - down) / 2e-5, rtol=1e-6, atol=1e-8)
