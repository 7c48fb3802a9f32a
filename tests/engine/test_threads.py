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
    sys.setswitchinterval(1e-6)
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


# What several threads read, change and store ------------------------------------------------------------------------


def in_threads(work: Any, threads: int = 8) -> None:
    together = Barrier(threads)

    def one_of_many(k: int) -> None:
        together.wait(timeout=60)
        work(k)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one_of_many, range(threads)))


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("how", ["backward", "events", "a computed tensor", "create_graph"])
def test_every_gradient_of_a_shared_leaf_arrives(how: str) -> None:
    w = tg.tensor(1.0, requires_grad=True)

    def work(_: int) -> None:
        for _ in range(200):
            if how == "backward":
                (w * 1.0).sum().backward()
            elif how == "events":
                list(tg.backward_events((w * 1.0).sum()))
            elif how == "create_graph":
                (w * 1.0).sum().backward(create_graph=True)
            else:
                tg.add(h, 0.0).backward(retain_graph=True)

    h = w * 1.0
    h.retain_grad()
    in_threads(work)
    assert w.grad is not None
    assert w.grad.item() == 8 * 200
    if how == "a computed tensor":
        assert h.grad is not None
        assert h.grad.item() == 8 * 200


@pytest.mark.usefixtures("impatient")
def test_hooks_put_on_and_taken_away_by_several_threads_are_all_there() -> None:
    w, seen = tg.tensor(1.0, requires_grad=True), list[int]()

    def work(k: int) -> None:
        for _ in range(100):
            w.register_hook(lambda g: seen.append(k))
            w.register_hook(lambda g: g * 100)()

    in_threads(work)
    (w * 1.0).backward()
    assert sorted(seen) == sorted([*range(8)] * 100)
    assert w.grad is not None
    assert w.grad.item() == 1.0


@pytest.mark.usefixtures("impatient")
def test_a_constant_that_several_threads_read_first_is_one_vertex() -> None:
    for _ in range(50):
        x, found = tg.tensor(2.0), list[Any]()
        in_threads(lambda k, x=x, found=found: found.append(x.source.node))
        assert len(set(found)) == 1


@pytest.mark.usefixtures("impatient")
def test_a_change_is_noticed_while_other_threads_change_other_tensors() -> None:
    def work(k: int) -> None:
        for _ in range(100):
            w, other = tg.tensor([1.0], requires_grad=True), tg.tensor([1.0])
            y = (w * w).sum()
            w.data -= 1
            other.data -= 1
            with pytest.raises(tg.errors.GradError, match="was changed"):
                y.backward()

    in_threads(work)


@pytest.mark.usefixtures("impatient")
def test_one_graph_walked_by_several_threads_is_whole_or_refused_in_words() -> None:
    """Without retain_graph the first to come frees the graph: the others must hear so, and add nothing."""
    arrived = 0
    for _ in range(20):
        w = tg.tensor([0.5, 0.25], requires_grad=True)
        h = w
        for _ in range(50):
            h = tg.tanh(h) * w
        loss, came = h.sum(), list[int]()

        def work(k: int, loss: tg.Tensor = loss, came: list[int] = came) -> None:
            try:
                loss.backward()
                came.append(k)
            except tg.errors.GradError as error:
                assert "freed" in str(error)  # noqa: PT017  # in a thread

        (once,) = tg.grad(loss, w, retain_graph=True)
        in_threads(work, 4)
        arrived += len(came)
        if came:
            assert w.grad is not None
            np.testing.assert_allclose(w.grad.data, len(came) * once.data, rtol=1e-6)
        else:
            assert w.grad is None
    assert arrived, "of twenty graphs none was walked"
