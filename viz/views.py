"""The calls a user makes: a tensor or a trajectory in, a Picture out."""

from __future__ import annotations

from typing import Literal

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from viz.cellview import cell_view
from viz.gradients import flow_of
from viz.picture import Picture
from viz.roles import Unrolled, unrolled
from viz.style import ThemeName, in_words, theme_named


def gradient_paths(
    loss: tg.Tensor, trajectory: nn.Trajectory, *, chain: int = -1, theme: ThemeName = "light"
) -> Picture:
    """Where the gradient of a loss goes in an unrolled cell, every line as wide as what was delivered along it."""
    colours = theme_named(theme)
    found = find(trajectory, chain, [loss])
    flow = flow_of(loss, found)
    title = f"Where the gradient of L flows: {_what(found)}"
    return Picture(cell_view(found, flow, colours, title), title, title)


def find(trajectory: nn.Trajectory, chain: int, also: list[tg.Tensor]) -> Unrolled:
    """The parts of one chain of a trajectory, in the graph of all its tensors."""
    one = trajectory.chains[chain]
    named = [tensor for step in (one.initial, *one.steps) for tensor in step.named.values()]
    return unrolled(tg.graph_of([*also, *named, *one.cell.parameters()]), one)


def _what(found: Unrolled) -> str:
    return f"one {found.template.cell}, {in_words(found.last)} time step{'s' * (found.last > 1)}"
