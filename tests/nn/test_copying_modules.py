"""Copies and pickles of modules: whole, with their names, parts and optimisers; nothing recurses."""

from __future__ import annotations

import copy
import io
import pickle
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.copies import every_way, pickled, slowly_pickled
from tests.support.runs import CELLS
from tinygrad_lstm import nn, optim
from tinygrad_lstm.optim import lr_scheduler

# Modules -------------------------------------------------------------------------------------------------------------


def state_of(module: nn.Module) -> list[Any]:
    return [
        (name, p.data.tolist(), p.requires_grad, p.source.node.label, None if p.grad is None else p.grad.data.tolist())
        for name, p in module.named_parameters()
    ]


def scopes_in(y: tg.Tensor) -> set[tuple[str, ...]]:
    return {vertex.scope for vertex in tg.graph_of(y).vertices}


@every_way
@pytest.mark.parametrize("kind", CELLS)
def test_every_layer_is_copied(kind: str, way: Any) -> None:
    layer, x = CELLS[kind](3, 4, num_layers=2, bidirectional=True).eval(), tg.randn(3, 2, 3)
    layer(x)[0].sum().backward()
    next(layer.parameters()).requires_grad = False
    twin = way(layer)
    assert repr(twin) == repr(layer)
    assert state_of(twin) == state_of(layer)
    assert not set(map(id, twin.modules())) & set(map(id, layer.modules()))
    assert scopes_in(twin(x)[0]) == scopes_in(layer(x)[0])
    np.testing.assert_array_equal(twin(x)[0].data, layer(x)[0].data)


class Tied(nn.Module):
    """Weights tied, a module under two names, parents that are pointed at, and a list in two attributes."""

    def __init__(self) -> None:
        self.embedding = nn.Embedding(5, 4)
        self.head = nn.Linear(4, 5)
        self.head.W = self.embedding.weight
        self.again = self.head
        self.layers = [nn.Linear(4, 4), {"last": nn.Linear(4, 4)}]
        self.same = self.layers
        for part in [*self.modules()][1:]:
            part.parent = self


@every_way
def test_what_is_shared_is_shared_in_the_copy(way: Any) -> None:
    net = Tied()
    alone, (twin, head, weight) = way(net), way((net, net.head, net.embedding.weight))
    for each in (alone, twin):
        assert each.head.W is each.embedding.weight
        assert each.again is each.head
        assert each.layers is each.same
        assert all(part.parent is each for part in each.modules() if part is not each)
        assert [*each.state_dict()] == [*net.state_dict()]
    assert twin.head is head
    assert twin.embedding.weight is weight
    head, twin = way([net.head, net])
    assert head.parent is twin


@every_way
def test_an_optimiser_and_its_scheduler_are_copied_with_the_network(way: Any) -> None:
    net, x = nn.LSTM(2, 3), tg.ones(2, 1, 2)
    adam = optim.Adam(net.parameters(), lr=0.1)
    scheduler = lr_scheduler.ExponentialLR(adam, gamma=0.5)

    def train(net: Any, adam: Any, scheduler: Any) -> None:
        adam.zero_grad()
        net(x)[0].sum().backward()
        adam.step()
        scheduler.step()

    train(net, adam, scheduler)
    twins = way((net, adam, scheduler))
    assert [id(p) for p in twins[1].parameters] == [id(p) for p in twins[0].parameters()]
    train(net, adam, scheduler)
    train(*twins)
    assert state_of(twins[0]) == state_of(net)
    assert twins[1].lr == adam.lr


class Sized(nn.Module):
    """A module that says itself what is kept of it."""

    def __init__(self) -> None:
        self.inner, self.cache = nn.Linear(1, 1), object()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "cache"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, cache="new")


class Slotted(nn.Module):
    __slots__ = ("extra",)

    def __init__(self) -> None:
        self.extra, self.inner = 3, nn.Linear(1, 1)


class Reduced(nn.Module):
    """Pickled by a method of its own."""

    def __init__(self, size: int) -> None:
        self.size, self.inner = size, Sized()

    def __reduce__(self) -> tuple[Any, ...]:
        return Reduced, (self.size,)


class Extended(nn.Module):
    """Its method asks for what it extends."""

    def __init__(self) -> None:
        self.inner = nn.Linear(1, 1)

    def __reduce__(self) -> Any:
        return super().__reduce__()


@every_way
def test_what_a_class_says_of_its_copies_holds(way: Any) -> None:
    net = nn.Sequential(Sized(), Slotted(), Reduced(3), Extended(), nn.Linear(1, 1))
    twin: Any = way(net)
    assert twin[0].cache == "new"
    assert twin[1].extra == 3
    assert twin[2].size == 3
    assert isinstance(twin[2].inner, Sized)
    assert [*twin.state_dict()] == [*net.state_dict()]
    assert twin[3].inner.W.data == net[3].inner.W.data
    assert twin[4].W.data == net[4].W.data


def test_a_shallow_copy_shares_what_it_holds() -> None:
    net = Tied()
    twin = copy.copy(net)
    assert twin is not net
    assert twin.head is net.head
    twin.extra = nn.Linear(1, 1)
    assert not hasattr(net, "extra")
    assert copy.copy(Sized()).cache == "new"


class Unpicklable:
    def __reduce__(self) -> Any:
        raise RuntimeError("not this one")


def test_a_pickle_that_failed_leaves_nothing_behind() -> None:
    """Also where its pickler is still held."""
    net = Tied()
    net.bad = Unpicklable()
    pickler = pickle.Pickler(io.BytesIO())
    with pytest.raises(RuntimeError, match="not this one"):
        pickler.dump(net)
    del net.head.parent  # type: ignore[attr-defined]  # which it was given
    whole = pickled(net.head)
    assert state_of(whole) == state_of(net.head)
    assert not hasattr(whole, "parent")


def test_a_part_that_is_pickled_alone_takes_only_its_own_along() -> None:
    net = nn.Sequential(nn.Linear(1, 1), nn.Linear(100, 100))
    pickler = pickle.Pickler(io.BytesIO())
    pickler.dump(net)
    assert len(pickle.dumps(net[0])) < 2_000


# Deep ----------------------------------------------------------------------------------------------------------------


class Nest(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        self.w = nn.Parameter([1.0])
        self.inner = inner


class Child(Nest):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__(inner)
        inner.parent = self


class Listed(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        self.w = nn.Parameter([1.0])
        self.held = [{"a": inner}]


class Outer(nn.Cell):
    def __init__(self, inner: nn.Cell) -> None:
        super().__init__(1, 1)
        self.w = nn.Parameter([1.0])
        self.inner = inner


DEEP: dict[str, Callable[[Any], nn.Module]] = {
    "attribute": Nest,
    "with parents": Child,
    "list": Listed,
    "Sequential": nn.Sequential,
    "ModuleList": lambda inner: nn.ModuleList([inner]),
    "cells": Outer,
}
DEPTH = 400  # twice the frames that the stack may hold


@pytest.fixture
def shallow() -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(200)
    yield
    sys.setrecursionlimit(before)


@pytest.mark.parametrize("kind", DEEP)
@pytest.mark.usefixtures("shallow")
def test_nothing_recurses(kind: str, tmp_path: Any) -> None:
    net: Any = nn.LSTMCell(1, 1)
    for _ in range(DEPTH):
        net = DEEP[kind](net)
    weights = list(net.parameters())
    assert len(list(net.modules())) == DEPTH + 1
    assert net.parameter_count() == sum(p.size for p in weights)
    assert len(repr(net).splitlines()) >= DEPTH + 1
    assert not any(part.training for part in net.eval().modules())
    net.astype(np.float64).zero_grad()
    for p in weights:
        p.grad = tg.tensor(np.ones(p.shape))
    net.load_state_dict(net.state_dict())
    tg.save(net, tmp_path / "net.npz")
    net.load_state_dict(tg.load(tmp_path / "net.npz"))
    assert len(list(copy.copy(net).modules())) in (DEPTH + 1, DEPTH + 2)  # its part may point at the original
    for way in (copy.deepcopy, pickled, partial(pickled, protocol=2), slowly_pickled):
        twin = way(net)
        assert len(list(twin.modules())) == DEPTH + 1
        assert not set(map(id, twin.modules())) & set(map(id, net.modules()))
        for p, q in zip(weights, twin.parameters(), strict=True):
            assert p is not q
            assert q.grad is not None
            np.testing.assert_array_equal(p.data, q.data)
    if isinstance(net, nn.Cell):
        net.begin()


def test_a_pickle_of_a_deep_network_grows_with_its_modules_only() -> None:
    sizes = []
    for depth in (500, 1000):
        net: Any = nn.Linear(1, 1)
        for _ in range(depth):
            net = Nest(net)
        sizes.append(len(pickle.dumps(net)))
    assert sizes[1] < 2.1 * sizes[0]


def test_counts_are_those_of_each_part() -> None:
    net = Tied()
    del net.head.parent  # type: ignore[attr-defined]  # so that it holds less than all
    lines = repr(net).splitlines()
    for name, part in net.children():
        line = next(line for line in lines if line.startswith(f"  ({name}): "))
        assert f"{part.parameter_count():,} parameters" in line
