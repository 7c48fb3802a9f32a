"""
Digits, row by row
==================

Handwritten digits of scikit-learn (pip install scikit-learn), 8 × 8 pixels. An LSTM reads one row at a time, from top
to bottom, and says at the end which digit it was. Asked after every row, it shows when it knows.
"""

import numpy as np
from matplotlib.figure import Figure

import tinygrad_lstm as tg
from tinygrad_lstm.data import digits
from tinygrad_lstm.errors import MissingExtraError
from tinygrad_lstm.training import SequenceModel, Training
from viz import plots

from command_line import options

out, quick = options(__doc__, quick="150 updates instead of 600")

# %%
# 1,437 images to learn from, 360 others to measure on.
tg.manual_seed(0)
try:
    task = digits()
except MissingExtraError as error:
    raise SystemExit(str(error)) from None
model = SequenceModel(task, 48, fused=True)
training = Training(model, task, 150 if quick else 600, measured=360).run()
print(f"{training.stopped}: {training.scores[-1]:.1%} of other images are right; a guess: 10%\n")

# %%
# One image, and what the network thinks after each of its rows: the head reads every h.
x, y = task.batch(360, rng=3, test=True)[:2]
_, trajectory = model.unroll(x)
p = tg.softmax(model.head(trajectory.output), axis=-1).data  # (T, B, 10)
for t, row in enumerate(x[:, 0]):
    pixels = "".join(" ░▒▓█"[min(4, int(5 * value))] * 2 for value in row)
    ranked = np.argsort(-p[t, 0])[:2]
    print(f"  {pixels}   after row {t + 1}: " + ", ".join(f"{digit} ({p[t, 0, digit]:.0%})" for digit in ranked))
print(f"It is a {y[0]}.\n")

# %%
# How often it is right after so many rows. Only the last answer was asked for in the training: it needs most rows.
right = p.argmax(axis=-1) == y
curves = {"LSTM": {t + 1: float(rows.mean()) for t, rows in enumerate(right)}}
ax = plots.scores(curves, x="rows read", y="right answers", lines={"chance": task.chance})
out.save(ax, "digits_by_row.svg")
ax

# %%
# Six images, and beside each row of an image what the network thinks when it has read it.
figure = Figure(figsize=(12, 5), layout="constrained")
for k, (image, answers) in enumerate(figure.subplots(2, 6).reshape(6, 2)):
    image.imshow(x[:, k], cmap="gray_r")
    image.set(title=f"a {y[k]}", xticks=[], yticks=range(8), yticklabels=range(1, 9), ylabel="row read")
    answers.imshow(p[:, k], cmap="Greens", vmin=0, vmax=1, aspect="auto")
    answers.set(title=f"it says {p[-1, k].argmax()}", xticks=range(10), yticks=[], xlabel="digit")
out.save(figure, "digits_rows.svg")
figure
