"""The output head y = W h + b over all steps: nn.Linear, with weights of its own or those of the embedding."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import nn

T, B, H, V = 4, 2, 3, 5
INDICES = np.random.default_rng(0).integers(0, V, (T + 1, B))


class Model(nn.Module):
    """Reads whole numbers and scores the next one; tied, one table both reads and writes (Press & Wolf 2017)."""

    def __init__(self, tied: bool) -> None:
        self.embedding = nn.Embedding(V, H)
        self.gru = nn.GRU(H, H)
        self.head = nn.Linear(H, V)
        if tied:
            self.head.W = self.embedding.weight

    def forward(self, indices: Any) -> tg.Tensor:
        output, _ = self.gru(self.embedding(indices))
        y: tg.Tensor = self.head(output)
        return y


def make(tied: bool) -> Model:
    tg.manual_seed(0)
    return Model(tied).astype(float)


def loss_of(model: Model) -> tg.Tensor:
    return tg.losses.cross_entropy(model(INDICES[:-1]), INDICES[1:])


def test_a_head_over_all_steps_is_the_head_at_each() -> None:
    head, h = nn.Linear(H, V).astype(float), tg.randn(T, B, H, dtype=float)
    y = head(h)
    assert y.shape == (T, B, V)
    assert head.b is not None
    for t in range(T):
        for b in range(B):
            np.testing.assert_allclose(y.data[t, b], head.W.data @ h.data[t, b] + head.b.data, rtol=1e-12)


def test_tied_weights_are_one_parameter() -> None:
    tied, untied = make(True), make(False)
    assert tied.head.W is tied.embedding.weight
    assert tied.parameter_count() == untied.parameter_count() - V * H
    names = [name for name, _ in tied.named_parameters()]
    assert names == [name for name, _ in untied.named_parameters() if name != "head.W"]
    assert len({id(p) for p in tied.parameters()}) == len(list(tied.parameters()))


def test_the_gradient_of_tied_weights_is_the_sum_of_both_uses() -> None:
    tied, untied = make(True), make(False)
    untied.head.W.data = untied.embedding.weight.data.copy()
    loss_of(tied).backward()
    loss_of(untied).backward()
    ours, read, written = tied.embedding.weight.grad, untied.embedding.weight.grad, untied.head.W.grad
    assert ours is not None
    assert read is not None
    assert written is not None
    np.testing.assert_allclose(ours.data, read.data + written.data, rtol=1e-12, atol=1e-15)
    assert tg.gradcheck(lambda _: loss_of(tied), tied.embedding.weight)


def test_tied_weights_stay_tied() -> None:
    """Through a step of an optimiser, another dtype, a copy, and a file's worth of arrays."""
    model = make(True)
    loss_of(model).backward()
    adam = tg.optim.Adam(model.parameters(), lr=0.1)
    adam.step()
    for other in (model, copy.deepcopy(model), make(True).astype(np.float32)):
        other.load_state_dict(model.state_dict())
        assert other.head.W is other.embedding.weight
        assert loss_of(other).item() == pytest.approx(loss_of(model).item(), rel=1e-6)
