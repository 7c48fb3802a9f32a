"""``viz.difference``: two runs of one structure on the same places, and on every line what became of the gradient.

Before and after training, with and without clipping, one seed and another: nothing moves but the numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.arguments import NAMES, RUN, takes
from tinygrad_lstm.errors import ArgumentError
from viz.diagram.cellgraph import PARAMETERS, CellGraph
from viz.diagram.folding import Fold
from viz.diagram.names import brief
from viz.diagram.projection import make_room
from viz.encode.ratios import RatioEncoding
from viz.figures.cell_views import View
from viz.figures.composition import Arrangement, arrange, picture, with_folds_opened
from viz.figures.options import OF_SEVERAL_RUNS, Options, as_asked
from viz.figures.runs import Run, runs_of
from viz.measure.gradient import ChainGradient
from viz.output.picture import Picture
from viz.style.theme import ThemeName, theme_of
from viz.views.words import describe_ratios


@takes(one=RUN, other=RUN, names=NAMES, **OF_SEVERAL_RUNS)
@tg.collector_paused
def difference(
    one: tuple[tg.Tensor, nn.Trajectory],
    other: tuple[tg.Tensor, nn.Trajectory],
    *,
    names: tuple[str, str] = ("before", "after"),
    view: View = "auto",
    fold: Fold = "auto",
    theme: ThemeName = "light",
    header: bool = True,
    width: float | None = None,
) -> Picture:
    """What became of the gradient from one run ``(loss, trajectory)`` to another: each line by the ratio of its norms.

    More is orange, wide and solid, less is blue, thin and dashed; what has a gradient in one of them only is named
    apart. Views, folds, themes, header and width as in ``gradient_paths``, but for the op view. Both gradients are
    computed here, so for the run before training keep a copy of the layer: an optimizer changes the weights that the
    graph has kept.

    Raises ArgumentError where the two do not compute the same, step by step, and the errors of ``gradient_paths``.

    >>> import copy
    >>> tg.manual_seed(0)
    >>> x, before = tg.randn(2, 1, 2), nn.LSTM(2, 3)
    >>> after = copy.deepcopy(before)
    >>> after.layers[0].b.data += [4, 4, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]  # the forget gates open
    >>> def run(layer):
    ...     trajectory = layer.unroll(x)
    ...     return (trajectory.steps[-1].h ** 2).sum(), trajectory
    >>> print(difference(run(before), run(after)))
    The gradient, “before” and “after”, in one LSTM, two time steps: L = ... The norm of ∂L/∂C: ... → ... at t = 2, ...
    """
    options, called = Options(theme_of(theme), view, fold, header=header, width=width), _names(names)
    runs = runs_of(zip(called, (one, other), strict=True))
    _check_same(*runs)
    norms = [run.norms(name) for run in runs for name in run.top.cells.template.made_in]
    gradients = zip(runs[0].gradients, runs[1].gradients, strict=True)
    both = [RatioEncoding(a, b, options.theme, called) for a, b in gradients]
    chosen = runs[0].selection
    captions = [f"{caption}: " if caption else "" for caption in chosen.captions]
    changes = [f"{caption}{describe_ratios(each)}" for caption, each in zip(captions, both, strict=True)]
    losses = both[-1].loss().replace("L ", "L = ", 1)
    said = f"The gradient, “{called[0]}” and “{called[1]}”, in {chosen.title}: {losses}."
    title = f"Where the gradient changed, {called[0]} → {called[1]}: {chosen.title}"
    words = " ".join([said, *reversed(changes)])

    def drawn(how: Arrangement) -> Picture:
        one, other = (
            [ChainGradient(make_room(how.project(cells)), run.delivered) for cells in run.selection.chains]
            for run in runs
        )
        encodings = [RatioEncoding(a, b, options.theme, called) for a, b in zip(one, other, strict=True)]
        return picture(chosen, encodings, how, options.theme, title, words)

    chains = [cells for pair in zip(*(run.selection.chains for run in runs), strict=True) for cells in pair]
    how = arrange(chains, options, norms)
    return as_asked(with_folds_opened(chains, how, options, drawn), options)


def _names(names: Sequence[str]) -> tuple[str, str]:
    if len(names) != 2:
        raise ArgumentError(f"names are two, one for each run, not {names!r}")
    first, second = (brief(str(name), 24) for name in names)
    return first, second


def _check_same(one: Run, other: Run) -> None:
    """ArgumentError where two runs do not compute the same, with the first thing that differs."""
    whats = [run.selection.title for run in (one, other)]
    said = f"{one.name!r} is {whats[0]}, {other.name!r} is {whats[1]}"
    if whats[0] == whats[1]:
        for a, b in zip(one.selection.chains, other.selection.chains, strict=True):
            shapes = [run.output.shape[1:] for run in (a.chain, b.chain)]
            if shapes[0] != shapes[1]:
                said = f"{a.chain.cell.states[0]} is {shapes[0]} in {one.name!r} and {shapes[1]} in {other.name!r}"
                break
            differing = [t for t in a.order if _operations(a, t) != _operations(b, t)]
            if differing or a.template != b.template:
                t = (differing or a.order)[0]
                said = f"step t={t} records other operations in {one.name!r} than in {other.name!r}"
                break
        else:
            return
    raise ArgumentError(f"a difference is drawn of two runs that compute the same, step by step; {said}")


def _operations(cells: CellGraph, t: int) -> object:
    """What a step computes, without the weights that it reads: one run may freeze some of them."""
    structure = cells.structure[t]
    assert isinstance(structure, tuple)
    return [(box, op, [read for read in reads if read[0] != PARAMETERS]) for box, op, reads in structure]
