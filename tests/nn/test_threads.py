"""One module run by several threads at once gives each what it gives to one after the other."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from threading import Barrier
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.runs import CELLS
from tinygrad_lstm import nn
from tinygrad_lstm.nn.context import PerContext

D, H, T, B, THREADS = 3, 4, 6, 2, 8


@pytest.fixture(autouse=True)
def impatient() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def at_once(task: Callable[[int], Any]) -> list[Any]:
    """What the task gives in 8 threads that start together."""
    together = Barrier(THREADS)

    def start(k: int) -> Any:
        together.wait(timeout=60)
        return task(k)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(start, range(THREADS)))


def one_by_one(task: Callable[[int], Any]) -> list[Any]:
    """The same, each in a thread of its own after the other."""
    found = []
    for k in range(THREADS):
        with ThreadPoolExecutor(1) as pool:
            found.append(pool.submit(task, k).result())
    return found


def assert_same(some: list[Any], others: list[Any]) -> None:
    for found, expected in zip(some, others, strict=True):
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b)


def inputs(k: int) -> tg.Tensor:
    return tg.tensor(np.random.default_rng(k).normal(size=(T, B, D)).astype(np.float32))


def layers() -> dict[str, Callable[[], nn.Module]]:
    wrapped: dict[str, Callable[..., Any]] = {
        "LockedDropout": partial(nn.LSTM, num_layers=2, dropout=nn.LockedDropout(0.5)),
        "Dropout": partial(nn.GRU, num_layers=2, dropout=0.5),
        "two wrappers": partial(nn.LSTM, cell=lambda D, H: nn.Zoneout(nn.WeightDrop(nn.LSTMCell(D, H)), h=0.3)),
        "both directions": partial(
            nn.LSTM, bidirectional=True, cell=lambda D, H: nn.RecurrentDropout(nn.LSTMCell(D, H))
        ),
        "masks of U and W": partial(nn.LSTM, cell=lambda D, H: nn.WeightDrop(nn.LSTMCell(D, H), 0.5, ("U", "W"))),
        "fused": partial(nn.LSTM, num_layers=2, fused=True, dropout=0.5),
    }
    return {name: partial(make, D, H) for name, make in (CELLS | wrapped).items()}


@pytest.mark.parametrize("kind", layers())
def test_a_layer_in_training_shared_by_threads(kind: str) -> None:
    """What is drawn for a sequence is of its thread: outputs and gradients are those of the same seed alone."""
    layer = layers()[kind]()
    weights = list(layer.parameters())

    def run(k: int) -> list[np.ndarray]:
        tg.manual_seed(k)
        found = []
        for turn in range(3):
            output, _ = layer(inputs(k + turn))
            found += [
                output.data,
                *(g.data for g in tg.grad((output**2).sum(), weights, allow_unused=True) if g is not None),
            ]
        return found

    assert_same(at_once(run), one_by_one(run))
    assert list(layer.parameters()) == weights


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.RecurrentDropout(nn.LSTMCell(D, H), 0.5),
        lambda: nn.WeightDrop(nn.LSTMCell(D, H), 0.5),
        lambda: nn.WeightDrop(nn.GRUCell(D, H), 0.5),
        lambda: nn.Zoneout(nn.RecurrentDropout(nn.LSTMCell(D, H), 0.5), c=0.3),
    ],
)
def test_a_cell_run_step_by_step_by_threads(make: Any) -> None:
    cell = make()

    def run(k: int) -> list[np.ndarray]:
        tg.manual_seed(k)
        found = []
        for turn in range(3):
            state = None
            for x_t in inputs(k + turn):
                state = cell(x_t, state)
                found.append(state[0].data if isinstance(state, tuple) else state.data)
        return found

    assert_same(at_once(run), one_by_one(run))


class Own(nn.RNNCell):
    """A cell of one's own that draws something for a sequence."""

    def forward(self, x: tg.Tensor, h: tg.Tensor) -> tg.Tensor:
        return super().forward(x, h * self.once(None, lambda: tg.rand(self.hidden_size)))


def test_what_a_cell_of_ones_own_draws_once_is_of_its_thread() -> None:
    layer = nn.RNN(D, H, cell=Own)

    def run(k: int) -> list[np.ndarray]:
        tg.manual_seed(k)
        return [layer(inputs(k))[0].data for _ in range(4)]

    assert_same(at_once(run), one_by_one(run))


def test_once_is_once_for_a_sequence_and_a_key() -> None:
    cell, drawn = nn.RNNCell(D, H), iter(range(9))
    assert [cell.once("a", lambda: next(drawn)) for _ in range(3)] == [0, 0, 0]
    assert cell.once("b", lambda: next(drawn)) == 1
    nn.RNNCell(D, H).begin()  # another's
    assert cell.once("b", lambda: next(drawn)) == 1
    nn.Sequential(cell)
    outer = nn.Zoneout(cell, h=0.1)
    outer.begin()
    assert cell.once("b", lambda: next(drawn)) == 2


class Begins(nn.RNNCell):
    """One that extends ``begin``, and knows its parent."""

    begun = 0
    parent: nn.Cell

    def begin(self) -> None:
        super().begin()
        self.begun += 1


def test_a_sequence_begins_once_in_each_cell_within() -> None:
    inner = Begins(D, H)
    outer: nn.Cell = inner
    for _ in range(30):  # where each begins all that are in it, these are 2³⁰ calls
        outer = nn.Zoneout(outer, h=0.1)
    inner.parent = outer
    nn.Zoneout(inner).begin()
    assert inner.begun == 1
    middle = Begins(D, H)
    middle.inner = inner
    del inner.parent
    nn.Zoneout(middle).begin()
    assert (middle.begun, inner.begun) == (1, 2)


def test_each_thread_goes_on_with_its_own_sequence() -> None:
    """Stateful: the state of one thread is not that of another."""
    stateful = nn.Stateful(nn.LSTM(D, H))

    def run(k: int) -> list[np.ndarray]:
        found = []
        for turn in range(5):
            found.append(stateful(inputs(k + turn))[0].data)
            if turn == 2:
                stateful.reset_state()
        return [*found, stateful.state[0].data]  # type: ignore[index]  # there is one

    assert_same(at_once(run), one_by_one(run))
    assert stateful.state is None


def test_each_task_of_asyncio_goes_on_with_its_own_sequence() -> None:
    stateful = nn.Stateful(nn.GRU(D, H))

    async def run(k: int) -> list[np.ndarray]:
        found = []
        for turn in range(3):
            found.append(stateful(inputs(k + turn))[0].data)
            await asyncio.sleep(0)
        return found

    async def together() -> list[Any]:
        return list(await asyncio.gather(*map(run, range(THREADS))))

    assert_same(asyncio.run(together()), [asyncio.run(run(k)) for k in range(THREADS)])


def test_a_context_that_is_copied_goes_on_from_where_it_was_copied() -> None:
    layer = nn.GRU(D, H)
    stateful, x = nn.Stateful(layer), inputs(0)
    stateful(x[:3])
    there = copy_context().run(lambda: stateful(x[3:])[0].data)
    here = stateful(x[3:])[0].data
    np.testing.assert_array_equal(there, here)
    np.testing.assert_allclose(here, layer(x)[0].data[3:], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("way", ["deepcopy", "pickle"])
def test_a_copy_of_a_stateful_layer_takes_the_state_along(way: str) -> None:
    import copy
    import pickle

    stateful, x = nn.Stateful(nn.LSTM(D, H)), inputs(0)
    stateful(x)
    twin = copy.deepcopy(stateful) if way == "deepcopy" else pickle.loads(pickle.dumps(stateful))
    first = twin(x)[0].data
    np.testing.assert_array_equal(stateful(x)[0].data, first)
    stateful.state = None
    assert twin.state is not None
    assert copy.deepcopy(stateful).state is None


def test_what_a_module_remembers_goes_with_it_and_with_its_thread() -> None:
    remembered = PerContext[object]("remembered")

    class Owner:
        pass

    owner, value = Owner(), Owner()
    remembered[owner] = value
    assert ThreadPoolExecutor(1).submit(remembered.get, owner).result() is None
    seen = weakref.ref(value)
    del value
    assert seen() is not None
    del owner
    gc.collect()
    assert seen() is None


def test_nothing_that_was_drawn_is_held_after_a_sequence() -> None:
    cell = nn.WeightDrop(nn.LSTMCell(D, H))
    nn.unroll(cell, inputs(0))
    assert nn.cells.drawn.get(cell) is None


def test_lists_are_named_by_threads_at_once() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            self.layers: list[nn.Linear] = []
            self.layers.extend(nn.Linear(D, D) for _ in range(4))

        def forward(self, x: tg.Tensor) -> tg.Tensor:
            for layer in self.layers:
                x = layer(x)
            return x

    for _ in range(10):
        net = Net()

        def run(k: int, net: Net = net) -> list[Any]:
            graph = tg.graph_of(net(inputs(k)))
            return [len(list(net.parameters())), [v.scope[1] for v in graph.vertices if v.op == "linear"]]

        for found in at_once(run):
            assert found == [8, [f"layers.{k}" for k in range(4)]]
