"""Long runs: only steps that compute the same are folded, the fold says how many, and its small plots are true."""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
import viz
from tests.support import scales, svg
from tests.support.pictures import Drawn, check_lines
from tests.support.runs import H, Run, of_every, of_last, run
from viz.style.text import number

FOLDS: dict[str, tuple[int, Any, list[tuple[int, int]]]] = {
    "12": (12, "auto", []),
    "13": (13, "auto", [(3, 11)]),
    "50": (50, "auto", [(3, 48)]),
    "50, None": (50, None, []),
    "50, [20]": (50, [20], [(3, 19), (21, 48)]),
    "50, {1, 20, 22}": (50, {1, 20, 22}, [(3, 19), (23, 48)]),
    "5, [3]": (5, [3], []),
    "6, []": (6, [], [(3, 4)]),
}


@cache
def case_of(name: str, kind: str = "LSTM", **options: Any) -> Drawn:
    steps, fold, hidden = FOLDS[name]
    return Drawn(*run(kind, steps, of_every, **options), hidden=hidden, fold=fold)


@pytest.fixture(params=FOLDS)
def case(request: pytest.FixtureRequest) -> Drawn:
    return case_of(request.param)


def steps_in(picture: svg.Svg, prefix: str = "") -> list[int]:
    named = [name.removeprefix(f"{prefix}step_") for name in picture.frames if name.startswith(f"{prefix}step_")]
    return [int(name) for name in named]


@pytest.mark.parametrize("view", ["cell", "strip"])
def test_the_steps_that_are_not_drawn_are_counted(case: Drawn, view: str) -> None:
    picture, T = case.view(view), len(case.trajectory)
    captions = {name: text for name, (_, text) in picture.frames.items() if name.startswith("fold")}
    assert captions == {f"fold_{first}_{last}": f"... {last - first + 1} steps" for first, last in case.hidden}
    inside = {t for first, last in case.hidden for t in range(first, last + 1)}
    assert steps_in(picture) == [t for t in range(1, T + 1) if t not in inside]
    boxes = [picture.frames[name][0] for name in sorted(picture.frames, key=lambda name: int(name.split("_")[1]))]
    assert all(one[2] < other[0] or one[3] < other[1] for one, other in pairwise(boxes))  # or in the next row
    words = " ".join(picture.text.split())
    for first, last in case.hidden:
        assert f"t = {first} to {last}" in words
        assert f"t = {first} to {last}" in picture.description


@pytest.mark.parametrize("view", ["cell", "strip"])
def test_lines_into_a_fold_and_out_of_it_are_as_wide_as_what_is_delivered_along_them(case: Drawn, view: str) -> None:
    check_lines(case, view)


@pytest.mark.parametrize("options", [{"num_layers": 2}, {"bidirectional": True}, {"reverse": True}])
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN", "own"])
def test_so_are_those_of_several_layers(kind: str, options: dict[str, Any]) -> None:
    case = case_of("13", kind, **options)
    for view in ("cell", "strip"):
        check_lines(case, view)
        for k in range(len(case.chains)):
            assert f"{case.prefix(k)}fold_3_11" in case.view(view).frames


def test_no_two_boxes_overlap_where_steps_are_folded(case: Drawn) -> None:
    for view in ("cell", "strip"):
        seen = [node for node in case.view(view).nodes.values() if node.outlined or node.texts]
        seen.sort(key=lambda node: node.box[0])
        for k, one in enumerate(seen):
            for other in seen[k + 1 :]:
                if other.box[0] > one.box[2]:
                    break
                assert not svg.overlap(one.box, other.box, 0.11), (one.id, other.id)


def norms_of(case: Drawn, name: str, first: int, last: int) -> dict[int, float]:
    steps = {t: case.gradient(case.trajectory.steps[t - 1].named[name]) for t in range(first, last + 1)}
    return {t: float(np.linalg.norm(total)) for t, total in steps.items()}


@pytest.mark.parametrize("name", ["13", "50", "50, [20]"])
@pytest.mark.parametrize("view", ["cell", "strip"])
def test_the_small_plots_and_belts_have_the_norms_of_every_step(name: str, view: str) -> None:
    case = case_of(name)
    picture = case.view(view)
    for (first, last), state in ((run_, state) for run_ in case.hidden for state in ("c", "h")):
        sign = "C" if state == "c" else "h"
        norms = norms_of(case, state, first, last)
        tooltip = f"‖∂L/∂{sign}ₜ‖ at t = {first} to {last}, logarithmic"
        (plot,) = [curve for curve in picture.curves if curve.tooltip == tooltip]
        assert len(plot.points) == last - first + 1
        left, top, right, bottom = picture.frames[f"fold_{first}_{last}"][0]
        assert all(left < x < right and top < y < bottom for x, y in plot.points)
        gaps = np.diff([x for x, _ in plot.points])
        np.testing.assert_allclose(gaps, gaps[0], atol=0.11)
        logs, heights = np.log10(list(norms.values())), np.array([-y for _, y in plot.points])
        slope = np.polyfit(logs, heights, 1)
        assert slope[0] > 0
        np.testing.assert_allclose(np.polyval(slope, logs), heights, atol=0.11)
        assert f"‖∂L/∂{sign}ₜ‖ {number(norms[first])} at t = {first}, {number(norms[last])} at {last}" in picture.text
        for t, norm in norms.items():
            said = f"‖∂L/∂{sign}{t}‖ {number(norm)}".replace(str(t) + "‖", f"{t}‖".translate(SUBSCRIPTS))
            (piece,) = [
                c for c in picture.curves if c.tooltip.startswith(said.split("‖ ")[0] + "‖ ") and "log" not in c.tooltip
            ]
            assert piece.tooltip == said
            assert piece.width == pytest.approx(scales.printed_width(picture.text)(norm), abs=0.006)


SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def test_the_product_of_the_gates_over_a_fold_is_printed() -> None:
    case = case_of("50")
    means = [float(step.f.data.mean()) for step in case.trajectory.steps[2:48]]
    assert f"product of mean f: {number(math.prod(means))}" in case.view("cell").text


def test_a_fold_before_any_backward_shows_no_numbers_of_gradients() -> None:
    trajectory, _ = run(steps=20)
    picture = viz.draw(trajectory)
    assert "... 16 steps" in picture.svg
    assert "‖" not in picture.svg


# Steps that are never folded away


def with_mask(steps: int, at: int) -> Run:
    tg.manual_seed(0)
    mask = np.ones((steps, 2), bool)
    mask[at - 1, 0] = False
    trajectory = tg.nn.LSTM(3, H).unroll(tg.randn(steps, 2, 3), mask=mask)
    return trajectory, of_last(trajectory)


@pytest.mark.parametrize("view", ["auto", "cell", "strip"])
def test_a_step_that_computes_something_else_is_drawn(view: Any) -> None:
    trajectory, loss = with_mask(30, 17)
    for picture in (viz.gradient_paths(loss, trajectory, view=view), viz.draw(trajectory, view=view)):
        frames = svg.read(picture.svg).frames
        assert "step_17" in frames
        assert {"fold_3_16", "fold_18_28"} <= set(frames)
        assert "masked" in frames["step_17"][1]


class NowAndThen(tg.nn.RNNCell):
    """A cell that does one thing more at its ninth step."""

    def begin(self) -> None:
        self.t = 0

    def forward(self, x: tg.Tensor, h: tg.Tensor) -> tg.Tensor:
        self.t += 1
        h = super().forward(x, h if self.t != 9 else tg.relu(h))
        tg.label(h=h)
        return h


def test_so_it_is_for_a_cell_of_ones_own() -> None:
    trajectory = tg.nn.RNN(3, H, cell=NowAndThen).unroll(tg.randn(20, 2, 3))
    for view in ("auto", "op"):
        picture = viz.gradient_paths(of_every(trajectory), trajectory, view=view)
        source = picture.source.replace("&#160;", " ")
        assert "... 6 steps" in source
        assert "relu" in source
        ops = {t: sorted(v.op for v in tg.graph_of(trajectory.output).vertices if v.step == t) for t in range(1, 21)}
        assert ops[9] != ops[8]


def test_steps_across_which_the_gradient_falls_tenfold_are_drawn() -> None:
    trajectory, _ = run(steps=30)
    loss = (trajectory.steps[-1].h ** 2).sum() + 1e4 * (trajectory.steps[14].h ** 2).sum()
    frames = svg.read(viz.gradient_paths(loss, trajectory).svg).frames
    assert {"step_1", "step_2", "step_16", "step_29", "step_30"} <= set(frames)
    assert any(name.startswith("fold") for name in frames)
    quiet = svg.read(viz.gradient_paths(of_every(trajectory), trajectory).svg).frames
    assert set(quiet) == {"step_1", "step_2", "fold_3_28", "step_29", "step_30"}


def test_what_is_folded_computes_the_same_by_the_graphs_own_record() -> None:
    for trajectory, loss in (run(steps=20), with_mask(20, 8), run("GRU", 20, masked="mask"), run("own", 15)):
        picture = svg.read(viz.gradient_paths(loss, trajectory).svg)
        graph = tg.graph_of([loss, *(step.h for step in trajectory.steps)])
        for name in picture.frames:
            if name.startswith("fold"):
                first, last = map(int, name.split("_")[1:])
                ops = [[v.op for v in graph.vertices if v.step == t] for t in range(first, last + 1)]
                assert all(one == ops[0] for one in ops)


@pytest.mark.parametrize("figure", ["gradient_paths", "flow", "difference", "compare", "compare of two lengths"])
def test_every_figure_opens_its_folds(figure: str) -> None:
    """With the same numbers of steps: up to 24 of a fold, of all chains together."""
    one, other, short = (run(steps=T)[::-1] for T in (20, 20, 14))
    picture: viz.Picture = {
        "gradient_paths": lambda: viz.gradient_paths(*one), "flow": lambda: viz.flow(*one),
        "difference": lambda: viz.difference(one, other), "compare": lambda: viz.compare({"a": one, "b": other}),
        "compare of two lengths": lambda: viz.compare({"a": one, "b": short}),
    }[figure]()  # fmt: skip
    prefix = "a-" if "compare" in figure else ""
    assert steps_in(svg.read(picture.svg), prefix) == [1, 2, 19, 20]
    assert picture.opened is not None
    drawn = svg.read(picture.opened().svg)
    least = 16 if not prefix else 12
    assert set(range(1, least // 2 + 1)) <= set(steps_in(drawn, prefix))
    if figure == "compare of two lengths":
        assert steps_in(drawn, "b-") == [*range(1, 15)]


# Choosing


@pytest.mark.parametrize(
    ("steps", "fold", "strip"), [(12, None, False), (13, None, True), (50, None, True), (50, "auto", False)]
)
def test_more_than_twelve_steps_side_by_side_are_a_strip_and_it_is_said(steps: int, fold: Any, strip: bool) -> None:
    trajectory, loss = run(steps=steps)
    picture = viz.gradient_paths(loss, trajectory, fold=fold)
    assert ("strip of states" in picture.description) == strip
    assert ("strip of states" in " ".join(svg.read(picture.svg).text.split())) == strip
    assert ("cell_1" in svg.read(picture.svg).nodes) == strip


def test_wrong_folds_are_told_in_the_callers_words() -> None:
    trajectory, _ = run(steps=5)
    wrong: list[tuple[Any, str]] = [
        ("all", "fold is \"auto\", None, or the steps to draw, not 'all'"),
        (3, "fold is .* not 3"),
        ([0, 6], "fold names the steps to draw, 1 to 5, not 0, 6"),
        (["x"], "not 'x'"),
        ([2.5], "not 2.5"),
    ]
    for fold, said in wrong:
        with pytest.raises(tg.errors.ArgumentError, match=said):
            viz.draw(trajectory, fold=fold)
