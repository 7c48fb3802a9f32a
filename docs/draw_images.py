"""Draw the README's picture: python docs/draw_images.py

One LSTM with random weights, three steps, a batch of four: the last hidden state is asked to be 0.5 everywhere.
"""

from pathlib import Path

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn

IMAGES = Path(__file__).parent / "images"
THEMES = (("", "light"), ("_dark", "dark"))

tg.manual_seed(5)
lstm = nn.LSTM(input_size=4, hidden_size=8)
h0, c0 = tg.zeros(1, 4, 8, requires_grad=True), tg.zeros(1, 4, 8, requires_grad=True)
trajectory = lstm.unroll(2 * tg.randn(3, 4, 4), (h0, c0))
loss = ((trajectory.steps[-1].h - 0.5) ** 2).sum()
for suffix, theme in THEMES:
    print(viz.gradient_paths(loss, trajectory, theme=theme).save(IMAGES / f"gradient_paths{suffix}.svg"))
