"""The plots say what was measured: every fact is read back from the Axes and compared with the engine's own numbers."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.errors import ArgumentError, GradError, MissingExtraError, ShapeError, TinygradError
from tinygrad_lstm.nn import GRU, LSTM, RNN, Trajectory
from tinygrad_lstm.training import BeltShare, Update
from viz import plots
from viz.plots.canvas import looks
from viz.style import number, theme_named

pytest.importorskip("matplotlib")
from matplotlib.figure import Figure  # it was just asked for
from matplotlib.text import Text

T, B, D, H = 7, 2, 3, 4
LAYERS: dict[str, Any] = {"LSTM": LSTM, "GRU": GRU, "RNN": RNN}
UPDATES = [Update(k, 5.0 / k, 1.0, 4.0 if k == 3 else None) for k in range(1, 6)]


def run(kind: str = "LSTM", rng_seed: int = 0, **options: Any) -> tuple[Any, Trajectory, tg.Tensor]:
    """A layer in float64, what it did with a random sequence, and a loss of its last output."""
    tg.manual_seed(rng_seed)
    layer = LAYERS[kind](D, H, **options).astype(float)
    for parameter in layer.parameters():
        parameter.data = parameter.data + 0.3 * np.random.default_rng(rng_seed).normal(size=parameter.shape)
    trajectory = layer.unroll(np.random.default_rng(1).normal(size=(T, B, D)))
    return layer, trajectory, (trajectory.output[-1] ** 2).sum()


def norms(loss: tg.Tensor, values: list[tg.Tensor]) -> list[float]:
    return [float(np.linalg.norm(g.data.astype(float))) for g in tg.grad(loss, values, retain_graph=True)]


def bars(ax: Any) -> dict[str, np.ndarray]:
    """By name, the bars of each part: its steps' middles, from where and to where each of them goes (3, T)."""
    found = {}
    for stairs in ax.patches:
        if stairs.get_label():
            tops, edges, bases = stairs.get_data()
            found[stairs.get_label()] = np.array([(edges[::2] + edges[1::2]) / 2, bases[::2], tops[::2]])
    return found


def heights(ax: Any) -> np.ndarray:
    """How high the bars are, part by part and step by step."""
    return np.array([top - base for _, base, top in bars(ax).values()])


def words(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


def saved(ax: Any, format: str = "svg") -> bytes:
    """What the figure of these Axes is as a file; warnings are errors here."""
    file = io.BytesIO()
    ax.get_figure().savefig(file, format=format)
    return file.getvalue()


# Gates and cells ----------------------------------------------------------------------------------------------------


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
    with pytest.raises(ArgumentError, match=r"what layer.unroll\(x\) gives, not a tuple"):
        plots.gates(wrong)


# How far back -------------------------------------------------------------------------------------------------------


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
    with pytest.raises(ArgumentError, match="no runs"):
        plots.gradient_by_lag({})
    wrong: Any = (3.0, trajectory)
    with pytest.raises(ArgumentError, match="the loss of GRU is a Tensor, not a float"):
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


# Shares -------------------------------------------------------------------------------------------------------------


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


class HalfNamed(tg.nn.Cell):
    """A cell that names one of its two gates."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.U = tg.nn.Parameter(np.random.default_rng(0).normal(size=(2 * hidden_size, hidden_size)))

    def forward(self, x: tg.Tensor, h: tg.Tensor) -> tg.Tensor:
        a, b = tg.split(tg.linear(h, self.U), 2, axis=-1)
        f = tg.sigmoid(a)
        tg.label(f=f)
        return f * h + tg.tanh(b) + x


def test_rows_that_lead_to_no_named_gate_are_not_lost() -> None:
    cell = HalfNamed(D, D)
    chain = tg.nn.unroll(cell, np.random.default_rng(1).normal(size=(T, B, D)))
    ax = plots.ledger(tg.paths.ledger((chain.output[-1] ** 2).sum(), cell.U))
    assert list(bars(ax)) == ["f", "no gate"]
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
        with pytest.raises(ArgumentError, match="all of one max_crossings"):
            plots.shares(wrong)
    with pytest.raises(ArgumentError, match="a step for each"):
        plots.shares(found, steps=(1, 2, 3))


# Memory -------------------------------------------------------------------------------------------------------------


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
    assert words(plots.eigenvalues(HalfNamed(D, D)))[0].startswith("block 1")
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
    with pytest.raises(ArgumentError, match="no runs"):
        plots.half_lives({})
    ax = plots.half_lives({"f": [np.inf, 0.0]})
    assert [text.get_text() for text in ax.texts] == ["no half-life between never and at once"]


# Trainings ----------------------------------------------------------------------------------------------------------


def test_a_training_curve_has_every_update_and_every_measure() -> None:
    ax = plots.training_curve(UPDATES, {"costs $2 or $3": 4.5})
    training, held_out, baseline = ax.get_lines()
    np.testing.assert_array_equal(training.get_ydata(), [update.bits for update in UPDATES])
    np.testing.assert_array_equal(np.transpose([np.asarray(part) for part in held_out.get_data()]), [[3, 4.0]])
    assert set(np.asarray(baseline.get_ydata())) == {4.5}
    assert [text.get_text() for text in ax.texts] == ["costs $2 or $3 4.50"]
    saved(ax)


def test_belt_shares_draws_every_run() -> None:
    runs = {f"run {k}": [BeltShare(lag, 0.1, 0.9 - lag / 10) for lag in range(k + 2)] for k in range(5)}
    lines = plots.belt_shares(runs).get_lines()[:-1]  # the last is zero
    assert [len(np.asarray(line.get_xdata())) for line in lines] == [2, 3, 4, 5, 6]
    against = [BeltShare(0, 1.0, 1.3), BeltShare(1, 0.1, -0.4)]  # a part can work against the whole
    low, high = plots.belt_shares({"one": against}).get_ylim()
    assert low < -0.4
    assert high > 1.3
    with pytest.raises(ArgumentError, match="run 5 has no shares"):
        plots.belt_shares({"run 5": []})


# What holds for all of them -----------------------------------------------------------------------------------------


def every_plot() -> dict[str, Callable[..., Any]]:
    layer, trajectory, loss = run()
    matrix = tg.paths.lag_matrix([(h**2).sum() for h in trajectory.output], list(layer.parameters()))
    routes = tg.paths.routes(loss, [step.c for step in trajectory.steps])
    book = tg.paths.ledger(loss, layer.layers[0].U)
    return {
        "gates": lambda **options: plots.gates(trajectory, "f", text="letters", **options)[0],
        "gradient_by_lag": lambda **options: plots.gradient_by_lag({"$\\no math$": (loss, trajectory)}, **options),
        "lag_matrix": lambda **options: plots.lag_matrix(matrix, **options),
        "ledger": lambda **options: plots.ledger(book, **options),
        "shares": lambda **options: plots.shares(routes, **options),
        "eigenvalues": lambda **options: plots.eigenvalues(layer.layers[0].U, "fiog", **options),
        "half_lives": lambda **options: plots.half_lives({"</text><script>": [1.0, 2.0]}, **options),
        "training_curve": lambda **options: plots.training_curve(UPDATES, {"unigram": 4.5}, **options),
        "belt_shares": lambda **options: plots.belt_shares({"$\\no math$": [BeltShare(0, 1.0, 1.0)]}, **options),
    }


PLOTS = every_plot()


def contrast(one: Any, other: Any) -> float:
    """The ratio of luminances that WCAG 2 asks for."""
    from matplotlib.colors import to_rgb

    linear = [np.where((c := np.array(to_rgb(x))) <= 0.03928, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
              for x in (one, other)]  # fmt: skip
    low, high = sorted(float(x @ (0.2126, 0.7152, 0.0722)) for x in linear)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PLOTS)
def test_every_word_can_be_read_on_the_paper(name: str, theme: Literal["light", "dark"]) -> None:
    ax = PLOTS[name](theme=theme)
    figure = ax.get_figure()
    ElementTree.fromstring(saved(ax).decode())  # well-formed, whatever the names
    paper = theme_named(theme).paper
    assert contrast(figure.get_facecolor(), paper) == pytest.approx(1)
    texts = [text for text in figure.findobj(Text) if text.get_text().strip()]
    assert texts
    least = {text.get_text(): contrast(text.get_color(), paper) for text in texts}
    assert all(ratio >= 4.5 for ratio in least.values()), least


@pytest.mark.parametrize("name", PLOTS)
def test_every_plot_draws_on_axes_of_ones_own(name: str) -> None:
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert PLOTS[name](ax=left) is left
    assert left.has_data()
    assert not right.has_data()
    assert len(figure.axes) <= 3  # the lag matrix has a scale beside it


def test_names_are_all_there() -> None:
    assert set(PLOTS) | {"axes"} == set(plots.__all__)


def test_thirty_looks_differ_and_three_of_them_in_every_way() -> None:
    thirty = [look for look, _ in zip(looks("light"), range(30), strict=False)]
    assert len(set(thirty)) == 30
    assert len({look.dash for look in thirty[:5]}) == len({look.hatch for look in thirty[:5]}) == 5
    assert len({look.colour for look in thirty[:6]}) == 6


def test_without_matplotlib_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for plot in PLOTS.values():
        with pytest.raises(MissingExtraError, match=r'^plots need: pip install "tinygrad-lstm\[viz\]"') as caught:
            plot()
        assert isinstance(caught.value, ImportError)
        assert "\n" not in str(caught.value)


def test_matplotlib_is_imported_when_something_is_drawn_and_pyplot_never() -> None:
    script = """
import sys
from viz import plots
print("matplotlib" in sys.modules)
plots.half_lives({"a": [1.0, 2.0]}).figure.canvas.draw()
print("matplotlib" in sys.modules, "matplotlib.pyplot" in sys.modules)
"""
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=root)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["False", "True", "False"]
