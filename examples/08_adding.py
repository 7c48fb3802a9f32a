"""
Learning to add
===============

Fifty numbers, two of which are marked; the answer, at the end, is their sum (Hochreiter & Schmidhuber 1997). Who always
says 1 has a squared error of 1/6. An LSTM learns it within some hundred updates, a plain RNN does not. Afterwards the
LSTM's cell state shows how: it moves where a number is marked, and nowhere else.
"""

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.data import adding
from tinygrad_lstm.training import SequenceModel, Training
from viz import plots

from command_line import options

out, quick = options(__doc__, quick="200 updates instead of 1,200")
updates = 200 if quick else 1200

# %%
# One training loop for both: Adam, the gradient's norm held to 1, 32 new sequences at each update.
task, models, curves = adding(50), {}, {}
for name, layer, lr, init in (("RNN", nn.RNN, 3e-3, "uniform"), ("LSTM", nn.LSTM, 1e-2, "orthogonal")):
    tg.manual_seed(1)
    models[name] = SequenceModel(task, 24, layer, init=init, fused=True)
    training = Training(models[name], task, updates, lr=lr, measure_every=50).run()
    curves[name] = {update.number: update.score for update in training.history if update.score is not None}
    print(f"{name:<4}  {training.stopped}: squared error {training.scores[-1]:.4f}")

ax = plots.scores(curves, x="updates", y="squared error", log="y", lines={"always 1": task.chance})
out.save(ax, "adding_curves.svg")
ax

# %%
# Three new sequences: the two marked numbers, their sum, and both answers.
x, y = task.batch(3, rng=5)[:2]
print(f"\n{'marked':>12} {'sum':>6} {'LSTM':>6} {'RNN':>6}")
for row in range(3):
    marked = " + ".join(f"{number:.2f}" for number in x[x[:, row, 1] == 1, row, 0])
    said = [models[name](x)[0].data[row, 0] for name in ("LSTM", "RNN")]
    print(f"{marked:>12} {y[row, 0]:6.2f} {said[0]:6.2f} {said[1]:6.2f}")

# %%
# What the LSTM does with the first of them: the lines below are the numbers, and the marks.
_, trajectory = models["LSTM"].unroll(x)
panels = plots.gates(trajectory, ("i", "c"), signal=x[:, 0], sort="i")
out.save(panels, "adding_gates.svg")
moved = np.abs(np.diff(trajectory["c"].data[:, 0], axis=0)).mean(axis=-1)
marks = x[1:, 0, 1] == 1
print(f"\nC moves by {moved[marks].mean():.2f} at a mark, by {moved[~marks].mean():.2f} elsewhere, on average")
panels
