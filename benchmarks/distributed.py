"""Speed-up by ranks: python benchmarks/distributed.py [--ranks 1 2 4] [--size T B D H] [--updates N] [--widths H ...]

Starts itself under ``mpiexec`` for each number of ranks, with one BLAS thread each. An update is a forward pass and a
backward pass of an LSTM, clipping and Adam; the batch is cut into as many shards as there are ranks at most. Printed
are the least milliseconds of an update and the speed-up. Then, for layers of several widths H, what the exchange of the
gradients takes, beside α + β n: α is the time of 8 bytes, β that of the largest, so those between check the model.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when NumPy is imported

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import distributed, losses, nn, optim
from tinygrad_lstm.distributed.ranks import communicator
from tinygrad_lstm.distributed.summing import sum_in_order

MPI = {  # Open MPI: more ranks than cores, and root in a container
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe", "OMPI_MCA_mpi_yield_when_idle": "1",
    "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
}  # fmt: skip


def least(run: Callable[[], Any], times: int) -> float:
    """Milliseconds of the fastest of so many runs, as rank 0 sees it; all ranks begin each together."""
    found = []
    for _ in range(times):
        distributed.together("a start", lambda: None)
        start = time.perf_counter()
        run()
        found.append((time.perf_counter() - start) * 1e3)
    return min(found)


def measure(size: list[int], shards: int, updates: int) -> dict[str, float]:
    """An update, in milliseconds."""
    T, B, D, H = size
    tg.manual_seed(0)
    rng = np.random.default_rng(0)
    layer = nn.LSTM(D, H, fused=True)
    adam = optim.Adam(layer.parameters())
    parallel = distributed.DataParallel(adam, shards)
    x, y = rng.normal(size=(T, B, D)).astype(np.float32), rng.normal(size=(T, B, H)).astype(np.float32)

    def update() -> None:
        adam.zero_grad()
        parallel.backward(lambda x, y: losses.mse_loss(layer(x)[0], y), x, y)
        nn.utils.clip_grad_norm_(adam.parameters, 1.0)
        adam.step()

    return {"update": least(update, updates)}


def exchange(widths: list[int], updates: int) -> dict[str, float]:
    """The exchange of the gradients of layers with D = H, a shard a rank, and of 8 bytes, in milliseconds."""
    ranks = distributed.size()
    shares = [1 / ranks] * ranks
    found = {}
    for H in (0, *widths):
        rows = np.ones((1, gradient_bytes(H) // 4), np.float32)
        found[str(H)] = least(lambda rows=rows: sum_in_order(rows, shares, communicator()), updates)  # type: ignore[misc]
    return found


def gradient_bytes(H: int) -> int:
    """Of an LSTM with D = H in float32: 4H (D + H + 1) numbers; 8 bytes for no layer."""
    return 4 * 4 * H * (2 * H + 1) or 8


def run_ranks(ranks: int, *call: Any) -> dict[str, float]:
    """What a job of so many ranks prints."""
    beside = Path(sys.executable).with_name("mpiexec")
    mpiexec = str(beside) if beside.exists() else shutil.which("mpiexec")
    if mpiexec is None:
        raise SystemExit('no mpiexec: pip install "tinygrad-lstm[mpi]" mpich')
    command = [mpiexec, "-n", str(ranks), sys.executable, __file__, *map(str, call)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | MPI)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def print_tables(ranks: list[int], size: list[int], updates: int, widths: list[int]) -> None:
    """The speed-up, and the exchange beside its model."""
    T, B, D, H = size
    shards = max(ranks)
    print(f"T={T} B={B} D={D} H={H}, float32, {shards} shards; milliseconds, the least of {updates}\n")
    print("| ranks | update | speed-up |\n|---|---|---|")
    first = 0.0
    for count in ranks:
        found = run_ranks(count, "--updates", updates, "--size", *size, "--worker", shards)["update"]
        first = first or found
        print(f"| {count} | {found:.1f} | {first / found:.2f} |", flush=True)
    print("\n| ranks | H | gradient | exchange | α + β n |\n|---|---|---|---|---|")
    for count in [count for count in ranks if count > 1]:
        found_by_width = run_ranks(count, "--updates", updates, "--exchange", "--widths", *widths)
        alpha, largest = found_by_width["0"], max(widths)
        beta = (found_by_width[str(largest)] - alpha) / gradient_bytes(largest)
        for width in (0, *widths):
            n = gradient_bytes(width)
            print(f"| {count} | {width or '-'} | {n:,} | {found_by_width[str(width)]:.3f} | {alpha + beta * n:.3f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--size", type=int, nargs=4, default=[100, 128, 16, 128], metavar=("T", "B", "D", "H"))
    parser.add_argument("--updates", type=int, default=20)
    parser.add_argument("--widths", type=int, nargs="+", default=[64, 128, 256, 512, 1024])
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--exchange", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if not given.worker and not given.exchange:
        print_tables(given.ranks, given.size, given.updates, given.widths)
        return
    times = given.updates
    found = exchange(given.widths, 10 * times) if given.exchange else measure(given.size, given.worker, times)
    if distributed.rank() == 0:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
