"""How far back the gradient reaches: heights are the norms that grad gives, and what is no number is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm.errors import ArgumentError, DtypeError, GradError
from tinygrad_lstm.nn import GRU, RNN
from viz import plots

pytest.importorskip("matplotlib")

from tests.support.plots import LAYERS, B, D, H, T, norms, run, saved, words


@pytest.mark.parametrize(("kind", "state"), [("LSTM", "h"), ("LSTM", "c"), ("GRU", "h"), ("RNN", "h"), ("LSTM", "i")])
def test_heights_are_the_norms_that_grad_gives(kind: str, state: str) -> None:
    layer, trajectory, loss = run(kind)
    ax = plots.gradient_by_lag({kind: (loss, trajectory)}, state=state)
    (line,) = ax.get_lines()
    np.testing.assert_array_equal(line.get_xdata(), range(T))
    expected = norms(loss, [getattr(step, state) for step in trajectory.steps])
    np.testing.assert_allclose(np.asarray(line.get_ydata(), float), expected[::-1], rtol=1e-12)
    assert ax.get_yscale() == "log"
    assert words(ax) == [kind]
    assert all(parameter.grad is None for parameter in layer.parameters())
    loss.backward()  # the graph is kept


def test_several_models_on_one_scale_each_with_a_look_of_its_own() -> None:
    runs = {kind: run(kind)[:0:-1] for kind in LAYERS}
    ax = plots.gradient_by_lag({kind: (loss, trajectory) for kind, (loss, trajectory) in runs.items()})
    lines: list[Any] = list(ax.get_lines())
    assert words(ax) == list(LAYERS)
    assert len({line.get_color() for line in lines}) == len({line.get_marker() for line in lines}) == 3
    assert len({str(line._dash_pattern) for line in lines}) == 3  # there is no public way


def test_lag_0_of_a_reverse_chain_is_its_last_step() -> None:
    _, trajectory, _ = run(reverse=True)
    loss = (trajectory.output[0] ** 2).sum()
    (line,) = plots.gradient_by_lag({"reverse": (loss, trajectory)}).get_lines()
    expected = norms(loss, [step.h for step in trajectory.steps])
    np.testing.assert_allclose(np.asarray(line.get_ydata(), float), expected, rtol=1e-12)


def test_what_is_no_number_on_a_log_axis_is_told_not_drawn() -> None:
    _, trajectory, _ = run("RNN")
    zero, nan = trajectory.output[3].sum(), (trajectory.output[-1] * np.nan).sum()
    steps = {"none": trajectory.steps[3].h.sum(), "zero": zero, "nan": nan, "all": trajectory.output[-1].sum()}
    ax = plots.gradient_by_lag({name: (loss, trajectory) for name, loss in steps.items()})
    drawn = {str(line.get_label()).split("\n")[0]: np.asarray(line.get_ydata()) for line in ax.get_lines()}
    for name, missing in {"none": [0, 1, 2], "zero": [0, 1, 2], "nan": range(T), "all": []}.items():
        np.testing.assert_array_equal(np.flatnonzero(~np.isfinite(drawn[name])), missing)
    assert words(ax) == [
        "none\n   no gradient at lag 0–2", "zero\n   exactly 0 at lag 0–2", "nan\n   not finite at lag 0–6", "all"
    ]  # fmt: skip
    saved(ax)


def test_a_gradient_too_small_to_square_is_no_zero() -> None:
    rnn = RNN(D, H)
    rnn.layers[0].U.data = rnn.layers[0].U.data * np.float32(1e-4)
    trajectory = rnn.unroll(np.ones((T, D), np.float32))
    loss = trajectory.output[-1].sum()
    (line,) = plots.gradient_by_lag({"RNN": (loss, trajectory)}).get_lines()
    wide = norms(loss, [step.h for step in trajectory.steps])
    assert 0 < wide[0] < 1e-23  # the square of that is 0 in float32
    np.testing.assert_allclose(np.asarray(line.get_ydata(), float), wide[::-1])


def test_the_axis_has_whole_decades() -> None:
    _, trajectory, _ = run()
    ax = plots.gradient_by_lag({"flat": (3 * trajectory.output.sum(), trajectory)})
    low, high = np.log10(ax.get_ylim())
    sizes = np.log10(np.asarray(ax.get_lines()[0].get_ydata(), float))
    assert [low, high] == pytest.approx([round(low), round(high)])
    assert low < sizes.min() < low + 1.1
    assert high - 1.1 < sizes.max() < high


def test_a_loss_of_something_else_has_no_gradient_anywhere() -> None:
    _, trajectory, _ = run()
    _, _, other = run("GRU")
    ax = plots.gradient_by_lag({"LSTM": (other, trajectory)})
    assert [text.get_text() for text in ax.texts] == ["no gradient"]
    saved(ax)


def test_values_that_require_no_gradient_have_none() -> None:
    _, trajectory, loss = run()
    ax = plots.gradient_by_lag({"LSTM": (loss, trajectory)}, state="x")
    assert words(ax) == ["LSTM\n   no gradient at lag 0–6"]


def test_what_gradient_by_lag_refuses() -> None:
    _, trajectory, loss = run("GRU")
    with pytest.raises(ArgumentError, match="no 'c' in the steps of a GRUCell; there are x, r, z, n, h"):
        plots.gradient_by_lag({"GRU": (loss, trajectory)}, state="c")
    with pytest.raises(ArgumentError, match="not an empty dict"):
        plots.gradient_by_lag({})
    wrong: Any = (3.0, trajectory)
    with pytest.raises(DtypeError, match=r"not a tuple with the number 3\.0 in it under 'GRU'"):
        plots.gradient_by_lag({"GRU": wrong})
    with tg.no_grad():
        unwatched = GRU(D, H).unroll(np.ones((T, B, D)))
    with pytest.raises(GradError, match="the loss of GRU requires no gradient"):
        plots.gradient_by_lag({"GRU": (unwatched.output.sum(), unwatched)})


@pytest.mark.parametrize("kind", LAYERS)
def test_the_lag_matrix_is_drawn_as_it_is(kind: str) -> None:
    layer, trajectory, _ = run(kind)
    matrix = tg.paths.lag_matrix([(h**2).sum() for h in trajectory.output], list(layer.parameters()))
    ax = plots.lag_matrix(matrix)
    (image,) = ax.get_images()
    data: Any = image.get_array()
    np.testing.assert_array_equal(data.filled(0), matrix.norms)
    np.testing.assert_array_equal(data.mask, np.triu(np.ones((T, T), bool), 1))  # no loss owes to what comes later
    assert tuple(image.get_extent()) == (0.5, T + 0.5, T + 0.5, 0.5)
    assert (image.norm.vmin, image.norm.vmax) == pytest.approx((data.min(), data.max()))
    assert ax.patch.get_hatch()


def test_a_lag_matrix_without_numbers_says_so() -> None:
    nothing = tg.paths.LagMatrix([], [], np.zeros((3, 3)), None)
    ax = plots.lag_matrix(nothing)
    assert not ax.get_images()
    assert [text.get_text() for text in ax.texts] == ["no gradient"]
    broken = tg.paths.LagMatrix([], [], np.array([[1.0, 0.0], [np.nan, 1.0]]), None)
    ax = plots.lag_matrix(broken)
    assert ax.get_xlabel().endswith("\n1 entry not finite, hatched")
    saved(ax)
