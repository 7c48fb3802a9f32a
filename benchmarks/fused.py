"""``nn.LSTM(fused=True)`` against torch.nn.LSTM: a training step, forward and backward, over five sizes.

    python benchmarks/fused.py [repetitions]

And ``nn.GRU`` and ``nn.RNN`` likewise. One process, in turns, one thread, float32, process CPU time. Look at the
ratios.
"""

from __future__ import annotations

import os

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")  # read when NumPy is imported

import importlib.util
import math
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import interop, nn

SIZES = (
    (20, 1, 16, 32, 150),
    (50, 8, 32, 64, 60),
    (50, 16, 32, 64, 60),
    (100, 16, 64, 128, 15),
    (100, 32, 128, 256, 6),
)


def cpu_seconds(step: Callable[[], None]) -> float:
    start = time.process_time_ns()
    step()
    return (time.process_time_ns() - start) / 1e9


def time_steps(layer: Any, x: Any) -> Callable[[], None]:
    """A training step of our layer or of theirs: the words are the same."""

    def step() -> None:
        layer.zero_grad()
        layer(x)[0].sum().backward()

    return step


def main() -> None:
    if importlib.util.find_spec("torch") is None:
        sys.exit("PyTorch is not installed, so there is nothing to compare with: pip install 'tinygrad-lstm[oracle]'")
    import torch

    torch.set_num_threads(1)
    print("median of CPU time over PyTorch's, turn by turn")
    print(f"{'(T, B, D, H)':>20}  {'fused':>6}  {'composed':>8}  {'PyTorch ms':>10}")
    for kind in ("LSTM", "GRU", "RNN"):
        ratios = []
        for T, B, D, H, repetitions in SIZES:
            tg.manual_seed(0)
            x = tg.randn(T, B, D).data
            fused, composed = getattr(nn, kind)(D, H, fused=True), getattr(nn, kind)(D, H)
            theirs = getattr(torch.nn, kind)(D, H)
            composed.load_state_dict(fused.state_dict())
            weights = interop.torch.state_dict(fused)
            theirs.load_state_dict({name: torch.tensor(array) for name, array in weights.items()})

            steps = time_steps(fused, x), time_steps(theirs, torch.tensor(x)), time_steps(composed, x)
            for warm_up in steps * 2:
                warm_up()
            np.testing.assert_allclose(
                fused(x)[0].data, theirs(torch.tensor(x))[0].detach().numpy(), rtol=1e-2, atol=1e-4
            )
            rounds = int(sys.argv[1]) if sys.argv[1:] else repetitions
            times = [(cpu_seconds(steps[0]), cpu_seconds(steps[1])) for _ in range(rounds)]
            slow = statistics.median(cpu_seconds(steps[2]) for _ in range(max(3, rounds // 5)))
            theirs_ms = statistics.median(b for _, b in times)
            ratios.append(statistics.median(a / b for a, b in times))
            shape = (T, B, D, H)
            print(f"{kind:>4} {shape!s:>15}  {ratios[-1]:6.2f}  {slow / theirs_ms:8.2f}  {theirs_ms * 1e3:10.2f}")
        mean = math.exp(statistics.mean(map(math.log, ratios)))
        print(f"{kind:>4} geometric mean {mean:.2f}, worst {max(ratios):.2f}")


if __name__ == "__main__":
    main()
