"""
Where the gradient went
=======================

Before and after learning: the belt carries what it did not carry before. An LSTM learns to add two numbers up to 50
steps apart. How much of ∂L/∂C, so many steps back, came along the belt alone, f ⊙ f ⊙ ... ⊙ f, and how much crossed
through the hidden state into the gates? ``tg.paths.routes`` counts it exactly.
"""

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.data import adding
from tinygrad_lstm.training import SequenceModel, Training, belt_shares
from viz import plots

from command_line import options

out, quick = options(__doc__, quick="300 updates instead of 900")
updates = 300 if quick else 900

# %%
# The model before it learns, the training, and the model after it.
tg.manual_seed(2)  # of six seeds one has not begun to learn by then; the others end between 57 % and 82 %
T, task = 50, adding(50)
x, lags = task.batch(128, rng=99).inputs, range(T)
model = SequenceModel(task, 24, init="uniform", forget_bias=1.0, fused=True)
model.head.W.data = nn.init.uniform(model.head.W.shape, 24**-0.5)  # as small as the other weights
before, f_before = belt_shares(model, x, lags)
training = Training(model, task, updates, measure_every=updates).run()
after, f_after = belt_shares(model, x, lags)
print(f"Squared error {training.stopped}: {training.scores[-1]:.4f} (1/6 for a model that always answers 1)")
print(f"Mean forget gate: {f_before:.2f} before, {f_after:.2f} after\n")

# %%
# The norm of the gradient at each lag, and the part of it that never left the belt.
print(f"{'lag':>4} {'‖∂L/∂C‖ before':>15} {'on the belt':>12} {'‖∂L/∂C‖ after':>15} {'on the belt':>12}")
for one, other in zip(before, after, strict=True):
    if one.lag in (0, 1, 10, 25, 45):
        print(f"{one.lag:4d} {one.norm:15.2g} {one.share:12.0%} {other.norm:15.2g} {other.share:12.0%}")

ax = plots.belt_shares({"before": before, f"after {updates} updates": after})
out.save(ax, "where_the_gradient_went.svg")
ax
