"""The table of views: every view that a call takes is a row of it, and what a row says holds for the picture."""

from __future__ import annotations

from collections.abc import Callable
from math import isinf
from typing import get_args

import pytest

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn
from tinygrad_lstm.errors import ArgumentError
from viz.diagram.cellgraph import CellGraph
from viz.figures.cell_views import CELL_VIEWS, FEW_STEPS, MANY_STEPS, CellView, View
from viz.figures.composition import arrange
from viz.figures.options import Options
from viz.figures.selection import select
from viz.style.theme import theme_of

VIEWS = list(CELL_VIEWS)


def trajectory_of(steps: int) -> nn.Trajectory:
    tg.manual_seed(0)
    return nn.LSTM(2, 3).unroll(tg.randn(steps, 1, 2))


def test_the_names_for_type_checkers_are_those_of_the_table() -> None:
    assert get_args(View) == ("auto", "op", *VIEWS)


def test_every_view_of_the_table_draws_a_picture_of_its_own() -> None:
    trajectory = trajectory_of(3)
    assert len({viz.draw(trajectory, view=view).source for view in VIEWS}) == len(VIEWS)


def test_auto_is_the_view_of_few_steps_or_of_many() -> None:
    for steps, view in ((3, FEW_STEPS), (13, MANY_STEPS)):
        assert arrange(select(trajectory_of(steps)).chains, Options(theme_of("light"), fold=None)).view == view


@pytest.mark.parametrize("view", VIEWS)
def test_what_the_table_says_of_a_view_holds(view: View) -> None:
    row, trajectory = CELL_VIEWS[view], trajectory_of(9)

    def refused(call: Callable[[], object]) -> bool:
        try:
            call()
        except ArgumentError:
            return True
        return False

    how = arrange(select(trajectory).chains, Options(theme_of("light"), view, fold=[5], width=700))
    assert bool(how.hidden) == row.has_steps
    assert isinf(how.room) != row.has_rows
    assert refused(lambda: Options(theme_of("light"), view, lit="f")) != row.has_gates
    assert refused(lambda: viz.flow(trajectory.steps[-1].h.sum(), trajectory, view=view)) != row.has_steps
    assert refused(lambda: Options(theme_of("light"), view, depth=1))
    assert refused(lambda: Options(theme_of("light"), view, engine="dot"))


def test_the_row_of_a_view_decides_how_a_chain_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[CellGraph] = []

    def as_it_is(cells: CellGraph) -> CellGraph:
        seen.append(cells)
        return cells

    monkeypatch.setitem(CELL_VIEWS, "cell", CellView(as_it_is, has_steps=False))
    chains = select(trajectory_of(9)).chains
    how = arrange(chains, Options(theme_of("light"), "cell", fold=[5]))
    how.project(chains[0])
    assert seen == [chains[0]]
    assert how.hidden == []
