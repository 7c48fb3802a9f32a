"""Mistakes that a type checker finds before the program runs: each line that it must reject says so, and no other."""

from typing import Any

import numpy as np

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import func, losses, nn, optim, paths


class Model(nn.Module):
    """A module with a typed forward."""

    def __init__(self) -> None:
        self.lstm, self.out = nn.LSTM(3, 4), nn.Linear(4, 2)

    def forward(self, x: tg.Tensor, scale: float = 1.0) -> tg.Tensor:
        output, state = self.lstm(x)
        return self.lstm(x)  # rejected: a pair, not a tensor

    def wrong(self, x: tg.Tensor) -> np.ndarray:
        return self.out(x)  # rejected: a tensor, not an array


@tg.primitive
def cube(x: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """The third power."""
    return scale * x**3


class Cell(nn.Cell):
    """A cell with a typed forward."""

    def forward(self, x: tg.Tensor, h: tg.Tensor) -> tg.Tensor:
        return h


def calls_of_modules(x: tg.Tensor, anything: Any) -> None:
    model = Model()
    model(x, 2.0, 3.0)  # rejected: one argument too many
    model("text")  # rejected: a text for a tensor
    model(x, scales=2.0)  # rejected: no argument of that name
    model()  # rejected: no input
    model(x).backwards()  # rejected: no method of that name
    model.outs  # rejected: no attribute of that name
    nn.Linear("3", 4)  # rejected: a text for a size
    nn.Linear(3, 4, biased=False)  # rejected: no option of that name
    nn.Linear(3, 4)(x, x)  # rejected: one input too many
    text: str = nn.Embedding(3, 4)(x)  # rejected: a tensor
    nn.GRU(3, 4)("text")  # rejected: a text for a sequence
    nn.GRU(3, 4)(x, lenghts=[1])  # rejected: no option of that name
    nn.LSTM(3, 4)(x)[1].shape  # rejected: the state is a pair
    h: str = nn.GRU(3, 4)(x)[1]  # rejected: a tensor
    number: float = Cell(3, 3)(x)  # rejected: a tensor
    nn.LSTMCell(3, 4)(x).shape  # rejected: the state is a pair
    nn.Sequential(nn.Linear(3, 4), nn.Dropout())(x).shapes  # rejected: no attribute of that name
    nn.Residual(nn.Linear(3, 3))(x).shapes  # rejected: no attribute of that name
    nn.Zoneout(nn.GRUCell(3, 4))(x)[0].shapes  # rejected: no attribute of that name
    nn.ModuleList([nn.Linear(3, 4)])[0].in_feature  # rejected: no attribute of that name
    nn.Linear(3, 4)(anything).shape  # anything goes


def ops(x: tg.Tensor) -> None:
    tg.tanhh(x)  # rejected: no op of that name
    tg.tanh(x, x)  # rejected: one input too many
    tg.tanh()  # rejected: no input
    tg.add(x)  # rejected: one input too few
    tg.sum(x, axes=1)  # rejected: no option of that name
    tg.sum(x, "rows")  # rejected: a text for an axis
    x.sum(axes=1)  # rejected: no option of that name
    tg.concatenate([x, x], axes=1)  # rejected: no option of that name
    array: np.ndarray = np.ones(3) @ x  # rejected: a tensor
    other: np.ndarray = np.float64(2) * x  # rejected: a tensor
    cube(x, x)  # rejected: a tensor for a number
    cube(x, 1.0, 2.0)  # rejected: one argument too many
    cube(x, scales=1.0)  # rejected: no option of that name
    cube("text")  # rejected: a text for an array
    cube(x).backwards()  # rejected: no method of that name


def the_rest(x: tg.Tensor, model: nn.LSTM) -> None:
    optim.Adam(model.parameters(), learning_rate=0.1)  # rejected: no option of that name
    optim.SGD(model.parameters(), momentum="much")  # rejected: a text for a number
    optim.lr_scheduler.StepLR(model, 3)  # rejected: a module for an optimiser
    loss: float = losses.mse_loss(x, x)  # rejected: a tensor
    losses.cross_entropy(x, x, "average")  # rejected: no reduction of that name
    x.backward(retain=True)  # rejected: no option of that name
    tg.grad(x)  # rejected: of what by what?
    func.grads(len)  # rejected: no transform of that name
    tg.save(3, "three.npz")  # rejected: no module and no dict
    paths.routes(x)  # rejected: from where?
    viz.drawn(x)  # rejected: no view of that name
    viz.draw(x).save()  # rejected: where to?
    viz.plots.gate(x)  # rejected: no plot of that name
    model.unroll(x).outputs  # rejected: no attribute of that name
    nn.Module().layers  # rejected: no attribute of that name
