"""Second derivatives through recurrent layers: every option, by differences of first derivatives."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.second_order import Check, in_both_ways
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
    "two layers": ({"num_layers": 2}, {}),
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
@in_both_ways
def test_second_derivatives_are_the_slopes_of_first_ones(check_second_order: Check, kind: str, option: str) -> None:
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
    check_second_order(run, leaves)
