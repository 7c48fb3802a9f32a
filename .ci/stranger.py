"""What somebody does who has only installed the wheel: import, differentiate, draw."""

import importlib.metadata
from pathlib import Path

import numpy as np

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn

x: tg.Tensor = tg.tensor(np.ones((4, 2, 3), np.float32))
lstm = nn.LSTM(3, 5)
output, (h, c) = lstm(x)
scores: tg.Tensor = nn.Linear(5, 2)(np.ones(5, np.float32) * h[-1] + output[-1])
trajectory = lstm.unroll(x)
loss: tg.Tensor = (trajectory.output[-1] ** 2).sum()
path = viz.gradient_paths(loss, trajectory).save("paths.svg")
page = viz.player(loss, trajectory).save("player.html")
loss.backward()

assert lstm.layers[0].W.grad is not None
assert scores.shape == (2, 2)
assert Path(path).read_text().startswith(("<?xml", "<svg"))
assert "<script" in Path(page).read_text(encoding="utf-8")
assert Path(tg.__file__).parent != Path.cwd()
print("installed, imported, differentiated and drawn:", importlib.metadata.version("tinygrad-lstm"))
