"""How chains are arranged, and how they become a picture: the same for every encoding."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

from viz.diagram.cellgraph import CellGraph
from viz.diagram.folding import LONGEST, Run, folded_steps, steps_when_opened
from viz.diagram.projection import fold
from viz.encode.encoding import Encoding
from viz.figures.cell_views import CELL_VIEWS, FEW_STEPS, MANY_STEPS, View
from viz.figures.options import Options
from viz.figures.selection import Selection
from viz.measure.gradient import ChainGradient
from viz.output.picture import Picture
from viz.scene.marks import Scene
from viz.style.theme import Theme
from viz.views.cells import Layer, draw_layers
from viz.views.header import add_header_of_rows
from viz.views.lit import check_lit, describe_lit, light
from viz.views.words import describe_folds


@dataclass(frozen=True)
class Arrangement:
    """Which steps are drawn and how coarsely: decided once for all that is in a picture."""

    view: View
    hidden: list[Run]
    note: str
    room: float = inf  # in points, of a row
    lit: str | None = None  # the only value whose equation is in full colour

    def project(self, cells: CellGraph) -> CellGraph:
        """A chain as it is drawn."""
        return fold(CELL_VIEWS[self.view].project(cells), self.hidden)


def arrange(
    chains: Sequence[CellGraph], options: Options, norms: Sequence[Mapping[int, float]] = (), most: int = LONGEST
) -> Arrangement:
    """For chains of as many steps: what all of them compute again is folded; "auto" is a strip of more than so many.

    A step across which one of the norms falls tenfold is drawn. A cell view with a part that is lit stays one.
    """
    if options.lit is not None:
        check_lit(options.lit, [one.template for one in chains])
    structure = {t: tuple(one.structure[t] for one in chains) for t in chains[-1].structure}
    hidden, note, view = folded_steps(structure, options.fold, norms), "", options.view
    shown = chains[-1].last - sum(last - first for first, last in hidden)
    if view == "auto" and (shown <= most or options.lit is not None):
        view = FEW_STEPS
    elif view == "auto":
        view = MANY_STEPS
        note = f"Shown as a strip of states: the gates of {shown} steps side by side could not be read."
    if not CELL_VIEWS[view].has_steps:
        hidden = []
    room = options.room if CELL_VIEWS[view].has_rows else inf
    return Arrangement(view, hidden, note or describe_folds(hidden), room, options.lit)


def opened(chains: Sequence[CellGraph], how: Arrangement, options: Options, drawn: int = 0) -> Arrangement:
    """The arrangement with its folds opened, as far as a page carries that for so many chains: these, or as said."""
    steps = steps_when_opened(chains[-1].last, how.hidden, drawn or len(chains))
    return arrange(chains, replace(options, view=how.view, fold=steps))


def with_folds_opened(
    chains: Sequence[CellGraph], how: Arrangement, options: Options, drawn: Callable[[Arrangement], Picture]
) -> Picture:
    """What ``drawn`` makes of an arrangement; its folds can be opened, which draws it again."""
    if not how.hidden:
        return drawn(how)
    return replace(drawn(how), opened=lambda: drawn(opened(chains, how, options)))


def state_norms(gradients: Sequence[ChainGradient]) -> list[dict[int, float]]:
    """‖∂L/∂state‖ over time, for each state that there is."""
    found = [one.state_norms(name) for one in gradients for name in one.cells.template.made_in]
    return [norms for norms in found if norms]


def layers_of(selection: Selection, encodings: Sequence[Encoding]) -> list[Layer]:
    """The chains of a selection, each with its encoding."""
    return [Layer(*each) for each in zip(encodings, selection.layers, selection.captions, strict=True)]


def picture(
    selection: Selection, encodings: Sequence[Encoding], how: Arrangement, theme: Theme, title: str, words: str,
    guide: str = "",
) -> Picture:  # fmt: skip
    """The picture of a selection: its rows, the header above them, and the same in words."""
    scene = Scene(theme)
    rows = draw_layers(scene, layers_of(selection, encodings), how.hidden, room=how.room)
    if how.lit is None:
        add_header_of_rows(scene, title, rows, [guide, how.note])
        return Picture(scene, title, " ".join(filter(None, [words, how.note])))
    light(scene, rows, how.lit)
    lit = describe_lit(rows, how.lit)
    add_header_of_rows(scene, title, rows, [guide, how.note, f"In full colour: {lit}."])
    words = " ".join(filter(None, [words, how.note, f"In full colour: {lit}."]))
    return Picture(scene, f"{title}: {lit}", words)  # a page has several, each by a name of its own
