"""The calls a user makes: a tensor or a trajectory in, a Picture out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeAlias

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.errors import ArgumentError, DtypeError
from viz.cellview import Layer, cell_view
from viz.describe import in_words_of
from viz.finder import unrolled
from viz.fold import LONGEST, Fold, Run, folded, rolled, runs, strip
from viz.opfold import close_runs, weighing
from viz.opview import closed_scopes, op_view
from viz.paint import Gradients, Paint
from viz.picture import Picture
from viz.roles import NoCellViewError, NothingRecordedError, Unrolled
from viz.style import Theme, ThemeName, counted, in_words, theme_named
from viz.sweep import Flow, delivered, flows_of

View: TypeAlias = Literal["auto", "op", "cell", "strip", "rolled"]
VIEWS = ("auto", "op", "cell", "strip", "rolled")
TAKES = "tensors and trajectories, or lists, tuples and dicts of them"


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
    _check_view(view)
    colours = theme_named(theme)
    if view not in ("auto", "op") and not isinstance(what, nn.Trajectory):
        raise ValueError(f'the {view} view draws a trajectory, layer.unroll(x); view="op" draws any tensor')
    closed, note = _names(collapse), ""
    if isinstance(what, nn.Trajectory) and view != "op" and not (view == "auto" and (closed or depth is not None)):
        try:
            found = find(what, chain)
        except (NoCellViewError, NothingRecordedError) as reason:  # of a part of the steps only, perhaps
            if view != "auto":
                raise
            note = f"Every operation is drawn, since there is no cell view: {reason}."
        else:
            return chains_drawn([Paint(each, colours) for each in found], what, view, fold, colours, chain)
    tensors = list(tensors_in(what))
    if not tensors:
        raise ValueError(f"there is nothing to draw in an empty {type(what).__name__}; draw takes {TAKES}")
    graph = tg.graph_of(tensors)
    if isinstance(what, nn.Trajectory) and not graph.edges:
        raise NothingRecordedError("this trajectory was made under no_grad: nothing was recorded to draw")
    return graph_drawn(graph, colours, depth, closed, fold, note)


def gradient_paths(
    loss: tg.Tensor,
    trajectory: nn.Trajectory,
    *,
    view: View = "auto",
    depth: int | None = None,
    collapse: Iterable[str] = (),
    fold: Fold = "auto",
    chain: int | None = None,
    theme: ThemeName = "light",
) -> Picture:
    """Where the gradient of a loss goes in an unrolled cell, every line as wide as what was delivered along it.

    Drawn from one watched backward pass: it leaves every ``.grad`` alone and the graph usable. Views as in ``draw``.

    Raises GradError where the graph was freed by an earlier backward, or does not lead to this trajectory.

    >>> tg.manual_seed(0)
    >>> trajectory = nn.LSTM(2, 3).unroll(tg.randn(2, 1, 2))
    >>> picture = gradient_paths((trajectory.steps[-1].h ** 2).sum(), trajectory)
    >>> picture.title
    'Where the gradient of L flows: one LSTM, two time steps'
    """
    _check_view(view)
    _check(trajectory, loss)
    colours, closed, note = theme_named(theme), _names(collapse), ""
    if view != "op" and not (view == "auto" and (closed or depth is not None)):
        try:
            found = find(trajectory, chain, loss)
        except NoCellViewError as reason:
            if view != "auto":
                raise
            note = f"Every operation is drawn, since there is no cell view: {reason}."
        else:
            flows = flows_of(loss, found)
            paints = [Gradients(each, colours, flow) for each, flow in zip(found, flows, strict=True)]
            return chains_drawn(paints, trajectory, view, fold, colours, chain, flows)
    graph = tg.graph_of([loss, *tensors_in(trajectory)])
    weigh = weighing(graph, delivered(loss, graph), colours)
    picture = graph_drawn(graph, colours, depth, closed, fold, note, weigh)
    return replace(picture, title=f"Where the gradient of L flows: {_size(graph)}")


def describe(loss: tg.Tensor, trajectory: nn.Trajectory, *, chain: int | None = None) -> str:
    """The story of ``gradient_paths`` in words, with the same numbers.

    >>> tg.manual_seed(0)
    >>> trajectory = nn.LSTM(2, 3).unroll(tg.randn(2, 1, 2))
    >>> print(describe((trajectory.steps[-1].h ** 2).sum(), trajectory))
    The gradient of L = ... in one LSTM over two time steps, from the last step to the first. The norm of ∂L/∂C is ...
    Each step of the belt multiplies ∂L/∂C by f, on average 0.72 at t = 1, 0.71 at t = 2. Of ∂L/∂C₁, 128% came along C,
    from step to step only times f; −28% came through the gates, by way of h, against it. ...
    """
    found = find(trajectory, chain, loss)
    return " ".join(map(in_words_of, reversed(flows_of(loss, found))))


# Chains


def find(trajectory: nn.Trajectory, chain: int | None = None, *also: tg.Tensor) -> list[Unrolled]:
    """The parts of a trajectory's chains (or of one), in the graph of all its tensors and of those given beside.

    Raises ValueError where there is no such chain; NoCellViewError, which is one too, where the steps do not compute
    the same, or there are none; NothingRecordedError where a step was made under no_grad.
    """
    _check(trajectory, *also)
    chains = trajectory.chains
    if chain is not None:
        try:
            chains = (chains[chain],)
        except IndexError:
            raise ValueError(f"no chain {chain}: this trajectory has {len(chains)}") from None
    for one in chains:
        if not one.steps or any(not step.h.size for step in one.steps):
            raise NoCellViewError("no numbers in this trajectory: its batch, or its number of steps, is 0")
    steps = [step for one in chains for step in (one.initial, *one.steps)]
    named = [tensor for step in steps for tensor in step.named.values()]
    graph = tg.graph_of([*also, *named, *(p for one in chains for p in one.cell.parameters())])
    layers = _layer_numbers(trajectory)
    number = {id(one): layers[k] for k, one in enumerate(trajectory.chains)}
    return [unrolled(graph, one, [other for other in chains if number[id(other)] > number[id(one)]]) for one in chains]


def chains_drawn(
    paints: Sequence[Paint], trajectory: nn.Trajectory, view: View, fold: Fold, theme: Theme, chain: int | None = None,
    flows: Sequence[Flow] = (),
) -> Picture:  # fmt: skip
    """The picture of some chains, in the view asked for or, for "auto", the one that can be read."""
    top = paints[-1].unrolled
    norms = [series for paint in paints for name in top.template.made_in if (series := paint.series(name))]
    structure = {t: tuple(paint.unrolled.structure[t] for paint in paints) for t in top.structure}
    hidden, note = runs(structure, fold, norms), ""
    shown = top.last - sum(last - first for first, last in hidden)
    if view == "auto" and shown > LONGEST:
        view, note = "strip", f"Shown as a strip of states: the gates of {shown} steps side by side could not be read."
    if view == "rolled":
        hidden = []
    coarse = {"strip": strip, "rolled": rolled}.get(view, lambda one: folded(one, hidden))
    painted = [
        paint.on(folded(coarse(paint.unrolled), hidden) if view == "strip" else coarse(paint.unrolled))
        for paint in paints
    ]
    if hidden and not note:
        note = f"Folded, since {'they compute' if len(hidden) == 1 else 'each computes'} the same: {_told(hidden)}."
    numbers = _layer_numbers(trajectory)
    if chain is not None:
        numbers = [numbers[chain]]
    captions = _captions(paints, numbers) if len(paints) > 1 else [""]
    layers = [Layer(*each) for each in zip(painted, numbers, captions, strict=True)]
    what = _title(top, trajectory, chain)
    title = f"Where the gradient of L flows: {what}" if flows else what[0].upper() + what[1:]
    scene = cell_view(layers, hidden, theme, title, note)
    words = (
        " ".join(map(in_words_of, reversed(flows)))
        if flows
        else f"{title}, {'rolled' if view == 'rolled' else 'unrolled'}."
    )
    return Picture(scene, title, " ".join(filter(None, [words, note])))


def _layer_numbers(trajectory: nn.Trajectory) -> list[int]:
    """The layer that each chain is: with two directions two chains are one layer."""
    chains = trajectory.chains
    directions = 2 if len(chains) > 1 and chains[1].reverse and not chains[0].reverse else 1
    return [k // directions for k in range(len(chains))]


def _captions(paints: Sequence[Paint], numbers: Sequence[int]) -> list[str]:
    """What each band is called."""
    both = len(numbers) > len(set(numbers))
    ways = ["reverse" if paint.unrolled.chain.reverse else "forward" for paint in paints]
    layers = [f"layer {number + 1}" for number in numbers]
    if len(set(numbers)) == 1:
        return ways
    return [f"{layer}, {way}" if both else layer for layer, way in zip(layers, ways, strict=True)]


def _title(top: Unrolled, trajectory: nn.Trajectory, chain: int | None) -> str:
    """What is drawn, in a few words."""
    steps = f"{in_words(top.last)} time step{'s' * (top.last > 1)}"
    numbers = _layer_numbers(trajectory)
    layers = len(set(numbers))
    if chain is not None and layers > 1:
        return f"{top.name}, layer {numbers[chain] + 1} of {layers}, {steps}"
    both = chain is None and len(numbers) > layers
    kind = f"bidirectional {top.name}" if both else top.name
    return f"one {kind}, {steps}" if layers == 1 else f"{kind} of {in_words(layers)} layers, {steps}"


def _told(hidden: Sequence[Run]) -> str:
    return ", ".join(f"t = {first} to {last}" for first, last in hidden)


# Graphs


def graph_drawn(
    graph: tg.Graph, theme: Theme, depth: int | None, collapse: tuple[str, ...], fold: Fold, note: str = "",
    weigh: Any = None,
) -> Picture:  # fmt: skip
    """The op view of a graph."""
    boxes, folded_steps = close_runs(graph, closed_scopes(graph, depth, collapse), fold)
    title = f"Computation graph: {_size(graph)}"
    if folded_steps:
        note = f"{note} Folded, since they compute the same: {folded_steps}.".strip()
    return Picture(op_view(graph, theme, boxes, weigh), title, " ".join(filter(None, [_inventory(graph), note])))


def _names(collapse: Iterable[str]) -> tuple[str, ...]:
    return (collapse,) if isinstance(collapse, str) else tuple(collapse)


def _check_view(view: str) -> None:
    if view not in VIEWS:
        raise ValueError(f"no view {view!r}; there are {', '.join(VIEWS)}")


def _check(trajectory: object, *losses: object) -> None:
    """Raise DtypeError where the arguments are something else, or in the other order."""
    for loss in losses:
        if not isinstance(loss, tg.Tensor):
            order = " (the loss comes first, the trajectory second)" if isinstance(loss, nn.Trajectory) else ""
            raise DtypeError(f"expected a loss, which is a tensor, not {type(loss).__name__}{order}")
    if not isinstance(trajectory, nn.Trajectory):
        raise DtypeError(f"expected a trajectory, which is what layer.unroll(x) gives, not {type(trajectory).__name__}")


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
    vertices, edges = counted(len(graph.vertices), "vertex", "vertices"), counted(len(graph.edges), "edge")
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
    parts = ", ".join(counted(count, kind) for kind, count in kinds.items())
    done = ", ".join(f"{count} {op}" for op, count in ops.items())
    text = f"A {_size(graph)}: {parts}"
    return f"{text} ({done})." if done else f"{text}."


__all__ = ["ArgumentError", "describe", "draw", "find", "gradient_paths"]
