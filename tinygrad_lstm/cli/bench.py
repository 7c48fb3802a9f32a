"""A training step of an LSTM in our ways, and PyTorch's where it is installed: one table.

The goals of this project, other packages and memory are in ``benchmarks/bench.py`` of a checkout: they take minutes and
other packages, and serve those who change the code. What is measured there and here is the same.
"""

from __future__ import annotations

import statistics

from rich.console import Console
from threadpoolctl import threadpool_limits

from tinygrad_lstm.cli.messages import DONE, print_json, say
from tinygrad_lstm.tables import Column, Table
from tinygrad_lstm.training.speed import WAYS, in_turns


def run(steps: int, batch: int, inputs: int, hidden: int, seconds: float, as_json: bool) -> int:
    """Measure and print; returns the exit code."""
    size, ways = (steps, batch, inputs, hidden), {}
    with threadpool_limits(1):
        for name, make in WAYS.items():
            try:
                ways[name] = make(*size)
            except ImportError:  # PyTorch
                continue
            ways[name]()
        times = in_turns(list(ways.values()), seconds)
    medians = {name: statistics.median(found) for name, found in zip(ways, times, strict=True)}
    if as_json:
        print_json({"T": steps, "B": batch, "D": inputs, "H": hidden, "milliseconds": medians})
        return DONE
    base = list(medians)[-1 if "torch.nn.LSTM" in medians else 0]
    rows = [[name, f"{ms:.3g}", f"{ms / medians[base]:.2f}"] for name, ms in medians.items()]
    columns = [Column("a training step of", words=True), Column("ms", 8), Column(f"over {base}", 8)]
    title = f"(T, B, D, H) = {size}, medians of CPU time, float32, one thread"
    note = "" if base == "torch.nn.LSTM" else "PyTorch is not installed."
    say(Console(), "\n".join(Table(title, columns, rows, note).text()))
    return DONE
