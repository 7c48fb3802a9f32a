"""What the gradient picture says in words and colours, what it leaves alone, and what it refuses."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
import viz
from tests.support import svg
from tests.support.runs import CELLS, Run, of_every, of_gate, of_h_and_c, of_last, run
from viz.diagram.cellgraph import NoCellViewError, NothingRecordedError
from viz.style.text import number, percent

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def read(drawn: Run, **options: Any) -> svg.Svg:
    trajectory, loss = drawn
    return svg.read(viz.gradient_paths(loss, trajectory, **options).svg)


# Shares, derivatives, routes


def test_the_split_of_the_first_state_is_the_product_of_forget_gates() -> None:
    trajectory, loss = run(steps=4, loss=of_last)
    last = trajectory.steps[-1]
    dh, total = tg.grad(loss, [last.h, trajectory.steps[0].c], retain_graph=True)
    belt = dh.data * last.o.data * (1 - np.tanh(last.c.data) ** 2)
    for step in trajectory.steps[1:]:
        belt = belt * step.f.data
    carried = float((belt * total.data).sum() / (total.data**2).sum())
    said = read((trajectory, loss))["split_text"].text
    assert re.findall(r"[−\d]+%", said) == [percent(carried), percent(1 - carried)]
    assert "along the belt" in said
    assert "by crossings" in said
    assert percent(carried) in viz.describe(loss, trajectory)


def test_a_part_that_works_against_the_other_is_said_to() -> None:
    for seed in range(40):
        trajectory, loss = run(steps=2, loss=of_h_and_c, seed=seed)
        said = read((trajectory, loss))["split_text"].text
        shown = [int(part.replace("−", "-")) for part in re.findall(r"([−\d]+)%", said)]
        assert abs(sum(shown) - 100) <= 1
        if min(shown) < 0:
            assert "against it" in said
            assert "by crossings, through h into a gate, against it" in viz.describe(loss, trajectory)
            return
    pytest.fail("no case found in which one way works against the other")


@pytest.mark.parametrize(("kind", "gate"), [("LSTM", "f"), ("Peephole", "f"), ("GRU", "z"), ("LayerNormGRU", "z")])
def test_the_mean_of_the_belts_gate_is_printed_at_every_step(kind: str, gate: str) -> None:
    trajectory, loss = run(kind)
    picture = read((trajectory, loss))
    for t, step in enumerate(trajectory.steps, start=1):
        mean = number(float(step.named[gate].data.mean()))
        assert picture[f"mean_{t}"].text == f"mean × {mean}"
        assert f"diag({gate}{t})".translate(SUBSCRIPTS) in picture[f"law_{t}"].text
        assert f"{mean} at t = {t}" in viz.describe(loss, trajectory)


def routes(picture: svg.Svg) -> dict[str, str]:
    return {edge.id: edge.data["route"] for edge in picture.edges}


def test_a_loss_on_the_last_h_enters_the_belt_at_the_end() -> None:
    picture = read(run(loss=of_last, start="grad"))
    route = routes(picture)
    into_belt = ["h_3-loss_3", "show_3-h_3", "squash_3-show_3", "c_3-squash_3"]
    belt = [line for t in (1, 2, 3) for line in (f"c_{t - 1}-keep_{t}", f"keep_{t}-sum_{t}", f"sum_{t}-c_{t}")]
    assert {route[line] for line in into_belt + belt} == {"carry"}
    crossing = [f"h_{t - 1}-z_{t}" for t in (1, 2, 3)] + ["c_2-squash_2", "show_2-h_2", "f_3-keep_3", "write_3-sum_3"]
    assert {route[line] for line in crossing} == {"crossing"}
    assert {route[f"weights_z_{t}-z_{t}"] for t in (1, 2, 3)} == {"weight"}
    assert {route[f"x_{t}-z_{t}"] for t in (1, 2, 3)} == {"forward"}
    colours = {edge.data["route"]: edge.colour for edge in picture.edges if edge.data.get("norm") != "0"}
    assert len(set(colours.values())) == len(colours) == 4


def test_an_input_that_requires_a_gradient_gets_one() -> None:
    assert routes(read(run(inputs=True)))["x_2-z_2"] == "crossing"


@pytest.mark.parametrize("kind", ["RNN", "RNN relu", "plain own"])
def test_a_cell_without_a_belt_has_one_way_only(kind: str) -> None:
    picture = read(run(kind))
    assert "carry" not in routes(picture).values()
    assert not any("share" in name for name in picture.nodes)


# Words


@pytest.mark.parametrize("kind", CELLS)
def test_the_story_in_words_has_the_pictures_numbers(kind: str) -> None:
    trajectory, loss = run(kind)
    picture = viz.gradient_paths(loss, trajectory)
    story, drawn = viz.describe(loss, trajectory), svg.read(picture.svg)
    assert picture.description == story
    assert drawn.description == story
    for name in trajectory.chains[-1].cell.states:
        pills = {t: drawn[f"{name}_{t}"] for t in (3, 2, 1)}
        norms = [f"{pill.texts[1].split()[-1]} at t = {t}" for t, pill in pills.items() if "norm" in pill.data]
        assert f"The norm of ∂L/∂{'C' if name == 'c' else name} is {', '.join(norms)}." in story
    for t in (1, 2, 3):
        caption = drawn.frames[f"step_{t}"][1].replace("\u00a0", " ")
        if "adds" in caption:
            assert f"{caption.split()[-1]} at t = {t}" in story


def test_the_boxes_say_what_this_cell_computes() -> None:
    picture = viz.gradient_paths(*reversed(run("RNN relu")))  # type: ignore[arg-type]  # (loss, trajectory)
    assert svg.read(picture.svg)["squash_2"].text == "relu"
    assert "× relu′, Uᵀ" in svg.read(picture.svg).text
    assert "tanh" not in svg.read(picture.svg).text
    for bias in (True, False):
        assert read(run(bias=bias))["z_2"].text == "Wx₂ + Uh₁" + " + b" * bias


def test_what_the_template_does_not_show_is_said() -> None:
    trajectory, loss = run(loss=of_gate)
    assert "which is not drawn: f₂" in " ".join(svg.read(viz.gradient_paths(loss, trajectory).svg).text.split())


def test_a_lower_layer_is_drawn_when_asked_for() -> None:
    trajectory, loss = run(loss=of_every, num_layers=2)
    picture = viz.gradient_paths(loss, trajectory, chain=0)
    assert "layer 1 of 2" in picture.title
    total = tg.grad(loss, trajectory.chains[0].steps[1].c, retain_graph=True)[0]
    assert float(svg.read(picture.svg)["c_2"].data["norm"]) == pytest.approx(float(np.linalg.norm(total.data)))
    share = tg.paths.routes(loss, trajectory.chains[0].steps[0].c).shares[0]
    assert float(svg.read(picture.svg)["share_carry_1"].data["share"]) == pytest.approx(share)  # as in the whole
    with pytest.raises(ValueError, match="no chain 4: this trajectory has 2"):
        viz.gradient_paths(loss, trajectory, chain=4)


# What is left alone, and what is refused


@pytest.mark.parametrize("view", ["cell", "strip", "rolled", "op"])
def test_nothing_is_touched(view: Any) -> None:
    trajectory, loss = run()
    parameters = list(trajectory.chains[0].cell.parameters())
    viz.gradient_paths(loss, trajectory, view=view)
    viz.describe(loss, trajectory)
    viz.draw(trajectory, view=view)
    assert all(parameter.grad is None for parameter in parameters)
    loss.backward()
    assert all(parameter.grad is not None for parameter in parameters)


def test_a_freed_graph_is_an_error_that_says_what_to_do() -> None:
    trajectory, loss = run()
    loss.backward(retain_graph=True)
    viz.gradient_paths(loss, trajectory)
    loss.backward()
    for view in ("cell", "op"):
        with pytest.raises(tg.errors.GradError, match=r"draw it before backward\(\), or .*retain_graph=True"):
            viz.gradient_paths(loss, trajectory, view=view)
    viz.draw(trajectory)  # the graph itself can still be drawn


def test_a_loss_of_another_run_is_an_error() -> None:
    trajectory, _ = run()
    _, other = run(seed=1)
    with pytest.raises(tg.errors.GradError, match="does not depend on this trajectory"):
        viz.gradient_paths(other, trajectory)


def test_where_no_gradient_goes_no_number_is_drawn() -> None:
    trajectory, _ = run()
    drawn = read((trajectory, (trajectory.steps[0].h ** 2).sum()))
    assert drawn["c_0"].texts[1] == "constant"
    assert drawn["h_3"].texts[1] == "no gradient"
    assert "adds" not in drawn.frames["step_3"][1]
    assert "norm" not in drawn["h_3"].data
    assert not any(edge.backward for edge in drawn.edges if edge.source.endswith(("_2", "_3")))


@pytest.mark.parametrize("kind", CELLS)
@pytest.mark.parametrize("view", ["cell", "strip", "rolled"])
def test_before_any_backward_there_are_shapes_and_no_numbers_of_gradients(kind: str, view: Any) -> None:
    trajectory, _ = run(kind)
    picture = viz.draw(trajectory, view=view, fold=None)
    drawn = svg.read(picture.svg)
    assert "‖" not in picture.svg
    assert "∂L" not in drawn.text
    assert str(trajectory.steps[0].h.shape) in drawn["h_1"].text
    assert not any(edge.backward or edge.data.get("norm") for edge in drawn.edges)


def test_a_run_that_was_not_recorded_is_an_error() -> None:
    with tg.no_grad():
        trajectory, loss = run()
    for view in ("auto", "op", "cell", "strip", "rolled"):
        with pytest.raises(NothingRecordedError, match=r"under no_grad.*nothing was recorded to draw"):
            viz.draw(trajectory, view=view)
    with pytest.raises(NothingRecordedError, match="under no_grad"):
        viz.gradient_paths(loss, trajectory)
    assert issubclass(NothingRecordedError, ValueError)
    for error in (NothingRecordedError, NoCellViewError, viz.RenderError):
        assert issubclass(error, tg.errors.TinygradError)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "own", "MinGRU"])
def test_a_run_in_which_nothing_needs_a_gradient_is_told_apart(kind: str) -> None:
    trajectory, loss = run(kind, frozen=("W", "U", "b", "b_n", "a"))
    with pytest.raises(tg.errors.TinygradError, match=r"needs no gradient: nothing was recorded|requires a gradient"):
        viz.gradient_paths(loss, trajectory)
    with pytest.raises(NothingRecordedError, match="of what needs no gradient: nothing was recorded"):
        viz.draw(trajectory, view="cell")


def test_arguments_of_another_kind_are_errors_that_say_what_was_expected() -> None:
    given: Any = run()
    trajectory, loss = given
    for call in (viz.gradient_paths, viz.describe):
        with pytest.raises(
            tg.errors.DtypeError, match=r"\(loss, trajectory\) takes a tensor of one number as loss, not a Traj"
        ):
            call(trajectory, loss)
        with pytest.raises(
            tg.errors.DtypeError, match=r"takes a trajectory, .*layer.unroll\(x\) gives, as trajectory, not a tuple"
        ):
            call(loss, given)
    with pytest.raises(ValueError, match=r"takes one of 'auto', .* as view, not the text 'cells'"):
        viz.gradient_paths(loss, trajectory, view="cells")


@pytest.mark.parametrize("factor", [np.nan, np.inf])
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN", "own"])
@pytest.mark.parametrize("view", ["cell", "strip", "rolled"])
def test_a_gradient_that_is_not_finite_is_drawn_as_it_is(kind: str, factor: float, view: Any) -> None:
    trajectory, _ = run(kind)
    with np.errstate(all="ignore"):
        loss = (trajectory.steps[-1].h * factor).sum()
    picture = viz.gradient_paths(loss, trajectory, view=view)
    drawn = svg.read(picture.svg)
    last = "h_3" if view != "rolled" else "h_1"
    shown = drawn[last].texts[1].split()[-1]
    assert shown in ("NaN", "inf")
    assert drawn.into("loss_3" if view != "rolled" else "loss_1")[0].width == 6.5
    assert not any(name.startswith("share") for name in drawn.nodes)
    assert "%" not in picture.description
    assert "nan" not in picture.svg.replace('data-norm="nan"', "")


def test_an_empty_batch_is_a_clear_error() -> None:
    trajectory = tg.nn.LSTM(3, 4).unroll(tg.randn(3, 0, 3))
    loss = trajectory.steps[-1].h.sum()
    with pytest.raises(ValueError, match="its batch, or its number of steps, is 0"):
        viz.gradient_paths(loss, trajectory, view="cell")
    assert "v0" in viz.draw(trajectory).source  # the graph is there


def test_a_cell_of_ones_own_and_a_subclass_that_computes_more_have_cell_views() -> None:
    own, loss = run("plain own", steps=2)
    assert "one PlainOwn, two time steps" in viz.gradient_paths(loss, own).title
    wider, loss = run("wider")
    assert "one WiderLSTM, three time steps" in viz.gradient_paths(loss, wider, view="cell").title


@pytest.mark.parametrize("options", [{}, {"reverse": True}, {"num_layers": 2}, {"steps": 20}], ids=str)
def test_the_loss_with_its_value_stands_behind_the_last_step(options: dict[str, Any]) -> None:
    trajectory, loss = run(loss=of_every, **options)
    picture = read((trajectory, loss))
    t = 1 if "reverse" in options else len(trajectory)
    pill, panel = picture[f"loss_{t}"], picture.frames[f"step_{t}"][0]
    assert pill.text.replace("\u00a0", " ") == f"L = {number(loss.item())}"
    assert pill.box[2] < panel[0] if "reverse" in options else panel[2] < pill.box[0]
    assert pill.middle[1] == picture[f"h_{t}"].middle[1]
    others = [node for name, node in picture.nodes.items() if name.startswith("loss_") and node is not pill]
    assert {node.text for node in others} <= {"L"}


PATHS = {
    "LSTM": ("the path along the cell state C", "through h into a gate"),
    "Peephole": ("the path along the cell state C", "through h into a gate, or through a peephole, C into a gate"),
    "GRU": ("the path along h", "through h into a gate"),
    "RNN": ("", "through h into the next step"),
    "own": ("the path along m", "through all else of a step"),
}


@pytest.mark.parametrize("kind", PATHS)
@pytest.mark.parametrize("view", ["cell", "strip", "rolled"])
def test_belt_and_crossing_are_defined_where_a_reader_first_meets_them(kind: str, view: Any) -> None:
    trajectory, loss = run(kind)
    belt, crossing = PATHS[kind]
    legends = [viz.gradient_paths(loss, trajectory, view=view), viz.compare({"one": (loss, trajectory)}, view=view)]
    for picture in legends:
        text, said = " ".join(svg.read(picture.svg).text.split()), picture.description
        assert ("belt, the path along" in text) == bool(belt)
        assert "crossing, through" in text
        assert said.find("belt") == said.find(f"belt, {belt}") if belt else "belt" not in said
        assert said.find("crossing") == said.find("crossings, through") if belt else "crossing" not in said
    (legend, _) = (" ".join(svg.read(picture.svg).text.split()) for picture in legends)
    assert f"belt, {belt}:" in legend or not belt
    assert f"crossing, {crossing}" in legend
    sentence = f"A crossing leads {crossing}."
    flow = viz.flow(loss, trajectory)
    for text in (" ".join(svg.read(flow.svg).text.split()), flow.description):
        assert (f"The belt is {belt}." in text) == bool(belt)
        assert text.find("crossing") == text.find(sentence) + len("A ")
        assert "% crossing" in text
        assert ("% on the belt" in text) == bool(belt)
    op = " ".join(svg.read(viz.gradient_paths(loss, trajectory, view="op").svg).text.split())
    assert ("belt, where a state is only scaled from step to step" in op) == bool(belt)
    assert "crossing, through h into a gate of the next step" in op
