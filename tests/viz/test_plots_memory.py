"""Eigenvalues of U and half-lives of the belt."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.errors import ArgumentError, ShapeError, TinygradError
from viz import plots
from viz.style.text import number

pytest.importorskip("matplotlib")

from tests.support.plots import D, H, HalfNamed, run, words


@pytest.mark.parametrize(("kind", "gates"), [("LSTM", "fiog"), ("GRU", "rzn"), ("RNN", None)])
def test_the_eigenvalues_of_each_gate(kind: str, gates: str | None) -> None:
    U = run(kind)[0].layers[0].U
    ax = plots.eigenvalues(U, gates)
    circle, *blocks = ax.get_lines()
    np.testing.assert_allclose(np.hypot(*map(np.asarray, circle.get_data())), 1)
    for k, marks in enumerate(blocks):
        expected = np.linalg.eigvals(U.data[k * H : (k + 1) * H])
        x, y = map(np.asarray, marks.get_data())
        np.testing.assert_array_equal(np.sort_complex(x + 1j * y), np.sort_complex(expected))
        assert words(ax)[k] == f"{(gates or 'U')[k]}  ρ {number(float(np.abs(expected).max()))}"
    assert len(blocks) == len(U.data) // H
    assert len({marks.get_marker() for marks in blocks}) == len(blocks)
    assert ax.get_aspect() == 1


@pytest.mark.parametrize(
    ("cell", "gates"),
    [
        (nn.LSTMCell, ["f", "i", "o", "C̃"]),
        (nn.PeepholeLSTMCell, ["f", "i", "o", "C̃"]),
        (nn.CandidateDropoutLSTMCell, ["f", "i", "o", "C̃"]),
        (nn.CoupledLSTMCell, ["f", "o", "C̃"]),
        (nn.GRUCell, ["r", "z", "n"]),
        (nn.ResetBeforeGRUCell, ["r", "z", "n"]),
        (nn.MGUCell, ["f", "n"]),
        (nn.RNNCell, ["U"]),
    ],
)
def test_a_cell_names_its_gates_by_itself(cell: type[nn.Cell], gates: list[str]) -> None:
    one: Any = cell(D, H).astype(float)
    before = {name: parameter.data.copy() for name, parameter in one.named_parameters()}
    with tg.no_grad():
        ax = plots.eigenvalues(one)
    assert [word.split()[0] for word in words(ax)] == gates
    for k, marks in enumerate(ax.get_lines()[1:]):
        values = np.linalg.eigvals(one.U.data[k * H : (k + 1) * H])
        np.testing.assert_array_equal(np.sort(np.asarray(marks.get_xdata())), np.sort(values.real))
    assert all(np.array_equal(parameter.data, before[name]) for name, parameter in one.named_parameters())
    assert all(parameter.grad is None for parameter in one.parameters())


def test_a_cell_whose_gates_are_not_named_has_blocks() -> None:
    assert [word[0] for word in words(plots.eigenvalues(HalfNamed(D, D)))] == ["f", "h"]  # a state has a name
    assert words(plots.eigenvalues(nn.LayerNormGRUCell(D, H)))[0].startswith("block 1")  # the norm is of all rows
    with pytest.raises(ArgumentError, match=r"a SeparateLSTMCell has no U; its matrices are W_f, U_f, .*: plot one of"):
        plots.eigenvalues(nn.SeparateLSTMCell(D, H))
    with pytest.raises(ShapeError, match="square blocks"):
        plots.eigenvalues(nn.ProjectedLSTMCell(D, H, proj_size=2))


def test_no_word_of_the_eigenvalues_is_cut() -> None:
    ax = plots.eigenvalues(nn.LSTMCell(D, 16))
    figure: Any = ax.get_figure()
    figure.draw_without_rendering()
    whole = figure.bbox
    legend: Any = ax.get_legend()
    for text in (*legend.get_texts(), ax.xaxis.label, ax.yaxis.label):
        box = text.get_window_extent()
        assert whole.x0 <= box.x0 < box.x1 <= whole.x1
        assert whole.y0 <= box.y0 < box.y1 <= whole.y1


@pytest.mark.parametrize("lives", [[1.2, 1.4, 1.7], [2.0], [0.3, 7.0, 4000.0]])
def test_the_steps_of_half_lives_are_plain_numbers(lives: list[float]) -> None:
    ax = plots.half_lives({"f": lives})
    figure: Any = ax.get_figure()
    figure.draw_without_rendering()
    low, high = ax.get_xlim()
    assert low < min(lives) <= max(lives) < high
    ticks = [tick.get_text() for tick in ax.get_xticklabels() if low <= tick.get_position()[0] <= high]
    assert len(ticks) >= 2
    assert all(str(float(tick)).strip("0.")[:1] in "125" for tick in ticks)
    assert not [tick for tick in ax.get_xticklabels(minor=True) if tick.get_text()]


@pytest.mark.parametrize(
    ("U", "gates", "error"),
    [
        (np.ones((5, 3)), None, ShapeError),
        (np.ones((6, 3)), "fio", ShapeError),
        (np.ones(3), None, ShapeError),
        (np.ones((0, 3)), None, ShapeError),
        (np.full((3, 3), np.nan), None, ArgumentError),
    ],
)
def test_what_has_no_eigenvalues(U: Any, gates: str | None, error: type[TinygradError]) -> None:
    with pytest.raises(error):
        plots.eigenvalues(U, gates)


def test_half_lives_as_shares_of_the_units() -> None:
    _, trajectory, loss = run()
    horizon = tg.paths.horizon(loss, trajectory)
    ax = plots.half_lives({"belt": horizon, "z": np.array([1.0, 0.0, 100.0, np.inf, 10.0])})
    belt, z = ax.get_lines()
    assert horizon.half_lives is not None
    np.testing.assert_array_equal(belt.get_xdata(), np.sort(horizon.half_lives))
    np.testing.assert_allclose(np.asarray(belt.get_ydata()), [1, 0.75, 0.5, 0.25])
    np.testing.assert_array_equal(z.get_xdata(), [1, 10, 100])
    np.testing.assert_allclose(np.asarray(z.get_ydata()), [0.8, 0.6, 0.4])  # 1 unit forgets at once, 1 never
    assert words(ax)[1] == "z: median 10.00 steps\n   for ever: 1 unit\n   not at all: 1 unit"
    assert ax.get_xscale() == "log"


@pytest.mark.parametrize("lives", [[], [-1.0], [np.nan, 1.0]])
def test_what_are_no_half_lives(lives: list[float]) -> None:
    with pytest.raises(ArgumentError, match="numbers of steps"):
        plots.half_lives({"f": lives})


def test_a_cell_without_a_belt_has_no_half_lives_by_itself() -> None:
    _, trajectory, loss = run("GRU")
    with pytest.raises(ArgumentError, match="GRU has no belt with an f"):
        plots.half_lives({"GRU": tg.paths.horizon(loss, trajectory)})
    with pytest.raises(ArgumentError, match="not an empty dict"):
        plots.half_lives({})
    ax = plots.half_lives({"f": [np.inf, 0.0]})
    assert [text.get_text() for text in ax.texts] == ["no half-life between never and at once"]
