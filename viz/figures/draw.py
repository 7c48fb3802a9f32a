"""The calls a user makes: a tensor or a trajectory in, a Picture out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.arguments import LOSS, NAMES, TENSOR, TRAJECTORY, integer, one_of, takes
from tinygrad_lstm.errors import ArgumentError, DtypeError
from viz.diagram.cellgraph import NoCellViewError, NothingRecordedError
from viz.diagram.collapse import (
    GUIDE,
    add_header,
    close_runs,
    closed_scopes,
    routes_in_graph,
    swept_words,
    weigh_by_gradient,
)
from viz.diagram.folding import Fold
from viz.diagram.names import Names
from viz.encode.encoding import Gradients, Paint, Strongest
from viz.figures.selection import View, draw_chains, find, story
from viz.measure.gradient import flows_of, sweep
from viz.output.picture import Picture
from viz.style.text import number, quantity
from viz.style.theme import THEME, Theme, ThemeName, theme_of
from viz.views.operations import op_view

VIEW = one_of("auto", "op", "cell", "strip", "rolled")
TAKES = "tensors and trajectories, or lists, tuples and dicts of them"


@takes(view=VIEW, depth=integer(0).or_none(), collapse=NAMES, chain=integer(None).or_none(), theme=THEME)
def draw(
    what: tg.Tensor | nn.Trajectory | Iterable[Any],
    *,
    view: View = "auto",
    depth: int | None = None,
    collapse: Iterable[str] = (),
    fold: Fold = "auto",
    chain: int | None = None,
    theme: ThemeName = "light",
) -> Picture:
    """A picture of what a tensor was computed from, or of an unrolled cell.

    ``op`` draws every vertex and edge of ``tg.graph_of``, scopes deeper than ``depth`` and modules named in
    ``collapse`` as one box each; ``cell`` draws a trajectory's layers (or the one ``chain``) by their cells' templates;
    ``strip`` only the states of every step; ``rolled`` one step that stands for all. ``auto`` is the cell view where
    there is one, the strip where more than 12 steps would be side by side, else the op view. ``fold`` folds steps that
    compute the same: "auto" all but the first and last two of more than 12, None none, a list all but those named and
    the ends. Several tensors may come in lists, tuples and dicts.

    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> print(draw((x * x).sum()))
    A graph of 3 vertices and 3 edges: 1 parameter, 2 operations (1 multiply, 1 sum).
    """
    _check_closed(view, depth, collapse)
    if chain is not None and not isinstance(what, nn.Trajectory):
        raise ArgumentError("chain names one of a trajectory's layers and directions; a tensor has none")
    colours = theme_of(theme)
    if view not in ("auto", "op") and not isinstance(what, nn.Trajectory):
        raise ArgumentError(f'the {view} view draws a trajectory, layer.unroll(x); view="op" draws any tensor')
    closed, note = tuple(collapse), ""
    if isinstance(what, nn.Trajectory) and view != "op" and not (view == "auto" and (closed or depth is not None)):
        try:
            found = find(what, chain)
        except (NoCellViewError, NothingRecordedError) as reason:  # of a part of the steps only, perhaps
            if view != "auto":
                raise
            note = f"Every operation is drawn, since there is no cell view: {reason}."
        else:
            return draw_chains([Paint(each, colours) for each in found], what, view, fold, colours, chain)
    tensors = list(tensors_in(what))
    if not tensors:
        raise ArgumentError(f"there is nothing to draw in an empty {type(what).__name__}; draw takes {TAKES}")
    graph = tg.graph_of(tensors)
    if isinstance(what, nn.Trajectory) and not graph.edges:
        if not len(what):
            raise NothingRecordedError("a trajectory of 0 steps: there is nothing to draw")
        raise NothingRecordedError("this trajectory was made under no_grad: nothing was recorded to draw")
    return draw_graph(graph, colours, depth, closed, fold, note)


@takes(
    loss=LOSS, trajectory=TRAJECTORY, view=VIEW, depth=integer(0).or_none(), collapse=NAMES,
    chain=integer(None).or_none(), strongest=TENSOR.or_none(), theme=THEME,
)  # fmt: skip
def gradient_paths(
    loss: tg.Tensor,
    trajectory: nn.Trajectory,
    *,
    view: View = "auto",
    depth: int | None = None,
    collapse: Iterable[str] = (),
    fold: Fold = "auto",
    chain: int | None = None,
    strongest: tg.Tensor | None = None,
    theme: ThemeName = "light",
) -> Picture:
    """Where the gradient of a loss goes in an unrolled cell, every line as wide as what was delivered along it.

    Drawn from one watched backward pass: it leaves every ``.grad`` alone and the graph usable. Views as in ``draw``.
    With ``strongest`` the strongest single path to that tensor (``tg.paths.strongest_path``) has a bright ground.

    Raises GradError where the graph was freed by an earlier backward, or does not lead to this trajectory.

    >>> tg.manual_seed(0)
    >>> trajectory = nn.LSTM(2, 3).unroll(tg.randn(2, 1, 2))
    >>> picture = gradient_paths((trajectory.steps[-1].h ** 2).sum(), trajectory)
    >>> picture.title
    'Where the gradient of L flows: one LSTM, two time steps'
    """
    _check_closed(view, depth, collapse)
    colours, closed, note = theme_of(theme), tuple(collapse), ""
    if view != "op" and not (view == "auto" and (closed or depth is not None)):
        try:
            found = find(trajectory, chain, loss)
        except NoCellViewError as reason:
            if view != "auto":
                raise
            note = f"Every operation is drawn, since there is no cell view: {reason}."
        else:
            flows = flows_of(loss, found)
            path = None if strongest is None else _strongest(loss, strongest, found[0].graph)
            paints = [Gradients(each, colours, flow, path) for each, flow in zip(found, flows, strict=True)]
            return _point_out(draw_chains(paints, trajectory, view, fold, colours, chain, flows), path)
    graph = tg.graph_of([loss, *tensors_in(trajectory)])
    path = None if strongest is None else _strongest(loss, strongest, graph)
    return _point_out(paths_in_graph(loss, graph, colours, depth, closed, fold, note, path), path)


@takes(loss=LOSS, trajectory=TRAJECTORY, chain=integer(None).or_none())
def describe(loss: tg.Tensor, trajectory: nn.Trajectory, *, chain: int | None = None) -> str:
    """The story of ``gradient_paths`` in words, with the same numbers.

    >>> tg.manual_seed(0)
    >>> trajectory = nn.LSTM(2, 3).unroll(tg.randn(2, 1, 2))
    >>> print(describe((trajectory.steps[-1].h ** 2).sum(), trajectory))
    The gradient of L = ... in one LSTM over two time steps, from the last step to the first. The norm of ∂L/∂C is ...
    Each step of the belt, the path along the cell state C, multiplies ∂L/∂C by f, on average 0.72 at t = 1, ...
    Of ∂L/∂C₁, 128% came along the belt: only times f; −28% by crossings, through h into a gate, against it. ...
    """
    found = find(trajectory, chain, loss)
    return story(found, flows_of(loss, found), trajectory, chain)


def _strongest(loss: tg.Tensor, tensor: tg.Tensor, graph: tg.Graph) -> Strongest:
    """The strongest path from the loss to a tensor, as the picture needs it."""
    found = tg.paths.strongest_path(loss, tensor)
    keys = frozenset((graph.id_of(step.edge.reader), step.edge.position) for step in found.edges)
    name = Names(graph).of(graph.vertices[graph.id_of(tensor)]) or "the tensor"
    return Strongest(keys, f"strongest single path to {name}, gains multiplied {number(found.strength)}")


def _point_out(picture: Picture, path: Strongest | None) -> Picture:
    """The picture, whose description names the path that it points out as well."""
    return (
        picture if path is None else replace(picture, description=f"{picture.description} There is the {path.words}.")
    )


# Graphs


def draw_graph(
    graph: tg.Graph, theme: Theme, depth: int | None, collapse: tuple[str, ...], fold: Fold, note: str = ""
) -> Picture:
    """The op view of a graph."""
    boxes, hidden = close_runs(graph, closed_scopes(graph, depth, collapse), fold)
    note = " ".join(filter(None, [note, hidden]))
    scene, title = op_view(graph, theme, boxes), f"Computation graph: {_size(graph)}"
    if note:
        add_header(scene, title, f"Values run left to right. {note}")
    return Picture(scene, title, " ".join(filter(None, [_inventory(graph), note])))


def paths_in_graph(
    loss: tg.Tensor, graph: tg.Graph, theme: Theme, depth: int | None = None, collapse: tuple[str, ...] = (),
    fold: Fold = None, note: str = "", path: Strongest | None = None,
) -> Picture:  # fmt: skip
    """The op view of a graph, every line as wide as the gradient along it."""
    boxes, hidden = close_runs(graph, closed_scopes(graph, depth, collapse), fold)
    note, swept = " ".join(filter(None, [note, hidden])), sweep(loss, graph)
    scene = op_view(graph, theme, boxes, weigh_by_gradient(graph, swept.edges, theme, path.edges if path else ()))
    title = f"Where the gradient of L flows: {_size(graph)}"
    add_header(scene, title, " ".join(filter(None, [GUIDE, note])), routes_in_graph(theme))
    return Picture(scene, title, " ".join(filter(None, [_inventory(graph), swept_words(graph, swept), note])))


def _check_closed(view: str, depth: int | None, collapse: Iterable[str]) -> None:
    if view in ("cell", "strip", "rolled") and (depth is not None or collapse):
        raise ArgumentError(f"depth and collapse close modules of the op view; the {view} view has none to close")


def tensors_in(what: Any) -> Iterator[tg.Tensor]:
    """Every tensor in nested lists, tuples and dicts; of a trajectory the last states, which all else leads to."""
    if isinstance(what, tg.Tensor):
        yield what
    elif isinstance(what, nn.Trajectory):
        for chain in what.chains:
            yield from tensors_in(chain.state)
    elif isinstance(what, Mapping):
        yield from tensors_in(list(what.values()))
    elif isinstance(what, Iterable) and not isinstance(what, str | bytes | np.ndarray):
        for part in what:
            yield from tensors_in(part)
    else:
        came = "None" if what is None else "a NumPy array" if isinstance(what, np.ndarray) else type(what).__name__
        raise DtypeError(f"draw takes {TAKES}, not {came}")


def _size(graph: tg.Graph) -> str:
    vertices, edges = quantity(len(graph.vertices), "vertex", "vertices"), quantity(len(graph.edges), "edge")
    return f"graph of {vertices} and {edges}"


def _inventory(graph: tg.Graph) -> str:
    """What a graph is made of, in a sentence."""
    kinds: dict[str, int] = {}
    ops: dict[str, int] = {}
    for vertex in graph.vertices:
        kind = "operation" if vertex.kind in ("op", "state") else vertex.kind
        kinds[kind] = kinds.get(kind, 0) + 1
        if kind == "operation":
            ops[vertex.op] = ops.get(vertex.op, 0) + 1
    parts = ", ".join(quantity(count, kind) for kind, count in kinds.items())
    done = ", ".join(f"{count} {op}" for op, count in ops.items())
    text = f"A {_size(graph)}: {parts}"
    return f"{text} ({done})." if done else f"{text}."
