"""Why an LSTM: three cells, the same inputs, forty steps, one scale. Where does the gradient of the last step reach?

Drawn beside each other, an RNN, a GRU and an LSTM, untrained, whose loss reads the last hidden state only; the norms by
step in numbers; and a page that steps through the LSTM's backpropagation event by event.

Run it with:  python examples/05_three_cells_one_scale.py
"""

import argparse
from pathlib import Path

import numpy as np

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn
from viz import plots

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", type=Path, default=Path("out"), help="where the pictures go (default: out/)")
parser.add_argument("--quick", action="store_true", help="as it is: this takes a few seconds")
arguments = parser.parse_args()
arguments.out.mkdir(parents=True, exist_ok=True)

T, B, D, H = 40, 2, 3, 8
x = np.random.default_rng(0).normal(size=(T, B, D))
runs: dict[str, tuple[tg.Tensor, nn.Trajectory]] = {}
for name, layer in (("RNN", nn.RNN), ("GRU", nn.GRU), ("LSTM", nn.LSTM)):
    tg.manual_seed(1)
    trajectory = layer(D, H).unroll(x)
    runs[name] = (trajectory.steps[-1].h ** 2).sum(), trajectory

print(f"{'cell':<5} {'‖dL/dh‖ at t = 40':>18} {'at t = 20':>10} {'at t = 1':>10}")
for name, (loss, trajectory) in runs.items():
    steps = [trajectory.steps[t - 1].h for t in (40, 20, 1)]
    norms = [np.linalg.norm(g.numpy()) for g in tg.grad(loss, steps, retain_graph=True)]
    print(f"{name:<5} {norms[0]:18.2g} {norms[1]:10.2g} {norms[2]:10.2g}")

picture = viz.compare(runs, theme="auto")
ax = plots.gradient_by_lag(runs)
figure = ax.get_figure(root=True)
assert figure is not None
figure.savefig(arguments.out / "gradient_by_lag.svg")
short = nn.LSTM(D, H).unroll(x[:4])
page = viz.player((short.steps[-1].h ** 2).sum(), short)
print(f"\n{runs['LSTM'][1]}\n{viz.describe(*runs['LSTM'])}\n")
print(f"Drawn in {picture.save(arguments.out / 'three_cells.svg')}")
print(f"Step through four steps of an LSTM in {page.save(arguments.out / 'player.html')}")
