"""Heat maps of gates and cells show the values of one row, above its text or signal."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm.errors import ArgumentError, DtypeError
from tinygrad_lstm.nn import GRU, LSTM
from viz import plots

pytest.importorskip("matplotlib")
from matplotlib.figure import Figure  # it was just asked for

from tests.support.plots import B, D, H, T, run, saved


@pytest.mark.parametrize(("kind", "names"), [("LSTM", "figcoh"), ("GRU", "rznh"), ("RNN", "h")])
def test_a_heat_map_shows_the_values_of_one_row(kind: str, names: str) -> None:
    _, trajectory, _ = run(kind)
    panels = plots.gates(trajectory, row=1)
    assert [ax.get_ylabel() for ax in panels] == [{"c": "C", "g": "C̃"}.get(name, name) for name in names]
    for ax, name in zip(panels, names, strict=True):
        (image,) = ax.get_images()
        values = np.array([getattr(step, name).data[1] for step in trajectory.steps])
        np.testing.assert_array_equal(image.get_array(), values.T)  # units down, time right
        assert tuple(image.get_extent()) == (0.5, T + 0.5, H - 0.5, -0.5)
        low, high = image.get_clim()
        assert (low, high) == ((0, 1) if name in "fiorz" else (-np.abs(values).max(), np.abs(values).max()))


def test_every_layer_and_direction_can_be_looked_at() -> None:
    _, trajectory, _ = run(num_layers=2, bidirectional=True)
    for chain in range(4):
        (ax,) = plots.gates(trajectory, "c", chain=chain)
        expected = trajectory.chains[chain]["c"].data[:, 0].T
        np.testing.assert_array_equal(ax.get_images()[0].get_array(), expected)


def test_the_text_stands_under_its_steps() -> None:
    _, trajectory, _ = run()
    panels = plots.gates(trajectory, ("f", "c"), text="a $\n_<b")
    ticks = panels[-1].get_xticks()
    assert list(ticks) == list(range(1, T + 1))
    assert [label.get_text() for label in panels[-1].get_xticklabels()] == ["a", "␣", "$", "↵", "_", "<", "b"]


@pytest.mark.parametrize("text", ["wm" * 30, "wm" * 120, ["W", "statement"] * 40], ids=len)
def test_a_long_text_does_not_overlap_itself(text: str | list[str]) -> None:
    trajectory = LSTM(1, 2).unroll(np.zeros((len(text), 1, 1)))
    (ax,) = plots.gates(trajectory, "f", text=text)
    saved(ax, "png")
    boxes = [label.get_window_extent() for label in ax.get_xticklabels()]
    assert all(left.x1 <= right.x0 for left, right in pairwise(boxes))
    assert min(box.y0 for box in boxes) >= 0
    assert float(ax.get_xticklabels()[0].get_fontsize()) >= 7


def test_the_signal_is_drawn_below_on_the_same_time() -> None:
    _, trajectory, _ = run()
    signal = np.random.default_rng(2).normal(size=(T, 2))
    *_, ax = panels = plots.gates(trajectory, ("f",), signal=signal)
    assert len(panels) == 2
    for line, column in zip(ax.get_lines(), signal.T, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), range(1, T + 1))
        np.testing.assert_array_equal(line.get_ydata(), column)
    assert {panel.get_xlim() for panel in panels} == {(0.5, T + 0.5)}
    (line,) = plots.gates(trajectory, "f", signal=tg.tensor(signal[:, 0]))[-1].get_lines()
    np.testing.assert_allclose(np.asarray(line.get_ydata(), float), signal[:, 0], rtol=1e-6)


def test_sorted_units_are_the_same_in_every_map_and_keep_their_numbers() -> None:
    _, trajectory, _ = run()
    f, c = plots.gates(trajectory, ("f", "c"), sort="f")
    order = np.argsort(-trajectory["f"].data[:, 0].mean(axis=0))
    np.testing.assert_array_equal(f.get_images()[0].get_array(), trajectory["f"].data[:, 0].T[order])
    np.testing.assert_array_equal(c.get_images()[0].get_array(), trajectory["c"].data[:, 0].T[order])
    assert [label.get_text() for label in c.get_yticklabels()] == [f"unit {order[0]}", *map(str, order[1:])]


def test_what_is_not_finite_stays_hatched() -> None:
    x = np.zeros((3, 1, 1))
    x[1] = np.nan
    (ax,) = plots.gates(LSTM(1, 2).unroll(x), "f")
    data: Any = ax.get_images()[0].get_array()
    np.testing.assert_array_equal(data.mask, [[False, True, True]] * 2)
    assert ax.patch.get_hatch()
    assert ax.get_images()[0].get_clim() == (0, 1)


def test_inputs_and_candidates_are_no_gates_even_where_they_are_never_negative() -> None:
    trajectory = LSTM(D, H).unroll(np.full((1, 1, D), 0.5))
    for name in ("x", "g", "h"):
        trajectory.steps[0].named[name].data = abs(trajectory.steps[0].named[name].data)
        low, high = plots.gates(trajectory, (name,))[0].get_images()[0].get_clim()
        assert low == -high < 0


def test_gates_of_one_sequence_made_without_gradients() -> None:
    with tg.no_grad():
        trajectory = GRU(D, H).unroll(np.ones((T, D)))
    (ax,) = plots.gates(trajectory, "z")
    np.testing.assert_array_equal(ax.get_images()[0].get_array(), trajectory["z"].data.T)


def test_gates_on_axes_of_ones_own() -> None:
    _, trajectory, _ = run()
    mine = Figure().subplots(2, 2)
    assert plots.gates(trajectory, "f", ax=mine[0, 0]) == [mine[0, 0]]
    assert plots.gates(trajectory, "fioc", text="abcdefg", ax=mine) == list(mine.flat)
    with pytest.raises(ArgumentError, match="2 names and a signal on 2 Axes"):
        plots.gates(trajectory, "fi", signal=np.ones(T), ax=list(mine[0]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"names": ("q",)}, "no 'q' in the steps of a LSTMCell; there are x, f, i, g, c, o, h"),
        ({"names": ()}, "at least one name"),
        ({"sort": "r"}, "no 'r'"),
        ({"row": 2}, "no row 2 in a batch of 2"),
        ({"chain": 1}, "no chain 1: the run has 1"),
        ({"text": "too long a text"}, "a text of 15 characters for a run of 7 steps"),
        ({"signal": np.ones(3)}, r"a signal is \(T,\) or \(T, D\), with T = 7 steps here, not \(3,\)"),
    ],
)
def test_what_gates_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        plots.gates(run()[1], **options)


def test_gates_of_what_is_no_run() -> None:
    wrong: Any = LSTM(D, H)(np.ones((T, B, D)))
    with pytest.raises(DtypeError, match=r"what layer.unroll\(x\) gives, as trajectory, not a tuple"):
        plots.gates(wrong)
