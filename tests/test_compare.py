"""Several runs in one picture: one scale, each step at one place, and what only one of two runs has is told apart."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Callable
from typing import Any, TypeAlias
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_lstm as tg
import viz
from tests import runs, svg
from viz.names import MOST
from viz.style import THEMES, number, percent, shades, width_of

Pair: TypeAlias = tuple[tg.Tensor, tg.nn.Trajectory]
KINDS = ("RNN", "GRU", "LSTM")


def pair(kind: str = "LSTM", steps: int = 3, loss: runs.Loss = runs.of_last, **options: Any) -> Pair:
    trajectory, value = runs.run(kind, steps, loss, **options)
    return value, trajectory


def triptych(steps: int = 3, **options: Any) -> dict[str, Pair]:
    return {kind: pair(kind, steps, **options) for kind in KINDS}


def norms_of(loss: tg.Tensor, trajectory: tg.nn.Trajectory, name: str) -> list[float]:
    """‖∂L/∂state‖ at each step, as the engine has it."""
    states = [step.named[name] for step in trajectory.steps]
    gradients = tg.grad(loss, states, retain_graph=True, allow_unused=True)
    return [0.0 if g is None else float(np.linalg.norm(g.numpy())) for g in gradients]


# Compare


@pytest.mark.parametrize("view", ["cell", "strip", "rolled"])
def test_every_run_has_the_numbers_and_the_widths_that_it_has_alone(view: Any) -> None:
    compared = triptych()
    together = svg.read(viz.compare(compared, view=view).svg)
    for kind, one in compared.items():
        alone = svg.read(viz.gradient_paths(*one, view=view).svg)
        numbers = {name: node for name, node in alone.nodes.items() if "norm" in node.data}
        assert numbers
        for name, node in numbers.items():
            assert (together[f"{kind}-{name}"].data, together[f"{kind}-{name}"].text) == (node.data, node.text)
        for edge in alone.edges:
            same = together.edge(f"{kind}-{edge.source}", f"{kind}-{edge.target}")
            assert (same.width, same.colour, same.dashed) == (edge.width, edge.colour, edge.dashed)
            assert (same.told, same.data.get("norm")) == (edge.told, edge.data.get("norm"))
            if "norm" in same.data:
                assert same.width == pytest.approx(width_of(float(same.data["norm"])), abs=0.006)
    assert len(together.ids) == len(set(together.ids))


@pytest.mark.parametrize(("steps", "view"), [(3, "cell"), (8, "auto"), (50, "auto")])
def test_a_step_is_at_the_same_place_in_every_run_and_the_runs_are_one_below_the_other(steps: int, view: Any) -> None:
    picture = svg.read(viz.compare(triptych(steps), view=view).svg)
    places: dict[str, set[tuple[float, float]]] = {}
    for name, ((left, _, right, _), _) in picture.frames.items():
        kind, _, panel = name.partition("-")
        if kind in KINDS:
            places.setdefault(panel, set()).add((left, right))
    assert len(places) == (steps if steps < 50 else 5)
    assert all(len(where) == 1 for where in places.values())
    tops = [max(frame[0][3] for name, frame in picture.frames.items() if name.startswith(f"{kind}-")) for kind in KINDS]
    assert tops == sorted(tops)
    assert picture.frames["norms"][0][1] > tops[-1]
    assert sum("width 1.1" in node.text for node in picture.nodes.values()) == 1


def test_captions_and_description_say_how_much_of_the_gradient_is_left() -> None:
    compared = triptych(8)
    picture = viz.compare(compared)
    shown = svg.read(picture.svg)
    first_sentences = picture.description.split("RNN: The gradient")[0]
    for kind, name in (("RNN", "h"), ("GRU", "h"), ("LSTM", "c"), ("LSTM", "h")):
        norms, sign = norms_of(*compared[kind], name), {"c": "C"}.get(name, name)
        left = norms[0] / norms[-1]
        words = percent(left) if left > 0.1 else f"{100 * left:.1f}%" if left > 0.01 else f"{100 * left:.2g}%"
        assert f"{words} of ‖∂L/∂{sign}₈‖ is left at {sign}₁" in shown[f"{kind}-name"].text
        assert f"{words} of ∂L/∂{sign}" in first_sentences
    assert first_sentences.startswith("Three runs on one scale: RNN, GRU and LSTM. Of the gradient's norm at t = 8")
    for kind in KINDS:
        assert viz.describe(*compared[kind]) in picture.description


@pytest.mark.parametrize("steps", [8, 50])
def test_the_plot_has_every_norm_on_one_logarithmic_axis(steps: int) -> None:
    compared = triptych(steps)
    picture = svg.read(viz.compare(compared).svg)
    levels, heights = [], []
    for kind, name in (("RNN", "h"), ("GRU", "h"), ("LSTM", "c"), ("LSTM", "h")):
        norms, ident = norms_of(*compared[kind], name), f"{kind}-norm_{name}"
        mine = {t: picture[f"{ident}_{t}"] for t in range(1, steps + 1) if f"{ident}_{t}" in picture.nodes}
        assert (min(mine), max(mine)) == (1, steps)
        levels += [math.log10(norms[t - 1]) for t in mine]
        heights += [node.middle[1] for node in mine.values()]
        across = [node.middle[0] for node in mine.values()]
        assert across == sorted(across)
        for t, node in mine.items():
            assert float(node.data["norm"]) == pytest.approx(norms[t - 1], rel=1e-6)
            if steps == 8:  # below the panel of its step
                left, _, right, _ = picture.frames[f"{kind}-step_{t}"][0]
                assert left < node.middle[0] < right
    slope, base = np.polyfit(levels, heights, 1)
    assert slope < -5  # upwards
    np.testing.assert_allclose(heights, slope * np.array(levels) + base, atol=0.2)


def test_runs_of_other_lengths_of_several_layers_and_a_single_one() -> None:
    lengths = viz.compare({"short": pair("GRU", 3), "long": pair("GRU", 5)}, view="cell")
    assert {f"{run}-h_{steps}" for run, steps in (("short", 3), ("long", 5))} <= set(svg.read(lengths.svg).nodes)
    assert "at t = 3 there is left" in lengths.description
    assert "at t = 5 there is left" in lengths.description
    assert "each step at the same place" not in svg.read(lengths.svg).text
    wide = svg.read(viz.compare({"short": pair("GRU", 3), "long": pair("GRU", 9)}).svg)
    assert {"short-cell_1", "long-cell_9"} <= set(wide.nodes)  # where one is a strip, all are
    loss, trajectory = pair(loss=runs.of_every, bidirectional=True)
    deep = svg.read(viz.compare({"two layers": pair(num_layers=2), "both ways": (loss, trajectory)}).svg)
    assert {"two_layers-chain0_h_2", "two_layers-h_2", "both_ways-chain0_h_2"} <= set(deep.nodes)
    assert deep["two_layers-name"].text.endswith("(layer 2)")
    assert deep["both_ways-name"].text.endswith("(forward)")
    for t in (1, 3):
        norm = np.linalg.norm(tg.grad(loss, trajectory.chains[0].steps[t - 1].c, retain_graph=True)[0].numpy())
        assert float(deep[f"both_ways-norm_c_{t}"].data["norm"]) == pytest.approx(norm, rel=1e-6)
    assert viz.compare({"alone": pair()}).description.startswith("One run: alone.")


def test_a_gradient_of_zero_and_one_that_is_not_finite_are_no_shares() -> None:
    loss, trajectory = pair("GRU")
    other, second = pair("RNN")
    with np.errstate(all="ignore"):
        picture = viz.compare({"none": (loss * 0.0, trajectory), "much": (other * math.inf, second)})
    assert "none nothing to compare of ∂L/∂h" in picture.description
    assert "NaN of" not in picture.description
    with np.errstate(all="ignore"):
        changed = viz.difference((loss, trajectory), (loss * math.inf, trajectory))
    assert " lines it is not finite." in changed.description
    assert "Only" not in changed.description
    assert "not 0 or NaN" not in svg.read(picture.svg).text
    assert "neither 0 nor NaN" in svg.read(picture.svg).text
    ElementTree.fromstring(picture.svg)


SCRIPT = '"quoted" & <script>alert(1)</script>'
NAMES = [SCRIPT, "a\nb\tc", "a b c", "x" * 10_000, "", " ", "1", "前", "前後", 'id="h_1"']


def test_hostile_names_are_only_names() -> None:
    picture = viz.compare({name: pair("RNN", 2) for name in NAMES})
    root = ElementTree.fromstring(picture.svg)
    assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {
        "svg", "g", "path", "rect", "text", "tspan", "title", "desc", "circle", "polygon", "polyline"
    }  # fmt: skip
    shown = svg.read(picture.svg)
    assert len(shown.ids) == len(set(shown.ids))
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,40}(-[a-z_0-9A-Z-]+)?", name) for name in shown.ids)
    assert len([name for name in shown.nodes if name.endswith("-h_2")]) == len(NAMES)
    assert SCRIPT in shown.text
    assert "x" * (MOST - 1) + "…" in shown.text
    assert "x" * (MOST + 1) not in picture.svg
    two = viz.difference(pair(), pair(), names=(SCRIPT, "x" * 10_000))
    assert "script" not in {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(two.svg).iter()}
    assert "x" * 30 not in two.svg + two.source


# Difference


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
        drawn, last = picture.edge(edge.source, edge.target), other.edge(edge.source, edge.target)
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
        more, less = ({hue, theme.halved(hue)} for hue in (theme.carried, theme.gated))
        assert drawn.colour in (more if ratio >= 1.1 else less if ratio <= 1 / 1.1 else {theme.weights})
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
            assert shown[f"{name}_{t}"].told.count(f"{sign}{'₀₁₂₃'[t]} (2, 4)") == 2  # hovering tells both runs' values
    assert "at first → later" in picture.title
    assert "log₁₀(later / at first)" in shown.text
    assert " → ".join(number(float(run[0].data)) for run in (before, after)) in shown["loss_3"].text


def test_nothing_has_changed_between_a_run_and_itself() -> None:
    run = pair("GRU", 4, runs.of_every)
    picture = svg.read(viz.difference(run, run).svg)
    edges = [edge for edge in picture.edges if "before" in edge.data]
    assert {(edge.data["ratio"], edge.width, edge.dashed, edge.colour) for edge in edges} == {
        ("1", 3.0, False, THEMES["light"].weights)
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
        assert "none → " in line.told
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
    pieces = [curve for curve in picture.curves if curve.told.startswith("‖∂L/∂h") and "at t" not in curve.told]
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
    "no runs": (lambda: viz.compare({}), ARGUMENT, "no run was given"),
    "no names": (lambda: viz.compare([pair()]), DTYPE, "runs by name.* not list"),  # type: ignore[arg-type]
    "no pair": (lambda: viz.compare({"a": pair()[0]}), DTYPE, "run 'a' is a pair"),  # type: ignore[dict-item]
    "swapped": (lambda: viz.compare({"a": pair()[::-1]}), DTYPE, "run 'a'.*the loss comes first"),  # type: ignore[dict-item]
    "another run's": (
        lambda: viz.compare({"a": (pair("GRU")[0], pair("RNN")[1])}), GRAD, "run 'a'.*another run",
    ),
    "op view": (lambda: viz.compare({"a": pair()}, view="op"), ARGUMENT, "gradient_paths draws"),
    "theme": (lambda: viz.compare({"a": pair()}, theme="blue"), ValueError, "no theme"),  # type: ignore[arg-type]
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
