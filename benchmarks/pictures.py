"""What pictures cost: the views of T = 50 and T = 1,000, op graphs of thousands of vertices, and the first SVG.

    python benchmarks/pictures.py [repetitions]

One process, one thread, process CPU time, the best of a few runs; an LSTM with D = 16, H = 32 and a batch of 1. Beside
the seconds stands the ratio to one backward pass through the same graph, which says more on a machine that is shared.
The first SVG is timed in a process of its own, imports included.
"""

from __future__ import annotations

import os

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")  # read when NumPy is imported

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn

FIRST = """
import tinygrad_lstm as tg, viz
trajectory = tg.nn.LSTM(4, 8).unroll(tg.randn(3, 1, 4))
viz.gradient_paths((trajectory.steps[-1].h ** 2).sum(), trajectory).svg
"""


def cpu_seconds(run: Callable[[], object]) -> float:
    start = time.process_time_ns()
    run()
    return (time.process_time_ns() - start) / 1e9


def first_svg() -> float:
    """CPU seconds from the start of a process to its first SVG."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", FIRST], check=True, cwd=Path(__file__).parent.parent)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    repetitions = int(sys.argv[1]) if sys.argv[1:] else 3
    print(f"{'picture':<44} {'seconds':>8} {'/ backward':>10}  target")
    cases: list[tuple[str, int, Callable[[tg.Tensor, nn.Trajectory], object], str]] = [
        ("cell view of T = 50, gradients, folded", 50, lambda L, run: viz.gradient_paths(L, run).svg, "< 0.5 s"),
        ("cell view of T = 50, gradients, every step", 50,
         lambda L, run: viz.gradient_paths(L, run, view="cell", fold=None).svg, "< 0.5 s"),
        ("strip of T = 1,000", 1000, lambda _, run: viz.draw(run, view="strip", fold=None).svg, "< 2 s"),
        ("strip of T = 1,000, gradients", 1000,
         lambda L, run: viz.gradient_paths(L, run, view="strip", fold=None).svg, ""),
        ("op graph of 2,000 vertices", 133, lambda L, _: viz.draw(L, fold=None).svg, "< 3 s"),
        ("op graph of 5,000 vertices", 333, lambda L, _: viz.draw(L, fold=None).svg, "< 2 s"),
        ("op graph of 5,000 vertices, gradients", 333,
         lambda L, run: viz.gradient_paths(L, run, view="op", fold=None).svg, ""),
    ]  # fmt: skip
    for name, T, picture, target in cases:
        trajectory = nn.LSTM(16, 32).unroll(tg.randn(T, 1, 16))
        loss = (trajectory.steps[-1].h ** 2).sum()

        def draw(loss: tg.Tensor = loss, trajectory: nn.Trajectory = trajectory, picture=picture) -> object:  # type: ignore[no-untyped-def]  # one of the cases
            return picture(loss, trajectory)

        def backward(loss: tg.Tensor = loss) -> None:
            loss.backward(retain_graph=True)

        once = min(cpu_seconds(backward) for _ in range(repetitions))
        seconds = min(cpu_seconds(draw) for _ in range(repetitions))
        print(f"{name:<44} {seconds:8.2f} {seconds / once:10.0f}  {target}")
    first = min(first_svg() for _ in range(repetitions))
    print(f"{'import to the first SVG':<44} {first:8.2f} {'':>10}  < 1 s")


if __name__ == "__main__":
    main()
