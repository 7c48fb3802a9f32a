"""Two runs on the same places, line by line; and what both kinds of comparison promise."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
import viz
from tests.support import runs, svg
from tests.support.comparisons import KINDS, Pair, norms_of, pair, triptych
from viz.style.text import number
from viz.style.theme import THEMES, shades


def as_printed(ratio: float) -> float:
    """The width that the legend's formula gives."""
    return min(max(3 + 1.5 * math.log10(ratio), 0.8), 6.5)


def trained(kind: str, steps: int = 3) -> tuple[Pair, Pair]:
    """A layer's run before and after a few steps of training."""
    tg.manual_seed(1)
    before: Any = getattr(tg.nn, kind)(3, 4).astype(np.float64)
    after, x = copy.deepcopy(before), tg.randn(steps, 2, 3, dtype=np.float64)

    def run(layer: Any) -> Pair:
        trajectory = layer.unroll(x)
        return runs.of_steps(trajectory), trajectory

    optimizer = tg.optim.Adam(after.parameters(), lr=0.1)
    for _ in range(5):
        optimizer.zero_grad()
        run(after)[0].backward()
        optimizer.step()
    return run(before), run(after)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("view", ["cell", "strip", "rolled"])
def test_a_line_is_as_wide_as_the_ratio_of_what_went_along_it(kind: str, view: Any) -> None:
    before, after = trained(kind)
    picture = svg.read(viz.difference(before, after, view=view).svg)
    one, other = (svg.read(viz.gradient_paths(*run, view=view).svg) for run in (before, after))
    ratios = []
    for edge in one.edges:
        drawn, last = picture.edge(edge.source, edge.reader), other.edge(edge.source, edge.reader)
        assert (drawn.data.get("before"), drawn.data.get("after")) == (edge.data.get("norm"), last.data.get("norm"))
        if "ratio" not in drawn.data:
            continue
        small, large = float(edge.data["norm"]), float(last.data["norm"])
        ratio = large / small if small else 1.0
        ratios.append(ratio)
        assert float(drawn.data["ratio"]) == pytest.approx(ratio, rel=1e-6)
        assert drawn.width == pytest.approx(as_printed(ratio), abs=0.006)
        assert drawn.dashed == (ratio <= 1 / 1.1)
        theme = THEMES["light"]
        more, less = ({hue, theme.half_of(hue)} for hue in (theme.carry, theme.crossing))
        assert drawn.colour in (more if ratio >= 1.1 else less if ratio <= 1 / 1.1 else {theme.weight})
    assert min(ratios) < 1 / 1.1
    assert "width 3 + 1.5·log₁₀(after / before) points, within 0.8 to 6.5" in picture.text
    assert len(picture.edges) == len(one.edges)


def test_a_pill_has_both_norms_and_the_description_all_of_them() -> None:
    before, after = trained("LSTM")
    picture = viz.difference(before, after, names=("at first", "later"))
    shown = svg.read(picture.svg)
    for name, sign in (("h", "h"), ("c", "C")):
        for t, pairs in enumerate(zip(norms_of(*before, name), norms_of(*after, name), strict=True), start=1):
            words = " → ".join(map(number, pairs))
            assert shown[f"{name}_{t}"].texts[1] == words
            assert f"{words} at t = {t}" in picture.description
            assert shown[f"{name}_{t}"].tooltip.count(f"{sign}{'₀₁₂₃'[t]} (2, 4)") == 2  # of both runs
    assert "at first → later" in picture.title
    assert "log₁₀(later / at first)" in shown.text
    assert " → ".join(number(float(run[0].data)) for run in (before, after)) in shown["loss_3"].text


def test_nothing_has_changed_between_a_run_and_itself() -> None:
    run = pair("GRU", 4, runs.of_every)
    picture = svg.read(viz.difference(run, run).svg)
    edges = [edge for edge in picture.edges if "before" in edge.data]
    assert {(edge.data["ratio"], edge.width, edge.dashed, edge.colour) for edge in edges} == {
        ("1", 3.0, False, THEMES["light"].weight)
    }


def test_what_has_a_gradient_in_one_run_only_is_told_and_not_divided() -> None:
    def of_h3(trajectory: tg.nn.Trajectory) -> tg.Tensor:
        return (trajectory.steps[-1].h ** 2).sum()

    one, other = pair("LSTM", 3, of_h3), pair("LSTM", 3, runs.of_steps)
    picture = viz.difference(one, other, names=("last", "all"))
    shown = svg.read(picture.svg)
    for t in (1, 2):
        line = shown.edge(f"h_{t}", f"loss_h_{t}")
        assert "ratio" not in line.data
        assert (line.colour, line.dashed, "before" in line.data) == (THEMES["light"].candidate, False, False)
        assert "none → " in line.tooltip
    assert "Only “all” has a gradient on 2 lines, as from the loss to h₁, from the loss to h₂." in picture.description
    back = svg.read(viz.difference(other, one, names=("all", "last")).svg)
    assert back.edge("h_1", "loss_h_1").dashed
    assert "Only" not in viz.difference(one, pair("LSTM", 3, of_h3, frozen=("b",))).description


def test_a_run_of_folded_steps_is_painted_by_its_ratios() -> None:
    before, after = trained("GRU", 20)
    picture = svg.read(viz.difference(before, after).svg)
    (words,) = [node.text for node in picture.nodes.values() if node.text.startswith("‖∂L/∂hₜ‖ ×")]
    ratios = [b / a for a, b in zip(norms_of(*before, "h"), norms_of(*after, "h"), strict=True)]
    assert words == f"‖∂L/∂hₜ‖ × {number(ratios[2])} at t = 3, {number(ratios[17])} at 18"
    pieces = [curve for curve in picture.curves if curve.tooltip.startswith("‖∂L/∂h") and "at t" not in curve.tooltip]
    assert [piece.width for piece in pieces] == pytest.approx([as_printed(r) for r in ratios[2:18]], abs=0.006)


# All of them


@pytest.mark.parametrize("theme", ["light", "dark", "auto"])
def test_every_colour_is_the_themes_so_that_a_page_can_change_it(theme: Any) -> None:
    allowed = {colour.upper() for colour in shades(THEMES[theme]).values()}
    before, after = trained("LSTM")
    for picture in (viz.compare(triptych(), theme=theme), viz.difference(before, after, theme=theme)):
        assert {colour.upper() for colour in svg.read(picture.svg).colours} <= allowed
        assert ("<style>" in picture.svg) == (theme == "auto")


def test_a_picture_is_saved_shown_and_the_same_every_time(tmp_path: Any) -> None:
    makes: list[Callable[[], viz.Picture]] = [lambda: viz.compare(triptych()), lambda: viz.difference(*trained("GRU"))]
    for make in makes:
        picture = make()
        assert (picture.svg, picture.source) == (make().svg, make().source)
        assert picture.save(tmp_path / "picture.svg").read_text() == picture.svg
        assert picture.source.startswith("digraph")
        assert svg.read(picture.svg).description == picture.description == str(picture)


ARGUMENT, DTYPE, GRAD = tg.errors.ArgumentError, tg.errors.DtypeError, tg.errors.GradError
WRONG: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "no runs": (lambda: viz.compare({}), ARGUMENT, "as runs, not an empty dict"),
    "no names": (lambda: viz.compare([pair()]), DTYPE, "runs by name.* not a list"),  # type: ignore[arg-type]
    "no pair": (lambda: viz.compare({"a": pair()[0]}), DTYPE, "not a tensor of .* under 'a'"),  # type: ignore[dict-item]
    "swapped": (lambda: viz.compare({"a": pair()[::-1]}), DTYPE, "not a tuple with a Traj.* under 'a'"),  # type: ignore[dict-item]
    "another run's": (
        lambda: viz.compare({"a": (pair("GRU")[0], pair("RNN")[1])}), GRAD, "run 'a'.*another run",
    ),
    "op view": (lambda: viz.compare({"a": pair()}, view="op"), ARGUMENT, "not the text 'op'"),
    "theme": (lambda: viz.compare({"a": pair()}, theme="blue"), ValueError, "takes one of 'light', .* 'blue'"),  # type: ignore[arg-type]
    "cells": (lambda: viz.difference(pair("GRU"), pair("RNN")), ARGUMENT, "'before' is one GRU.*'after' is one R"),
    "lengths": (lambda: viz.difference(pair("GRU", 3), pair("GRU", 4)), ARGUMENT, "three.*four time steps"),
    "batches": (lambda: viz.difference(pair(), pair(batch=False)), ARGUMENT, r"h is \(2, 4\) in .* and \(4,\)"),
    "masks": (lambda: viz.difference(pair("GRU", 4), pair("GRU", 4, masked="lengths")), ARGUMENT, "step t=3 records"),
    "variants": (lambda: viz.difference(pair("LSTM"), pair("Coupled")), ARGUMENT, "one LSTM.*one CoupledLSTM"),
    "three names": (lambda: viz.difference(pair(), pair(), names=("a", "b", "c")), ARGUMENT, "names are two"),  # type: ignore[arg-type]
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments_are_told_in_the_callers_words(case: str) -> None:
    make, error, words = WRONG[case]
    with pytest.raises(error, match=words):
        make()


def test_a_run_whose_weights_were_changed_names_itself() -> None:
    trajectory, loss = runs.run("GRU")
    for parameter in trajectory.chains[0].cell.parameters():
        parameter.data = parameter.data * 2
    with pytest.raises(GRAD, match=r"run 'before'.*was changed after"):
        viz.difference((loss, trajectory), pair("GRU"))
