"""Embedding: rows by their numbers, and the row that stands for no word."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import nn, optim
from tinygrad_lstm.errors import DtypeError, ShapeError

V, D = 7, 3


def test_embedding_gathers_rows_and_scatters_their_gradients() -> None:
    layer = nn.Embedding(5, 2)
    indices = np.array([[1, 1], [4, 1]])
    y = layer(indices)
    assert np.array_equal(y.data, layer.weight.data[indices])
    y.sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.data[:, 0].tolist() == [0, 3, 0, 0, 1]


@pytest.mark.parametrize(
    ("indices", "error"), [(np.array([5]), ShapeError), (np.array([-1]), ShapeError), (np.array([0.5]), DtypeError)]
)
def test_embedding_refuses_what_is_not_in_the_table(indices: np.ndarray, error: type[Exception]) -> None:
    with pytest.raises(error):
        nn.Embedding(5, 2)(indices)


def padded(padding_idx: int) -> nn.Embedding:
    table = nn.Embedding(V, D, padding_idx).astype(float)
    table.weight.data = np.random.default_rng(0).normal(size=(V, D))
    return table


INDICES = np.array([[0, 1, 6], [6, 3, 0], [2, 2, 5]])


@pytest.mark.oracle
@pytest.mark.parametrize("padding_idx", [0, 2, 6, 4, -1, -7, -5])
def test_values_gradients_and_the_row_itself_are_pytorchs(padding_idx: int) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = padded(padding_idx), torch.nn.Embedding(V, D, padding_idx).double()
    assert ours.padding_idx == theirs.padding_idx
    theirs.weight.data = torch.tensor(ours.weight.data)
    g = np.random.default_rng(1).normal(size=(3, 3, D))
    y, expected = ours(INDICES), theirs(torch.tensor(INDICES))
    y.backward(g)
    expected.backward(torch.tensor(g))
    np.testing.assert_array_equal(y.data, expected.detach().numpy())
    assert ours.weight.grad is not None
    np.testing.assert_allclose(ours.weight.grad.data, theirs.weight.grad.numpy(), rtol=1e-14)
    assert not ours.weight.grad.data[padding_idx].any()


@pytest.mark.parametrize("optimiser", [optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop, optim.Adagrad])
@pytest.mark.parametrize("padding_idx", [0, 3, -1])
def test_the_padding_row_is_zero_and_stays_so(padding_idx: int, optimiser: type[optim.Optimizer]) -> None:
    table = nn.Embedding(V, D, padding_idx)
    assert not table.weight.data[padding_idx].any()
    before = table.weight.data.copy()
    steps = optimiser(table.parameters(), lr=0.1)
    for _ in range(3):
        steps.zero_grad()
        ((table(np.arange(V)) - 1) ** 2).sum().backward()
        steps.step()
    changed = (table.weight.data != before).any(axis=1)
    assert changed.tolist() == [k != padding_idx % V for k in range(V)]


def test_a_nan_that_comes_back_from_the_padding_stays_outside() -> None:
    table = padded(0)
    g = np.where(INDICES[..., None] == 0, np.nan, np.ones((3, 3, D)))
    table(INDICES).backward(g)
    assert table.weight.grad is not None
    assert table.weight.grad.data[0].tolist() == [0, 0, 0]
    assert np.isfinite(table.weight.grad.data).all()


def test_second_derivatives_know_the_padding() -> None:
    table = padded(2)
    (g,) = tg.grad((table(INDICES) ** 3).sum(), table.weight, create_graph=True)
    (again,) = tg.grad(g.sum(), table.weight)
    counts = np.bincount(INDICES.ravel(), minlength=V)[:, None] * (np.arange(V) != 2)[:, None]
    np.testing.assert_allclose(again.data, 6 * counts * table.weight.data, rtol=1e-14)


def test_a_tied_head_trains_the_row_by_its_own_use() -> None:
    table, head = padded(0), nn.Linear(D, V)
    head.W = table.weight
    head(table(np.array([1, 0]))).sum().backward()
    assert table.weight.grad is not None
    np.testing.assert_allclose(table.weight.grad.data[0], table.weight.data[[0, 1]].sum(axis=0))


def test_it_says_its_padding_and_is_copied_with_it() -> None:
    table = nn.Embedding(V, D, padding_idx=-1)
    assert repr(table) == "Embedding(7 rows of 3, padding_idx=6, 21 parameters)"
    assert repr(nn.Embedding(V, D)) == "Embedding(7 rows of 3, 21 parameters)"
    for twin in (copy.deepcopy(table), pickle.loads(pickle.dumps(table))):
        assert twin.padding_idx == 6
        assert [*twin.state_dict()] == ["weight"]


def test_without_padding_the_graph_is_one_look_up() -> None:
    assert [v.op for v in tg.graph_of(nn.Embedding(V, D)(INDICES)).vertices] == ["parameter", "embedding"]
