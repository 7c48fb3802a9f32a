"""The backward pass of a cell as a table, a row for each node."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from tinygrad_lstm.cli.cells import new_layer, run_steps
from tinygrad_lstm.cli.messages import DONE, print_json, say
from tinygrad_lstm.explain.trace import Row, Trace


def run(cell: str, steps: int, hidden: int, inputs: int, every_row: bool, seed: int, as_json: bool) -> int:
    """Print the table of the backward pass of a cell that ran for so many steps; returns the exit code."""
    loss, _ = run_steps(new_layer(cell, inputs, hidden, seed), steps, seed)
    trace = Trace(loss, None if every_row else 100)
    if as_json:
        print_json([record(row) for row in trace.rows])
    else:
        say(Console(), str(trace).replace("(max_rows=None shows all)", "(--all shows them)"))
    return DONE


def record(row: Row) -> dict[str, Any]:
    """A row for another program: shapes and norms of what came in and of what is handed on."""
    handed = [
        {"input": part.name, "local_derivative": part.symbols, "ratio": part.slope, "to": part.source,
         "norm": part.contribution.norm} for part in row.parts
    ]  # fmt: skip
    return {
        "number": row.number, "node": row.name, "op": row.op, "scope": row.scope, "step": row.step,
        "shape": row.cotangent.shape, "norm": row.cotangent.norm, "handed_on": handed,
    }  # fmt: skip
