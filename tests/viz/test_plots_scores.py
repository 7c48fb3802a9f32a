"""Plots of scores over a number, and of descents on a loss surface."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib")
from tinygrad_lstm.errors import ArgumentError, DtypeError
from viz import plots
from viz.style.theme import ThemeName


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_scores_are_lines_with_levels_to_compare_with(theme: ThemeName) -> None:
    runs = {"a $x$": {1: 0.5, 10: 0.25}, "b": {1: 1.0, 10: 0.75}}
    ax = plots.scores(runs, x="words", y="right", lines={"chance": 0.125}, log="x", theme=theme)
    assert [np.asarray(line.get_ydata()).tolist() for line in ax.get_lines()[:2]] == [[0.5, 0.25], [1.0, 0.75]]
    assert ax.get_xscale() == "log"
    assert ax.get_ylim()[0] == 0
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("words", "right")
    assert [text.get_text() for text in ax.texts] == ["chance"]
    assert len({str(line.get_color()) for line in ax.get_lines()[:2]}) == 2
    ax.get_figure(root=True).canvas.draw()  # type: ignore[union-attr]  # it is on a figure


@pytest.mark.parametrize("runs", [{}, {"a": {}}, {"a": {1: "x"}}, [1], {"a": [1, 2]}])
def test_what_are_no_scores_is_refused(runs: Any) -> None:
    with pytest.raises((DtypeError, ArgumentError), match="scores"):
        plots.scores(runs)


def test_a_descent_that_leaves_the_picture_says_how_far_it_went() -> None:
    paths = {"gone": [(0.0, 0.0), (3e8, 0.0)], "stays": [(0.0, 0.0), (0.5, 0.5)]}
    ax = plots.surface(lambda x, y: x * y, (-1, 1), (0, 2), paths, names=("u", "b"))
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["gone: 3e+08 away, outside the picture", "stays"]
    assert (*ax.get_xlim(), *ax.get_ylim()) == (-1, 1, 0, 2)
    (image,) = ax.get_images()
    assert np.asarray(image.get_array()).shape == (240, 240)


@pytest.mark.parametrize("x", [(1, 0), 3, (1, 2, 3), (2, 2)])
def test_a_surface_needs_a_range(x: Any) -> None:
    with pytest.raises(DtypeError, match=r"a pair \(low, high\) as x"):
        plots.surface(lambda x, y: x, x, (0, 1), {"a": [(0, 0)]})
