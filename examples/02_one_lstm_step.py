"""One step of an LSTM, looked at twice: as the graph of its operations, and as the path of its gradient.

The loss reads h₁. Its gradient reaches C₁ through o ⊙ tanh(C), goes on to C₀ times f, and to the weights through the
four gates. A line of the second picture is as wide as the gradient that went along it.

Run it with:  python examples/02_one_lstm_step.py
"""

import argparse
from pathlib import Path

import numpy as np

import tinygrad_lstm as tg
import viz

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", type=Path, default=Path("out"), help="where the pictures go (default: out/)")
parser.add_argument("--quick", action="store_true", help="as it is: this takes a moment only")
arguments = parser.parse_args()
arguments.out.mkdir(parents=True, exist_ok=True)

tg.manual_seed(0)
lstm = tg.nn.LSTM(3, 4)
x = tg.randn(1, 1, 3)  # one step, one sequence, three numbers
h0 = (0.5 * tg.randn(1, 1, 4)).detach()
c0 = (0.5 * tg.randn(1, 1, 4)).detach()
h0.requires_grad = c0.requires_grad = True  # so that the gradient goes on to where the step began

trajectory = lstm.unroll(x, (h0, c0))
step = trajectory.steps[0]
loss = ((step.h - 1) ** 2).sum()

graph_view = viz.draw(loss)
paths = viz.gradient_paths(loss, trajectory)

# What the belt says, checked with numbers: the only path from C₁ to C₀ multiplies by f.
grad_c1, grad_c0 = tg.grad(loss, [step.c, trajectory.initial.c])
assert grad_c1 is not None
assert grad_c0 is not None
print("f            ", np.round(step.f.data[0], 3))
print("∂L/∂C₁       ", np.round(grad_c1.data[0], 3))
print("f ⊙ ∂L/∂C₁   ", np.round((step.f * grad_c1).data[0], 3))
print("∂L/∂C₀       ", np.round(grad_c0.data[0], 3))
assert np.allclose((step.f * grad_c1).data, grad_c0.data)

print(f"\n{paths}\n")
print(f"Drawn in {graph_view.save(arguments.out / 'one_lstm_step_graph.svg')}")
print(f"     and {paths.save(arguments.out / 'one_lstm_step_paths.svg')}")
