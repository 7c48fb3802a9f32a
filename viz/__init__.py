"""Pictures of graphs, and of where the gradient went.

    draw             what a tensor was computed from, or an unrolled cell: op, cell, strip and rolled views
    gradient_paths   how much gradient went along every line of it
    flow             the same as a conserved flow, with its sign
    compare          several runs on one scale: RNN, GRU and LSTM, or before and after training
    difference       what became of every line's gradient from one run to another
    player           one HTML page that steps through backpropagation, event by event
    describe         the story in words
    plots            gates over time, norms by lag, ledgers, eigenvalues, ... (``viz.plots``)
    Picture          what a drawing is: ``.save(path)`` writes it, a notebook shows it
    RenderError      what is raised where Graphviz cannot draw one

A notebook shows what the last line of a cell gives, and ``save`` writes it into a file. All of it is read from the
graph's public record. SVG needs no other program; PNG, PDF and ``engine="dot"`` need Graphviz: ``dot`` on the PATH, or
``pip install "tinygrad-lstm[viz]"``.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for type checkers and editors; at run time each is loaded at its first use
    from viz import plots
    from viz.figures.compare import compare
    from viz.figures.difference import difference
    from viz.figures.draw import draw
    from viz.figures.flow import flow
    from viz.figures.gradient_paths import describe, gradient_paths
    from viz.output.picture import Picture
    from viz.output.png_by_graphviz import RenderError
    from viz.playback.player import player

__all__ = [
    "Picture", "RenderError", "compare", "describe", "difference", "draw", "flow", "gradient_paths", "player", "plots",
]  # fmt: skip
_HOMES = {
    "Picture": "output.picture", "RenderError": "output.png_by_graphviz", "compare": "figures.compare",
    "describe": "figures.gradient_paths", "difference": "figures.difference", "draw": "figures.draw",
    "flow": "figures.flow", "gradient_paths": "figures.gradient_paths", "player": "playback.player",
}  # fmt: skip


if not TYPE_CHECKING:  # a type checker is to find names that do not exist

    def __getattr__(name: str) -> Any:
        """What is asked for, loaded at its first use."""
        if name == "plots":
            return importlib.import_module("viz.plots")
        if name in _HOMES:
            globals()[name] = getattr(importlib.import_module(f"viz.{_HOMES[name]}"), name)
            return globals()[name]
        from tinygrad_lstm.foreign import not_found

        raise not_found("viz", name, "module 'viz'")


def __dir__() -> list[str]:
    """What there is for a user, whether it is loaded yet or not."""
    return [*__all__, *[name for name in globals() if name.startswith("__")]]
