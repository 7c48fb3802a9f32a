"""Hostile names are shown as they are: none can break the DOT text, the SVG or the PNG, or run in a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import tinygrad_lstm as tg
import viz
from tests import svg
from viz.render import commands

NAMES = [
    'say "no"',
    r"back\slash\n\l\N",
    "trailing\\",
    "<b>bold</b>",
    "a & b",
    "two\nlines\r\n",
    "héllo ⊙",
    "v1 -> v2; }",
    "<html>",
    "]]>",
    "&lt;x&gt; &amp; &#160;",
    "<script>alert(1)</script>",
    '"/><script>alert(1)</script>',
    "' onload='alert(1)",
    "<![CDATA[x",
    "<TABLE><TR><TD>",
    "🙂👩‍👩‍👧 \u202e right to left",
    "nul\x00 bell\x07 escape\x1b \x7f \x85 \ufffe \ud800",
    "%s {0} ${x}",
    " ",
    "x" * 10_000,
    "<" * 10_000,
    "😀" * 5_000,
]
SHOWN = 20  # letters of a long name that are sure to be seen
ids = [ascii(name[:12]) for name in NAMES]


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


@pytest.mark.parametrize("name", NAMES, ids=ids)
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


@pytest.mark.parametrize("name", NAMES, ids=ids)
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
    for name in ("<TABLE><TR><TD>", r"back\slash\n\l\N", NAMES[17]):
        trajectory, loss = hostile_run(name, steps=2)
        for view in ("cell", "op"):
            picture = viz.gradient_paths(loss, trajectory, view=view)
            assert picture.save(tmp_path / "run.png").read_bytes().startswith(b"\x89PNG")
