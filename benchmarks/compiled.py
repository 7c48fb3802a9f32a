"""A step of training on the graph, and compiled from its recording: python benchmarks/compiled.py

Process CPU time with one BLAS thread, the two in turns, five steps at a time, since memory that one of them gives back
must be fetched again by the other. The ratio is of medians.
"""

import os

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import nn

CELLS = [nn.LSTMCell, nn.PeepholeLSTMCell, nn.CoupledLSTMCell, nn.LayerNormLSTMCell, nn.SeparateLSTMCell, nn.GRUCell,
         nn.RNNCell]  # fmt: skip
SIZES = [(50, 1, 16, 32), (50, 16, 32, 64)]
ROUNDS, IN_A_ROW = 7, 5


def cpu(step: Callable[[], object]) -> list[float]:
    """Milliseconds of each of some steps in a row."""
    times = []
    for _ in range(IN_A_ROW):
        start = time.process_time_ns()
        step()
        times.append((time.process_time_ns() - start) / 1e6)
    return times


def on_the_graph(loss: Callable[[tg.Tensor], tg.Tensor], x: np.ndarray) -> None:
    """The step that is compiled, without compiling."""
    loss(tg.tensor(x)).backward()


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    print(f"{'cell':18} {'(T, B, D, H)':18} {'graph':>9} {'compiled':>9} {'ratio':>6} {'set-up':>8}")
    for T, B, D, H in SIZES:
        for cell in CELLS:
            layer, x = nn.LSTM(D, H, cell=cell), rng.standard_normal((T, B, D)).astype(np.float32)

            def loss(x: tg.Tensor, layer: nn.LSTM = layer) -> tg.Tensor:
                return layer(x)[0].sum()

            compiled = tg.compile(loss)
            start = time.process_time()
            compiled(x)
            set_up = 1e3 * (time.process_time() - start)
            for p in layer.parameters():
                p.data = 0.9 * p.data
            compiled(x)  # with other weights: the program is confirmed
            graph_times, compiled_times = [], []
            for _ in range(ROUNDS):
                layer.zero_grad()
                graph_times += cpu(partial(on_the_graph, loss, x))
                layer.zero_grad()
                compiled_times += cpu(partial(compiled, x))
            a, b = statistics.median(graph_times), statistics.median(compiled_times)
            print(f"{cell.__name__:18} {(T, B, D, H)!s:18} {a:6.2f} ms {b:6.2f} ms {b / a:6.2f} {set_up:5.0f} ms")
