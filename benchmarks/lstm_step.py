"""A composed LSTM training step, forward and backward through the graph, against the same lines in eager PyTorch.

    python benchmarks/lstm_step.py [repetitions]

Twice: the bare lines, written alike for both, and ``nn.LSTM`` as users call it, which also names every value and knows
its layer and step. All run in one process, in turns, on one BLAS thread, in float32. Look at the ratios: the
milliseconds are this machine's.
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


def our_lines(sequence: Any, lstm: nn.LSTM, hidden: int) -> Callable[[], None]:
    x = tg.tensor(sequence)
    W, U, b = lstm.parameters()
    zero = np.zeros((x.shape[1], hidden), x.dtype)

    def step() -> None:
        lstm.zero_grad()
        h, c = tg.tensor(zero), tg.tensor(zero)
        outputs = []
        for x_t in tg.unstack(x):
            z = tg.linear(x_t, W) + tg.linear(h, U) + b
            f, i, o, g = tg.split(z, 4, axis=-1)
            f, i, o, g = tg.sigmoid(f), tg.sigmoid(i), tg.sigmoid(o), tg.tanh(g)
            c = f * c + i * g
            h = o * tg.tanh(c)
            outputs.append(h)
        tg.stack(outputs).sum().backward()

    return step


def our_layer(sequence: Any, lstm: nn.LSTM) -> Callable[[], None]:
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
    print("median (least) of CPU time over PyTorch's, turn by turn")
    print(f"{'(T, B, D, H)':>20}  {'the same lines':>16}  {'nn.LSTM':>16}  {'PyTorch ms':>10}")
    for T, B, D, H, repetitions in SIZES:
        tg.manual_seed(0)
        sequence = tg.randn(T, B, D).data
        lstm = nn.LSTM(D, H)
        lines, layer = our_lines(sequence, lstm, H), our_layer(sequence, lstm)
        theirs, parameters = torch_step(sequence, lstm, H)
        theirs()
        for ours in (lines, layer):  # warm up, and make sure that all compute the same
            ours()
            for p, q in zip(lstm.parameters(), parameters, strict=True):
                assert p.grad is not None
                np.testing.assert_allclose(
                    p.grad.data, q.grad.numpy(), rtol=1e-2, atol=1e-2 * np.abs(p.grad.data).max()
                )
        rounds = int(sys.argv[1]) if sys.argv[1:] else repetitions
        times = [(cpu_seconds(lines), cpu_seconds(layer), cpu_seconds(theirs)) for _ in range(rounds)]
        columns = list(zip(*times, strict=True))
        shown = [
            f"{statistics.median(a / b for a, b in zip(column, columns[2], strict=True)):.2f} "
            f"({min(column) / min(columns[2]):.2f})"
            for column in columns[:2]
        ]
        print(f"{(T, B, D, H)!s:>20}  {shown[0]:>16}  {shown[1]:>16}  {min(columns[2]) * 1e3:10.2f}")


if __name__ == "__main__":
    main()
