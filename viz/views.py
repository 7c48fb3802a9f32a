"""The calls a user makes: a tensor or a trajectory in, a Picture out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.errors import DtypeError
from viz.cellview import cell_view
from viz.describe import in_words_of
from viz.gradients import flow_of
from viz.opview import op_view
from viz.picture import Picture
from viz.roles import NoCellViewError, NothingRecordedError, Unrolled, unrolled
from viz.style import ThemeName, counted, in_words, theme_named

VIEWS = ("auto", "op", "cell")
TAKES = "tensors and trajectories, or lists, tuples and dicts of them"
LONGEST = 12  # more steps side by side are too small to read


def draw(
    what: tg.Tensor | nn.Trajectory | Iterable[Any],
    *,
    view: Literal["auto", "op", "cell"] = "auto",
    depth: int | None = None,
    chain: int = -1,
    theme: ThemeName = "light",
) -> Picture:
    """A picture of what a tensor was computed from, or of an unrolled cell.

    ``op`` draws every vertex and edge of ``tg.graph_of``, scopes deeper than ``depth`` as one box each; ``cell`` draws
    a chain of a trajectory (the top layer's, or the one asked for) by its cell's template; ``auto`` is the cell view
    where there is one to draw. Several tensors may come in lists, tuples and dicts.

    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> print(draw((x * x).sum()))
    A graph of 3 vertices and 3 edges: 1 parameter, 2 operations (1 multiply, 1 sum).
    """
    if view not in VIEWS:
        raise ValueError(f"no view {view!r}; there are {', '.join(VIEWS)}")
    colours = theme_named(theme)
    if view == "cell" and not isinstance(what, nn.Trajectory):
        raise ValueError('the cell view draws a trajectory, layer.unroll(x); view="op" draws any tensor')
    if isinstance(what, nn.Trajectory) and (view == "cell" or (view == "auto" and depth is None)):
        try:
            found = find(what, chain)
        except (NoCellViewError, NothingRecordedError):  # of a part of the steps only, perhaps
            if view == "cell":
                raise
        else:
            title = f"One {found.template.cell}, {_steps(found)}"
            source = cell_view(found, None, colours, title)
            return Picture(source, title, f"{title}, unrolled.", _count(source))
    tensors = list(tensors_in(what))
    if not tensors:
        raise ValueError(f"there is nothing to draw in an empty {type(what).__name__}; draw takes {TAKES}")
    graph = tg.graph_of(tensors)
    if isinstance(what, nn.Trajectory) and not graph.edges:
        raise NothingRecordedError("this trajectory was made under no_grad: nothing was recorded to draw")
    title = f"Computation graph: {_size(graph)}"
    return Picture(op_view(graph, colours, depth), title, _inventory(graph), len(graph.vertices))


def gradient_paths(
    loss: tg.Tensor, trajectory: nn.Trajectory, *, chain: int = -1, theme: ThemeName = "light"
) -> Picture:
    """Where the gradient of a loss goes in an unrolled cell, every line as wide as what was delivered along it.

    Drawn from one watched backward pass: it leaves every ``.grad`` alone and the graph usable. ``chain`` is the layer
    (and direction) to draw, the top one unless said otherwise.

    Raises GradError where the graph was freed by an earlier backward, or does not lead to this trajectory.

    >>> tg.manual_seed(0)
    >>> trajectory = nn.LSTM(2, 3).unroll(tg.randn(2, 1, 2))
    >>> picture = gradient_paths((trajectory.steps[-1].h ** 2).sum(), trajectory)
    >>> picture.title
    'Where the gradient of L flows: one LSTM, two time steps'
    """
    colours = theme_named(theme)
    found = find(trajectory, chain, loss)
    flow = flow_of(loss, found)
    layers = len(trajectory.chains)
    number = chain % layers + 1
    what = f"one {found.template.cell}" if layers == 1 else f"{found.template.cell}, layer {number} of {layers}"
    title = f"Where the gradient of L flows: {what}, {_steps(found)}"
    layer = f"layer {number + 1}" if number < layers else ""
    source = cell_view(found, flow, colours, title, layer)
    return Picture(source, title, in_words_of(found, flow), _count(source))


def describe(loss: tg.Tensor, trajectory: nn.Trajectory, *, chain: int = -1) -> str:
    """The story of ``gradient_paths`` in words, with the same numbers.

    >>> tg.manual_seed(0)
    >>> trajectory = nn.LSTM(2, 3).unroll(tg.randn(2, 1, 2))
    >>> print(describe((trajectory.steps[-1].h ** 2).sum(), trajectory))
    The gradient of L = ... in one LSTM over two time steps, from the last step to the first. The norm of ∂L/∂C is ...
    Each step of the belt multiplies ∂L/∂C by f, on average 0.72 at t = 1, 0.71 at t = 2. Of ∂L/∂C₁, 128% came along C,
    from step to step only times f; −28% came through the gates, by way of h, against it. ...
    """
    found = find(trajectory, chain, loss)
    return in_words_of(found, flow_of(loss, found))


def find(trajectory: nn.Trajectory, chain: int, *also: tg.Tensor) -> Unrolled:
    """The parts of one chain of a trajectory, in the graph of all its tensors and of those given beside.

    Raises ValueError where there is no such chain; NoCellViewError, which is one too, where there is no template for
    the cell or there are too many steps to draw; NothingRecordedError where a step was made under no_grad.
    """
    _check(trajectory, *also)
    try:
        one = trajectory.chains[chain]
    except IndexError:
        raise ValueError(f"no chain {chain}: this trajectory has {len(trajectory.chains)}") from None
    if len(one.steps) > LONGEST:
        raise NoCellViewError(
            f"{len(one.steps)} steps are too many to read side by side; unroll a shorter window, up to {LONGEST}"
        )
    if not one.steps or any(not step.h.size for step in one.steps):
        raise NoCellViewError("no numbers in this trajectory: its batch, or its number of steps, is 0")
    named = [tensor for step in (one.initial, *one.steps) for tensor in step.named.values()]
    return unrolled(tg.graph_of([*also, *named, *one.cell.parameters()]), one)


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


def _steps(found: Unrolled) -> str:
    return f"{in_words(found.last)} time step{'s' * (found.last > 1)}"


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


def _count(source: str) -> int:
    """How many nodes a pinned picture has."""
    return source.count(" pos=")
