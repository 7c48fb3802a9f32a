"""What an account costs: ``paths.routes`` with N = 3 against one backward pass, in time and in memory.

    python benchmarks/routes.py [repetitions]

An LSTM with H = 32 and a batch of 8, a loss at every step, dL/dC_t for every t. One process, in turns, one thread,
float32, process CPU time; N + 2 = 5 passes are expected to cost less than six. Memory is the peak of what is allocated
beside the graph, which should double as T doubles.
"""

from __future__ import annotations

import os

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")  # read when NumPy is imported

import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import tinygrad_lstm as tg
from tinygrad_lstm import nn, paths

B, H, N = 8, 32, 3


def cpu_seconds(run: Callable[[], Any]) -> float:
    start = time.process_time_ns()
    run()
    return (time.process_time_ns() - start) / 1e9


def peak_bytes(run: Callable[[], Any]) -> int:
    tracemalloc.start()
    run()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def main() -> None:
    repetitions = int(sys.argv[1]) if sys.argv[1:] else 20
    print(f"routes(loss, every c, max_crossings={N}) of an LSTM, B={B}, H={H}")
    print(f"{'T':>5}  {'backward ms':>11}  {'routes/backward':>15}  {'backward KiB':>12}  {'routes KiB':>10}")
    for T in (25, 50, 100, 200):
        tg.manual_seed(0)
        trajectory = nn.LSTM(H, H).unroll(tg.randn(T, B, H))
        loss, cs = (trajectory.output**2).sum(), [step.c for step in trajectory.steps]

        def backward(loss: Any = loss) -> None:
            loss.backward(retain_graph=True)

        def account(loss: Any = loss, cs: Any = cs) -> None:
            paths.routes(loss, cs, max_crossings=N)

        backward()
        account()
        times = [(cpu_seconds(backward), cpu_seconds(account)) for _ in range(repetitions)]
        once = statistics.median(a for a, _ in times)
        ratio = statistics.median(b / a for a, b in times)
        memory = [peak_bytes(run) / 1024 for run in (backward, account)]
        print(f"{T:5d}  {once * 1e3:11.2f}  {ratio:15.2f}  {memory[0]:12.0f}  {memory[1]:10.0f}")


if __name__ == "__main__":
    main()
