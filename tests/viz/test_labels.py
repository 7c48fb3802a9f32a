"""Hostile names are shown as they are: none can break the DOT text, the SVG or the PNG, or run in a page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings

import tinygrad_lstm as tg
import viz
from tests.support import svg
from tests.support.hostile import NAMES, any_text, each_name
from tests.support.markup import tags
from viz.output.png_by_graphviz import commands

SHOWN = 20  # letters of a long name that are sure to be seen


def clean(text: str) -> str:
    """What a picture can hold of a name."""
    return "".join(c if c.isprintable() else " " for c in text)


def read(picture: viz.Picture) -> str:
    """All text of the SVG, which has to be XML without anything that runs."""
    root = ElementTree.fromstring(picture.svg.encode())
    tags = {element.tag.removeprefix(svg.NAMESPACE) for element in root.iter()}
    assert tags <= {"svg", "title", "desc", "g", "rect", "circle", "path", "polygon", "polyline", "ellipse", "text",
                    "tspan", "style", "a"}, tags  # fmt: skip
    for element in root.iter():
        assert not any(name.lower().startswith("on") for name in element.attrib)
        assert not any("javascript:" in value for value in element.attrib.values())
    return " ".join(filter(None, root.itertext())).replace("\xa0", " ")


def can_draw() -> bool:
    return any(True for _ in commands("png"))


@each_name()
@pytest.mark.parametrize("depth", [None, 0])
def test_in_the_op_view(name: str, depth: int | None) -> None:
    with tg.scope(name):
        x = tg.tensor([1.0], requires_grad=True)
        y = x * 2
        tg.label(**{name: x, name + "2": y})
    picture = viz.draw(y, depth=depth)
    shown = read(picture)
    assert clean(name)[:SHOWN].strip() in shown
    assert "\x00" not in picture.source


class Hostile(tg.nn.RNNCell):
    """An RNN cell with parameters, modules and values of any name."""

    def __init__(self, name: str, D: int, H: int) -> None:
        super().__init__(D, H)
        self.name = name
        setattr(self, name, tg.nn.Parameter(tg.ones(H).data))
        setattr(self, name + "inner", tg.nn.Linear(H, H))

    def forward(self, x: tg.Tensor, h: tg.Tensor) -> tg.Tensor:
        h = super().forward(x, h) * getattr(self, self.name)
        with tg.scope(self.name):
            h = getattr(self, self.name + "inner")(h)
        tg.label(**{self.name + "value": h})
        tg.label(h=h)
        return h


def hostile_run(name: str, steps: int = 3) -> tuple[tg.nn.Trajectory, tg.Tensor]:
    tg.manual_seed(0)
    Cell: Any = type(name.replace("\x00", "") or "Cell", (Hostile,), {}) if "\ud800" not in name else Hostile
    layer = tg.nn.RNN(2, 3, cell=lambda D, H, bias=True, **_: Cell(name, D, H))
    trajectory = layer.unroll(tg.randn(steps, 1, 2))
    return trajectory, (trajectory.output**2).sum()


@each_name(lambda name: name != "__class__")
@pytest.mark.parametrize("view", ["cell", "strip", "rolled", "op"])
def test_in_every_view_of_a_run(name: str, view: Any) -> None:
    trajectory, loss = hostile_run(name)
    for picture in (viz.draw(trajectory, view=view), viz.gradient_paths(loss, trajectory, view=view)):
        assert clean(name)[:SHOWN].strip() in read(picture)
        picture.source.encode()
    viz.describe(loss, trajectory).encode()


@pytest.mark.parametrize("view", ["cell", "op"])
def test_no_name_makes_a_picture_much_larger(view: Any) -> None:
    sizes = [svg.read(viz.draw(hostile_run(name)[0], view=view).svg).size[0] for name in ("w", "<" * 10_000)]
    assert sizes[1] < 2.5 * sizes[0]


@pytest.mark.slow
@pytest.mark.skipif(not can_draw(), reason="neither dot nor pygraphviz is there")
def test_what_graphviz_is_given_it_can_draw(tmp_path: Path) -> None:
    """All names at once, since each picture is a process of its own."""
    with tg.scope("\n".join(NAMES)):
        tensors = []
        for name in NAMES:
            with tg.scope(name):
                x = tg.tensor([1.0], requires_grad=True)
                tg.label(**{name: x})
                tensors.append(x * 2)
    for picture in (viz.draw(tensors), viz.draw(tensors, depth=1)):
        for suffix, begins in ((".png", b"\x89PNG"), (".svg", b"<svg")):
            assert picture.save(tmp_path / f"op{suffix}").read_bytes().startswith(begins)
    for name in ("<TABLE><TR><TD>", r"back\slash\n\l\N", "nul\x00 bell\x07 escape\x1b \x7f \x85 \ufffe \ud800"):
        trajectory, loss = hostile_run(name, steps=2)
        for view in ("cell", "op"):
            picture = viz.gradient_paths(loss, trajectory, view=view)
            assert picture.save(tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")


# Names that become ids: those of states


def run_with_states(name: str) -> tuple[tg.nn.Trajectory, tg.Tensor]:
    """A run of a cell whose states, scopes and op labels have that name."""

    class Named(tg.nn.Cell):
        states = (name, f"{name}'")

        def __init__(self) -> None:
            super().__init__(2, 2)
            self.W = tg.nn.Parameter(tg.ones(2, 2).data)

        def forward(self, x: tg.Tensor, state: tuple[tg.Tensor, tg.Tensor]) -> tuple[tg.Tensor, tg.Tensor]:
            one, other = state
            with tg.scope(name):
                z = tg.linear(x, self.W)
                other = tg.sigmoid(z) * tg.tag(other, "carry") + z
                return tg.tanh(other + one), other

    chain = tg.nn.unroll(Named(), tg.ones(3, 1, 2))
    trajectory = tg.nn.Trajectory((chain,), chain.output, chain.state)
    return trajectory, (chain.output**2).sum()


def check_states(name: str) -> None:
    """Every picture of such a run is well-formed, and its ids are words."""
    trajectory, loss = run_with_states(name)
    views: tuple[Any, ...] = ("cell", "strip", "rolled", "op")
    pictures = [viz.gradient_paths(loss, trajectory, view=view) for view in views]
    pictures += [viz.draw(trajectory, view=view) for view in views]
    pictures += [viz.flow(loss, trajectory), viz.compare({name: (loss, trajectory)})]
    for picture in pictures:
        read(picture)
        for found in re.findall(r'(?:\bid|data-source|data-reader)="([^"]*)"', picture.svg):
            assert re.fullmatch(r"[\w.-]+", found, re.ASCII), found
        picture.source.encode()
        for ends in re.findall(r"^\t+(\S+) -> (\S+) \[", picture.source, re.MULTILINE):
            assert ":" not in "".join(ends), "a port"
    page = viz.player(loss, trajectory).html
    page.encode()
    (tape,) = re.findall(r'<script type="application/json" id="play-tape">(.*)</script>', page)
    texts = set(json.loads(tape)["texts"])
    edges = set(re.findall(r'<g class="edge" id="([^"]*)"', page))
    assert edges <= {one for text in texts for one in text.split(" ")}
    assert tags(page).count("script") == 2
    viz.describe(loss, trajectory).encode()


@each_name(lambda name: len(name) < 5_000 and name != "x")
def test_states_of_any_name(name: str) -> None:
    check_states(name)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(any_text.filter(lambda text: text not in ("x", "loss", "weights", "above")))
def test_states_of_any_text(text: str) -> None:
    check_states(text)


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(any_text)
def test_labels_and_scopes_of_any_text(text: str) -> None:
    with tg.scope(text):
        x = tg.tensor([1.0], requires_grad=True)
        y = tg.tanh(x * 2)
        tg.label(**{text: x, text + "2": y})
    picture = viz.draw(y)
    assert clean(text)[:SHOWN].strip() in read(picture)
    picture.source.encode()
    assert tags(viz.player(y).html).count("script") == 2


@pytest.mark.parametrize("name", ["weights", "loss", "above", "x"])
def test_a_state_named_as_a_part_of_the_cell_view_is_drawn_in_the_op_view(name: str) -> None:
    trajectory, loss = run_with_states(name)
    assert f"a state called {name!r} would be taken for another part" in str(viz.gradient_paths(loss, trajectory))
    with pytest.raises(ValueError, match="would be taken for another part of the cell view"):
        viz.draw(trajectory, view="cell")


@pytest.mark.parametrize("name", ["cell", "step", "fold_h", "hold_h", "h-", "op0", "layer", "title", "c"])
def test_states_named_as_something_else_in_a_picture(name: str) -> None:
    check_states(name)
