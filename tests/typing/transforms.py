"""Derivatives as functions of functions."""

from typing import Any

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import func


def energy(x: tg.Tensor) -> tg.Tensor:
    return (tg.sin(x) * x).sum()


x, v = np.array([0.5, 1.5]), np.array([1.0, 0.0])
slope: tg.Tensor = func.grad(energy)(x)
value, slope = func.value_and_grad(energy)(x)
_, pull = func.vjp(energy, x)
_, along = func.jvp(energy, [x], [v])
curve: tg.Tensor = func.hvp(energy, x, v)
matrix: tg.Tensor = func.hessian(energy)(x)
rows: tg.Tensor = func.jacobian(lambda x: tg.exp(x))(x)
again: Any = func.checkpoint(energy, tg.tensor(x, requires_grad=True))

leaf = tg.tensor(x, requires_grad=True)
(g,) = tg.grad(energy(leaf), [leaf], create_graph=True)
assert g is not None
(gg,) = tg.grad(g.sum(), [leaf])
assert gg is not None
assert tg.gradcheck(energy, [leaf])
with tg.enable_grad(), tg.scope("here"):
    events = [event.node.op for event in tg.backward_events(energy(leaf))]
print(slope.shape, curve.shape, matrix.shape, rows.shape, value.item(), along.item(), pull(1.0), gg.shape, len(events))
