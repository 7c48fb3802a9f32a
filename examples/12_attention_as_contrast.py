"""
Attention, as contrast
======================

An LSTM passes on what it has read, word by word; attention looks at all words at once. In numbers: how many operations
wait for each other, and how many lie between the first word and the answer. Then attention learns the sentence
about France, and its map shows which word it reads, with the gradient that comes back through each weight.
"""

import numpy as np
from matplotlib.figure import Figure

import tinygrad_lstm as tg
from tinygrad_lstm import nn, paths
from tinygrad_lstm.data import Task, france
from tinygrad_lstm.training import Training
from viz import plots

from command_line import options

out, quick = options(__doc__, quick="100 updates instead of 400")
D = 24

# %%
# Operations that wait for each other, and the shortest path from word 1 to the output at the last word.
layers = {"LSTM": nn.LSTM(D, D), "attention": nn.MultiheadAttention(D)}
measured: dict[str, dict[int, float]] = {}
print(f"{'':<10} {'words':>6} {'one after the other':>20} {'from word 1 to the end':>23}")
for name, layer in layers.items():
    for T in (5, 10, 20, 40, 80):
        words = [tg.randn(1, D, requires_grad=True) for _ in range(T)]
        last = layer(tg.stack(words))[0][-1]
        waiting, way = int(paths.depth(last)), int(paths.shortest(last, words[0]))
        measured.setdefault(f"{name}, one after the other", {})[T] = waiting
        measured.setdefault(f"{name}, from word 1 to the end", {})[T] = way
        print(f"{name:<10} {T:>6} {waiting:>20} {way:>23}")
ax = plots.scores(measured, x="words", y="operations", log="xy")
out.save(ax, "attention_depth.svg")
ax


# %%
# A reader without any recurrence: the last word asks, and all words answer. It needs no positions for this task. It is
# a transformer block in its parts, to have its weights A at hand.
class Reader(nn.Module):
    """Words (T, B) -> scores of the next word."""

    def __init__(self, task: Task) -> None:
        self.embedding, self.head = nn.Embedding(task.inputs, D), nn.Linear(D, task.outputs)
        self.block = nn.TransformerBlock(D, hidden=2 * D, norm_first=True)

    def forward(self, words: np.ndarray) -> tuple[tg.Tensor, tg.Tensor]:
        """The scores, and the weights A: which word reads which."""
        x = self.embedding(words)
        read, A = self.block.attention(self.block.norm_attention(x))
        y = x + read
        y = y + self.block.transform(self.block.norm_linear(y))
        return self.head(y[-1]), A


tg.manual_seed(2)
task = france((0, 40))
reader = Reader(task)
training = Training(reader, task, 100 if quick else 400, lr=5e-3, until=0.999).run()
print(f"\nFrance over 0 to 40 words: {training.stopped}")

# %%
# The map of a sentence. The lowest row is the last word, which has to answer. Where ∂L/∂A is negative, more attention
# would lower the loss.
batch = france(6).batch(1, rng=4)
sentence = task.words(batch.inputs[:, 0])
answer, A = reader(batch.inputs)
print(f"{' '.join(sentence)} {task.words(answer.data.argmax(axis=-1))[0]}")
read = reader(france(6).batch(64).inputs)[1].data[:, 0, -1, 4]
print(f"In 64 sentences the last word gives the country {read.mean():.0%} of its attention, on average")
figure = Figure(figsize=(12, 5), layout="constrained")
plots.attention(A, task.loss(answer, batch), queries=sentence, ax=figure.subplots(1, 2))
out.save(figure, "attention_map.svg")
figure
