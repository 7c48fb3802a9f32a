"""Pictures, players and plots."""

from pathlib import Path

import numpy as np

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn


def run(layer: nn.Recurrent) -> tuple[tg.Tensor, nn.Trajectory]:
    trajectory = layer.unroll(np.ones((4, 1, 2)))
    return (trajectory.output[-1] ** 2).sum(), trajectory


loss, trajectory = run(nn.LSTM(2, 3))
picture: viz.Picture = viz.gradient_paths(loss, trajectory)
saved: Path = picture.save("paths.svg")
pages = [viz.player(loss, trajectory).save("player.html")]
drawn = [
    viz.draw(trajectory),
    viz.flow(loss, trajectory),
    viz.compare({"LSTM": run(nn.LSTM(2, 3)), "GRU": run(nn.GRU(2, 3))}),
]
svg: str = drawn[0].svg
words: str = str(viz.describe(loss, trajectory))
ax = viz.plots.gates(trajectory)
print(saved, pages, len(drawn), len(svg), len(words), ax)
