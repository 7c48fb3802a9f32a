"""The handle that ``register_hook`` gives: removed once, twice, in a with block, by another thread, in a copy."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import nn


def by_another_thread(handle: Any) -> None:
    thread = threading.Thread(target=handle.remove)
    thread.start()
    thread.join()


WAYS: dict[str, Callable[[Any], Any]] = {
    "remove": lambda handle: handle.remove(),
    "a call": lambda handle: handle(),
    "a with block": lambda handle: handle.__enter__().__exit__(None, None, None),
    "another thread": by_another_thread,
    "twice": lambda handle: (handle.remove(), handle.remove(), handle()),
}


def leaf() -> tg.Tensor:
    return tg.tensor([1.0, 2.0], requires_grad=True)


def times(factor: float) -> Callable[[tg.Tensor], tg.Tensor]:
    return lambda g: g * factor


def slope(x: tg.Tensor) -> list[float]:
    (g,) = tg.grad((x * 1.0).sum(), x)
    return list(g.tolist())


@pytest.mark.parametrize("way", WAYS)
def test_a_hook_is_taken_away_and_the_others_stay(way: str) -> None:
    x = leaf()
    first, second, third = (x.register_hook(times(by)) for by in (2.0, 3.0, 5.0))
    assert slope(x) == [30.0, 30.0]
    WAYS[way](second)
    assert slope(x) == [10.0, 10.0]
    for handle in (first, third):
        WAYS[way](handle)
    assert slope(x) == [1.0, 1.0]


def test_the_same_function_registered_twice_is_two_hooks() -> None:
    x, double = leaf(), times(2.0)
    one, two = x.register_hook(double), x.register_hook(double)
    one.remove()
    one.remove()
    assert slope(x) == [2.0, 2.0]
    two.remove()
    assert slope(x) == [1.0, 1.0]


def test_a_with_block_takes_the_hook_away_also_after_an_error() -> None:
    x = leaf()
    handle = x.register_hook(times(2.0))
    with pytest.raises(ZeroDivisionError), handle:
        assert slope(x) == [1 / 0]
    assert slope(x) == [1.0, 1.0]
    handle.remove()


def test_a_hook_that_takes_itself_away_acts_once() -> None:
    x = leaf()

    def once(g: tg.Tensor) -> tg.Tensor:
        handle.remove()
        return g * 2.0

    handle = x.register_hook(once)
    assert (slope(x), slope(x)) == ([2.0, 2.0], [1.0, 1.0])


def test_many_threads_register_and_remove() -> None:
    x = leaf()

    def come_and_go() -> None:
        for _ in range(200):
            x.register_hook(times(2.0)).remove()

    threads = [threading.Thread(target=come_and_go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert x.source.node.hooks == ()


def test_a_removed_handle_keeps_nothing_alive() -> None:
    x = leaf()
    seen = type("Seen", (), {"__call__": lambda self, g: None})()
    handle, gone = (x * 2.0).register_hook(seen), weakref.ref(seen)
    handle.remove()
    del seen
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda handle: pickle.loads(pickle.dumps(handle))])
def test_a_copied_handle_removes_nothing(copied: Callable[[Any], Any]) -> None:
    class Watched(nn.Module):
        def __init__(self) -> None:
            self.w = nn.Parameter([1.0, 2.0])
            self.handle = self.w.register_hook(times(2.0))

    module = Watched()
    copied(module.handle).remove()
    assert slope(module.w) == [2.0, 2.0]
    other = copy.deepcopy(module)
    other.handle.remove()
    assert slope(other.w) == [1.0, 1.0]
    assert slope(module.w) == [2.0, 2.0]


@pytest.mark.oracle
def test_what_pytorchs_handle_can_do() -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.ones(2, requires_grad=True).register_hook(lambda g: g)
    ours = leaf().register_hook(lambda g: g)
    for name in ("remove", "__enter__", "__exit__"):
        assert hasattr(theirs, name)
        assert hasattr(ours, name)
    with theirs as one, ours as two:
        assert one is theirs
        assert two is ours


def test_what_a_hook_puts_aside_is_not_the_array_that_becomes_the_gradient() -> None:
    """Also where two contributions were added up in a buffer: x is read twice."""
    seen = []
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    x.register_hook(lambda g: seen.append(g))
    (x * 2.0 + x * 3.0).sum().backward()
    assert x.grad is not None
    x.grad.data[:] = 7.0
    assert seen[0].tolist() == [5.0, 5.0]
