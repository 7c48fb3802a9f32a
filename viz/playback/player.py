"""``viz.player``: a page that steps through forward and backward, one event of the engine at a time."""

from __future__ import annotations

import html
import os
from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.arguments import LOSS, TRAJECTORY, integer, takes
from tinygrad_lstm.escaping import markup
from tinygrad_lstm.files import whole_file
from viz.diagram.cellgraph import NoCellViewError
from viz.output.notebook import bundle
from viz.output.picture import place_for
from viz.playback.figure import Figure, cell_figure, op_figure
from viz.playback.page import page
from viz.playback.tape import tape_of


@dataclass(frozen=True)
class Player:
    """A page: ``html`` is all of it, one file that needs no network; ``description`` says in words what it plays."""

    title: str
    description: str
    html: str = field(repr=False)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page, whole or not at all; returns the path that was written.

        Raises ValueError for a suffix other than .html, FileNotFoundError for a folder that is not there,
        IsADirectoryError for one that is, and as ``Picture.save`` does for what is no path or cannot be written.
        """
        path = place_for(path, [".html"], "a player", "player.html")
        with whole_file(path) as file:
            file.write(self.html.encode())
        return path

    def __str__(self) -> str:
        return self.description

    def _repr_html_(self) -> str:
        """The page in a frame of its own, which can reach nothing of the notebook around it."""
        return (
            f'<iframe sandbox="allow-scripts" title="{markup(self.title)}" srcdoc="{html.escape(self.html)}" '
            'style="width:100%;height:56rem;border:0"></iframe>'
        )

    def _repr_mimebundle_(
        self, include: Container[str] | None = None, exclude: Container[str] | None = None
    ) -> dict[str, Any]:
        """The page, and for a reader without a browser what it plays, in words."""
        return bundle({"text/plain": lambda: self.description, "text/html": self._repr_html_}, include, exclude)


@takes(loss=LOSS, trajectory=TRAJECTORY.or_none(), chain=integer(None).or_none())
def player(loss: tg.Tensor, trajectory: nn.Trajectory | None = None, *, chain: int | None = None) -> Player:
    """A page that steps through the forward pass, and through the backward pass in the engine's own order.

    At each step it shows what came in, each local derivative, what is handed on, and the sum that it is added to. The
    picture is the cell view of a trajectory's layers (or of the one ``chain``), all steps side by side; without a
    trajectory, or where there is no cell view of it, the op view. No ``.grad`` is touched, and the graph can be
    used again.

    Raises DtypeError for what is no tensor or no trajectory, GradError where nothing needs a gradient, the graph was
    freed, or the loss does not depend on the trajectory.

    >>> x = tg.tensor(3.0, requires_grad=True)
    >>> print(player(x * x + x))
    A graph of 3 vertices and 4 edges: ... Its norm at the leaves: a leaf 7.00.
    Played in 3 steps forward and 3 backward.
    """
    figure = _figure(loss, trajectory, chain)
    tape = tape_of(loss, figure.graph, figure.known)
    played = f"Played in {len(tape.forward)} steps forward and {len(tape.backward)} backward."
    return Player(figure.picture.title, f"{figure.picture.description} {played}", page(figure, tape))


def _figure(loss: tg.Tensor, trajectory: nn.Trajectory | None, chain: int | None) -> Figure:
    if trajectory is None:
        return op_figure(loss)
    try:
        return cell_figure(loss, trajectory, chain)
    except NoCellViewError:
        return op_figure(loss)
