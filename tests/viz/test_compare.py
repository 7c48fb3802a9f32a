"""Several runs in one picture: each has its own numbers on one scale, and each step is at one place."""

from __future__ import annotations

import math
import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_lstm as tg
import viz
from tests.support import runs, scales, svg
from tests.support.comparisons import KINDS, norms_of, pair, triptych
from viz.diagram.names import MOST
from viz.style.text import percent


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
            same = together.edge(f"{kind}-{edge.source}", f"{kind}-{edge.reader}")
            assert (same.colour, same.dashed) == (edge.colour, edge.dashed)
            assert (same.tooltip, same.data.get("norm")) == (edge.tooltip, edge.data.get("norm"))
            if "norm" in same.data:  # on the one scale of all runs
                width_of = scales.printed_width(together.text)
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
    assert sum("log₁₀" in node.text for node in picture.nodes.values()) == 1


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
