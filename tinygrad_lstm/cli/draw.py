"""A cell's gradient as a picture, or as a page that steps through backpropagation."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from rich.console import Console

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn
from tinygrad_lstm.cli.cells import new_layer, run_steps
from tinygrad_lstm.cli.messages import DONE, answer, make_writable, say
from tinygrad_lstm.cli.pages import filled
from tinygrad_lstm.cli.weights import read_layer
from tinygrad_lstm.errors import ArgumentError
from tinygrad_lstm.escaping import markup
from tinygrad_lstm.files import whole_file
from viz.figures.options import View

INPUTS = 2  # numbers at a step, where no weights say how many
PICTURES, PAGES = (".svg", ".png", ".pdf", ".html"), (".html",)


def draw(
    cell: str, steps: int, hidden: int, view: str, out: Path, weights: Path | None, layer: str | None, seed: int
) -> int:
    """Draw the gradient of a cell that ran for so many steps; returns the exit code."""

    def picture(loss: tg.Tensor, trajectory: nn.Trajectory) -> str:
        drawn = viz.gradient_paths(loss, trajectory, view=view)  # type: ignore[call-overload]  # one of them
        if out.suffix.lower() != ".html":
            drawn.save(out)
        else:
            page = filled("draw.html", title=markup(drawn.title), picture=drawn.html, words=markup(drawn.description))
            with whole_file(out) as file:
                file.write(page.encode())
        return str(drawn)

    def run(console: Console) -> int:
        if view not in get_args(View):
            raise ArgumentError(f"no view {view!r}; there are {', '.join(get_args(View))}")
        return _run(console, cell, steps, hidden, out, PICTURES, picture, weights, layer, seed)

    return answer(run)


def player(cell: str, steps: int, hidden: int, out: Path, weights: Path | None, layer: str | None, seed: int) -> int:
    """Write the page that steps through the backward pass of a cell; returns the exit code."""

    def page(loss: tg.Tensor, trajectory: nn.Trajectory) -> str:
        made = viz.player(loss, trajectory)
        made.save(out)
        return made.description

    return answer(lambda console: _run(console, cell, steps, hidden, out, PAGES, page, weights, layer, seed))


def _run(
    console: Console, cell: str, steps: int, hidden: int, out: Path, suffixes: tuple[str, ...],
    save: Callable[[tg.Tensor, nn.Trajectory], str], weights: Path | None, which: str | None, seed: int,
) -> int:  # fmt: skip
    if out.suffix.lower() not in suffixes:
        raise ArgumentError(f"--out {out}: the file ends in {', '.join(suffixes)}, which says what it is")
    if weights is None:
        if which is not None:
            raise ArgumentError("--layer names one of the cells in a file of --weights")
        drawn = new_layer(cell, INPUTS, hidden, seed)
    else:
        drawn, there = read_layer(weights, cell, which)
        more = "" if len(there) == 1 else f", one of {', '.join(there)}; --layer names another"
        say(console, f"The weights are those of {which or there[0]} in {weights}{more}.")
    make_writable(out.parent, [out.name])
    with warnings.catch_warnings(record=True) as advice:
        warnings.simplefilter("always")
        description = save(*run_steps(drawn, steps, seed))
    say(console, f"{description}\n{out}" if not advice else description)
    for message in dict.fromkeys(str(warning.message) for warning in advice):
        say(Console(stderr=True), message)
    return DONE
