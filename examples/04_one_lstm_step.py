"""
One step of an LSTM
===================

Looked at twice: as the graph of its operations, and as the path of its gradient. The loss reads h₁. Its gradient
reaches C₁ through o ⊙ tanh(C), goes on to C₀ times f, and to the weights through the four gates. A line of the second
picture is as wide as the gradient that went along it.
"""

import numpy as np

import tinygrad_lstm as tg
import viz

from command_line import options

out, _ = options(__doc__)

# %%
# One step, one sequence, three numbers; the gradient goes on to where the step began.
tg.manual_seed(0)
lstm = tg.nn.LSTM(3, 4)
x = tg.randn(1, 1, 3)
h0 = (0.5 * tg.randn(1, 1, 4)).detach()
c0 = (0.5 * tg.randn(1, 1, 4)).detach()
h0.requires_grad = c0.requires_grad = True

trajectory = lstm.unroll(x, (h0, c0))
step = trajectory.steps[0]
loss = ((step.h - 1) ** 2).sum()

# %%
# The graph: every operation of the six equations.
graph = viz.draw(loss)
out.save(graph, "one_lstm_step_graph.svg")
graph

# %%
# The same step by its template, with the gradient on every line.
paths = viz.gradient_paths(loss, trajectory)
print(f"{paths}")
out.save(paths, "one_lstm_step_paths.svg")
paths

# %%
# In numbers: the only path from C₁ to C₀ is the belt, which multiplies by f.
grad_c1, grad_c0 = (gradient.data for gradient in tg.grad(loss, [step.c, trajectory.initial.c]))
print("f            ", np.round(step.f.data[0], 3))
print("∂L/∂C₁       ", np.round(grad_c1[0], 3))
print("f ⊙ ∂L/∂C₁   ", np.round((step.f.data * grad_c1)[0], 3))
print("∂L/∂C₀       ", np.round(grad_c0[0], 3))
assert np.allclose(step.f.data * grad_c1, grad_c0)
