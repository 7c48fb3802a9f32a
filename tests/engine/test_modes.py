"""Modes and scopes are as they were when their blocks have ended, whatever happened inside, in whatever order."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier
from types import FrameType
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.global_state import global_state
from tinygrad_lstm import Tensor, nn, paths
from tinygrad_lstm.engine.blocks import innermost
from tinygrad_lstm.engine.current import current_scope, grad_enabled
from tinygrad_lstm.errors import ArgumentError, DtypeError, UnsupportedError

BLOCKS: dict[str, Callable[[], Any]] = {
    "no_grad": tg.no_grad, "enable_grad": tg.enable_grad, "scope": lambda: tg.scope("s", 3),
    "through": lambda: tg.through(lambda edge, g: g * 2), "cut": lambda: paths.cut("crossing"),
    "edge_weight": lambda: paths.edge_weight("crossing", 0.5), "detect_anomaly": tg.detect_anomaly,
    "a module's scope": lambda: nn.Linear(1, 1).scope(),
}  # fmt: skip
every_block = pytest.mark.parametrize("make", BLOCKS.values(), ids=BLOCKS)


def state() -> Any:
    """What this thread's modes are: so not the interpreter, which detect_anomaly changes for all threads."""
    scope = current_scope.get()
    modes = global_state() | {"scope": scope and scope.path, "open": innermost.get()}
    return {name: value for name, value in modes.items() if name != "interpreter"}


@every_block
def test_one_object_may_be_entered_again_later_and_inside_itself(make: Callable[[], Any]) -> None:
    block, before = make(), state()
    for _ in range(2):
        with block:
            pass
        assert state() == before
    with block:
        once = state()["grad enabled"]
        with block, make(), block:
            pass
        assert state()["grad enabled"] == once
    assert state() == before


@every_block
@pytest.mark.parametrize("order", [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])
def test_blocks_may_end_in_any_order(make: Callable[[], Any], order: list[int]) -> None:
    before, blocks = state(), [make(), tg.enable_grad(), tg.scope("other")]
    with tg.no_grad():
        within = state()
        generators = [block_of(block) for block in blocks]
        for generator in generators:
            next(generator)
        for k in order:
            generators[k].close()
        assert state() == within
    assert state() == before


def block_of(block: Any) -> Generator[None, None, None]:
    with block:
        yield


def test_the_block_that_goes_on_stays_in_force() -> None:
    off, on = block_of(tg.no_grad()), block_of(tg.enable_grad())
    next(off), next(on)
    off.close()
    assert grad_enabled.get(), "enable_grad is still open"
    on.close()
    assert grad_enabled.get()
    on, off = block_of(tg.enable_grad()), block_of(tg.no_grad())
    next(on), next(off)
    on.close()
    assert not grad_enabled.get(), "no_grad is still open"
    off.close()

    a, b = block_of(tg.scope("a")), block_of(tg.scope("b", 2))
    next(a), next(b)
    a.close()
    scope = current_scope.get()
    assert scope is not None
    assert (scope.path, scope.step) == (("b",), 2)
    b.close()

    x = tg.tensor(1.0, requires_grad=True)
    twice, thrice = block_of(tg.through(lambda edge, g: g * 2)), block_of(tg.through(lambda edge, g: g * 3))
    next(twice), next(thrice)
    twice.close()
    assert tg.grad(x * 1.0, x)[0].item() == 3.0
    thrice.close()


@every_block
def test_an_object_shared_by_threads_is_each_threads_own(make: Callable[[], Any]) -> None:
    block, together = make(), Barrier(8)

    def enter_often(_: int) -> bool:
        before = state()
        together.wait(timeout=60)
        for _ in range(200):
            with block, block:
                pass
        return bool(state() == before)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(enter_often, range(8)))
    finally:
        sys.setswitchinterval(interval)


@every_block
def test_a_decorated_function_may_call_itself_and_fail(make: Callable[[], Any]) -> None:
    before = state()

    def down(n: int) -> Any:
        if n == 0:
            raise ZeroDivisionError
        return countdown(n - 1)

    countdown = make()(down)

    with pytest.raises(ZeroDivisionError):
        countdown(5)
    assert state() == before


def test_a_decorated_coroutine_runs_in_the_mode_and_no_other_task_does() -> None:
    @tg.no_grad()
    async def inside(x: Tensor) -> list[bool]:
        seen = [(x * 2).requires_grad]
        await asyncio.sleep(0)
        return [*seen, (x * 2).requires_grad]

    async def outside(x: Tensor) -> list[bool]:
        seen = [(x * 2).requires_grad]
        await asyncio.sleep(0)
        return [*seen, (x * 2).requires_grad]

    async def both(x: Tensor) -> Any:
        return await asyncio.gather(inside(x), outside(x), inside(x))

    assert asyncio.run(both(tg.tensor(1.0, requires_grad=True))) == [[False] * 2, [True] * 2, [False] * 2]


@pytest.mark.parametrize("make", [tg.no_grad, tg.enable_grad, tg.detect_anomaly, lambda: tg.scope("s")])
def test_generators_and_what_is_no_function_are_refused(make: Callable[[], Any]) -> None:
    def generator() -> Iterator[int]:
        yield 1

    async def async_generator() -> AsyncIterator[int]:
        yield 1

    for function in (generator, async_generator):
        with pytest.raises(UnsupportedError, match="would be over before its body runs"):
            make()(function)
    with pytest.raises(DtypeError, match="decorates a function, not a int"):
        make()(3)


def test_hooks_are_functions() -> None:
    x = tg.tensor(1.0, requires_grad=True)
    for wrong in (3, None, "f"):
        with pytest.raises(DtypeError, match="takes a function"):
            x.register_hook(wrong)  # type: ignore[arg-type]
        with pytest.raises(DtypeError, match="takes a function"):
            tg.through(wrong)  # type: ignore[arg-type]


# Ctrl-C ---------------------------------------------------------------------------------------------------------------


def interrupted_at(work: Callable[[], Any], count: int) -> bool:
    """Run it with a KeyboardInterrupt at the ``count``-th moment at which Python looks for one; whether it came so far.

    It looks where a function begins and where a call of C has returned. Inside of ``__exit__`` there is no remedy.
    """
    seen = 0

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal seen
        code = frame.f_code
        if event in ("call", "c_return") and code.co_filename.endswith(WATCHED) and code.co_name != "__exit__":
            seen += 1
            if seen == count:
                sys.setprofile(None)
                raise KeyboardInterrupt

    sys.setprofile(profile)
    try:
        work()
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(None)
    return False


WATCHED = ("engine/scope.py", "engine/blocks.py", "engine/modes.py", "nn/module.py", "func/checkpoint.py")


@pytest.mark.alone
def test_an_interrupt_at_any_moment_leaves_modes_as_they_were() -> None:
    layer, x = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1)), tg.tensor(np.ones((1, 2)))

    def work() -> None:
        with tg.scope("outer"), tg.through(lambda edge, g: g):
            tg.func.checkpoint(layer, x).sum().backward()
        with tg.no_grad(), tg.enable_grad():
            layer(x)

    before = state()
    work()
    count = 1
    while interrupted_at(work, count):
        assert state() == before, f"after an interrupt at moment {count}"
        count += 1
    assert count > 50


@pytest.mark.alone
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")
def test_interrupts_by_a_timer_leave_modes_as_they_were() -> None:
    """At random moments. The first instruction of an ``__exit__`` is the one place where Python leaves no remedy."""
    before, layer, x = state(), nn.Linear(2, 2), tg.tensor(np.ones((1, 2)))
    left_open = 0
    previous = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        for k in range(300):
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0002 + 0.000001 * k)
                for _ in range(10_000):
                    layer(x)
            except KeyboardInterrupt:
                pass
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            left_open += state() != before
    finally:
        signal.signal(signal.SIGALRM, previous)
    assert left_open == 0


def test_many_blocks_nest_without_recursion() -> None:
    before = state()
    with ExitStack() as stack:
        for k in range(3000):
            stack.enter_context(tg.no_grad() if k % 2 else tg.scope(f"{k}"))
    assert state() == before


@pytest.mark.parametrize("step", [1.5, "3", True, np.array([1]), float("nan")])
def test_a_step_is_a_whole_number(step: Any) -> None:
    with pytest.raises(ArgumentError, match="the step of a scope is a whole number"):
        tg.scope("s", step)


@pytest.mark.parametrize("name", [3, None, b"s", ("a", "b")])
def test_the_name_of_a_scope_is_a_text(name: Any) -> None:
    with pytest.raises(ArgumentError, match="the name of a scope is a text"):
        tg.scope(name, 1)


def test_a_whole_number_of_numpys_is_a_step() -> None:
    x = tg.tensor([1.0], requires_grad=True)
    for t in np.arange(1, 3):
        with tg.scope(np.str_("s"), t):  # type: ignore[arg-type]  # taken at run time, if not promised
            x = x * 2
    steps = [vertex.step for vertex in tg.graph_of(x.sum()).vertices]
    assert {step for step in steps if step is not None} == {1, 2}
    assert all(type(step) is int for step in steps if step is not None)
