"""``viz.flow``: the gradient as a flow, how much of a change in the loss comes along each line, with its sign.

``tg.paths.flow`` finds it on every edge of the graph; here each line of the cell view is as wide as what its edges
carry together. What comes into a box goes out of it again, and the lines between any two steps sum to the whole.
"""

from __future__ import annotations

from numpy.typing import ArrayLike

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.arguments import ARRAY, LOSS, TENSOR, TRAJECTORY, one_of, takes
from tinygrad_lstm.torch_modules import also_of_torch, loss_and_trajectory
from viz.diagram.cellgraph import CellGraph
from viz.diagram.folding import Fold
from viz.encode.flows import FlowEncoding
from viz.figures.cell_views import CELL_VIEWS, View
from viz.figures.composition import Arrangement, arrange, picture, with_folds_opened
from viz.figures.options import OF_EVERY_FIGURE, Options, as_asked
from viz.figures.selection import select
from viz.measure.flow import measure_flow
from viz.output.picture import Picture
from viz.style.theme import ThemeName, theme_of
from viz.style.width_scales import LinearWidth
from viz.views.words import describe_balance, describe_flow


@also_of_torch(loss_and_trajectory)
@takes(
    loss=LOSS, trajectory=TRAJECTORY, source=TENSOR.or_none(), direction=ARRAY.or_none(),
    view=one_of("auto", *(name for name, one in CELL_VIEWS.items() if one.has_steps)), **OF_EVERY_FIGURE,
)  # fmt: skip
@tg.collector_paused
def flow(
    loss: tg.Tensor,
    trajectory: nn.Trajectory,
    source: tg.Tensor | None = None,
    direction: tg.Tensor | ArrayLike | None = None,
    *,
    view: View = "auto",
    fold: Fold = "auto",
    theme: ThemeName = "light",
    header: bool = True,
    width: float | None = None,
) -> Picture:
    """The conserved flow from a tensor to a loss (``tg.paths.flow``), every line as wide as what flows along it.

    The source moves in a direction, by default along its gradient; a line carries the part of the loss's change that
    comes along it, positive or negative. By default the source is what the belt of the lowest layer starts with, or h,
    if it requires a gradient, else that state at t = 1. Views: "auto", "cell" and "strip".

    Raises the errors of ``tg.paths.flow`` and ArgumentError for another view.

    >>> tg.manual_seed(0)
    >>> trajectory = nn.LSTM(2, 3).unroll(tg.randn(3, 1, 2))
    >>> print(flow((trajectory.steps[-1].h ** 2).sum(), trajectory))
    The flow from C₁ to L = ... in one LSTM, three time steps: in all ... = ‖∂L/∂C₁‖². The belt is the path
    along the cell state C. A crossing leads through h into a gate. From t = 1 to 2: ...
    """
    options, chosen = Options(theme_of(theme), view, fold, header=header, width=width), select(trajectory, None, loss)
    start = _start(chosen.chains[0]) if source is None else source
    found = measure_flow(loss, chosen.chains, start, direction)
    for cells, caption in zip(chosen.chains, chosen.captions, strict=True):
        if caption and found.value in [cells.output(*state) for state in cells.states()]:
            found.where = f" ({caption})"
    title = f"The flow from {found.source}{found.where} to L: {chosen.title}"
    words = describe_flow(found, chosen.chains, chosen.title)

    def drawn(how: Arrangement) -> Picture:
        projected = [how.project(cells) for cells in chosen.chains]
        amounts = [amount for cells in projected for link in cells.links if (amount := found.along(cells, link))]
        scale = LinearWidth.of(amounts, found.total if found.relative else 1.0, found.write)
        encodings = [FlowEncoding(cells, options.theme, found, scale) for cells in projected]
        return picture(chosen, encodings, how, options.theme, title, words, describe_balance(found))

    how = arrange(chosen.chains, options)
    return as_asked(with_folds_opened(chosen.chains, how, options, drawn), options)


def _start(cells: CellGraph) -> tg.Tensor:
    """What the belt starts with, if it requires a gradient, else its first state."""
    name = cells.template.belt_state
    start = cells.state(name, cells.start)
    return start if start.requires_grad else cells.state(name, cells.order[0])
