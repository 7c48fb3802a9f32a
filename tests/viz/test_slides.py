"""The cell view on a slide: how wide it is, how small its text, what its gates say, and what is asked of it."""

from __future__ import annotations

import re
import warnings
from functools import partial
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
import viz
from tests.support import svg
from tests.support.layout_lint import lint
from tests.support.pictures import drawn
from tinygrad_lstm import nn
from tinygrad_lstm.errors import ArgumentError, DtypeError
from viz.style.theme import THEMES

THREE = [nn.LSTM, nn.GRU, nn.RNN]


def steps(layer: Any, T: int = 3) -> Any:
    tg.manual_seed(0)
    trajectory = layer(3, 4).unroll(tg.randn(T, 2, 3))
    return (trajectory.steps[-1].h ** 2).sum(), trajectory


@pytest.mark.parametrize("layer", THREE)
def test_three_steps_fit_a_slide(layer: Any) -> None:
    width, height = svg.read(viz.gradient_paths(*steps(layer)).svg).size
    assert width <= 1310
    assert height <= 720


@pytest.mark.parametrize("name", ["LSTM", "Peephole", "GRU", "RNN", "LayerNorm", "Projected", "h detached", "lengths"])
@pytest.mark.parametrize("view", ["cell", "strip", "rolled"])
def test_no_text_is_below_11_points(name: str, view: str) -> None:
    sizes = [float(size) for size in re.findall(r'font-size="([\d.]+)"', drawn(name).picture(view).svg)]
    assert min(sizes) >= 11


GATES = {
    "LSTM": {"f": "f₂ = σ(…) forget", "i": "i₂ = σ(…) input", "g": "C̃₂ = tanh(…) new", "o": "o₂ = σ(…) output"},
    "Coupled": {"i": "i₂ = 1 − f₂ input"},
    "GRU": {"z": "z₂ = σ(…) keep", "n": "n₂ = tanh(…) new", "r": "r₂ = σ(…) reset"},
}


@pytest.mark.parametrize("name", GATES)
def test_gates_say_what_they_are(name: str) -> None:
    picture = drawn(name).view("cell")
    said = {role: picture[f"{role}_2"].text.replace("\u00a0", " ") for role in GATES[name]}
    assert said == GATES[name]


def test_the_bar_of_weights_says_how_its_gradient_sums() -> None:
    said = svg.read(viz.gradient_paths(*steps(nn.LSTM)).svg)["weights"].text
    assert "is the sum over t of what the steps add: ∂L/∂W = Σₜ δₜ xₜᵀ, δₜ = ∂L/∂(Wxₜ)" in said
    own = svg.read(viz.gradient_paths(*steps(lambda *sizes: nn.GRU(*sizes, cell=nn.MGUCell))).svg)["weights"].text
    assert own.endswith("is the sum over t of what the steps add")  # nothing is known of what a cell does with its W


def test_the_sum_is_the_gradient_of_w() -> None:
    loss, trajectory = steps(nn.LSTM)
    (chain,) = trajectory.chains
    W = dict(chain.cell.named_parameters())["W"]
    total = np.zeros(W.shape)
    for event in tg.backward_events(loss, retain_graph=True, accumulate=False):
        if any(part.source.label == "W" for part in event.contributions):
            total += event.cotangent.T @ chain.steps[(event.node.step or 0) - 1].named["x"].data
    (found,) = tg.grad(loss, W, retain_graph=True)
    np.testing.assert_allclose(found.data, total, rtol=1e-4, atol=1e-7)


def test_a_masked_step_says_how_many_rows_are_masked() -> None:
    tg.manual_seed(0)
    trajectory = nn.LSTM(3, 4).unroll(tg.randn(4, 3, 3), lengths=[4, 2, 1])
    captions = {name: caption for name, (_, caption) in svg.read(viz.draw(trajectory).svg).frames.items()}
    masked = {t: re.findall(r"\d of \d rows masked", captions[f"step_{t}"].replace("\u00a0", " ")) for t in range(1, 5)}
    assert masked == {1: [], 2: ["1 of 3 rows masked"], 3: ["2 of 3 rows masked"], 4: ["2 of 3 rows masked"]}


def all_pictures(**options: Any) -> list[viz.Picture]:
    one, other = steps(nn.LSTM), steps(nn.LSTM)
    return [
        viz.draw(one[1], **options),
        viz.draw(one[0], **options),
        viz.gradient_paths(*one, **options),
        viz.gradient_paths(*one, view="op", **options),
        viz.compare({"one": one, "other": other}, **options),
        viz.difference(one, other, **options),
        viz.flow(*one, **options),
    ]


def test_a_picture_without_a_header_has_all_else() -> None:
    for whole, bare in zip(all_pictures(), all_pictures(header=False), strict=True):
        full, part = svg.read(whole.svg), svg.read(bare.svg)
        header = {name for name in full.nodes if name == "title" or name.startswith(("guide_", "legend_"))}
        assert header
        assert set(part.nodes) == set(full.nodes) - header
        assert [edge.id for edge in part.edges] == [edge.id for edge in full.edges]
        assert part.size[1] < full.size[1]
        assert (bare.title, bare.description) == (whole.title, whole.description)
        assert "legend" not in bare.source


def test_a_width_is_in_pixels_and_too_small_a_one_is_said() -> None:
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        for picture in all_pictures(width=1280):
            assert re.search(r'viewBox="[^"]*" width="1280" style="height:auto"', picture.svg)
    long = steps(nn.LSTM, 16)
    with pytest.warns(
        UserWarning, match=r"1,280 pixels wide, the smallest letters .* are 2\.\d pixels .*: [\d,]+ wide"
    ) as found:
        viz.gradient_paths(*long, view="cell", fold=None, width=1280)
    assert found[0].filename == __file__


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("width", [640, 1280, 2600])
def test_a_long_strip_is_in_rows_that_fit_the_width(width: int, layers: int) -> None:
    loss, trajectory = steps(partial(nn.LSTM, num_layers=layers), 50)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = viz.gradient_paths(loss, trajectory, view="strip", fold=None, width=width)
    shown = svg.read(picture.svg)
    assert shown.size[0] <= 1310 / 1280 * max(width, 760)  # as wide as its header at least
    assert len(shown.ids) == len(set(shown.ids))
    drawn = [int(name.removeprefix("step_")) for name in shown.frames if name.startswith("step_")]
    assert drawn == list(range(1, 51))  # each once, in the order in which it is read
    begins = [t for t in drawn if f"steps_{t}" in shown.nodes]
    ends = [t - 1 for t in [*begins[1:], 51]]
    assert len(begins) > 2
    assert [shown[f"steps_{t}"].text for t in begins] == [
        f"t = {t} to {end}" for t, end in zip(begins, ends, strict=True)
    ]
    for t in begins[1:]:  # a row begins with what the one above ends with
        again, once = shown[f"again_c_{t - 1}"], shown[f"c_{t - 1}"]
        assert again.texts == once.texts
        assert again.middle[1] == shown[f"c_{t}"].middle[1] > once.middle[1]
        edge = shown.edge(f"c_{t - 1}", f"c_{t}")
        assert abs(edge.way[0][1] - again.middle[1]) < 20
    assert sum(name.startswith("weights") and "-" not in name for name in shown.nodes) >= len(begins)


def test_time_that_runs_back_goes_from_row_to_row_as_well() -> None:
    loss, trajectory = steps(partial(nn.LSTM, reverse=True), 20)
    shown = svg.read(viz.gradient_paths(loss, trajectory, view="strip", fold=None).svg)
    (again,) = [t for t in range(1, 21) if f"again_c_{t}" in shown.nodes and t < 13]
    assert shown[f"again_c_{again}"].middle[0] > shown[f"c_{again - 1}"].middle[0]  # at the right end of the row above
    assert [defect for defect in lint(viz.gradient_paths(loss, trajectory, view="strip", fold=None).svg)
            if defect.kind != "crossing"] == []  # fmt: skip


@pytest.mark.parametrize("width", [0, -3])
def test_a_width_is_positive(width: float) -> None:
    with pytest.raises(ArgumentError, match="width is how many pixels wide"):
        viz.draw(steps(nn.RNN)[1], width=width)


def test_a_header_is_a_yes_or_a_no() -> None:
    with pytest.raises(DtypeError, match="True or False as header"):
        viz.draw(steps(nn.RNN)[1], header="no")  # what the test is about


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2 defines it."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", ["light", "dark"])
def test_lines_and_frames_stand_out_from_their_ground(name: str) -> None:
    theme = THEMES[name]
    for hue in ("forward", "weight", "crossing", "carry", "gate", "candidate", "indigo", "wine", "olive", "ink"):
        assert contrast(getattr(theme, hue), theme.panel) >= 3, hue
    assert contrast(theme.frame, theme.paper) >= 3
    for hue in ("indigo", "wine", "olive"):
        assert contrast(theme.text_of(getattr(theme, hue)), theme.panel) >= 4.5, hue


def test_the_bar_names_all_weights_that_it_has_room_for() -> None:
    """As their letters are wide, not so many points for each."""
    tg.manual_seed(0)
    trajectory = nn.LSTM(3, 4, cell=nn.LayerNormLSTMCell).unroll(tg.randn(4, 2, 3))
    bar = svg.read(viz.draw(trajectory, view="rolled").svg)["weights"].text
    assert bar.replace("\u00a0", " ") == "W, U, b, norm_x.w, norm_h.w, norm_c.w, norm_c.b"


class Leak(nn.Cell):
    """h' = 0.9 h + tanh x: a cell without weights."""

    carried = ("h",)

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True) -> None:
        super().__init__(input_size, hidden_size)

    def forward(self, x: tg.Tensor, h: tg.Tensor) -> tg.Tensor:
        h = tg.tag(h, "carry") * 0.9 + tg.tanh(x)
        tg.label(h=h)
        return h


@pytest.mark.parametrize("view", ["cell", "strip", "rolled"])
def test_a_cell_without_weights_has_no_bar_of_them(view: Any) -> None:
    trajectory = nn.RNN(3, 3, cell=Leak).unroll(tg.randn(3, 2, 3, requires_grad=True))
    loss = trajectory.steps[-1].h.sum()
    for picture in (viz.draw(trajectory, view=view), viz.gradient_paths(loss, trajectory, view=view)):
        assert "weights" not in svg.read(picture.svg).nodes
        assert "set of weights" not in picture.svg
