"""The garbage collector rests during a run and during backward, and only then."""

from __future__ import annotations

import gc
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.engine import collector
from tinygrad_lstm.engine.collector import CollectorPause, collector_paused
from tinygrad_lstm.errors import ArgumentError


@pytest.fixture(autouse=True)
def collector_on() -> Iterator[None]:
    """The collector is on before each test, and must be on after it."""
    assert gc.isenabled()
    yield
    left_on = gc.isenabled()
    gc.enable()
    assert left_on
    assert not collector.running


class Looks(nn.LSTMCell):
    """A cell that notes at every step whether the collector is on."""

    def forward(self, x: tg.Tensor, state: tuple[tg.Tensor, tg.Tensor]) -> tuple[tg.Tensor, tg.Tensor]:
        seen.append(gc.isenabled())
        return super().forward(x, state)


seen: list[bool] = []


def in_a_layer() -> None:
    nn.RNN(2, 3, cell=Looks)(np.ones((4, 1, 2)))


def in_unroll() -> None:
    nn.unroll(Looks(2, 3), np.ones((4, 1, 2)))


def in_backward() -> None:
    x = tg.tensor([1.0], requires_grad=True)
    y = x * 2
    y.register_hook(lambda g: seen.append(gc.isenabled()))
    (y * y).backward()


def in_grad() -> None:
    x = tg.tensor([1.0], requires_grad=True)
    y = x * 2
    y.register_hook(lambda g: seen.append(gc.isenabled()))
    tg.grad(y * y, x)


RUNS = [in_a_layer, in_unroll, in_backward, in_grad]


@pytest.mark.parametrize("run", RUNS)
def test_it_rests_inside_and_goes_on_after(run: Callable[[], None]) -> None:
    seen.clear()
    run()
    assert seen
    assert not any(seen)
    assert gc.isenabled()


@pytest.mark.parametrize("run", RUNS)
def test_the_switch_leaves_it_alone(run: Callable[[], None]) -> None:
    seen.clear()
    tg.pause_collector(False)
    try:
        run()
    finally:
        tg.pause_collector(True)
    assert seen
    assert all(seen)


@pytest.mark.parametrize("run", RUNS)
def test_who_switched_it_off_finds_it_off(run: Callable[[], None]) -> None:
    gc.disable()
    try:
        run()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_after_an_error_inside_it_goes_on() -> None:
    x = tg.tensor([1.0], requires_grad=True)
    y = x * 2

    def fail(g: tg.Tensor) -> None:
        raise RuntimeError("in a hook")

    y.register_hook(fail)
    with pytest.raises(RuntimeError, match="in a hook"):
        (y * y).backward()
    assert gc.isenabled()


def test_a_pause_inside_a_pause() -> None:
    with CollectorPause():
        in_backward()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_events_run_the_callers_code_between_with_the_collector_on() -> None:
    x = tg.tensor([1.0], requires_grad=True)
    for _ in tg.backward_events((x * x).sum()):
        assert gc.isenabled()


def test_pauses_of_threads_overlap_and_the_last_to_end_switches_it_on() -> None:
    began, may_end = threading.Event(), threading.Event()

    @collector_paused
    def long_run() -> None:
        began.set()
        may_end.wait(10)

    thread = threading.Thread(target=long_run)
    thread.start()
    assert began.wait(10)
    in_backward()
    assert not gc.isenabled()  # the other one still runs
    may_end.set()
    thread.join()
    assert gc.isenabled()


def test_threads_that_begin_and_end_all_the_time_leave_it_on() -> None:
    def often() -> None:
        for _ in range(50):
            in_backward()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=often) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert gc.isenabled()


class Held:
    """An object that holds itself: only the collector frees it."""

    def __init__(self) -> None:
        self.itself = self


def test_garbage_of_the_user_is_freed_by_the_first_search_after_the_run() -> None:
    refs: list[weakref.ref[Held]] = []

    @collector_paused
    def run() -> None:
        for _ in range(2_000):
            refs.append(weakref.ref(Held()))
        assert all(ref() is not None for ref in refs)

    gc.collect()
    run()
    _ = [[] for _ in range(2_000)]  # the search begins by itself, as new objects are made
    assert sum(ref() is None for ref in refs) > 1_900


def test_where_other_threads_leave_no_gap_it_searches_at_the_end_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "MOST", 500)
    with CollectorPause():  # stands for the run of another thread, which goes on
        ref = weakref.ref(Held())
        kept = [[] for _ in range(1_000)]  # type: ignore[var-annotated]  # they only count
        in_backward()
        assert ref() is None
        assert len(kept) == 1_000


def test_a_pause_that_no_with_statement_ended_ends_with_its_object() -> None:
    pause = CollectorPause()
    pause.__enter__()  # and then Ctrl-C came
    assert not gc.isenabled()
    del pause
    assert gc.isenabled()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_process_does_not_wait_for_the_pauses_of_its_parent() -> None:
    with CollectorPause():
        child = os.fork()
        if not child:
            os._exit(0 if gc.isenabled() and not collector.running else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("on", [0, 1, None, "off", np.True_])
def test_the_switch_takes_a_truth_value(on: Any) -> None:
    with pytest.raises(ArgumentError, match=r"pause_collector\(on\) takes True or False"):
        tg.pause_collector(on)
