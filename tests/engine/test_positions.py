"""An index, a step or an axis that is not there is an IndexError of ours; of a tensor of no axes, a TypeError."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.errors import DtypeError, PositionError, ShapeError, TinygradError

x: Any = tg.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
v: Any = tg.tensor([1.0, 2.0, 3.0])
s: Any = tg.tensor(1.0)  # a tensor of no axes
i = np.array
trajectory: Any = nn.LSTM(3, 2).unroll(np.ones((4, 1, 3)))

NOT_THERE: dict[str, Callable[[], Any]] = {
    'x[5]': lambda: x[5],
    'x[-3]': lambda: x[-3],
    'x[[0,7]]': lambda: x[[0, 7]],
    'x[0,5]': lambda: x[0, 5],
    'x[0,0,0]': lambda: x[0, 0, 0],
    's[0]': lambda: s[0],
    'x[mask]': lambda: x[i([True] * 5)],
    'x["a"]': lambda: x["a"],
    'x[1.5]': lambda: x[1.5],
    'x[i([.5])]': lambda: x[i([0.5])],
    'x[None,..,5]': lambda: x[None, ..., 5],
    'x[v]': lambda: x[tg.tensor([7.0])],
    'x[5:, 9]': lambda: x[5:, 9],
    'take': lambda: tg.take(x, 9),
    'x.take': lambda: x.take([9]),
    'take ax': lambda: tg.take(x, 0, axis=3),
    'np.take': lambda: np.take(x, 9),
    'take axis1': lambda: tg.take(x, [5], 1),
    'embedding': lambda: tg.embedding(x, i([5])),
    'Embedding': lambda: nn.Embedding(3, 2)(i([3])),
    'emb neg': lambda: nn.Embedding(3, 2)(i([-1])),
    'F.embedding': lambda: nn.functional.embedding(x, i([9])),
    'index_put': lambda: tg.index_put(x, 5, 1.0),
    'index_put2': lambda: tg.index_put(x, (0, [9]), 1.0),
    'scatter': lambda: tg.scatter(v, [0, 1, 9], (4,)),
    'index_add': lambda: tg.index_add(v, [0, 9], [1.0, 2.0]),
    'index': lambda: tg.index(x, (0, 9)),
    'take_along': lambda: tg.take_along_axis(x, i([[9]]), 1),
    'take_along ax': lambda: tg.take_along_axis(x, i([[0]]), 4),
    'take_along none': lambda: tg.take_along_axis(x, i([9]), None),
    'split': lambda: tg.split(x, 2, axis=5),
    'split0d': lambda: tg.split(s, 1),
    'array_split': lambda: tg.array_split(x, 2, axis=5),
    'array_split l': lambda: tg.array_split(x, [1], axis=5),
    'unstack': lambda: tg.unstack(x, axis=7),
    'unstack0': lambda: tg.unstack(s),
    'np.split': lambda: np.split(x, 2, axis=5),
    'repeat': lambda: tg.repeat(x, 2, axis=5),
    'flip': lambda: tg.flip(x, 5),
    'roll': lambda: tg.roll(x, 1, 5),
    'moveaxis': lambda: tg.moveaxis(x, 0, 5),
    'swapaxes': lambda: tg.swapaxes(x, 0, 5),
    'transpose': lambda: tg.transpose(x, (0, 5)),
    'x.T': lambda: x.transpose(0, 5),
    'expand_dims': lambda: tg.expand_dims(x, 7),
    'squeeze': lambda: tg.squeeze(x, 7),
    'stack': lambda: tg.stack([x, x], 7),
    'concatenate': lambda: tg.concatenate([x, x], 7),
    'sum': lambda: tg.sum(x, axis=5),
    'x.sum': lambda: x.sum(5),
    'mean': lambda: tg.mean(x, (0, 5)),
    'max': lambda: tg.max(x, 5),
    'var': lambda: tg.var(x, 5),
    'std': lambda: tg.std(x, 5),
    'prod': lambda: tg.prod(x, 5),
    'cumsum': lambda: tg.cumsum(x, 5),
    'cumprod': lambda: tg.cumprod(x, 5),
    'softmax': lambda: tg.softmax(x, axis=5),
    'log_softmax': lambda: tg.log_softmax(x, 5),
    'logsumexp': lambda: tg.logsumexp(x, 5),
    'norm': lambda: tg.norm(x, axis=5),
    'sort': lambda: tg.sort(x, 5),
    'argmax': lambda: x.argmax(5),
    'tg.argmax': lambda: tg.argmax(x, 5),
    'tg.argsort': lambda: tg.argsort(x, axis=5),
    'np.any': lambda: np.any(x, axis=5),
    'tg.all': lambda: tg.all(x, 5),
    'argsort': lambda: x.argsort(5),
    'count_nonzero': lambda: tg.count_nonzero(x, axis=5),
    'any': lambda: x.any(5),
    'diagonal': lambda: tg.diagonal(x, 0, 0, 5),
    'trace': lambda: x.trace(0, 0, 5),
    'tensordot': lambda: tg.tensordot(x, x, ((5,), (0,))),
    'np.argmax': lambda: np.argmax(x, axis=5),
    'sce': lambda: tg.softmax_cross_entropy(x, i([0, 7])),
    'ce': lambda: tg.losses.cross_entropy(x, i([0, 7])),
    'ModuleList': lambda: nn.ModuleList([nn.Linear(2, 2)])[3],
    'Sequential': lambda: nn.Sequential(nn.Linear(2, 2))[-2],
    'steps': lambda: trajectory.steps[4],
    'chains': lambda: trajectory.chains[1],
    'np.sort 0d': lambda: tg.sort(s),
    'embedding float': lambda: tg.embedding(x, i([0.5])),
    'index deleted': lambda: x[i([0, 1]), i([0, 1, 2])],
    "no steps": lambda: nn.LSTM(3, 2).unroll(np.ones((0, 1, 3))).steps[0],
}  # fmt: skip

NO_AXES: dict[str, Callable[[], Any]] = {
    'unpack': lambda: (lambda a, b: 0)(*s),
    'tuple': lambda: tuple(s),
    'dict': lambda: dict(s),
    'sum()': lambda: sum(s),
    'tg.concatenate s': lambda: tg.concatenate(s),
    'iter': lambda: iter(s),
    'tg.stack': lambda: tg.stack(s),
    'list': lambda: list(s),
    'np.stack': lambda: np.stack(s),
    'enumerate': lambda: list(enumerate(s)),
    'len': lambda: len(s),
    'reversed': lambda: list(reversed(s)),
    'zip': lambda: list(zip(s, s, strict=True)),
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_THERE)
def test_what_is_not_there_is_an_index_error(name: str) -> None:
    with pytest.raises(IndexError) as caught:
        NOT_THERE[name]()
    assert isinstance(caught.value, PositionError)
    assert isinstance(caught.value, ShapeError)  # as it always was
    assert isinstance(caught.value, TinygradError)
    assert "tuple index" not in str(caught.value)
    assert "list index" not in str(caught.value)


@pytest.mark.parametrize("name", NO_AXES)
def test_a_tensor_of_no_axes_has_no_length_and_no_elements(name: str) -> None:
    with pytest.raises(DtypeError, match=r"a tensor of no axes has .*tensor\.item\(\)|, not a Tensor of no axes"):
        NO_AXES[name]()


def test_the_words() -> None:
    call: Callable[[], Any]
    for call, words in (
        (lambda: x[5], r"index\(x \(2, 3\), key=5\): index 5 is out of bounds for axis 0 with size 2"),
        (lambda: trajectory.steps[4], r"no step \[4\]: there are 4, counted from 0"),
        (lambda: trajectory.chains[1], r"no chain \[1\]: there are 1, counted from 0"),
        (lambda: nn.Sequential(nn.Linear(2, 2))[3], r"no part \[3\] in a Sequential of 1"),
        (lambda: tg.argmax(x, axis=5), r"np\.argmax: axis 5 is out of bounds"),
    ):
        with pytest.raises(PositionError, match=words):
            call()
    with pytest.raises(DtypeError, match=r"trajectory\.steps\[k\], not \[0\]"):
        trajectory[0]
    with pytest.raises(DtypeError, match=r"counted from 0, so there is no \['a'\]"):
        nn.ModuleList([nn.Linear(2, 2)])["a"]  # type: ignore[call-overload]  # on purpose


def test_steps_are_a_tuple_still() -> None:
    assert isinstance(trajectory.steps, tuple)
    assert [step.t for step in trajectory.steps[1:3]] == [2, 3]
    assert trajectory.steps[-1].t == len(trajectory.steps) == 4


def test_a_loop_over_rows_and_unpacking_stay_as_they_are() -> None:
    first, second = x
    assert [row.tolist() for row in x] == [first.tolist(), second.tolist()]
    assert (len(x), len(tg.zeros(0, 3)), list(tg.zeros(0))) == (2, 0, [])
