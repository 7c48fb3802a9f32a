"""Every kind of cell on the graph and compiled from its recording: python benchmarks/compiled.py [rounds]

With the set-up, which is the first call, and the bytes that the program keeps for its next call over what the graph
needs at its peak. Process CPU time, one thread, float32; both in turns, some steps at a time, since memory that one of
them gives back must be fetched again by the other. Ratios are of medians; a goal says whether it is met. bench.py
compares the LSTM with PyTorch.
"""

import os

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")  # read when NumPy is imported

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from pair import peak

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.training.speed import cpu

CELLS = [nn.LSTMCell, nn.PeepholeLSTMCell, nn.CoupledLSTMCell, nn.LayerNormLSTMCell, nn.SeparateLSTMCell, nn.GRUCell,
         nn.RNNCell]  # fmt: skip
SIZES = [(50, 1, 16, 32), (50, 16, 32, 64)]
SET_UP, KEPT = 0.3, 1.5  # goals


def medians(rounds: int, *steps: Callable[[], object]) -> list[float]:
    """The median time of each step, the steps in turns."""
    for step in steps:
        step()
    times: list[list[float]] = [[] for _ in steps]
    for _ in range(rounds):
        for own, step in zip(times, steps, strict=True):
            own += cpu(step)
    return [statistics.median(own) for own in times]


def against(figure: float, goal: float) -> str:
    """A figure beside its goal."""
    return f"{figure:5.2f} (<= {goal:.2f}: {'met' if figure <= goal else 'NOT MET'})"


def compile_layer(layer: nn.Module, x: Any) -> tuple[Callable[[], None], Callable[[], None], float]:
    """A step on the graph, the same one compiled, and the seconds of its first call."""

    def loss(x: Any) -> tg.Tensor:
        total: tg.Tensor = layer(x)[0].sum()
        return total

    def on_the_graph() -> None:
        layer.zero_grad()
        loss(tg.tensor(x)).backward()

    step = tg.compile(loss)
    start = time.process_time()
    step(x)
    set_up = time.process_time() - start
    for p in layer.parameters():  # with other weights the program is confirmed
        p.data = 0.9 * p.data
    step(x)

    def compiled() -> None:
        layer.zero_grad()
        step(x)

    return on_the_graph, compiled, set_up


def kept(layer: nn.Module, x: Any) -> int:
    """The bytes of the arrays that a program keeps for its next call."""
    step = tg.compile(lambda x: layer(x)[0].sum())
    step(x)
    namespace: dict[str, Any] = {}
    exec(step.source, namespace)  # our own text
    arrays = [value for value in namespace.values() if isinstance(value, np.ndarray) and value.base is None]
    return sum({id(array): array.nbytes for array in arrays}.values())  # some have two names


def cells(rounds: int) -> None:
    """The table of all cells beside the graph."""
    print(
        f"{'cell':18} {'(T, B, D, H)':18} {'graph':>9} {'compiled':>9} {'ratio':>6}  set-up, s             kept / peak"
    )
    for T, B, D, H in SIZES:
        x = np.random.default_rng(0).standard_normal((T, B, D)).astype(np.float32)
        compile_layer(nn.LSTM(D, H), x)  # files are read and parsed once
        for cell in CELLS:
            layer = nn.LSTM(D, H, cell=cell)
            on_the_graph, compiled, set_up = compile_layer(layer, x)
            graph, ours = medians(rounds, on_the_graph, compiled)
            row = f"{cell.__name__:18} {(T, B, D, H)!s:18} {graph:6.2f} ms {ours:6.2f} ms {ours / graph:6.2f}"
            bytes_kept = kept(layer, x) / peak(on_the_graph)
            print(f"{row}  {against(set_up, SET_UP):22} {against(bytes_kept, KEPT)}")


if __name__ == "__main__":
    cells(int(sys.argv[1]) if sys.argv[1:] else 7)
