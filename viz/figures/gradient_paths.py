"""``viz.gradient_paths``: where the gradient of a loss goes; and ``viz.describe``, the same in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.arguments import LOSS, TENSOR, TRAJECTORY, integer, takes
from tinygrad_lstm.torch_modules import also_of_torch, loss_and_trajectory
from viz.diagram.folding import Fold
from viz.diagram.names import Names
from viz.encode.gradients import GradientEncoding, Strongest, scale_of
from viz.figures.cell_views import View
from viz.figures.composition import Arrangement, arrange, picture, state_norms, with_folds_opened
from viz.figures.operations import picture_of_operations
from viz.figures.options import LIT, OF_A_CELL, OF_OPERATIONS, Engine, Options, as_asked
from viz.figures.selection import select, select_for, tensors_in
from viz.measure.backward import strongest_path, watch_backward
from viz.measure.gradient import ChainGradient, measure_chains
from viz.output.picture import Picture
from viz.style.text import number
from viz.style.theme import ThemeName, theme_of
from viz.views.words import describe_gradients


@also_of_torch(loss_and_trajectory)
@takes(loss=LOSS, trajectory=TRAJECTORY, strongest=TENSOR.or_none(), lit=LIT, **OF_A_CELL, **OF_OPERATIONS)
@tg.collector_paused
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
    engine: Engine = "viz",
    header: bool = True,
    width: float | None = None,
    lit: str | None = None,
) -> Picture:
    """Where the gradient of a loss goes in an unrolled cell, every line as wide as what was delivered along it.

    Drawn from one watched backward pass: it leaves every ``.grad`` alone and the graph usable. Views, ``header``,
    ``width`` and ``lit`` as in ``draw``.
    With ``strongest`` the strongest single path to that tensor (``tg.paths.strongest_path``) has a bright ground.

    Raises GradError where the graph was freed by an earlier backward, or does not lead to this trajectory.

    >>> tg.manual_seed(0)
    >>> trajectory = nn.LSTM(2, 3).unroll(tg.randn(2, 1, 2))
    >>> picture = gradient_paths((trajectory.steps[-1].h ** 2).sum(), trajectory)
    >>> picture.title
    'Where the gradient of L flows: one LSTM, two time steps'
    """
    options = Options(theme_of(theme), view, fold, depth, tuple(collapse), chain, engine, header, width, lit)
    chosen, note = select_for(trajectory, options, loss)
    graph = chosen.graph if chosen is not None else tg.graph_of([loss, *tensors_in(trajectory)])
    delivered = watch_backward(loss, graph, crossed=chosen is not None)
    path = _strongest(loss, strongest, graph)
    if chosen is None:
        whole = picture_of_operations(graph, options, delivered, path, note)
        return as_asked(_point_out(whole, path), options)
    found = measure_chains(chosen.chains, delivered)
    title, words = f"Where the gradient of L flows: {chosen.title}", describe_gradients(found, chosen.captions)

    def drawn(how: Arrangement) -> Picture:
        measured = [ChainGradient(how.project(each), delivered) for each in chosen.chains]
        scale = scale_of(measured)
        encodings = [GradientEncoding(each, options.theme, scale, path) for each in measured]
        return _point_out(picture(chosen, encodings, how, options.theme, title, words), path)

    how = arrange(chosen.chains, options, state_norms(found))
    return as_asked(with_folds_opened(chosen.chains, how, options, drawn), options)


@also_of_torch(loss_and_trajectory)
@takes(loss=LOSS, trajectory=TRAJECTORY, chain=integer(None).or_none())
@tg.collector_paused
def describe(loss: tg.Tensor, trajectory: nn.Trajectory, *, chain: int | None = None) -> str:
    """The story of ``gradient_paths`` in words, with the same numbers.

    >>> tg.manual_seed(0)
    >>> trajectory = nn.LSTM(2, 3).unroll(tg.randn(2, 1, 2))
    >>> print(describe((trajectory.steps[-1].h ** 2).sum(), trajectory))
    The gradient of L = ... in one LSTM over two time steps, from the last step to the first. The norm of ∂L/∂C is ...
    Each step of the belt, the path along the cell state C, multiplies ∂L/∂C by f, on average 0.72 at t = 1, ...
    Of ∂L/∂C₁, 128% came along the belt: only times f; −28% by crossings, through h into a gate, against it. ...
    """
    chosen = select(trajectory, chain, loss)
    return describe_gradients(measure_chains(chosen.chains, watch_backward(loss, chosen.graph)), chosen.captions)


def _strongest(loss: tg.Tensor, tensor: tg.Tensor | None, graph: tg.Graph) -> Strongest | None:
    """The strongest path from the loss to a tensor, as the picture needs it."""
    if tensor is None:
        return None
    edges, strength = strongest_path(loss, tensor, graph)
    name = Names(graph).of(graph.vertices[graph.id_of(tensor)]) or "the tensor"
    return Strongest(edges, f"strongest single path to {name}, gains multiplied {number(strength)}")


def _point_out(picture: Picture, path: Strongest | None) -> Picture:
    """The picture, whose description names the path that it points out as well."""
    if path is None:
        return picture
    return replace(picture, description=f"{picture.description} There is the {path.words}.")
