"""
Vanishing and exploding
=======================

Every step back multiplies the gradient of an RNN by Uᵀ, and by the slope of tanh. U is a rotation times 0.9, 1 or 1.1
here, and the inputs are 0: over a hundred steps the gradient shrinks to 0.00003, stays, or grows 12,500 times. Inputs
that are not 0 make the slope of tanh less than 1, and then it vanishes even with the rotation.
"""

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.training import gradient_left
from viz import plots

from command_line import options

out, _ = options(__doc__)
tg.manual_seed(0)
T, H = 100, 32


# %%
# RNNs with U of a known size, and a loss that reads the last hidden state only.
def run(gain: float, x: np.ndarray) -> tuple[tg.Tensor, nn.Trajectory]:
    rnn = nn.RNN(3, H, init="orthogonal").astype(float)
    rnn.layers[0].U.data *= gain
    trajectory = rnn.unroll(x)
    return (trajectory.steps[-1].h * tg.randn(H, dtype=float)).sum(), trajectory


nothing, something = np.zeros((T, 1, 3)), np.random.default_rng(0).normal(size=(T, 1, 3))
runs = {f"U × {gain}, x = 0": run(gain, nothing) for gain in (1.1, 1.0, 0.9)}
runs["U × 1, x random"] = run(1.0, something)

# %%
# What is left of the gradient at the first step: the gain to the 99th.
print(f"{'':<16} {'‖∂L/∂h₁‖/‖∂L/∂h₁₀₀‖':>20} {'by hand':>12}")
for (name, found), gain in zip(runs.items(), (1.1, 1.0, 0.9, None), strict=True):
    print(f"{name:<16} {gradient_left(*found):>20.6g} {'' if gain is None else f'{gain ** (T - 1):12.6g}'}")

ax = plots.gradient_by_lag(runs)
out.save(ax, "vanishing_and_exploding.svg")
ax
