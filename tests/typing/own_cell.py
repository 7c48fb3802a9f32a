"""A cell of one's own, alone, wrapped, unrolled, and in layers; and the built-in cells at their types."""

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import nn


class LeakyCell(nn.Gates):
    """h' = a h + (1 - a) tanh(W x + U h + b)."""

    carried = ("h",)

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, leak: float = 0.9) -> None:
        super().__init__(input_size, hidden_size, 1, bias)
        self.leak = leak

    def forward(self, x: tg.Tensor, h: tg.Tensor) -> tg.Tensor:
        n = tg.tanh(self.preactivation(x, h))
        h = self.leak * tg.tag(h, "carry") + (1 - self.leak) * n
        tg.label(n=n, h=h)
        return h


def steps(cell: LeakyCell, x: np.ndarray) -> tg.Tensor:
    h = cell(x[0])
    for x_t in x[1:]:
        h = cell(x_t, h)
    return h


x = np.ones((4, 2, 3))
by_hand: tg.Tensor = steps(LeakyCell(3, 5), x)
layer = nn.RNN(3, 5, cell=LeakyCell)
output, h = layer(x)
plain: tuple[tg.Tensor, tg.Tensor] = nn.Recurrent(3, 5, cell=LeakyCell)(x)
trajectory = layer.unroll(x)
n: tg.Tensor = trajectory.steps[0].n
h2, c2 = nn.LSTMCell(3, 5)(x[0])
h2, c2 = nn.Zoneout(nn.LSTMCell(3, 5), c=0.5)(x[1], (h2, c2))
h3: tg.Tensor = nn.WeightDrop(nn.GRUCell(3, 5), 0.5)(x[0])
h4: tg.Tensor = nn.MGUCell(3, 5)(x[0], np.zeros((2, 5)))
scanned: tg.Tensor = nn.MinGRU(3, 5)(x)[0]
stateful = nn.Stateful(nn.LSTM(3, 5))
piece: tg.Tensor = stateful(x)[0]
packed = nn.utils.pack_padded_sequence(tg.tensor(x), [4, 3])
packed_output, _ = nn.GRU(3, 5)(packed)
padded, lengths = nn.utils.pad_packed_sequence(packed_output)
print(by_hand.shape, output.shape, h.shape, plain[0].shape, n.shape, c2.shape, h3.shape, h4.shape, scanned.shape)
print(piece.shape, padded.shape, lengths)
