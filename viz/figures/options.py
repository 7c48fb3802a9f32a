"""What a caller may ask of a picture, checked once for all calls."""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

from tinygrad_lstm.arguments import NAMES, NUMBER, TEXT, instance, integer, one_of
from tinygrad_lstm.errors import ArgumentError
from viz.diagram.folding import Fold
from viz.figures.cell_views import CELL_VIEWS, View
from viz.output.picture import Picture
from viz.output.sizes import describe_unreadable
from viz.style.theme import THEME, Theme

Engine: TypeAlias = Literal["viz", "dot"]
SLIDE, POINTS = 1280, 1310 / 1280  # pixels; points of a picture that are shown in one of them

# What the calls take besides a run, by the names of their arguments
OF_EVERY_FIGURE = {"theme": THEME, "header": instance("True or False", bool), "width": NUMBER.or_none()}
OF_A_CELL = {
    **OF_EVERY_FIGURE,
    "view": one_of(*get_args(View)),
    "chain": integer(None).or_none(),
}
LIT = TEXT.or_none()
OF_OPERATIONS = {"depth": integer(0).or_none(), "collapse": NAMES, "engine": one_of("viz", "dot")}
OF_SEVERAL_RUNS = {**OF_EVERY_FIGURE, "view": one_of("auto", *CELL_VIEWS)}  # the op view is of one run


@dataclass(frozen=True)
class Options:
    """View, folds, colours, and which modules or chains: what the arguments of a call come to, if they go together."""

    theme: Theme
    view: View = "auto"
    fold: Fold = "auto"
    depth: int | None = None
    collapse: tuple[str, ...] = ()
    chain: int | None = None
    engine: Engine = "viz"
    header: bool = True
    width: float | None = None
    lit: str | None = None

    def __post_init__(self) -> None:
        view, lit = self.view, self.lit
        if view in CELL_VIEWS and (self.depth is not None or self.collapse):
            raise ArgumentError(f"depth and collapse close modules of the op view; the {view} view has none to close")
        if view in CELL_VIEWS and self.engine == "dot":
            raise ArgumentError(f'engine="dot" lays out the op view; the {view} view has places of its own')
        with_gates = [name for name, one in CELL_VIEWS.items() if one.has_gates]
        if lit is not None and (view not in ("auto", *with_gates) or self.of_operations):
            shown_by = " and ".join(f"the {name} view" for name in with_gates)
            raise ArgumentError(f"lit={lit!r} is a part of a cell, which {shown_by} show")
        if self.width is not None and not self.width > 0:
            raise ArgumentError(f"width is how many pixels wide the picture is shown, more than 0, not {self.width!r}")

    @property
    def room(self) -> float:
        """How wide a strip may be, in points, before it begins another row: what a slide, or the width asked, shows."""
        return (self.width or SLIDE) * POINTS

    @property
    def of_operations(self) -> bool:
        """Whether only the op view has what was asked for."""
        asked = bool(self.collapse) or self.depth is not None or self.engine == "dot"
        return self.view == "op" or (self.view == "auto" and asked)


def as_asked(picture: Picture, options: Options) -> Picture:
    """The picture with or without its header, as wide as was asked for; a warning where that is too narrow to read it.

    The warning is for the line that called the package.
    """
    scene, opened = picture.scene if options.header else picture.scene.without_header(), picture.opened
    if opened is not None:
        as_wide_as_it_is = replace(options, width=None)
        picture = replace(picture, opened=lambda: as_asked(opened(), as_wide_as_it_is))
    if options.width is not None and (words := describe_unreadable(scene, options.width)):
        warnings.warn(words, stacklevel=_frames_inside() + 1)
    return replace(picture, scene=scene, width=options.width)


def _frames_inside() -> int:
    """How many frames, from the caller of this function on, are of the package: decorators have theirs too."""
    frame, count = sys._getframe(1), 0
    while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] in ("viz", "tinygrad_lstm"):
        frame, count = frame.f_back, count + 1  # type: ignore[assignment]  # None above the outermost
    return count
