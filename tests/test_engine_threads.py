"""Threads that train separate models at once give, bit for bit, what they give one after the other."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import nn


@pytest.fixture
def impatient() -> Iterator[None]:
    """Threads take turns a thousand times as often as they otherwise would."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)


def trained(seed: int, together: Barrier | None = None) -> list[Any]:
    """The weights and losses of a small model with dropout after some steps; every mode is used on the way."""
    if together is not None:
        together.wait(timeout=60)
    tg.manual_seed(seed)
    lstm, head, dropout = nn.LSTM(3, 4), nn.Linear(4, 2), nn.Dropout(0.4)
    adam = tg.optim.Adam([*lstm.parameters(), *head.parameters()], lr=0.02)
    x, targets = tg.randn(5, 2, 3), np.array([[0, 1]] * 5)
    seen: list[Any] = []
    for _ in range(8):
        with tg.scope(f"model {seed}"):
            output, _ = lstm(x)
            loss = tg.losses.cross_entropy(head(dropout(output)), targets)
        adam.zero_grad()
        with tg.through(lambda edge, g: g * 0.5 if edge.tag == "carry" else g):
            loss.backward()
        nn.utils.clip_grad_norm_(lstm.parameters(), 1.0)
        adam.step()
        with tg.no_grad():
            seen.append(lstm(x)[0].sum().data)
        scopes = {vertex.scope[0] for vertex in tg.graph_of(loss).vertices if vertex.op == "tanh"}
        assert scopes == {f"model {seed}"}
        seen.append(loss.data)
    return [*seen, *(p.data for p in [*lstm.parameters(), *head.parameters()])]


@pytest.mark.usefixtures("impatient")
def test_models_trained_at_once_are_those_trained_one_after_the_other() -> None:
    seeds = range(6)
    together = Barrier(len(seeds))
    with ThreadPoolExecutor(len(seeds)) as pool:
        at_once = list(pool.map(lambda seed: trained(seed, together), seeds))
    for seed, found in zip(seeds, at_once, strict=True):
        for a, b in zip(found, trained(seed), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.usefixtures("impatient")
def test_one_model_used_by_several_threads_gives_each_its_own_gradients() -> None:
    """tg.grad touches no ``.grad``, so threads may share the weights they read."""
    lstm = nn.LSTM(2, 3)
    inputs = [tg.randn(4, 1, 2) for _ in range(6)]

    def gradients(x: tg.Tensor) -> list[Any]:
        return [g.data for g in tg.grad(lstm(x)[0].sum(), list(lstm.parameters()))]

    with ThreadPoolExecutor(6) as pool:
        at_once = list(pool.map(gradients, inputs))
    for x, found in zip(inputs, at_once, strict=True):
        for a, b in zip(found, gradients(x), strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_seed_set_in_a_thread_is_no_other_threads() -> None:
    tg.manual_seed(1)
    expected = tg.rand(3).tolist()
    tg.manual_seed(1)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(tg.manual_seed, 2).result()
    assert tg.rand(3).tolist() == expected
