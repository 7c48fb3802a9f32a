"""How cost grows with length: per step from T = 1,000 to 10,000, and one chain of a million nodes.

    python benchmarks/growth.py [--json SHORT LONG]

Process CPU time, one BLAS thread; the ratios should be near 1, for every step does the same work. The collector rests
during the run, and searches once after it, so that no garbage is kept longer: that search visits every object of the
graph, 72 a step, which a cache holds at T = 1,000 and not at T = 10,000.
"""

from __future__ import annotations

import os

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")  # read when NumPy is imported

import gc
import json
import resource
import sys
import time
import tracemalloc
from collections.abc import Callable

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import nn

SHORT, LONG = 1_000, 10_000


def training_step(steps: int) -> Callable[[], None]:
    tg.manual_seed(0)
    lstm = nn.LSTM(8, 16)
    x = tg.randn(steps, 1, 8)

    def step() -> None:
        lstm.zero_grad()
        output, _ = lstm(x)
        output.sum().backward()

    return step


def seconds_per_step(steps: int, rounds: int) -> float:
    run = training_step(steps)
    run()
    best = float("inf")
    for _ in range(rounds):
        gc.collect()
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return best / steps


def search_per_step(steps: int) -> float:
    """The seconds of the collector's one search through the graph of a run."""
    lstm, x = nn.LSTM(8, 16), tg.randn(steps, 1, 8)
    gc.collect()
    gc.disable()
    output, _ = lstm(x)
    start = time.process_time()
    gc.collect(0)  # the young objects: what the run has made
    taken = time.process_time() - start
    gc.enable()
    del output
    return taken / steps


def peak_bytes_per_step(steps: int) -> float:
    run = training_step(steps)
    run()
    gc.collect()
    tracemalloc.start()
    run()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / steps


def growth(short_T: int, long_T: int, say: bool = True) -> dict[str, float]:
    """The ratios, collector off and on, and of the memory."""
    found = {}
    for collector in ("off", "on"):
        (gc.disable if collector == "off" else gc.enable)()
        short, long = seconds_per_step(short_T, 7), seconds_per_step(long_T, 3)
        found[collector] = long / short
        if say:
            change = f"{short * 1e6:6.1f} -> {long * 1e6:6.1f} us  x {long / short:.2f}"
            print(f"LSTM step, cyclic collector {collector:>3}: {change}")
    gc.enable()
    if say:
        short, long = (min(search_per_step(T) for _ in range(3)) for T in (short_T, long_T))
        print(f"of which the search after the run: {short * 1e6:.1f} -> {long * 1e6:.1f} us")
    short, long = peak_bytes_per_step(short_T), peak_bytes_per_step(long_T)
    found["memory"] = long / short
    if say:
        print(f"memory of a step at its peak:    {short:6.0f} -> {long:6.0f} bytes  x {long / short:.2f}")
    return found


def million() -> None:
    x = tg.tensor(np.ones(4), requires_grad=True)
    y = x
    start = time.process_time()
    for _ in range(1_000_000):
        y = y * 1.000001
    middle = time.process_time()
    y.sum().backward()
    end = time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print("a chain of 1,000,000 nodes:", end=" ")
    print(f"forward {middle - start:.1f} s, backward {end - middle:.1f} s, peak {peak:.2f} GB")
    start = time.process_time()
    del y
    print(f"freeing it: {time.process_time() - start:.2f} s")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--json"]:  # for bench.py
        print(json.dumps(growth(int(sys.argv[2]), int(sys.argv[3]), say=False)))
    else:
        print(f"from T = {SHORT:,} to T = {LONG:,}")
        growth(SHORT, LONG)
        million()
