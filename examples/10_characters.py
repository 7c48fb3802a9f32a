"""
Characters
==========

A network reads a text one character at a time and says which comes next; sampled from, it writes. The text is a piece
of the Python language reference, which every Python brings. What it writes is printed as it learns, first noise, then
letters, then words.
"""

import tinygrad_lstm as tg
from tinygrad_lstm.data import Vocabulary, language_reference
from tinygrad_lstm.training import CharModel, Fit, baselines, sample
from viz import plots

from command_line import options

out, quick = options(__doc__, quick="60 updates instead of 600")
updates = 60 if quick else 600

# %%
# The text as numbers: the last tenth is kept to measure on.
text = language_reference()[:120_000]
vocabulary = Vocabulary(text)
numbers = vocabulary.encode(text)
train, held_out = numbers[: -len(numbers) // 10], numbers[-len(numbers) // 10 :]
print(f"{len(text):,} characters, {len(vocabulary)} different ones")

# %%
# Truncated backpropagation through time in windows of 32 characters, and samples on the way.
tg.manual_seed(0)
model = CharModel(len(vocabulary), hidden=96)
fit = Fit(model, train, held_out, updates, measure_every=updates // 6)
for update in fit:
    if update.number in (1, updates // 6, updates // 2, updates):
        said = sample(model, vocabulary, "The ", 120).replace("\n", "⏎")
        print(f"\nafter {update.number} updates, {update.bits:.2f} bits per character:\n    {said}")

# %%
# How many bits a character takes, beside models that only count.
counted = {
    "every character the same": baselines.uniform(len(vocabulary)),
    "by how frequent it is": baselines.unigram(train, held_out, len(vocabulary)),
    "by the one before it": baselines.bigram(train, held_out, len(vocabulary)),
}
ax = plots.training_curve(fit.history, counted)
out.save(ax, "characters_curve.svg")
ax

# %%
# The forget gates and C while it reads.
line = "The with statement is used to"
_, trajectory = model.unroll(vocabulary.encode(line)[:, None])
panels = plots.gates(trajectory, ("f", "c"), text=line, sort="f")
out.save(panels, "characters_gates.svg")
panels
