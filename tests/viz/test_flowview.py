"""The flow picture is Kirchhoff's law drawn: what comes in goes out, every cut carries the whole, widths are linear."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_lstm as tg
import viz
from tests.support import runs, svg
from viz.style.text import number
from viz.style.theme import THEMES, shades

WIDEST = 16  # points, of the largest flow
CASES: dict[str, dict[str, Any]] = {
    "LSTM": {},
    "LSTM, last": {"loss": runs.of_last},
    "LSTM, h and c": {"loss": runs.of_h_and_c, "start": "grad"},
    "GRU": {"kind": "GRU", "steps": 4},
    "GRU, start": {"kind": "GRU", "start": "grad"},
    "RNN": {"kind": "RNN", "steps": 5, "loss": runs.of_last},
    "Peephole": {"kind": "Peephole"},
    "Coupled": {"kind": "Coupled"},
    "MGU": {"kind": "MGU"},
    "own": {"kind": "own"},
    "no batch": {"batch": False},
    "T = 1": {"steps": 1},
    "masked": {"steps": 4, "masked": "lengths"},
    "long": {"kind": "GRU", "steps": 20, "loss": runs.of_every, "start": "grad"},
    "reverse": {"reverse": True, "start": "grad"},
}


def moment(name: str, last: int, reverse: bool = False) -> int:
    """When an end of a line is: the weights before all steps, the loss after them."""
    role, _, t = name.rpartition("_")
    if role.split("_")[0] in ("weights", "loss"):
        return 0 if role.startswith("weights") else last + 1
    return last + 1 - int(t) if reverse else int(t)


def drawn(case: str, view: Any = "cell", **options: Any) -> tuple[tg.nn.Trajectory, tg.Tensor, svg.Svg]:
    trajectory, loss = runs.run(**CASES[case])
    return trajectory, loss, svg.read(viz.flow(loss, trajectory, view=view, **options).svg)


def source_of(trajectory: tg.nn.Trajectory) -> tuple[str, int, tg.Tensor]:
    """What flows by default: the belt's first state that requires a gradient."""
    chain = trajectory.chains[0]
    name = next(iter([*chain.cell.carried, "h"]))
    steps = chain.steps[::-1] if chain.reverse else chain.steps
    start = len(steps) + 1 if chain.reverse else 0
    states = [(start, chain.initial.named[name]), (steps[0].t, steps[0].named[name])]
    return next((name, t, state) for t, state in states if state.requires_grad)


def squared(loss: tg.Tensor, source: tg.Tensor) -> float:
    (gradient,) = tg.grad(loss, source, retain_graph=True)
    return float((gradient.numpy() ** 2).sum())


@pytest.mark.parametrize("view", ["cell", "strip"])
@pytest.mark.parametrize("case", CASES)
def test_the_lines_between_any_two_steps_sum_to_the_total(case: str, view: Any) -> None:
    trajectory, loss, picture = drawn(case, view)
    _, begin, source = source_of(trajectory)
    total, last, reverse = squared(loss, source), len(trajectory), trajectory.chains[0].reverse
    flows = [(edge, float(edge.data["flow"])) for edge in picture.edges if "flow" in edge.data]
    ends = [(moment(edge.source, last, reverse), moment(edge.reader, last, reverse), flow) for edge, flow in flows]
    first = last + 1 - begin if reverse else begin
    cuts = [t for t in range(first, last + 1) if case != "long" or t in (0, 1, 2, 18, 19, 20)]  # the others are folded
    assert cuts
    for t in cuts:
        assert math.fsum(flow for a, b, flow in ends if a <= t < b) == pytest.approx(total, rel=1e-9, abs=1e-9)
    said = viz.flow(loss, trajectory, view=view).description
    assert f"in all {number(total)} = ‖∂L/∂" in said
    assert "Between any two steps the lines sum to 100%." in said


@pytest.mark.parametrize("case", [case for case in CASES if case != "long"])
def test_what_comes_into_a_box_goes_out_of_it(case: str) -> None:
    trajectory, _, picture = drawn(case)
    name, begin, _ = source_of(trajectory)
    inside = [node for node in picture.nodes if not node.startswith(("loss", "weights")) and node != f"{name}_{begin}"]
    passed = 0
    for node in inside:
        into = math.fsum(float(edge.data["flow"]) for edge in picture.into(node) if "flow" in edge.data)
        out = math.fsum(float(edge.data["flow"]) for edge in picture.out_of(node) if "flow" in edge.data)
        assert into == pytest.approx(out, rel=1e-9, abs=1e-9), node
        passed += bool(into)
    assert passed or CASES[case].get("steps") == 1


def test_every_line_carries_what_the_engine_finds_on_its_edges() -> None:
    trajectory, loss, picture = drawn("LSTM")
    flow = tg.paths.flow(loss, trajectory.steps[0].c)
    carried = [edge.flow for edge in flow.edges if edge.kind == "carry"]
    lines = [float(picture.edge(f"c_{t - 1}", f"keep_{t}").data["flow"]) for t in (2, 3)]
    assert sorted(carried) == pytest.approx(sorted(lines), rel=1e-12)
    for t, step in enumerate(trajectory.steps, start=1):
        amount = flow.outflow[flow.graph.id_of(step.h)]
        assert float(picture[f"h_{t}"].data["flow"]) == pytest.approx(amount, rel=1e-12)
        assert picture[f"h_{t}"].texts[1] == f"flow {as_told(amount / flow.total)}"
    assert picture["c_1"].texts[1] == "source"
    assert picture["c_0"].texts[1] == "constant"


def as_told(part: float) -> str:
    words = f"{100 * part:.0f}%" if abs(part) >= 0.095 else f"{100 * part:.1g}%"
    return words.replace("-", "−")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("case", ["LSTM", "GRU", "long", "Peephole"])
def test_a_line_is_as_wide_as_its_flow_and_its_sign_is_hue_and_dash(case: str, theme: Any) -> None:
    _, _, picture = drawn(case, "auto", theme=theme)
    (words,) = [node.text for node in picture.nodes.values() if "|flow|" in node.text]
    trajectory, loss = runs.run(**CASES[case])
    total = squared(loss, source_of(trajectory)[2])
    unit = total * float(words.partition("/ ")[2].partition("%")[0]) / 100
    signs = set()
    for edge in picture.edges:
        if "flow" in edge.data:
            flow = float(edge.data["flow"])
            assert edge.width == pytest.approx(max(0.8, WIDEST * abs(flow) / unit), abs=0.006)
            assert edge.width <= 1.26 * WIDEST
            assert edge.dashed == (flow < 0)
            hue = THEMES[theme].carry if flow > 0 else THEMES[theme].crossing if flow < 0 else THEMES[theme].weight
            assert (edge.colour, edge.backward, edge.open) == (hue, False, False)
            signs.add(flow < 0)
        else:
            assert (edge.colour, edge.open) == (THEMES[theme].forward, True)
    assert signs == {True, False}
    assert {colour.upper() for colour in picture.colours} <= {hue.upper() for hue in shades(THEMES[theme]).values()}


def test_the_default_source_is_the_start_where_it_requires_a_gradient() -> None:
    for case, sign in (("LSTM", "C₁"), ("LSTM, h and c", "C₀"), ("GRU", "h₁"), ("GRU, start", "h₀"), ("RNN", "h₁")):
        trajectory, loss = runs.run(**CASES[case])
        picture = viz.flow(loss, trajectory)
        assert picture.title.startswith(f"The flow from {sign} to L: one ")
        assert viz.flow(loss, trajectory, source_of(trajectory)[2]).svg == picture.svg


def test_another_source_and_another_direction() -> None:
    trajectory, loss = runs.run(inputs=True)
    c_2 = trajectory.steps[1].c
    direction = np.arange(8.0).reshape(2, 4)
    picture = viz.flow(loss, trajectory, c_2, direction)
    (gradient,) = tg.grad(loss, c_2, retain_graph=True)
    total = float((gradient.numpy() * direction).sum())
    assert f"in all {number(total)}." in picture.description
    assert "‖²" not in picture.description
    same = viz.flow(loss, trajectory, c_2, tg.tensor(direction))
    assert same.svg == picture.svg
    flows = {edge.id: edge.data.get("flow") for edge in svg.read(picture.svg).edges}
    assert flows["c_1-keep_2"] is None
    assert flows["c_2-keep_3"] is not None
    assert svg.read(picture.svg)["c_2"].texts[1] == "source"
    weights = viz.flow(loss, trajectory, dict(trajectory.chains[0].cell.named_parameters())["W"])
    assert weights.title.startswith("The flow from W to L")
    assert "Between any two steps the lines sum to 100%." in weights.description
    x_1 = viz.flow(loss, trajectory, trajectory.steps[0].x)
    assert "flow" in svg.read(x_1.svg).edge("x_1", "z_1").data


def test_flows_against_each_other_are_told_in_numbers_not_as_parts_of_what_is_left() -> None:
    trajectory, loss = runs.run()
    c_1 = trajectory.steps[0].c
    (gradient,) = tg.grad(loss, c_1, retain_graph=True)
    across = gradient.numpy()[::-1] * [[1.0], [-1.0]]  # at right angles to the gradient: nothing in all
    picture = viz.flow(loss, trajectory, c_1, across)
    assert "in all" in picture.description
    assert "%" not in picture.description
    ElementTree.fromstring(picture.svg)
    nothing = svg.read(viz.flow(loss, trajectory, c_1, np.zeros((2, 4))).svg)
    assert {edge.width for edge in nothing.edges if "flow" in edge.data} == {0.8}
    downhill = svg.read(viz.flow(loss, trajectory, c_1, -gradient.numpy()).svg)
    assert downhill.edge("c_1", "keep_2").dashed


@pytest.mark.parametrize(
    "options", [{"num_layers": 2}, {"bidirectional": True}, {"num_layers": 2, "bidirectional": True}]
)
def test_several_layers_and_directions_carry_it_together(options: dict[str, Any]) -> None:
    trajectory, loss = runs.run(loss=runs.of_every, **options)
    picture = viz.flow(loss, trajectory)
    assert "Between any two steps the lines sum to 100%." in picture.description
    shown = svg.read(picture.svg)
    assert "flow" in shown["chain0_c_2"].data
    assert [name for name, node in shown.nodes.items() if node.texts[1:] == ["source"]] == ["chain0_c_1"]
    layers = "layer 1" if "num_layers" in options else ""
    where = ", ".join(filter(None, [layers, "forward" if "bidirectional" in options else ""]))
    assert picture.title.startswith(f"The flow from C₁ ({where}) to L: ")


def test_a_state_may_be_the_loss_and_the_loss_not_finite() -> None:
    tg.manual_seed(0)
    trajectory = tg.nn.LSTM(2, 1).unroll(tg.randn(3, 1, 2))
    picture = viz.flow(trajectory.steps[1].h, trajectory)
    assert "Between any two steps the lines sum to 100%." in picture.description
    assert svg.read(picture.svg)["h_2"].texts[1] == "flow 100%"
    trajectory, loss = runs.run()
    with np.errstate(all="ignore"):
        loss = loss * math.inf
    picture = viz.flow(loss, trajectory)
    assert "in all NaN" in picture.description
    assert "Between" not in picture.description
    assert "%" not in svg.read(picture.svg).text


def test_what_is_not_drawn_is_not_promised() -> None:
    trajectory, loss = runs.run(loss=runs.of_gate)
    assert (
        "What the lines between two steps lack of 100% passes by what is not drawn."
        in viz.flow(loss, trajectory).description
    )


def test_folded_steps_keep_their_flow() -> None:
    _, _, picture = drawn("long", "auto")
    captions = [caption for _, caption in picture.frames.values()]
    assert "... 16 steps" in captions
    plots = [node.text for node in picture.nodes.values() if node.text.startswith("flow through hₜ")]
    assert len(plots) == 1
    assert "%" in plots[0]
    assert len([curve for curve in picture.curves if curve.tooltip.startswith("flow through h₁")]) == 9  # 10 to 18


def test_the_picture_leaves_no_gradient_and_is_the_same_every_time() -> None:
    trajectory, loss = runs.run()
    picture = viz.flow(loss, trajectory)
    assert all(parameter.grad is None for parameter in trajectory.chains[0].cell.parameters())
    again = viz.flow(loss, trajectory)
    assert (picture.svg, picture.source) == (again.svg, again.source)
    loss.backward()
    with pytest.raises(tg.errors.GradError):
        viz.flow(loss, trajectory)


WRONG: dict[str, tuple[Callable[[Any, Any], object], type[Exception], str]] = {
    "rolled": (lambda loss, run: viz.flow(loss, run, view="rolled"), tg.errors.ArgumentError, "not the text 'rolled'"),
    "op": (lambda loss, run: viz.flow(loss, run, view="op"), tg.errors.ArgumentError, "not the text 'op'"),
    "swapped": (lambda loss, run: viz.flow(run, loss), tg.errors.DtypeError, r"flow\(.* as loss, not a Traj"),
    "no tensor": (lambda loss, run: viz.flow(loss, run, "c"), tg.errors.DtypeError, "as source, not the text 'c'"),
    "constant": (lambda loss, run: viz.flow(loss, run, run.initial.h), tg.errors.GradError, "does not require"),
    "shape": (lambda loss, run: viz.flow(loss, run, None, np.ones(3)), tg.errors.ShapeError, r"of shape \(3,\)"),
    "elsewhere": (lambda loss, run: viz.flow(loss, run, tg.ones(2, requires_grad=True)), tg.errors.GradError, "not"),
    "another run": (lambda loss, run: viz.flow(runs.run()[1], run), tg.errors.GradError, "computed from another run"),
    "fold": (lambda loss, run: viz.flow(loss, run, fold=[9]), tg.errors.ArgumentError, "fold names the steps"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments_are_told_in_the_callers_words(case: str) -> None:
    make, error, words = WRONG[case]
    trajectory, loss = runs.run()
    with pytest.raises(error, match=words):
        make(loss, trajectory)


def test_a_flow_that_is_too_small_for_its_numbers_says_so() -> None:
    def flowing(dtype: Any, factor: float, T: int = 50) -> viz.Picture:
        tg.manual_seed(0)
        layer = tg.nn.RNN(3, 4)
        cell: Any = layer.layers[0]
        for parameter in cell.parameters():
            parameter.data = parameter.data.astype(dtype)
        cell.U.data = (factor * np.eye(4)).astype(dtype)
        trajectory = layer.unroll(tg.tensor(np.full((T, 1, 3), 1e-6, dtype)))
        return viz.flow((trajectory.steps[-1].h ** 2).sum(), trajectory)

    lost = flowing(np.float32, 0.3)
    for text in (lost.description, " ".join(svg.read(lost.svg).text.split())):
        assert "The flow underflows: ‖∂L/∂h₁‖ is " in text
        assert "its square is less than float32 holds" in text
    assert "Nothing flows: ‖∂L/∂h₁‖ is exactly 0 in float32" in flowing(np.float32, 0.1).description
    whole = flowing(np.float64, 0.3)
    assert "Between any two steps the lines sum to 100%." in whole.description
    assert "underflows" not in whole.description
