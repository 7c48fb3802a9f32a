"""Where the gradient went: routes, ledgers, lags, horizons; and the reports on a graph."""

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import nn, paths

lstm = nn.LSTM(2, 3)
trajectory = lstm.unroll(np.ones((5, 1, 2)))
loss = (trajectory.output[-1] ** 2).sum()
states: list[tg.Tensor] = [step.c for step in trajectory.steps]
by_crossings = paths.routes(loss, trajectory.steps[0].c)
shares: np.ndarray = by_crossings.shares
book = paths.ledger(loss, list(lstm.parameters())[:1])
total = book[0].total
lags = paths.lag_matrix([(output**2).sum() for output in trajectory.output], list(lstm.parameters()))
k = lags.smallest_k(0.1)
jacobian = paths.state_jacobian(trajectory.steps[3].c, trajectory.steps[1].c)
with paths.cut("crossing"):
    only_carried = tg.grad(loss, states, retain_graph=True)
with paths.edge_weight("crossing", 0.5):
    halved = tg.grad(loss, states, retain_graph=True)
graph = tg.graph_of(loss)
names: list[str | None] = [vertex.op for vertex in graph.vertices]
text: str = str(tg.program(loss)) + str(tg.trace(loss))
print(shares, total.shape, k, jacobian.norm, len(only_carried), len(halved), len(names), len(text))
