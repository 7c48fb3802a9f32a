"""``viz.draw``: what a tensor was computed from, or an unrolled cell."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.arguments import takes
from tinygrad_lstm.errors import ArgumentError
from tinygrad_lstm.torch_modules import also_of_torch, trajectory_alone
from viz.diagram.cellgraph import NoCellViewError, NothingRecordedError
from viz.diagram.folding import Fold
from viz.encode.values import ValueEncoding
from viz.figures.cell_views import View
from viz.figures.composition import Arrangement, arrange, picture, with_folds_opened
from viz.figures.operations import picture_of_operations
from viz.figures.options import LIT, OF_A_CELL, OF_OPERATIONS, Engine, Options, as_asked
from viz.figures.selection import TAKES, select_for, tensors_in
from viz.output.picture import Picture
from viz.style.theme import ThemeName, theme_of
from viz.views.words import describe_values


@also_of_torch(trajectory_alone)
@takes(lit=LIT, **OF_A_CELL, **OF_OPERATIONS)
@tg.collector_paused
def draw(
    what: tg.Tensor | nn.Trajectory | Iterable[Any],
    *,
    view: View = "auto",
    depth: int | None = None,
    collapse: Iterable[str] = (),
    fold: Fold = "auto",
    chain: int | None = None,
    theme: ThemeName = "light",
    engine: Engine = "viz",
    header: bool = True,
    width: float | None = None,
    lit: str | None = None,
) -> Picture:
    """A picture of what a tensor was computed from, or of an unrolled cell.

    ``op`` draws every vertex and edge of ``tg.graph_of``, scopes deeper than ``depth`` and modules named in
    ``collapse`` as one box each; ``cell`` draws a trajectory's layers (or the one ``chain``) by their cells' templates;
    ``strip`` only the states of every step, in rows as wide as a slide, or as ``width``; ``rolled`` one step that
    stands for all. ``auto`` is the cell view where there is one, the strip where more than 12 steps would be side by
    side, else the op view. ``fold`` folds steps that compute the same: "auto" all but the first and last two of more
    than 12, None none, a list all but those named and the ends. ``engine="dot"`` lets Graphviz find the places of the
    op view. Several tensors may come in lists, tuples and dicts. For a slide ``header=False`` leaves out title and
    legend, and ``width`` says how many pixels wide the SVG is shown, and a file that is saved of it; a warning says
    where it is too narrow to be read. ``lit="f"`` leaves one part of each cell in full colour, the equation of that
    value, and dims all others.

    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> print(draw((x * x).sum()))
    A graph of 3 vertices and 3 edges: 1 parameter, 2 operations (1 multiply, 1 sum).
    """
    options = Options(theme_of(theme), view, fold, depth, tuple(collapse), chain, engine, header, width, lit)
    if isinstance(what, nn.Trajectory):
        return as_asked(_draw_trajectory(what, options), options)
    if chain is not None:
        raise ArgumentError("chain names one of a trajectory's layers and directions; a tensor has none")
    if lit is not None:
        raise ArgumentError(f"lit={lit!r} is a part of a trajectory's cells; a tensor has none")
    if view not in ("auto", "op"):
        raise ArgumentError(f'the {view} view draws a trajectory, layer.unroll(x); view="op" draws any tensor')
    tensors = list(tensors_in(what))
    if not tensors:
        raise ArgumentError(f"there is nothing to draw in an empty {type(what).__name__}; draw takes {TAKES}")
    return as_asked(picture_of_operations(tg.graph_of(tensors), options), options)


def _draw_trajectory(trajectory: nn.Trajectory, options: Options) -> Picture:
    """The chains of a trajectory, or, where there is no cell view, its graph."""
    part = NoCellViewError, NothingRecordedError  # of a part of the steps nothing may be recorded
    chosen, note = select_for(trajectory, options, without=part)
    if chosen is not None:
        chains, title, words = chosen.chains, chosen.title, describe_values(chosen.chains, chosen.captions)

        def drawn(how: Arrangement) -> Picture:
            encodings = [ValueEncoding(how.project(each), options.theme) for each in chains]
            return picture(chosen, encodings, how, options.theme, title[0].upper() + title[1:], words)

        return with_folds_opened(chains, arrange(chains, options), options, drawn)
    graph = tg.graph_of(list(tensors_in(trajectory)))
    if not graph.edges:
        if not len(trajectory):
            raise NothingRecordedError("a trajectory of 0 steps: there is nothing to draw")
        raise NothingRecordedError("this trajectory was made under no_grad: nothing was recorded to draw")
    return picture_of_operations(graph, options, note=note)
