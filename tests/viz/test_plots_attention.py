"""The attention map, and the gradient through it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.errors import ArgumentError, DtypeError, ShapeError
from viz import plots

pytest.importorskip("matplotlib")

from tests.support.plots import saved

WORDS = ["the", "cat", "sat"]


def run() -> tuple[tg.Tensor, tg.Tensor]:
    """A loss, and the weights that it depends on."""
    tg.manual_seed(0)
    attention = nn.MultiheadAttention(4, 2).astype(float)
    y, A = attention(np.random.default_rng(0).normal(size=(3, 2, 4)))
    return (y[-1] ** 2).sum(), A


def shown(ax: Any) -> np.ndarray:
    return np.asarray(ax.get_images()[0].get_array())


def test_the_map_has_the_weights_and_the_gradient_is_that_of_the_loss() -> None:
    loss, A = run()
    (g,) = tg.grad(loss, A, retain_graph=True)
    for row in (0, 1):
        for head in (0, 1):
            weights, gradient = plots.attention(A, loss, row=row, head=head)
            np.testing.assert_array_equal(shown(weights), A.data[row, head])
            np.testing.assert_array_equal(shown(gradient), g.data[row, head])
        weights, gradient = plots.attention(A, loss, row=row)
        np.testing.assert_allclose(shown(weights), A.data[row].mean(0))
        np.testing.assert_allclose(shown(gradient), g.data[row].sum(0))
    assert (shown(gradient)[:2] == 0).all()  # only the last position is in the loss
    assert (shown(gradient)[2] != 0).any()
    (alone,) = plots.attention(A)
    assert alone.get_title("left") == "A"
    tg.grad(loss, A)  # the graph is still there


def test_words_are_at_the_edges() -> None:
    loss, A = run()
    for ax in plots.attention(A, loss, queries=WORDS):
        assert [label.get_text() for label in ax.get_xticklabels()] == WORDS
        assert [label.get_text() for label in ax.get_yticklabels()] == WORDS
    (ax,) = plots.attention(A, queries=WORDS, keys=["$a$", "b", "c"])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["$a$", "b", "c"]
    (ax,) = plots.attention(A)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "2", "3"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_is_saved_in_both_themes_also_where_a_weight_is_not_finite(theme: Any) -> None:
    loss, A = run()
    drawn = plots.attention(A, loss, queries=WORDS, theme=theme)
    assert b"</svg>" in saved(drawn[0])
    assert drawn[0].get_figure() is drawn[1].get_figure()
    spoilt = tg.tensor(np.where(np.arange(3) == 1, np.nan, A.data))
    assert b"</svg>" in saved(plots.attention(spoilt, theme=theme)[0])


def test_wrong_calls() -> None:
    loss, A = run()
    with pytest.raises(ShapeError, match="attention weights are"):
        plots.attention(A[0])
    with pytest.raises(ArgumentError, match="2 rows and 2 heads"):
        plots.attention(A, row=2)
    with pytest.raises(ArgumentError, match="2 rows and 2 heads"):
        plots.attention(A, head=2)
    with pytest.raises(ArgumentError, match="2 words for 3 queries"):
        plots.attention(A, queries=["a", "b"])
    with pytest.raises(ArgumentError, match="does not depend"):
        plots.attention(A, tg.ones(1, requires_grad=True).sum())
    with pytest.raises(ArgumentError, match="2 maps on 1 Axes"):
        plots.attention(A, loss, ax=plots.axes())
    with pytest.raises(DtypeError, match="takes a tensor as weights"):
        plots.attention(A.data)
