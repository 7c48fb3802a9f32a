"""A cell's gradient as a picture, or as a page that steps through backpropagation."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from rich.console import Console

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn
from tinygrad_lstm.cli.cells import CELLS, INPUTS, find_cell, new_layer, run_steps
from tinygrad_lstm.cli.messages import DONE, check_suffix, make_writable, say
from tinygrad_lstm.errors import ArgumentError, WeightsError
from tinygrad_lstm.escaping import markup
from tinygrad_lstm.files import whole_file
from tinygrad_lstm.interop.files import recurrent_layers
from tinygrad_lstm.pages import filled
from viz.figures.cell_views import View

PICTURES, PAGES = (".svg", ".png", ".pdf", ".html"), (".html",)


def draw(
    cell: str | None, steps: int, hidden: int, view: str, out: Path, weights: Path | None, layer: str | None, seed: int
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

    if view not in get_args(View):
        raise ArgumentError(f"no view {view!r}; there are {', '.join(get_args(View))}")
    check_suffix(out, PICTURES)
    return _show(picture, _layer(cell, hidden, weights, layer, seed), steps, out, seed)


def player(
    cell: str | None, steps: int, hidden: int, out: Path, weights: Path | None, layer: str | None, seed: int
) -> int:
    """Write the page that steps through the backward pass of a cell; returns the exit code."""

    def page(loss: tg.Tensor, trajectory: nn.Trajectory) -> str:
        made = viz.player(loss, trajectory)
        made.save(out)
        return made.description

    check_suffix(out, PAGES)
    return _show(page, _layer(cell, hidden, weights, layer, seed), steps, out, seed)


def chosen(path: Path, cell: str | None, which: str | None) -> tuple[str, nn.Recurrent[Any], list[str]]:
    """The name and the layer of a file that a caller names, else the first, and the names of all."""
    layers = recurrent_layers(path, None if cell is None else CELLS[find_cell(cell)])
    name = next(iter(layers)) if which is None else which
    if name not in layers:
        raise WeightsError(f"{path} holds no layer {name!r}; it holds {', '.join(layers)}")
    return name, layers[name], [*layers]


def describe_choice(name: str, path: Path, there: list[str]) -> str:
    """Which layer of a file was chosen, and how another is."""
    others = f", one of {', '.join(there)}; --layer names another" if len(there) > 1 else ""
    return f"{name} in {path}{others}"


def _layer(cell: str | None, hidden: int, weights: Path | None, which: str | None, seed: int) -> nn.Recurrent[Any]:
    if weights is not None:
        name, layer, there = chosen(weights, cell, which)
        say(Console(), f"The weights are those of {describe_choice(name, weights, there)}.")
        return layer.eval()
    if which is not None:
        raise ArgumentError("--layer names one of the layers in a file of --weights")
    if cell is None:
        raise ArgumentError(
            f"name a cell, or a file of --weights that says which it holds; there are {', '.join(CELLS)}"
        )
    return new_layer(cell, INPUTS, hidden, seed)


def _show(
    save: Callable[[tg.Tensor, nn.Trajectory], str], layer: nn.Recurrent[Any], steps: int, out: Path, seed: int
) -> int:
    make_writable(out.parent, [out.name])
    with warnings.catch_warnings(record=True) as advice:
        warnings.simplefilter("always")
        description = save(*run_steps(layer, steps, seed))
    say(Console(), f"{description}\n{out}" if not advice else description)
    for message in dict.fromkeys(str(warning.message) for warning in advice):
        say(Console(stderr=True), message)
    return DONE
