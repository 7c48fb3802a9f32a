"""Where the gradient went, before and after learning: the belt carries what it did not carry before.

An LSTM learns to add two numbers up to 50 steps apart. How much of dL/dC, so many steps back, came along the belt
alone, f ⊙ f ⊙ ... ⊙ f, and how much crossed through the hidden state into the gates? Counted exactly, by
``tg.paths.routes``.

Run it with:  python examples/04_where_the_gradient_went.py
"""

import argparse
from pathlib import Path

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm.data import adding_problem
from tinygrad_lstm.training import AddingModel, belt_shares, learn_to_add
from viz import plots

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", type=Path, default=Path("out"), help="where the picture goes (default: out/)")
parser.add_argument("--quick", action="store_true", help="as it is: this takes ten seconds")
arguments = parser.parse_args()
arguments.out.mkdir(parents=True, exist_ok=True)

tg.manual_seed(3)  # of nine seeds one has not begun to learn by then; the others end between 44 % and 74 %
T, UPDATES = 50, 900
x, _ = adding_problem(T, 128, np.random.default_rng(99))
lags = range(T)
model = AddingModel()
before, f_before = belt_shares(model, x, lags)
error = learn_to_add(model, UPDATES, T)
after, f_after = belt_shares(model, x, lags)

print(f"Mean squared error after {UPDATES} updates: {error:.4f} (1/6 for a model that always answers 1)")
print(f"Mean forget gate: {f_before:.2f} before, {f_after:.2f} after\n")
print(f"{'lag':>4} {'‖dL/dC‖ before':>15} {'on the belt':>12} {'‖dL/dC‖ after':>15} {'on the belt':>12}")
for one, other in zip(before, after, strict=True):
    if one.lag in (0, 1, 10, 25, 45):
        print(f"{one.lag:4d} {one.norm:15.2g} {one.share:12.0%} {other.norm:15.2g} {other.share:12.0%}")

ax = plots.belt_shares({"before": before, f"after {UPDATES} updates": after})
figure = ax.get_figure(root=True)
assert figure is not None
path = arguments.out / "where_the_gradient_went.svg"
figure.savefig(path)
print(f"\nDrawn in {path}")
