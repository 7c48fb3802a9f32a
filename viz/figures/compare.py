"""``viz.compare``: several runs on one scale, RNN, GRU and LSTM one below the other, or before and after training.

The same step is at the same place in all of them, and one line is as wide as another where as much gradient goes along
it; below them the norms themselves are plotted over time on one logarithmic axis, so that what vanishes is seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.arguments import RUNS, takes
from viz.diagram.folding import Fold
from viz.diagram.projection import stretch
from viz.encode.gradients import GradientEncoding, scale_of
from viz.figures.cell_views import View
from viz.figures.composition import Arrangement, layers_of
from viz.figures.options import OF_SEVERAL_RUNS, Options, as_asked
from viz.figures.run_words import compare_in_words, describe_left_over, left_over, list_names
from viz.figures.runs import Run, arrange_runs, open_runs, runs_of
from viz.measure.gradient import ChainGradient
from viz.output.picture import Picture
from viz.scene.marks import Scene
from viz.style.theme import ThemeName, theme_of
from viz.views.cells import draw_layers
from viz.views.header import add_header_of_rows
from viz.views.norms import Series, draw_caption, plot_norms
from viz.views.rows import BAR_HEIGHT, BAR_Y, Row

APART = 34  # points from one run to the next


@takes(runs=RUNS, **OF_SEVERAL_RUNS)
@tg.collector_paused
def compare(
    runs: Mapping[str, tuple[tg.Tensor, nn.Trajectory]],
    *,
    view: View = "auto",
    fold: Fold = "auto",
    theme: ThemeName = "light",
    header: bool = True,
    width: float | None = None,
) -> Picture:
    """The gradient of several runs, one below the other on one scale: ``{name: (loss, trajectory), ...}``.

    Views, folds, themes, header and width are those of ``gradient_paths``, but there is no op view; "auto" is the strip
    of states where more than 5 steps would be side by side. A run from before training needs its layer as it was: draw
    it with a copy (``copy.deepcopy``), for an optimizer changes the weights that the graph has kept.

    Raises ArgumentError where there are no runs, and the errors of ``gradient_paths``, which name the run.

    >>> x = tg.randn(8, 1, 2)
    >>> runs = {}
    >>> for layer in (nn.RNN, nn.LSTM):
    ...     tg.manual_seed(0)
    ...     trajectory = layer(2, 4).unroll(x)
    ...     runs[layer.__name__] = (trajectory.steps[-1].h ** 2).sum(), trajectory
    >>> print(compare(runs))
    Two runs on one scale: RNN and LSTM. Of the gradient's norm at t = 8 there is left at t = 1: RNN ... of ∂L/∂h; ...
    """
    options, named = Options(theme_of(theme), view, fold, header=header, width=width), runs_of(runs.items())
    hows = arrange_runs(named, options)
    whole = _draw(named, hows, options)
    if any(how.hidden for how in hows.values()):
        whole = replace(whole, opened=lambda: _draw(named, open_runs(named, hows, options), options))
    return as_asked(whole, options)


def _draw(named: Sequence[Run], hows: Mapping[str, Arrangement], options: Options) -> Picture:
    """The runs as they are arranged, and their norms over time."""
    drawn, pitch = _project(named, hows)
    scale = scale_of([one for gradients in drawn.values() for one in gradients])
    scene, base, rows = Scene(options.theme), 0.0, dict[str, list[Row]]()
    for run in reversed(named):  # upwards, the first on top
        encodings, how = [GradientEncoding(each, options.theme, scale) for each in drawn[run.id]], hows[run.id]
        base -= encodings[0].cells.template.bottom + BAR_Y - BAR_HEIGHT / 2
        layers = layers_of(run.selection, encodings)
        rows[run.id] = draw_layers(scene, layers, how.hidden, base, f"{run.id}-", how.room)
        base = draw_caption(scene, f"{run.id}-name", run.name, describe_left_over(run)) + APART
    longest = max(named, key=lambda run: run.last)
    series = [one for k, run in enumerate(named) for one in _series(run, k)]
    axis = max((row.axis for row in rows[longest.id]), key=lambda axis: axis.right)
    plot_norms(scene, axis, pitch, longest.last, series)
    aligned = ", each step at the same place" if len({run.last for run in named}) == 1 else ""
    scaled = [f"One scale for all runs{aligned}."] if len(named) > 1 else []
    notes = list(dict.fromkeys(filter(None, (hows[run.id].note for run in named))))
    title = f"Where the gradient of L flows: {list_names([run.name for run in named])}"
    add_header_of_rows(scene, title, [row for each in rows.values() for row in each], [*scaled, *notes], least=640)
    return Picture(scene, title, " ".join([compare_in_words(named), *notes]))


def _project(runs: Sequence[Run], hows: Mapping[str, Arrangement]) -> tuple[dict[str, list[ChainGradient]], float]:
    """The chains of each run as they are drawn, a step as wide in all of them; and how wide."""
    drawn = {run.id: [hows[run.id].project(each) for each in run.selection.chains] for run in runs}
    pitch = max(cells.template.pitch for chains in drawn.values() for cells in chains)
    return {
        run.id: [ChainGradient(stretch(cells, pitch), run.delivered) for cells in drawn[run.id]] for run in runs
    }, pitch


def _series(run: Run, k: int) -> list[Series]:
    """The norms of a run's states, to be plotted as one of the runs."""
    names, order = run.states, run.top.cells.order
    found = []
    for name in names:
        norms, sign = run.norms(name), run.top.cells.letter(name)
        label = run.name if len(names) == 1 else f"{run.name} {sign}"
        tooltip = f"‖∂L/∂{sign}ₜ‖ of {run.name}"
        share = left_over(norms, order) if len(order) > 1 and norms.get(order[-1]) else ""
        found.append(Series(f"{run.id}-norm_{name}", label, share, tooltip, norms, k, dashed=name != names[0]))
    return found
