"""
Three cells on one scale
========================

Why an LSTM? An RNN, a GRU and an LSTM, untrained, read the same forty inputs, and the loss reads the last hidden state
only. Where does its gradient reach? Drawn beside each other on one scale, in numbers, and as a page that steps through
the LSTM's backpropagation event by event.
"""

import numpy as np

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn
from viz import plots

from command_line import options

out, _ = options(__doc__)

# %%
# The same inputs for all.
T, B, D, H = 40, 2, 3, 8
x = np.random.default_rng(0).normal(size=(T, B, D))
runs: dict[str, tuple[tg.Tensor, nn.Trajectory]] = {}
for name, layer in (("RNN", nn.RNN), ("GRU", nn.GRU), ("LSTM", nn.LSTM)):
    tg.manual_seed(1)
    trajectory = layer(D, H).unroll(x)
    runs[name] = (trajectory.steps[-1].h ** 2).sum(), trajectory

# %%
# The gradient at the last step, in the middle, and at the first.
print(f"{'cell':<5} {'‖∂L/∂h‖ at t = 40':>18} {'at t = 20':>10} {'at t = 1':>10}")
for name, (loss, trajectory) in runs.items():
    steps = [trajectory.steps[t - 1].h for t in (40, 20, 1)]
    norms = [np.linalg.norm(g.data) for g in tg.grad(loss, steps, retain_graph=True)]
    print(f"{name:<5} {norms[0]:18.2g} {norms[1]:10.2g} {norms[2]:10.2g}")

# %%
# At every step: a straight line is a gradient that vanishes at a steady rate.
ax = plots.gradient_by_lag(runs)
out.save(ax, "gradient_by_lag.svg")
ax

# %%
# The three of them, with lines as wide as the gradient that goes along them.
picture = viz.compare(runs)
print(f"\n{viz.describe(*runs['LSTM'])}")
out.save(picture, "three_cells.svg")
picture

# %%
# A page that plays four steps of the LSTM, forward and backward.
short = nn.LSTM(D, H).unroll(x[:4])
page = viz.player((short.steps[-1].h ** 2).sum(), short)
out.save(page, "player.html")
