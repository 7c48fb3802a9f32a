"""A composed LSTM training step, forward and backward through the graph, against the same lines in eager PyTorch.

Ours is ``nn.LSTM`` as users call it, which runs the lines of ``LSTMCell``; theirs are those lines written in torch.

    python benchmarks/lstm_step.py [repetitions]

Both run in one process, in turns, on one BLAS thread, in float32; the table shows process CPU time. Compare the ratios:
the milliseconds are this machine's.
"""

from __future__ import annotations

import os

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")  # read when NumPy is imported

import importlib.util
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import nn

SIZES = ((50, 1, 16, 32, 60), (50, 16, 32, 64, 40), (50, 64, 128, 256, 10))  # T, B, D, H, repetitions


def our_step(sequence: Any, lstm: nn.LSTM) -> Callable[[], None]:
    x = tg.tensor(sequence)

    def step() -> None:
        lstm.zero_grad()
        output, _ = lstm(x)
        output.sum().backward()

    return step


def torch_step(sequence: Any, lstm: nn.LSTM, hidden: int) -> tuple[Callable[[], None], list[Any]]:
    import torch

    torch.set_num_threads(1)
    x = torch.tensor(sequence)
    parameters = [torch.tensor(p.data, requires_grad=True) for p in lstm.parameters()]
    W, U, b = parameters

    def step() -> None:
        for parameter in parameters:
            parameter.grad = None
        h, c = torch.zeros(x.shape[1], hidden), torch.zeros(x.shape[1], hidden)
        outputs = []
        for x_t in x.unbind(0):
            z = torch.nn.functional.linear(x_t, W) + torch.nn.functional.linear(h, U) + b
            f, i, o, g = z.chunk(4, -1)
            f, i, o, g = torch.sigmoid(f), torch.sigmoid(i), torch.sigmoid(o), torch.tanh(g)
            c = f * c + i * g
            h = o * torch.tanh(c)
            outputs.append(h)
        torch.stack(outputs).sum().backward()

    return step, parameters


def cpu_seconds(step: Callable[[], None]) -> float:
    start = time.process_time_ns()
    step()
    return (time.process_time_ns() - start) / 1e9


def main() -> None:
    if importlib.util.find_spec("torch") is None:
        sys.exit("PyTorch is not installed, so there is nothing to compare with: pip install 'tinygrad-lstm[oracle]'")
    print(f"{'(T, B, D, H)':>20}  {'ours ms':>8}  {'torch ms':>8}  {'median ratio':>12}  {'min ratio':>9}")
    for T, B, D, H, repetitions in SIZES:
        tg.manual_seed(0)
        sequence = tg.randn(T, B, D).data
        lstm = nn.LSTM(D, H)
        ours = our_step(sequence, lstm)
        theirs, parameters = torch_step(sequence, lstm, H)
        ours(), theirs()  # warm up, and make sure that both compute the same
        for p, q in zip(lstm.parameters(), parameters, strict=True):
            assert p.grad is not None
            np.testing.assert_allclose(p.grad.data, q.grad.numpy(), rtol=1e-2, atol=1e-2 * np.abs(p.grad.data).max())
        times = [
            (cpu_seconds(ours), cpu_seconds(theirs)) for _ in range(int(sys.argv[1]) if sys.argv[1:] else repetitions)
        ]
        best, their_best = (min(column) for column in zip(*times, strict=True))
        ratio = statistics.median(a / b for a, b in times)
        size = str((T, B, D, H))
        print(f"{size:>20}  {best * 1e3:8.2f}  {their_best * 1e3:8.2f}  {ratio:12.2f}  {best / their_best:9.2f}")


if __name__ == "__main__":
    main()
