"""The numbers of the gradient picture are the engine's: printed norms, line widths, what each step adds, the split."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
import viz
from tests import dot
from viz.roles import WEIGHTS, NoCellViewError, NothingRecordedError
from viz.style import number, percent, width_of
from viz.views import find

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def unrolled(
    kind: str = "LSTM", steps: int = 3, *, layers: int = 1, start: bool = True, seed: int = 0
) -> tuple[Any, tg.nn.Trajectory]:
    """A layer in float64 and its run over random input, from a state that requires a gradient or from zeros."""
    tg.manual_seed(seed)
    layer = getattr(tg.nn, kind)(3, 5, layers).astype(np.float64)
    x = tg.randn(steps, 2, 3, dtype=np.float64)
    states = [tg.randn(layers, 2, 5, dtype=np.float64, requires_grad=True) for _ in layer.layers[0].states]
    state = (tuple(states) if len(states) > 1 else states[0]) if start else None
    return layer, layer.unroll(x, state)


def of_last(trajectory: tg.nn.Trajectory) -> tg.Tensor:
    return ((trajectory.steps[-1].h - 1) ** 2).sum() * 0.2


def of_every(trajectory: tg.nn.Trajectory) -> tg.Tensor:
    return (trajectory.output**2).sum()


def of_states(trajectory: tg.nn.Trajectory) -> tg.Tensor:
    return sum(((step.h * step.c).sum() for step in trajectory.steps), start=tg.tensor(0.0, dtype=np.float64))


CASES = {
    "last h": ("LSTM", 3, 1, of_last),
    "one step": ("LSTM", 1, 1, of_last),
    "every h": ("LSTM", 5, 1, of_every),
    "every h and c": ("LSTM", 4, 1, of_states),
    "two layers": ("LSTM", 3, 2, of_every),
    "GRU": ("GRU", 3, 1, of_last),
    "GRU, every h": ("GRU", 4, 1, of_every),
    "RNN": ("RNN", 3, 1, of_every),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[Any, tg.nn.Trajectory, tg.Tensor]:
    kind, steps, layers, loss = CASES[request.param]
    layer, trajectory = unrolled(kind, steps, layers=layers)
    return layer, trajectory, loss(trajectory)


def delivered(loss: tg.Tensor, graph: tg.Graph, leaves: list[tg.Tensor]) -> dict[tuple[int, str], np.ndarray]:
    """What ``tg.backward_events`` reports for each edge, by reader and input name; the leaves' grad is put back."""
    found = {
        (graph.id_of(event.node), part.name): np.asarray(part.array)
        for event in tg.backward_events(loss, retain_graph=True)
        for part in event.contributions
    }
    for leaf in leaves:
        leaf.grad = None
    return found


def leaves_of(layer: Any, trajectory: tg.nn.Trajectory) -> list[tg.Tensor]:
    return list(layer.parameters())


def test_every_width_is_the_scales_function_of_what_was_delivered(case: Any) -> None:
    layer, trajectory, loss = case
    picture = dot.read(viz.gradient_paths(loss, trajectory).source)
    found = find(trajectory, -1, loss)
    parts = delivered(loss, found.graph, leaves_of(layer, trajectory))
    checked = 0
    for line in found.lines:
        (source, t), (target, u) = line.source, line.target
        if target == "loss":
            ends = f"{source}_{t}", f"loss_{t}" if u == found.last else f"loss_{source}_{t}"
        else:
            ends = f"{source}_{t}" if source != WEIGHTS else f"weights_{target}_{u}", f"{target}_{u}"
        if source == WEIGHTS:
            edges = [edge for edge in line.edges if found.parameters[edge.source] == "W"]
        else:
            edges = list(line.edges)
        contributions = [parts[edge.target, edge.name] for edge in edges if (edge.target, edge.name) in parts]
        if not line.edges:
            (total,) = tg.grad(loss, found.state(target, u), retain_graph=True)
            contributions = [total.numpy()] if total is not None else []
        look = picture.edge(*ends)
        if contributions:
            norm = float(np.linalg.norm(np.sum(contributions, axis=0)))
            assert look["penwidth"] == f"{width_of(norm):.2f}", line
            assert look["dir"] == "back"
            checked += 1
        else:
            assert look.get("dir") != "back", line
    assert checked > 4 * found.last
    drawn = [look["id"] for *_, look in picture.edges if not look["id"].startswith("legend")]
    assert len(drawn) == len(set(drawn)) == len(found.lines)


def test_every_pill_prints_the_norm_that_grad_gives(case: Any) -> None:
    _, trajectory, loss = case
    picture = dot.read(viz.gradient_paths(loss, trajectory).source)
    names = ["h", "c"] if "c" in trajectory.steps[0].named else ["h"]
    for name in names:
        for t, step in enumerate([trajectory.initial, *trajectory.steps]):
            (total,) = tg.grad(loss, getattr(step, name), retain_graph=True)
            assert total is not None
            letter = "C" if name == "c" else name
            shown = dot.text_of(picture[f"{name}_{t}"]).split()
            assert shown == [f"{letter}{t}".translate(SUBSCRIPTS), "‖∇‖", number(float(np.linalg.norm(total.data)))]


def test_each_step_says_what_it_adds_to_the_gradient_of_the_weights(case: Any) -> None:
    layer, trajectory, loss = case
    picture = dot.read(viz.gradient_paths(loss, trajectory).source)
    weights = next(trajectory.chains[-1].cell.parameters())
    total = np.zeros(weights.shape)
    for event in list(tg.backward_events(loss, retain_graph=True)):
        for part in event.contributions:
            if part.target is weights.source.node:
                assert f"adds ‖∂L/∂W‖ {number(float(np.linalg.norm(part.array)))}" in dot.text_of(
                    picture[f"caption_{event.node.step}"]
                )
                total += part.array
    for leaf in leaves_of(layer, trajectory):
        leaf.grad = None
    (expected,) = tg.grad(loss, weights)
    assert expected is not None
    np.testing.assert_allclose(total, expected.data, rtol=1e-12, atol=1e-15)


def test_the_split_of_the_first_state_is_the_product_of_forget_gates() -> None:
    _, trajectory = unrolled(steps=4)
    loss = of_last(trajectory)
    last = trajectory.steps[-1]
    dh, total = tg.grad(loss, [last.h, trajectory.steps[0].c], retain_graph=True)
    assert dh is not None
    assert total is not None
    belt = dh.data * last.o.data * (1 - np.tanh(last.c.data) ** 2)
    for step in trajectory.steps[1:]:
        belt = belt * step.f.data
    carried = float((belt * total.data).sum() / (total.data**2).sum())
    text = dot.text_of(dot.read(viz.gradient_paths(loss, trajectory).source)["split_text"])
    shown = re.findall(r"[−\d]+%", text)
    assert shown == [percent(carried), percent(1 - carried)]
    assert "came along C" in text
    assert percent(carried) in viz.describe(loss, trajectory)


def test_a_part_that_works_against_the_other_is_said_to() -> None:
    for seed in range(40):
        _, trajectory = unrolled(steps=2, seed=seed)
        loss = of_states(trajectory)
        text = dot.text_of(dot.read(viz.gradient_paths(loss, trajectory).source)["split_text"])
        shown = [int(part.replace("−", "-")) for part in re.findall(r"([−\d]+)%", text)]
        assert abs(sum(shown) - 100) <= 1
        if min(shown) < 0:
            assert "against it" in text
            assert "by way of h, against it" in viz.describe(loss, trajectory)
            return
    pytest.fail("no case found in which one way works against the other")


def test_the_mean_of_the_forget_gate_is_printed_at_every_step() -> None:
    _, trajectory = unrolled(steps=3)
    picture = dot.read(viz.gradient_paths(of_last(trajectory), trajectory).source)
    for t, step in enumerate(trajectory.steps, start=1):
        assert dot.text_of(picture[f"mean_{t}"]).split() == ["mean", "×", number(float(step.f.data.mean()))]
        law = dot.text_of(picture[f"law_{t}"]).replace(" ", "")
        assert law == f"∂C{t}/∂C{t - 1}=diag(f{t})".translate(SUBSCRIPTS)


# Routes


def routes(picture: viz.Picture) -> dict[str, str]:
    return {look["id"]: look["class"] for *_, look in dot.read(picture.source).edges}


def test_a_loss_on_the_last_h_enters_the_belt_at_the_end() -> None:
    _, trajectory = unrolled(steps=3)
    route = routes(viz.gradient_paths(of_last(trajectory), trajectory))
    into_belt = ["h_3-loss_3", "show_3-h_3", "squash_3-show_3", "c_3-squash_3"]
    along_belt = [
        f"{line}" for t in (1, 2, 3) for line in (f"c_{t - 1}-keep_{t}", f"keep_{t}-sum_{t}", f"sum_{t}-c_{t}")
    ]
    assert {route[line] for line in into_belt + along_belt} == {"carried"}
    gated = [f"h_{t - 1}-z_{t}" for t in (1, 2, 3)] + ["c_2-squash_2", "show_2-h_2", "f_3-keep_3", "write_3-sum_3"]
    assert {route[line] for line in gated} == {"gated"}
    assert {route[f"weights_z_{t}-z_{t}"] for t in (1, 2, 3)} == {"weights"}
    assert {route[f"x_{t}-z_{t}"] for t in (1, 2, 3)} == {"forward"}


def test_a_cell_without_a_belt_has_one_way_only() -> None:
    _, trajectory = unrolled("RNN")
    assert "carried" not in routes(viz.gradient_paths(of_every(trajectory), trajectory)).values()


def test_an_input_that_requires_a_gradient_gets_one() -> None:
    tg.manual_seed(0)
    x = tg.randn(3, 2, 3, requires_grad=True)
    trajectory = tg.nn.LSTM(3, 4).unroll(x)
    assert routes(viz.gradient_paths(of_last(trajectory), trajectory))["x_2-z_2"] == "gated"


# What is left alone, and what is refused


def test_nothing_is_touched() -> None:
    layer, trajectory = unrolled()
    loss = of_last(trajectory)
    viz.gradient_paths(loss, trajectory)
    viz.describe(loss, trajectory)
    viz.draw(trajectory)
    assert all(parameter.grad is None for parameter in layer.parameters())
    loss.backward()
    assert all(parameter.grad is not None for parameter in layer.parameters())


def test_a_freed_graph_is_an_error_that_says_what_to_do() -> None:
    _, trajectory = unrolled()
    loss = of_last(trajectory)
    loss.backward(retain_graph=True)
    viz.gradient_paths(loss, trajectory)
    loss.backward()
    with pytest.raises(
        tg.errors.GradError, match=r"draw it before backward\(\), or call backward\(retain_graph=True\)"
    ):
        viz.gradient_paths(loss, trajectory)
    viz.draw(loss)  # the graph itself can still be drawn


def test_a_loss_of_another_run_is_an_error() -> None:
    layer, trajectory = unrolled()
    other = of_last(layer.unroll(tg.randn(2, 2, 3, dtype=np.float64)))
    with pytest.raises(tg.errors.GradError, match="does not depend on this trajectory"):
        viz.gradient_paths(other, trajectory)


def test_where_no_gradient_goes_no_number_is_drawn() -> None:
    _, trajectory = unrolled(start=False)
    loss = (trajectory.steps[0].h ** 2).sum()
    picture = dot.read(viz.gradient_paths(loss, trajectory).source)
    assert "constant" in picture["c_0"]["label"]
    assert "no gradient" in picture["h_3"]["label"]
    assert "adds" not in dot.text_of(picture["caption_3"])
    assert "split_bar" in dict(picture.nodes)


def test_what_the_template_does_not_show_is_said() -> None:
    _, trajectory = unrolled()
    loss = of_last(trajectory) + trajectory.steps[1].f.sum()
    source = viz.gradient_paths(loss, trajectory).source
    assert "which is not drawn: f₂" in source


class SquaredCell(tg.nn.LSTMCell):
    """An LSTM whose h has one operation more than the template has boxes for."""

    def forward(self, x: tg.Tensor, state: tuple[tg.Tensor, tg.Tensor]) -> tuple[tg.Tensor, tg.Tensor]:
        h, c = super().forward(x, state)
        h = h * h + h
        tg.label(h=h)
        return h, c


def test_a_cell_without_a_template_is_an_error_that_names_the_op_view() -> None:
    class OwnCell(tg.nn.Cell):
        def forward(self, x: tg.Tensor, h: tg.Tensor) -> tg.Tensor:
            return x + h

    x = tg.randn(2, 1, 3, requires_grad=True)
    own = tg.nn.LSTM(3, 3, cell=lambda D, H, bias=True: OwnCell(D, H)).unroll(x)
    with pytest.raises(ValueError, match=r'no cell view of a OwnCell, only of LSTM, GRU, RNN; .*view="op"'):
        viz.draw(own, view="cell")
    assert "v0" in viz.draw(own).source
    squared = tg.nn.LSTM(3, 3, cell=SquaredCell).unroll(x)
    with pytest.raises(ValueError, match=r"no place for the multiply at .*cells.py:\d+ in step t=1, which reads c, o"):
        viz.draw(squared, view="cell")
    assert "v0" in viz.draw(squared).source


def test_a_run_that_was_not_recorded_is_an_error() -> None:
    with tg.no_grad():
        trajectory = tg.nn.LSTM(3, 4).unroll(tg.randn(2, 1, 3))
    views: list[Any] = ["auto", "op", "cell"]
    for view in views:
        with pytest.raises(NothingRecordedError, match="made under no_grad: nothing was recorded to draw"):
            viz.draw(trajectory, view=view)
    with pytest.raises(NothingRecordedError, match="made under no_grad"):
        viz.gradient_paths(trajectory.steps[-1].h.sum(), trajectory)
    assert issubclass(NothingRecordedError, ValueError)
    for error in (NothingRecordedError, NoCellViewError, viz.RenderError):
        assert issubclass(error, tg.errors.TinygradError)


def test_arguments_of_another_kind_are_errors_that_say_what_was_expected() -> None:
    layer, trajectory = unrolled()
    loss: Any = of_last(trajectory)
    any_trajectory: Any = trajectory
    for call in (viz.gradient_paths, viz.describe):
        with pytest.raises(tg.errors.DtypeError, match=r"expected a loss.*not Trajectory \(the loss comes first"):
            call(any_trajectory, loss)
        with pytest.raises(
            tg.errors.DtypeError, match=r"expected a trajectory, which is what layer.unroll\(x\) gives, not tuple"
        ):
            call(loss, layer(tg.randn(3, 2, 3, dtype=np.float64)))


@pytest.mark.parametrize("factor", [np.nan, np.inf])
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_a_gradient_that_is_not_finite_is_drawn_as_it_is(kind: str, factor: float) -> None:
    _, trajectory = unrolled(kind)
    with np.errstate(all="ignore"):
        loss = (trajectory.steps[-1].h * factor).sum()
    picture = viz.gradient_paths(loss, trajectory)
    drawn = dot.read(picture.source)
    shown = dot.text_of(drawn["h_3"]).split()[-1]
    assert shown == ("NaN" if np.isnan(factor) else "inf")
    assert drawn.edge("h_3", "loss_3")["penwidth"] == "6.50"
    assert "split_bar" not in dict(drawn.nodes)
    if kind != "RNN":
        assert "not finite" in dot.text_of(drawn["split_text"])
    assert picture.description == viz.describe(loss, trajectory)
    assert shown in picture.description
    assert "%" not in picture.description
    assert "nan" not in picture.description
    assert picture.svg


def test_an_empty_batch_is_a_clear_error() -> None:
    trajectory = tg.nn.LSTM(3, 4).unroll(tg.randn(3, 0, 3))
    loss = trajectory.steps[-1].h.sum()
    with pytest.raises(ValueError, match="its batch, or its number of steps, is 0"):
        viz.gradient_paths(loss, trajectory)
    assert "v0" in viz.draw(trajectory).source  # the graph is there


def test_too_many_steps_and_no_such_chain_are_errors() -> None:
    _, trajectory = unrolled(steps=13)
    with pytest.raises(ValueError, match=r"13 steps are too many .* up to 12"):
        viz.gradient_paths(of_last(trajectory), trajectory)
    assert "v0 " in viz.draw(trajectory).source
    with pytest.raises(ValueError, match="no chain 4: this trajectory has 1"):
        viz.gradient_paths(of_last(trajectory), trajectory, chain=4)


def test_a_lower_layer_is_drawn_when_asked_for() -> None:
    _, trajectory = unrolled(layers=2)
    picture = viz.gradient_paths(of_last(trajectory), trajectory, chain=0)
    assert "layer 1 of 2" in picture.title
    assert dot.read(picture.source)["loss_h_1"]["label"] == "layer 2"


def test_the_story_in_words_has_the_pictures_numbers() -> None:
    _, trajectory = unrolled()
    loss = of_last(trajectory)
    story = viz.describe(loss, trajectory)
    picture = viz.gradient_paths(loss, trajectory)
    assert picture.description == story
    drawn = dot.read(picture.source)
    norms = [dot.text_of(drawn[f"{name}_{t}"]).split()[-1] for name in ("c", "h") for t in (3, 2, 1, 0)]
    assert len(norms) == 8
    told = "; ".join(f"{norm} at t = {t}" for norm, t in zip(norms, (3, 2, 1, 0) * 2, strict=True)).split("; ")
    assert f"The norm of ∂L/∂C is {', '.join(told[:4])}." in story
    assert f"The norm of ∂L/∂h is {', '.join(told[4:])}." in story
    for t in (1, 2, 3):
        adds = dot.text_of(drawn[f"caption_{t}"]).split()[-1]
        assert f"{adds} at t = {t}" in story
