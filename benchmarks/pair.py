"""Two of the ``contestants`` in turns, in a process of their own: python benchmarks/pair.py OURS THEIRS T B D H SECONDS

Prints JSON: milliseconds of process CPU time a step, and the bytes that ours has in use at most. ``bench.py`` runs it.
"""

from __future__ import annotations

import os

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1",  # read when NumPy is imported
                  XLA_FLAGS="--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")  # fmt: skip

import gc
import json
import sys
import time
import tracemalloc

from contestants import WHO

from tinygrad_lstm.training.speed import Step, in_turns


def peak(step: Step) -> int:
    """Bytes in use at most, above those in use before."""
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    step()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most - before


def main() -> None:
    ours, theirs, *numbers, seconds = sys.argv[1:]
    T, B, D, H = map(int, numbers)
    missing: list[str] = []
    steps: list[Step] = []
    for name in (ours, theirs):
        try:
            steps.append(WHO[name](T, B, D, H))
            steps[-1]()
            steps[-1]()
        except ImportError as error:
            missing.append(f"{name}: {error.name or error} is not installed")
        except (ValueError, TypeError) as error:  # a layer that has no such option
            missing.append(f"{name}: {error}")
    if missing:
        print(json.dumps({"missing": "; ".join(missing)}))
        return
    times = in_turns(steps, float(seconds))
    start = time.process_time()
    WHO[ours](T, B, D, H)  # once more, when all is imported
    set_up = time.process_time() - start
    print(json.dumps({"ours": times[0], "theirs": times[1], "set_up": set_up, "peak": peak(steps[0])}))


if __name__ == "__main__":
    main()
