"""The numbers of the gradient picture are the engine's: norms, widths, how each gradient splits, shares."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.pictures import Drawn, check_lines, drawn
from tests.support.runs import RUNS, states_of
from viz.diagram.cellgraph import Link
from viz.style.text import number

VIEWS = ("cell", "strip", "rolled")
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@pytest.fixture(params=RUNS)
def case(request: pytest.FixtureRequest) -> Drawn:
    return drawn(request.param)


@pytest.mark.parametrize("view", VIEWS)
def test_every_line_is_as_wide_as_what_was_delivered_along_it(case: Drawn, view: str) -> None:
    check_lines(case, view)


@pytest.mark.parametrize("view", ["cell", "strip"])
def test_what_comes_to_a_state_is_the_sum_of_what_its_lines_bring(case: Drawn, view: str) -> None:
    lines = {id(line): (line, its) for line, its, _ in case.lines(view)}.values()
    for k, chain in enumerate(case.parts(view)):
        for name, t in chain.states():
            total = case.gradient(chain.state(name, t))
            if total is None or (case.prefix(k) + name, t) == ("x", t):
                continue
            tensor = chain.state(name, t)
            value = chain.graph.id_of(tensor), tensor.source.index
            parts = [
                case.along(line)[value]
                for line, its in lines
                if its is chain and line.source == (name, t) and value in case.along(line)
            ]
            others = [  # two states that start as one tensor share its gradient
                case.along(line)[value]
                for line, its in lines
                if its is chain and line.source[0] != name and line.source[1] == t and value in case.along(line)
                and t == chain.start
            ]  # fmt: skip
            np.testing.assert_allclose(sum([*parts, *others], np.zeros_like(total)), total, rtol=1e-6, atol=1e-7)
            assert len(case.view(view).out_of(f"{case.prefix(k)}{name}_{t}")) >= len(parts)


@pytest.mark.parametrize("view", ["cell", "strip"])
def test_every_pill_has_the_norm_that_grad_gives(case: Drawn, view: str) -> None:
    picture = case.view(view)
    for k, chain in enumerate(case.chains):
        of = states_of(case.trajectory, case.trajectory.chains.index(chain.chain))
        assert set(of) == set(chain.states())
        for (name, t), tensor in of.items():
            pill, total = picture[f"{case.prefix(k)}{name}_{t}"], case.gradient(tensor)
            letter = {"c": "C"}.get(name, name) if "c" in chain.chain.cell.states else name
            assert pill.texts[0] == f"{letter}{t}".translate(SUBSCRIPTS)
            if total is None:
                assert pill.texts[1] in ("constant", "no gradient", "✂ detached")
                assert "norm" not in pill.data
            else:
                norm = float(np.linalg.norm(total))
                assert float(pill.data["norm"]) == pytest.approx(norm, rel=1e-6, abs=1e-12)
                assert pill.texts[1] == f"‖∇‖ {number(norm)}" or norm < 1e-12


def test_the_share_bars_are_those_of_routes(case: Drawn) -> None:
    picture = case.view("cell")
    expected = 0
    for k, chain in enumerate(case.chains):
        for t in chain.order[:-1] if chain.template.belts else []:
            tensor = chain.state(chain.template.belt_state, t)
            total = case.gradient(tensor)
            if total is None or not np.linalg.norm(total):
                continue
            share = float(tg.paths.routes(case.loss, tensor).shares[0])
            for name, part in (("carry", share), ("crossing", 1 - share)):
                if part > 1e-9:
                    bar = picture[f"{case.prefix(k)}share_{name}_{t}"]
                    assert float(bar.data["share"]) == pytest.approx(part, abs=1e-6)
                    assert bar.box[2] - bar.box[0] == pytest.approx(64 * min(part, 1), abs=0.2)
                    expected += 1
    assert sum("share_" in name for name in picture.nodes) <= expected + 2


def test_each_step_says_what_it_adds_to_the_gradient_of_the_weights(case: Drawn) -> None:
    picture = case.view("cell")
    for k, chain in enumerate(case.chains):
        for t in chain.order:
            reads = [
                edge
                for line in chain.links
                for edge in line.edges
                if line.source[0] == "weights" and line.reader[1] == t
            ]  # fmt: skip
            letters: dict[str, list[tuple[int, Any]]] = {}
            for value, part in case.along(Link(("weights", t), ("weights", t), tuple(reads))).items():
                letters.setdefault(chain.parameters.get(value[0], "").split("_")[0], []).append(part)
            caption = picture.frames[f"{case.prefix(k)}step_{t}"][1].replace("\u00a0", " ")
            if not letters or chain.template.pitch < 250:
                continue
            norms = {letter: math.hypot(*map(np.linalg.norm, parts)) for letter, parts in letters.items()}
            total = number(math.hypot(*norms.values()))
            if len(norms) > 1:
                assert f"‖∇‖ {total}" in caption
                assert (f"adds ‖∇‖ {total}" in caption) or all(
                    f"{letter} {number(norm)}" in caption for letter, norm in norms.items() if letter
                )
            else:
                assert f"‖ {total}" in caption
            arrows = [e for e in picture.edges if e.source.startswith(f"{case.prefix(k)}weights_")
                      and e.reader.endswith(f"_{t}") and "norm" in e.data]  # fmt: skip
            into = math.hypot(*(float(arrow.data["norm"]) for arrow in arrows))
            if len(arrows) == 1:  # as wide as its caption says
                assert into == pytest.approx(math.hypot(*norms.values()), rel=1e-6, abs=1e-12)
