"""
I grew up in France
===================

"I grew up in France ... I speak fluent French": one word decides, and up to forty others stand between. An LSTM, a GRU
and an RNN read the same sentences. How often are they right, at which distance, also at distances that were not part of
the training? And what do the LSTM's gates do while it reads?
"""

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.data import france
from tinygrad_lstm.training import SequenceModel, Training
from viz import plots

from command_line import options

out, quick = options(__doc__, quick="at most 100 updates instead of 400")
updates = 100 if quick else 400

# %%
# Sentences of every distance from 0 to 40 words: the short ones teach what to write, the long ones what to keep.
task, models = france((0, 40)), {}
for name, layer, how in (
    ("LSTM, b_f = 3", nn.LSTM, {"forget_bias": 3.0}), ("GRU", nn.GRU, {}), ("RNN", nn.RNN, {"init": "uniform"}),
):  # fmt: skip
    tg.manual_seed(2)
    model = models[name] = SequenceModel(task, 32, layer, fused=True, **how)
    training = Training(model, task, updates, lr=3e-3 if name == "RNN" else 1e-2, until=0.99).run()
    print(f"{name:<14} {training.stopped}")

# %%
# Fresh sentences of one distance each. Eight countries: who guesses is right one time in eight.
distances = (0, 5, 10, 20, 40, 80, 160)
right = {
    name: {d: float(task.score(model(batch.inputs)[0], batch)) for d in distances for batch in [france(d).batch(256)]}
    for name, model in models.items()
}
ax = plots.scores(right, x="words between", y="right languages", lines={"chance": task.chance})
ax.axvspan(0, 40, color="gray", alpha=0.12, zorder=0)
ax.text(20, 0.04, "trained", ha="center", color="gray")
out.save(ax, "france_by_distance.svg")
ax

# %%
# Some sentences, with what the LSTM and the RNN say.
for seed in range(3):
    x, y = france(8).batch(1, rng=seed)[:2]
    said = {name: task.words(models[name](x)[0].data.argmax(axis=-1))[0] for name in ("LSTM, b_f = 3", "RNN")}
    print(f"\n{' '.join(task.words(x[:, 0]))} ... ({task.words(y)[0]})")
    print("   ", ", ".join(f"{name.split(',')[0]}: {word}" for name, word in said.items()))

# %%
# The gates over the words of the last one: the country is written, kept, and not overwritten.
_, trajectory = models["LSTM, b_f = 3"].unroll(x)
panels = plots.gates(trajectory, ("i", "f", "c"), text=task.words(x[:, 0]), sort="f")
out.save(panels, "france_gates.svg")
panels
