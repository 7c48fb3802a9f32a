"""Nodes pinned to their places, in points: what a picture with a layout of its own is made of."""

from __future__ import annotations

import graphviz

from viz.style import FONT, POINTS_PER_INCH, Theme


def canvas(name: str, theme: Theme) -> graphviz.Digraph:
    """An empty picture in which every node stays where it is put and every line is straight."""
    dot = graphviz.Digraph(name)
    dot.attr(
        "graph", layout="nop2", splines="line", outputorder="edgesfirst", bgcolor=theme.paper, pad="0.3,0.25",
        fontname=FONT,
    )  # fmt: skip
    dot.attr(
        "node", shape="box", fontname=FONT, fontsize="12", fontcolor=theme.ink, color=theme.ink, penwidth="1.3",
        fixedsize="true", style="filled", fillcolor=theme.paper, margin="0",
    )  # fmt: skip
    dot.attr("edge", fontname=FONT, fontsize="10")
    return dot


def node(
    dot: graphviz.Digraph, name: str, middle: tuple[float, float], size: tuple[float, float], label: str, **look: str
) -> None:
    """A node of this size with its middle here; the label is text, or markup in ``<...>``."""
    width, height = (f"{points / POINTS_PER_INCH:.3f}" for points in size)
    x, y = middle
    dot.node(name, label, pos=f"{x:g},{y:g}", width=width, height=height, id=name, **look)


def left_aligned(dot: graphviz.Digraph, name: str, left: float, y: float, width: float, markup: str) -> None:
    """A line of marked-up text that begins at the left of its place."""
    table = (
        f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0"><TR>'
        f'<TD ALIGN="LEFT" WIDTH="{width:g}">{markup}</TD></TR></TABLE>>'
    )
    node(dot, name, (left + width / 2, y), (width, 18), table, shape="plaintext", style="")


def width_of_text(text: str, size: float) -> float:
    """About how wide a text gets, in points: fonts differ, so this is for the wider ones."""
    return 0.6 * size * len(text)
