"""The lint sees each kind of defect in a small drawing, and the gallery has no more of any than the table says."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import tinygrad_lstm as tg
import viz
from tests.support.drawing import Boxes, boxes_in, path_points, read
from tests.support.layout_lint import KINDS, counts, lint
from tests.support.own_cells import CELLS as OWN
from tests.support.own_cells import unrolled
from tests.support.pictures import drawn
from viz.layout.geometry import Point, Rect
from viz.output.png_by_graphviz import NoGraphvizError
from viz.style.fonts import width

DOCS = Path(__file__).parents[2] / "docs"


def svg(*parts: str) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 200">{"".join(parts)}</svg>'


def node(name: str, x: float, y: float, words: str = "", wide: float = 40, shape: str = "rect") -> str:
    """A node of 20 points' height around a middle, with its name on it."""
    box = f'<rect x="{x - wide / 2}" y="{y - 10}" width="{wide}" height="20"/>'
    if shape == "circle":
        box = f'<circle cx="{x}" cy="{y}" r="{wide / 2}"/>'
    return (
        f'<g class="node" id="{name}">{box}{text(x, y + 4, words)}</g>'
        if words
        else f'<g class="node" id="{name}">{box}</g>'
    )


def text(x: float, y: float, words: str, size: float = 10) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="middle" font-size="{size}">{words}</text>'


def edge(name: str, d: str, width: float = 1, label: str = "", head: str = "") -> str:
    polygon = f'<polygon points="{head}"/>' if head else ""
    return f'<g class="edge" id="{name}"><path d="{d}" stroke-width="{width}"/>{polygon}{label}</g>'


def frame(name: str, x: float, y: float, wide: float, high: float) -> str:
    return f'<g class="frame" id="{name}"><rect x="{x}" y="{y}" width="{wide}" height="{high}"/></g>'


def kinds(*parts: str, boxes: Boxes | None = None) -> list[str]:
    return [defect.kind for defect in lint(svg(*parts), boxes)]


ENDS = node("a", 20, 100), node("b", 380, 100)
CLEAN = (
    frame("panel", 140, 60, 120, 60),
    *ENDS,
    node("over", 200, 80, "fine"),
    edge("e", "M40,97L360,97", head="360,94 366,97 360,100"),
    edge("f", "M40,104L360,104", head="360,101 366,104 360,107"),
    edge("g", "M40,110L100,140L300,140L360,110", label=text(200, 132, "3×4")),
)


def test_a_clean_drawing_has_no_defect() -> None:
    assert kinds(*CLEAN) == []
    assert counts(lint(svg(*CLEAN))) == dict.fromkeys(KINDS, 0)


DEFECTS: dict[str, list[tuple[str, ...]]] = {
    "line behind a node": [
        (*ENDS, node("c", 200, 100), edge("e", "M40,100L360,100")),
        (*ENDS, node("c", 200, 100, shape="circle", wide=20), edge("e", "M40,100L360,100")),
        (*ENDS, node("c", 200, 150), edge("e", "M40,100Q200,200 360,100")),
        (*ENDS, node("c", 200, 100), edge("e", "m40,100h320")),
        (*ENDS, f'<g transform="translate(0 -50)">{node("c", 200, 150)}</g>', edge("e", "M40,100L360,100")),
    ],
    "line on a line": [
        (edge("e", "M40,100L360,100"), edge("f", "M100,101L200,101")),
        (edge("e", "M40,100L360,100", width=6), edge("f", "M100,106L200,106", width=6)),
        (edge("e", "M0,0L100,100"), edge("f", "M60,61L90,91")),
    ],
    "arrowhead on an arrowhead": [
        (edge("e", "M40,90L60,90", head="60,86 70,90 60,94"), edge("f", "M40,110L58,97", head="60,89 69,93 61,97")),
    ],
    "label struck by a line": [
        (edge("e", "M40,100L360,100", label=text(200, 103, "2×3")),),
        (f'<g class="node" id="t">{text(200, 103, "only text")}</g>', edge("e", "M200,20L200,180")),
        (f'<g class="frame"><rect width="250" height="9"/>{text(200, 103, "t = 1")}</g>', edge("e", "M199,20V180")),
    ],
    "text on text": [
        (f'<g class="node" id="s">{text(100, 100, "one")}</g>', f'<g class="node" id="t">{text(110, 103, "two")}</g>'),
    ],
    "node border on a panel's": [
        (frame("panel", 0, 0, 200, 100), node("c", 180, 50)),
        (frame("panel", 0, 0, 200, 100), node("c", 190, 50)),
        (frame("panel", 0, 0, 200, 100), node("c", 100, 90.5)),
    ],
    "text wider than its box": [
        (node("c", 100, 100, "much too wide a text"),),
        (f'<g class="frame" id="p"><rect width="80" height="60"/>{text(60, 16, "much too wide")}</g>',),
    ],
    "crossing": [
        (edge("e", "M40,0L360,200"), edge("f", "M40,200L360,0")),
        (edge("e", "M40,100L360,100"), edge("f", "M100,60C140,60 140,160 180,160")),
    ],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "parts"), [(kind, parts) for kind in KINDS for parts in DEFECTS[kind]])
def test_every_kind_of_defect_is_seen(kind: str, parts: tuple[str, ...]) -> None:
    assert kinds(*parts) == [kind]


NO_DEFECT = {
    "a line may end at a node's border, and go behind it to its middle": (*ENDS, edge("e", "M20,100L380,100")),
    "two lines may leave one node": (*ENDS, edge("e", "M40,96L360,96"), edge("f", "M40,104L360,104")),
    "two lines may meet for a moment": (edge("e", "M40,100L360,100"), edge("f", "M100,50L200,98L300,50")),
    "thick lines may be near each other": (edge("e", "M0,100L90,100", width=6), edge("f", "M0,108L90,108", width=6)),
    "a line may pass a disc's corner": (node("c", 200, 100, shape="circle", wide=40), edge("e", "M189,60L249,120")),
    "a line may go behind text that has ground": (*ENDS, node("c", 200, 80, "c"), edge("e", "M40,100L360,100")),
    "a tooltip is not shown": (f'<g class="node"><title>{"long " * 50}</title><rect width="9" height="9"/></g>',),
}  # fmt: skip


@pytest.mark.parametrize("words", NO_DEFECT)
def test_what_looks_right_is_no_defect(words: str) -> None:
    assert kinds(*NO_DEFECT[words]) == []


def test_a_defect_says_what_and_where() -> None:
    (found,) = lint(svg(*ENDS, node("c", 200, 100), edge("e", "M40,100L360,100")))
    assert found == ("line behind a node", "e behind c", Point(200, 100))


def test_a_browser_may_say_how_wide_texts_are() -> None:
    parts = (node("c", 100, 100, "c"),)
    assert kinds(*parts) == []
    assert kinds(*parts, boxes={0: Rect(70, 95, 130, 105)}) == ["text wider than its box"]


@pytest.mark.parametrize(
    ("d", "points"),
    [
        ("M1,2L3,4 5,6", [(1, 2), (3, 4), (5, 6)]),
        ("m1,2l3,4 5,6z", [(1, 2), (4, 6), (9, 12), (1, 2)]),
        ("M0,0H5V-3h-1v-1", [(0, 0), (5, 0), (5, -3), (4, -3), (4, -4)]),
        ("M0 0A5 5 0 0 1 10 0", [(0, 0), (10, 0)]),
        ("M1e1,0L-.5,-2.5", [(10, 0), (-0.5, -2.5)]),
        ("M0,0L1,1M7,7L9,9", [(0, 0), (1, 1)]),
    ],
)
def test_paths_are_read(d: str, points: list[tuple[float, float]]) -> None:
    assert list(path_points(d)) == points


def test_curves_are_cut_into_pieces() -> None:
    quarter = list(path_points("M0,10C0,4.477 4.477,0 10,0"))
    assert quarter[-1] == pytest.approx((10, 0))
    assert all(math.dist(point, (10, 10)) == pytest.approx(10, abs=0.02) for point in quarter)


# The gallery ---------------------------------------------------------------------------------------------------------

# How many crossings the pictures of a section have, which may only fall.
CROSSINGS: dict[str, int] = {
    "Step through it": 0,
    "Where the gradient went": 0,
    "Before and after training": 0,
    "Layers, directions, lengths": 54,
    "Wrappers and scans": 21,
    "LSTM": 0,
    "GRU": 7,
    "RNN": 0,
    "SeparateLSTM": 66,
    "PeepholeLSTM": 112,
    "CoupledLSTM": 0,
    "ProjectedLSTM": 0,
    "LayerNormLSTM": 11,
    "ClippedLSTM": 0,
    "CandidateDropoutLSTM": 0,
    "ResetBeforeGRU": 64,
    "ActivatedLSTM, hard sigmoids": 0,
    "ActivatedGRU, a softsign": 7,
    "ActivatedResetBeforeGRU": 64,
    "ActivatedRNN, an elu": 0,
    "LayerNormGRU": 7,
    "MGU, which has no template": 80,
    "a cell of your own": 0,
}
BY_DOT = "laid out by dot"  # in the caption of a picture whose places are not ours


@pytest.fixture
def gallery(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The gallery's script, with a training that is short: where boxes and lines are does not depend on weights."""
    monkeypatch.syspath_prepend(str(DOCS))
    monkeypatch.delitem(sys.modules, "gallery", raising=False)
    gallery = importlib.import_module("gallery")
    monkeypatch.setattr(gallery, "UPDATES", 20)
    return gallery


def pictures(gallery: Any, title: str, folder: Path) -> Iterator[tuple[str, str]]:
    """The pictures of a section, by their captions; not the plots, and not what dot laid out."""
    cards = next(cards for name, _, cards in gallery.sections() if name == title)
    for card in islice(cards, 2) if title == "Before and after training" else cards:
        if not card.draw.__qualname__.startswith("plot.") and BY_DOT not in card.caption:
            try:
                card.draw(folder, "picture")
            except NoGraphvizError as error:
                pytest.skip(str(error))
            yield card.caption, (folder / "picture.svg").read_text("utf-8")


@pytest.mark.alone
def test_the_table_has_every_section(gallery: Any) -> None:
    assert [title for title, _, _ in gallery.sections() if title != "Plots"] == list(CROSSINGS)


@pytest.mark.alone
@pytest.mark.parametrize("title", CROSSINGS)
def test_no_picture_has_a_defect(title: str, gallery: Any, tmp_path: Path) -> None:
    found, crossings = dict[str, dict[str, int]](), 0
    for caption, source in pictures(gallery, title, tmp_path):
        defects = counts(lint(source))
        crossings += defects.pop("crossing")
        if any(defects.values()):
            found[caption] = {kind: count for kind, count in defects.items() if count}
    assert found == {}
    assert crossings <= CROSSINGS[title]


TEMPLATES = [
    "LSTM", "Separate", "Peephole", "Coupled", "Projected", "LayerNorm", "GRU", "ResetBefore", "RNN", "RNN relu",
    "T = 12", "some c", "h and c", "a gate", "start with gradient", "detached start", "reverse", "two layers",
    "three layers", "the lower layer too", "bidirectional", "dropout between", "lengths", "h detached",
]  # fmt: skip


@pytest.mark.parametrize("view", ["cell", "strip", "rolled"])
@pytest.mark.parametrize("name", TEMPLATES)
def test_runs_of_every_kind_have_no_defect(name: str, view: str) -> None:
    assert [defect for defect in lint(drawn(name).picture(view).svg) if defect.kind != "crossing"] == []


STACKED: dict[str, dict[str, Any]] = {
    "two layers": {"num_layers": 2}, "three layers": {"num_layers": 3}, "both directions": {"bidirectional": True},
    "two layers in both": {"num_layers": 2, "bidirectional": True},
    "three layers in both": {"num_layers": 3, "bidirectional": True},
}  # fmt: skip


@pytest.mark.parametrize("view", ["cell", "strip"])
@pytest.mark.parametrize("words", STACKED)
@pytest.mark.parametrize("layer", [tg.nn.LSTM, tg.nn.GRU, tg.nn.RNN])
def test_layers_and_directions_have_no_defect(layer: Any, words: str, view: Any) -> None:
    """Whole and in rows, with a fold and without, and as values flow."""
    runs: list[tuple[int, Any]] = [(3, None), (20, None), (50, "auto")]
    for T, fold in runs:
        if view == "strip" or T == 3:
            tg.manual_seed(0)
            trajectory = layer(3, 4, **STACKED[words]).unroll(tg.randn(T, 2, 3))
            loss = (trajectory.output**2).sum()
            figures = [viz.gradient_paths(loss, trajectory, view=view, fold=fold)]
            figures += [viz.draw(trajectory, view=view, fold=fold)] if T != 20 else []
            figures += [viz.compare({"a": (loss, trajectory)}, view=view, fold=fold)] if T == 3 else []
            figures += [viz.flow(loss, trajectory, view=view, fold=fold)] if T == 3 else []
            for picture in figures:
                assert [defect for defect in lint(picture.svg) if defect.kind != "crossing"] == [], (T, fold)


def pictures_of_own(name: str) -> Iterator[tuple[str, viz.Picture]]:
    """A cell of one's own in every view, stacked, in two directions, masked, exploding, and beside others."""
    layouts: dict[str, dict[str, Any]] = {
        "three steps": {}, "two layers": {"layers": 2}, "both directions": {"layers": 2, "both": True},
        "masked": {"lengths": [3, 2]}, "many steps": {"T": 20},
    }  # fmt: skip
    for words, options in layouts.items():
        trajectory = unrolled(name, **({"T": 3} | options))
        yield words, viz.gradient_paths((trajectory.output**2).sum(), trajectory)
    trajectory = unrolled(name, T=3)
    states = [step.named[state] for step in trajectory.steps for state in trajectory.chains[0].cell.states]
    loss = sum(((state**2).sum() for state in states), tg.tensor(0.0))
    yield "every state read", viz.gradient_paths(loss * 1e6, trajectory)
    for view in ("rolled", "strip"):
        yield view, viz.gradient_paths(loss, trajectory, view=view)
    other = unrolled(name, T=3)
    yield "difference", viz.difference((loss, trajectory), ((other.output**2).sum(), other), names=("one", "other"))
    yield "flow", viz.flow(loss, trajectory)


# What is left: two lines from one state, one of which is read in its own step, share a lane in both directions
LEFT_OF_OWN = {("three states", "both directions"): 8}


@pytest.mark.parametrize("name", OWN)
def test_a_cell_of_ones_own_has_no_defect(name: str) -> None:
    for words, picture in pictures_of_own(name):
        found = [defect for defect in lint(picture.svg) if defect.kind != "crossing"]
        assert len(found) <= LEFT_OF_OWN.get((name, words), 0), (words, found)


@pytest.mark.alone
@pytest.mark.parametrize("title", ["LSTM", "PeepholeLSTM"])
def test_a_browser_agrees_on_what_is_wrong(title: str, gallery: Any, tmp_path: Path, browser: Any) -> None:
    """Texts may be some tenths wider there, so a line may just strike one; nothing else depends on them."""
    page = browser.new_page()
    for caption, source in pictures(gallery, title, tmp_path):
        ours, seen = counts(lint(source)), counts(lint(source, boxes_in(page, source)))
        for kind in KINDS:
            assert abs(ours[kind] - seen[kind]) <= (4 if "label" in kind else 0), (caption, kind)
    page.close()


# The width of text ---------------------------------------------------------------------------------------------------

LETTERS = ["forget gate", "adds W 0.49", "WWWW", "illi", "t = 1", "tanh", "every operation", "module.py:33"]
SIGNS = ["‖∇‖ 0.76", "∂C₂/∂C₁ = diag(f₂)", "Wx₃ + Uh₂ + b", "97% along C, 3% along h", "× σ′, tanh′, Uᵀ"]


@pytest.mark.parametrize("bold", [False, True])
def test_text_is_as_wide_as_a_browser_shows_it(bold: bool, browser: Any) -> None:
    page = browser.new_page()
    weight = "bold" if bold else "normal"
    page.set_content(
        f'<svg xmlns="http://www.w3.org/2000/svg"><text font-family="Helvetica,Arial,sans-serif" font-size="100" '
        f'font-weight="{weight}"></text></svg>'
    )
    script = """(words) => { const text = document.querySelector("text");
                text.textContent = words; return text.getComputedTextLength(); }"""
    for words in LETTERS if bold else (*LETTERS, *SIGNS):  # bold signs are of whatever font has them
        assert width(words, 100, bold) == pytest.approx(page.evaluate(script, words), rel=0.02), words
    page.close()


def test_text_of_any_alphabet_has_a_width() -> None:
    assert width("", 10) == 0
    assert width("é", 10) == width("e", 10)
    assert width("訓練", 10) == 20
    assert width("C̃", 10) == width("C", 10)
    assert width("ab", 20) == 2 * width("ab", 10) < width("ab", 20, bold=True)


def test_the_reader_knows_the_ends_of_a_line() -> None:
    drawing = read(
        svg(edge("e", "M48,50L90,50", head="48,46 40,50 48,54"), edge("f", "M0,9L9,9", head="9,6 16,9 9,12"))
    )
    assert [line.path[0] for line in drawing.edges] == [(40, 50), (0, 9)]
    assert [line.path[-1] for line in drawing.edges] == [(90, 50), (16, 9)]
