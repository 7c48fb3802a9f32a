"""How far back the gradient of several cells reaches: norms by lag, as a table and as one plot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from tinygrad_lstm import paths
from tinygrad_lstm.cli.cells import INPUTS, find_cell, new_layer, run_steps
from tinygrad_lstm.cli.messages import DONE, check_suffix, make_writable, print_json, say
from tinygrad_lstm.tables import Column, Table

PLOTS = (".svg", ".png", ".pdf")


def run(names: Sequence[str], steps: int, hidden: int, out: Path | None, seed: int, as_json: bool) -> int:
    """Compare cells that ran for so many steps; returns the exit code."""
    cells = list(dict.fromkeys(map(find_cell, names)))
    if out is not None:
        check_suffix(out, PLOTS)
    runs = {cell: run_steps(new_layer(cell, INPUTS, hidden, seed), steps, seed) for cell in cells}
    norms = {cell: paths.horizon(*run).norms["h"][::-1].tolist() for cell, run in runs.items()}
    if out is not None:
        from viz import plots

        ax = plots.gradient_by_lag(runs)
        make_writable(out.parent, [out.name])
        plots.save(ax, out)
    if as_json:
        print_json({"steps": steps, "hidden": hidden, "seed": seed, "norms_by_lag": norms, "out": out and str(out)})
        return DONE
    columns = [Column("lag"), *(Column(cell, 9) for cell in cells)]
    rows = [[str(lag), *(f"{norms[cell][lag]:.2e}" for cell in cells)] for lag in lags(steps)]
    title = "‖∂L/∂h‖ by lag, the steps back from the last; L is the sum of the squares of the last h"
    say(Console(), "\n".join(Table(title, columns, rows).text()))
    if out is not None:
        say(Console(), str(out))
    return DONE


def lags(steps: int) -> Iterator[int]:
    """The lags of the table: close together at first, and the last one.

    >>> [*lags(3)], [*lags(120)]
    ([0, 1, 2], [0, 1, 2, 5, 10, 20, 50, 100, 119])
    """
    lag, factors = 1, (2, 2.5, 2)
    yield 0
    for k in range(steps):
        if lag >= steps - 1:
            break
        yield lag
        lag = int(lag * factors[k % 3])
    if steps > 1:
        yield steps - 1
