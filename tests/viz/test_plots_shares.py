"""Ledgers and shares as bars: signed projections, which sum to the whole."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm.errors import ArgumentError
from viz import plots
from viz.style.text import number

pytest.importorskip("matplotlib")

from tests.support.plots import B, D, H, HalfNamed, T, bars, heights, run, words


@pytest.mark.parametrize(("kind", "gates"), [("LSTM", ["f", "i", "o", "C̃"]), ("GRU", ["r", "z", "n"]), ("RNN", ["h"])])
@pytest.mark.parametrize("name", ["W", "U", "b"])
def test_the_bars_of_a_ledger_are_projections_and_sum_to_the_whole(kind: str, gates: list[str], name: str) -> None:
    layer, _, loss = run(kind)
    book = tg.paths.ledger(loss, getattr(layer.layers[0], name))
    ax = plots.ledger(book)
    assert list(bars(ax)) == gates
    for middles, _, _ in bars(ax).values():
        np.testing.assert_allclose(middles, range(1, T + 1))
    assert words(ax) == gates[::-1] if len(gates) > 1 else not ax.get_legend()
    table = heights(ax)
    total = tg.grad(loss, getattr(layer.layers[0], name))[0].data
    by_step = [np.vdot(part, total) / np.vdot(total, total) for part in book.by_step]
    np.testing.assert_allclose(table.sum(axis=0), by_step, atol=1e-12)
    for k, row in enumerate(table):
        rows = slice(k * H, (k + 1) * H)
        wanted = [np.vdot(part[rows], total[rows]) / np.vdot(total, total) for part in book.by_step]
        np.testing.assert_allclose(row, wanted, atol=1e-12)
    assert table.sum() == pytest.approx(1, abs=1e-12)
    assert ax.get_ylabel() == f"share of dL/d{name}\n‖dL/d{name}‖ {number(float(np.linalg.norm(total)))}"


def test_what_works_against_the_whole_stands_below_zero() -> None:
    layer, trajectory, _ = run()
    loss = trajectory.output[-1].sum() - 0.7 * trajectory.output[2].sum()
    ax = plots.ledger(tg.paths.ledger(loss, layer.layers[0].W))
    assert (heights(ax) < -0.01).any()
    for t in range(T):  # no two of a step overlap, and none crosses zero
        spans = sorted((min(base[t], top[t]), max(base[t], top[t])) for _, base, top in bars(ax).values())
        assert all(low >= -1e-12 or high <= 1e-12 for low, high in spans)
        assert all(below[1] <= above[0] + 1e-12 for below, above in pairwise(spans))


def test_a_use_outside_the_steps_is_a_bar_by_itself() -> None:
    layer, _, loss = run()
    U = layer.layers[0].U
    ax = plots.ledger(tg.paths.ledger(loss + (U**2).sum(), U))
    table = heights(ax)
    assert list(bars(ax)) == ["f", "i", "o", "C̃", "no gate"]
    total = tg.grad(loss + (U**2).sum(), U)[0].data
    assert table.shape[1] == T + 1
    assert table[:, 0].sum() == pytest.approx(np.vdot(2 * U.data, total) / np.vdot(total, total))
    assert table.sum() == pytest.approx(1)
    ax.figure.canvas.draw()
    assert ax.get_xticklabels()[0].get_text() == "outside"


def test_rows_that_lead_to_no_gate_are_those_of_the_state() -> None:
    cell = HalfNamed(D, D)
    chain = tg.nn.unroll(cell, np.random.default_rng(1).normal(size=(T, B, D)))
    ax = plots.ledger(tg.paths.ledger((chain.output[-1] ** 2).sum(), cell.U))
    assert list(bars(ax)) == ["f", "h"]
    assert heights(ax).sum() == pytest.approx(1)


def test_a_tiny_gradient_has_shares_and_none_has_none() -> None:
    layer, _, loss = run()
    W = layer.layers[0].W
    tiny, whole = (heights(plots.ledger(tg.paths.ledger(loss * factor, W))) for factor in (1e-200, 1.0))
    np.testing.assert_allclose(tiny, whole, rtol=1e-9, atol=1e-15)
    for factor, word in ((0.0, "no gradient"), (np.nan, "the gradient is not finite")):
        ax = plots.ledger(tg.paths.ledger(loss * factor, W))
        assert not bars(ax)
        assert [text.get_text() for text in ax.texts] == [word]


@pytest.mark.parametrize(("kind", "state"), [("LSTM", "c"), ("LSTM", "h"), ("GRU", "h"), ("RNN", "h")])
@pytest.mark.parametrize("crossings", [0, 3])
def test_shares_are_those_of_the_routes(kind: str, state: str, crossings: int) -> None:
    _, trajectory, loss = run(kind)
    found = tg.paths.routes(loss, [getattr(step, state) for step in trajectory.steps], max_crossings=crossings)
    ax = plots.shares(found)
    names = ["never crossed", "crossed once", "2 times", "3 times"][: crossings + 1] + ["more often"]
    assert list(bars(ax)) == names == words(ax)[::-1]
    table = heights(ax)
    np.testing.assert_allclose(table.T, [route.shares for route in found], atol=1e-12)
    np.testing.assert_allclose(table.sum(axis=0), 1)
    np.testing.assert_allclose(bars(ax)["never crossed"][0], range(1, T + 1))
    low, high = ax.get_ylim()
    assert low < table.clip(max=0).sum(axis=0).min()
    assert high > table.clip(min=0).sum(axis=0).max()


def test_steps_without_shares_are_hatched_and_told() -> None:
    _, trajectory, _ = run()
    found = tg.paths.routes(trajectory.steps[3].h.sum(), [step.c for step in trajectory.steps], max_crossings=0)
    ax = plots.shares(found)
    assert ax.get_xlabel() == "t\nhatched: no gradient at t = 5–7"
    assert not heights(ax)[:, 4:].any()
    hatched: list[Any] = [patch for patch in ax.patches if not patch.get_label()]
    assert all(patch.get_hatch() and not patch.get_facecolor()[3] for patch in hatched)
    assert sorted(patch.get_extents().transformed(ax.transData.inverted()).x0 for patch in hatched) == pytest.approx(
        [4.5, 5.5, 6.5]
    )


def test_shares_of_some_steps_and_of_one() -> None:
    _, trajectory, loss = run()
    found = tg.paths.routes(loss, [trajectory.steps[t - 1].c for t in (2, 5)])
    ax = plots.shares(found, steps=(2, 5))
    np.testing.assert_allclose(bars(ax)["never crossed"][0], [2, 5])
    np.testing.assert_allclose(heights(plots.shares(found[0]))[:, 0], found[0].shares)
    for wrong in ([], [found[0], tg.paths.routes(loss, trajectory.steps[0].c, max_crossings=1)]):
        with pytest.raises(ArgumentError, match=r"all of one max_crossings|not an empty list"):
            plots.shares(wrong)
    with pytest.raises(ArgumentError, match="a step for each"):
        plots.shares(found, steps=(1, 2, 3))
