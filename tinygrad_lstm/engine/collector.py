"""Python's garbage collector rests while a graph grows, or is walked backward.

The collector looks for objects that only hold each other, again and again as more objects live. A graph has none: a
node points at older nodes only, so it dies by reference count alone. But an unrolled run makes thousands of objects
that live until ``backward``, and each search visits them all: more than a quarter of a training step of an LSTM with
1,000 steps (``benchmarks/growth.py``). One search remains, after the run, so that no garbage lives longer.
"""

from __future__ import annotations

import functools
import gc
import sys
from collections.abc import Callable
from types import TracebackType
from typing import ParamSpec, TypeVar

from tinygrad_lstm.errors import ArgumentError

P = ParamSpec("P")
R = TypeVar("R")

running: set[int] = set()  # the pauses that are open now, in any thread, by ``id``
pauses = True  # does the collector pause at all?
ours = False  # was it this module that switched the collector off?
MOST = 1_000_000  # where pauses of several threads leave no gap, a search after so many new objects


class CollectorPause:
    """``with CollectorPause():`` the collector rests inside, whatever other threads do, unless it was off already.

    The first pause to begin switches it off, the last to end switches it on again. At the next new object it then
    searches as it would have before, so no garbage is kept longer than the run.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        global ours
        if pauses:
            running.add(id(self))
            if gc.isenabled():
                ours = True
                gc.disable()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        running.discard(id(self))
        if not running:
            resume()
        elif gc.get_count()[0] > MOST:
            gc.collect()

    def __del__(self) -> None:  # Ctrl-C may have come before the with statement was in charge
        if id(self) in running:
            self.__exit__(None, None, None)


def collector_paused(function: Callable[P, R]) -> Callable[P, R]:
    """The function, during whose calls Python's garbage collector rests, as it does while a graph grows.

    For a function that makes thousands of objects which live until its end, so that a search finds nothing: one that
    runs a layer of your own step by step, or draws a long run. ``pause_collector(False)`` leaves the collector alone
    here too.

    >>> import gc
    >>> @collector_paused
    ... def build():
    ...     return gc.isenabled()
    >>> build(), gc.isenabled()
    (False, True)
    """

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with CollectorPause():
            return function(*args, **kwargs)

    return run


def resume() -> None:
    """Switch the collector on again, if it was switched off here."""
    global ours
    if ours:
        ours = False  # first, so that a pause that begins in another thread at this moment finds it off, and leaves it
        gc.enable()


def pause_collector(on: bool) -> None:
    """Let the garbage collector rest while a recurrent layer runs, in ``backward`` and ``grad``, in drawings, or not.

    It does unless ``pause_collector(False)`` says otherwise: for a program that chooses itself when the collector
    searches, or whose own code makes cycles of large arrays in the middle of a long run.

    >>> import gc
    >>> import tinygrad_lstm as tg
    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> handle = x.register_hook(lambda g: print("collector on:", gc.isenabled()))
    >>> tg.sum(x * x).backward()
    collector on: False
    >>> tg.pause_collector(False)
    >>> tg.sum(x * x).backward()
    collector on: True
    >>> tg.pause_collector(True)
    """
    global pauses
    if not isinstance(on, bool):
        raise ArgumentError(f"pause_collector(on) takes True or False, not {on!r}")
    pauses = on


def _after_fork() -> None:
    """A child process has none of the other threads, whose pauses would never end in it."""
    running.clear()
    resume()


if sys.platform != "win32":
    import os

    os.register_at_fork(after_in_child=_after_fork)
