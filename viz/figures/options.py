"""What a caller may ask of a picture, checked once for all calls."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tinygrad_lstm.arguments import one_of
from tinygrad_lstm.errors import ArgumentError
from viz.diagram.folding import Fold
from viz.style.theme import Theme, ThemeName, theme_of

View: TypeAlias = Literal["auto", "op", "cell", "strip", "rolled"]
Engine: TypeAlias = Literal["viz", "dot"]
VIEW = one_of("auto", "op", "cell", "strip", "rolled")
ENGINE = one_of("viz", "dot")


@dataclass(frozen=True)
class Options:
    """View, folds, colours, and which modules or chains: what the arguments of a call come to."""

    theme: Theme
    view: View = "auto"
    fold: Fold = "auto"
    depth: int | None = None
    collapse: tuple[str, ...] = ()
    chain: int | None = None
    engine: Engine = "viz"

    @property
    def of_operations(self) -> bool:
        """Whether only the op view has what was asked for."""
        asked = bool(self.collapse) or self.depth is not None or self.engine == "dot"
        return self.view == "op" or (self.view == "auto" and asked)


def options_of(
    theme: ThemeName, view: View = "auto", fold: Fold = "auto", depth: int | None = None,
    collapse: Iterable[str] = (), chain: int | None = None, engine: Engine = "viz",
) -> Options:  # fmt: skip
    """The options, if they go together; ArgumentError if not."""
    found = Options(theme_of(theme), view, fold, depth, tuple(collapse), chain, engine)
    if view in ("cell", "strip", "rolled") and (depth is not None or found.collapse):
        raise ArgumentError(f"depth and collapse close modules of the op view; the {view} view has none to close")
    if view in ("cell", "strip", "rolled") and engine == "dot":
        raise ArgumentError(f'engine="dot" lays out the op view; the {view} view has places of its own')
    return found
