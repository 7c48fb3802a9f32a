"""Pictures get into files whole, in the format of the suffix, with or without Graphviz."""

from __future__ import annotations

import gc
import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_lstm as tg
import viz
import viz.output.png_by_graphviz
from tests.support import svg
from tests.support.runs import Run, run
from tests.support.scales import printed_width
from tinygrad_lstm.errors import ArgumentError, DtypeError
from viz import plots
from viz.output.png_by_graphviz import NoGraphvizError, render
from viz.style import theme as style


@pytest.fixture
def picture() -> viz.Picture:
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    return viz.draw((x * x).sum())


@pytest.fixture
def no_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


@pytest.mark.parametrize(
    ("suffix", "begins"), [(".svg", b"<svg"), (".png", b"\x89PNG"), (".pdf", b"%PDF"), (".gv", b"di"), (".dot", b"di")]
)
def test_the_suffix_chooses_the_format(picture: viz.Picture, tmp_path: Path, suffix: str, begins: bytes) -> None:
    path = picture.save(tmp_path / f"graph{suffix}")
    assert path == tmp_path / f"graph{suffix}"
    assert path.read_bytes().startswith(begins)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]  # nothing temporary is left


def test_a_png_has_144_points_to_the_inch(picture: viz.Picture, tmp_path: Path) -> None:
    width = int.from_bytes(picture.save(tmp_path / "graph.png").read_bytes()[16:20], "big")
    points = re.search(r"max-width:([\d.]+)pt", picture.svg)
    assert points
    assert width == pytest.approx(2 * float(points[1]), abs=2)
    assert "dpi" not in picture.source


def test_the_svg_fits_any_width_and_says_what_it_shows(picture: viz.Picture) -> None:
    root = ElementTree.fromstring(picture.svg)
    assert root.get("viewBox")
    assert root.get("width") == "100%"
    assert root.get("height") is None
    assert root.get("role") == "img"
    assert [child.text for child in root][:2] == [picture.title, picture.description]
    assert picture._repr_svg_() == picture.svg
    assert str(picture) == picture.description


# Themes

VIEWS = ("cell", "strip", "rolled", "op")
SCENES: dict[str, Callable[[], Run]] = {
    "LSTM": run,
    "own": lambda: run("own"),
    "Zoneout": lambda: run("Zoneout"),
    "both": lambda: run("GRU", num_layers=2, bidirectional=True),
    "mask": lambda: run("Peephole", 4, masked="mask"),
    "detached": lambda: run("h detached", start="detached"),
    "folded": lambda: run(steps=20),
    "not finite": lambda: run(loss=lambda trajectory: (trajectory.steps[-1].h * np.nan).sum()),
}


def pictures(theme: Any, scene: str, view: Any) -> list[viz.Picture]:
    trajectory, loss = SCENES[scene]()
    drawn = viz.draw(trajectory, view=view, theme=theme)
    return [drawn, viz.gradient_paths(loss, trajectory, view=view, theme=theme)]


@pytest.mark.parametrize("theme", ["dark", "auto"])  # whose colours are those of "light"
@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("view", VIEWS)
def test_every_colour_is_one_of_the_themes(theme: str, scene: str, view: str) -> None:
    """So that the style sheet of "auto", which has a rule for each shade of the theme, reaches all of them."""
    shades = {colour.lower() for colour in style.shades(style.theme_of(theme)).values()}
    for picture in pictures(theme, scene, view):
        used = {colour.lower() for colour in svg.read(picture.svg).colours}
        assert used <= shades | {"transparent"}, used - shades
        assert style.theme_of(theme).paper.lower() in used
        assert ("<style>" in picture.svg) == (theme == "auto")
        attributes = set(re.findall(r'="(#[0-9A-Fa-f]{6})"', picture.source))
        assert {colour.lower() for colour in attributes} <= shades


@pytest.mark.parametrize("view", VIEWS)
def test_dark_is_light_in_other_colours(view: Any) -> None:
    """Shape by shape: no white slab, and each shade has one counterpart at least."""
    light, dark = (pictures(theme, "LSTM", view)[1].svg for theme in ("light", "dark"))
    assert "#111827" in dark
    assert not re.search(r'"(white|#ffffff)"', dark.lower())
    bare = [re.sub(r'"#[0-9A-Fa-f]{6}"', '""', text) for text in (light, dark)]
    assert bare[0] == bare[1]


def test_auto_has_a_rule_for_every_colour_and_the_dark_counterpart() -> None:
    sheet = style.stylesheet()
    light, dark = (style.shades(style.theme_of(name)) for name in ("light", "dark"))
    for name, colour in light.items():
        for attribute in ("fill", "stroke"):
            assert f'.viz-auto.viz [{attribute}="{colour}" i]' in sheet
        twins = [other for other in light if light[other] == colour]
        assert len({dark[twin] for twin in twins}) == 1, f"{twins} are one colour in light and several in dark"
        assert any(f"--viz-{twin}:{dark[twin]}" in sheet for twin in twins), name


def test_the_widths_of_all_pictures_are_on_the_printed_scale() -> None:
    for scene in ("LSTM", "both"):
        drawn = svg.read(pictures("light", scene, "cell")[1].svg)
        width_of = printed_width(drawn.text)
        lines = [edge for edge in drawn.edges if "norm" in edge.data]
        assert len(lines) > 20
        assert all(edge.width == pytest.approx(width_of(float(edge.data["norm"])), abs=0.006) for edge in lines)


@cache
def displays() -> dict[str, Any]:
    """One of each kind of object that says itself what a notebook gets."""
    trajectory, loss = run()
    return {
        "picture": viz.draw(trajectory),
        "player": viz.player(loss, trajectory),
        "plot": plots.gradient_by_lag({"LSTM": (loss, trajectory)}),
        "panels": plots.gates(trajectory),
    }


KINDS = {"picture": "image/svg+xml", "player": "text/html", "plot": "image/png", "panels": "image/png"}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("collection", [list, *(pytest.param(kind, marks=pytest.mark.slow) for kind in (tuple, set))])
def test_a_notebook_gets_the_kinds_that_it_asks_for(name: str, collection: Any) -> None:
    """As IPython's formatter has it: None and nothing are no choice, and ``exclude`` wins."""
    one, kind = displays()[name], KINDS[name]

    def given(**asked: Any) -> set[str]:
        bundle = one._repr_mimebundle_(**asked)
        contents, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        assert set(metadata) <= set(contents)
        return set(contents)

    both = {kind, "text/plain"}
    nothing = collection()
    assert given() == given(include=None, exclude=None) == given(include=nothing, exclude=nothing) == both
    assert given(include=collection([kind]), exclude=None) == {kind}
    assert given(include=None, exclude=collection([kind])) == {"text/plain"}
    assert given(include=collection(both), exclude=collection(["text/plain"])) == {kind}
    assert given(include=collection([kind]), exclude=collection([kind])) == set()
    assert given(include=collection(["text/latex"]), exclude=None) == set()


@pytest.mark.parametrize("name", KINDS)
def test_ipython_shows_them(name: str) -> None:
    formatters = pytest.importorskip("IPython.core.formatters")
    formatter = formatters.DisplayFormatter()
    formatter.active_types = [*formatter.format_types]
    contents, metadata = formatter.format(displays()[name])
    assert set(contents) == {"text/plain", KINDS[name]} | ({"text/html"} if name == "picture" else set())
    if KINDS[name] == "image/png":
        assert 400 < metadata["image/png"]["width"] < 1000
        assert metadata["image/png"]["alt"] in ("‖∂L/∂h‖ over lag: steps back from the last", "f, i, C̃, C, o, h over t")


def test_a_picture_is_an_element_for_a_page_as_well(picture: viz.Picture) -> None:
    """sphinx-gallery asks for ``_repr_html_`` alone."""
    assert picture._repr_html_() == picture.html
    assert picture.html.count("<svg") == 1
    assert picture._repr_mimebundle_() == {"image/svg+xml": picture.svg, "text/plain": picture.description}


@pytest.mark.usefixtures("no_graphviz")
def test_without_graphviz_the_dot_text_is_saved_with_advice(picture: viz.Picture, tmp_path: Path) -> None:
    with pytest.warns(
        UserWarning, match=r'pip install "tinygrad-lstm\[viz\]".*; saved the DOT text as .*graph.gv'
    ) as said:
        path = picture.save(tmp_path / "graph.png")
    assert path == tmp_path / "graph.gv"
    assert path.read_text(encoding="utf-8") == picture.source
    assert "\n" not in str(said[0].message)
    assert said[0].filename == __file__
    assert list(picture._repr_mimebundle_()) == ["image/svg+xml", "text/plain"]
    with pytest.raises(NoGraphvizError):
        render(picture.source, "svg")
    with pytest.raises(NoGraphvizError, match="pip install"):
        viz.draw(tg.tensor(1.0, requires_grad=True) * 2, engine="dot")


@pytest.mark.usefixtures("no_graphviz")
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("gradients", [True, False])
def test_without_graphviz_pictures_are_svg_all_the_same(view: Any, gradients: bool, tmp_path: Path) -> None:
    drawn = pictures("light", "LSTM", view)[gradients]
    assert drawn.save(tmp_path / "run.svg") == tmp_path / "run.svg"
    assert (tmp_path / "run.svg").read_text(encoding="utf-8") == drawn.svg
    assert drawn._repr_mimebundle_() == {"image/svg+xml": drawn.svg, "text/plain": drawn.description}
    for suffix in (".png", ".pdf"):
        with pytest.warns(UserWarning, match=r'pip install "tinygrad-lstm\[viz\]".*; saved the DOT text as .*run.gv'):
            assert drawn.save(tmp_path / f"run{suffix}").read_text(encoding="utf-8") == drawn.source


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("gradients", [True, False])
def test_every_view_is_drawn_as_png_and_pdf_in_its_own_size(view: Any, gradients: bool, tmp_path: Path) -> None:
    drawn = pictures("light", "both" if view == "cell" else "LSTM", view)[gradients]
    width, height = svg.read(drawn.svg).size
    png = drawn.save(tmp_path / "run.png").read_bytes()
    assert png.startswith(b"\x89PNG")
    found = [int.from_bytes(png[k : k + 4], "big") / 2 for k in (16, 20)]
    assert found == [pytest.approx(width, abs=12), pytest.approx(height, abs=12)]
    assert drawn.save(tmp_path / "run.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.usefixtures("no_graphviz")
def test_somebody_elses_gv_is_left_alone(picture: viz.Picture, tmp_path: Path) -> None:
    other = tmp_path / "graph.gv"
    other.write_text("digraph mine { a -> b }")
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"saved the DOT text as .*graph-2.gv"):
            assert picture.save(tmp_path / "graph.png") == tmp_path / "graph-2.gv"
    assert other.read_text() == "digraph mine { a -> b }"
    with pytest.warns(UserWarning, match="saved the DOT text as .*graph-2.gv"):
        viz.draw(tg.nn.LSTM(2, 3).unroll(tg.randn(1, 1, 2))).save(tmp_path / "graph.pdf")


def test_the_suffix_may_be_in_capitals(picture: viz.Picture, tmp_path: Path) -> None:
    assert picture.save(tmp_path / "GRAPH.SVG").read_bytes().startswith(b"<svg")
    assert picture.save(tmp_path / "GRAPH.Gv").read_text(encoding="utf-8") == picture.source


def test_a_pygraphviz_in_the_users_folder_is_not_imported(
    picture: viz.Picture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pygraphviz.py").write_text("raise SystemExit('the wrong one')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert picture.save(tmp_path / "graph.png").read_bytes().startswith(b"\x89PNG")


def test_bad_paths_are_errors_in_the_callers_words(picture: viz.Picture, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"cannot save graph.svg: there is no folder .*nowhere; make it first"):
        picture.save(tmp_path / "nowhere" / "graph.svg")
    with pytest.raises(ValueError, match=r"saved as .svg, .png, .pdf, .gv, .dot, not '.jpeg'"):
        picture.save(tmp_path / "graph.jpeg")
    with pytest.raises(ValueError, match="without a suffix"):
        picture.save(tmp_path / "graph")
    (tmp_path / "folder.svg").mkdir()
    for folder in (tmp_path, tmp_path / "folder.svg"):
        with pytest.raises(IsADirectoryError, match=r"it is a folder; name a file in it, as in .*graph.svg$"):
            picture.save(folder)
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("path", [3, None, b"graph.svg"], ids=repr)
def test_what_is_no_path_is_an_error_in_the_callers_words(path: Any, picture: viz.Picture) -> None:
    with pytest.raises(DtypeError, match=rf"a path is a str or a Path, not a {type(path).__name__}"):
        picture.save(path)


@pytest.mark.parametrize("path", ["", "a\0.svg", "\ud800.svg"], ids=repr)
def test_paths_that_no_file_can_have(path: str, picture: viz.Picture) -> None:
    with pytest.raises(ArgumentError, match="no file can have the path"):
        picture.save(path)


def test_a_picture_keeps_rights_and_links_as_weights_do(picture: viz.Picture, tmp_path: Path) -> None:
    picture.save(tmp_path / "graph.svg").chmod(0o600)
    (tmp_path / "link.svg").symlink_to("graph.svg")
    assert picture.save(tmp_path / "link.svg") == tmp_path / "link.svg"
    assert (tmp_path / "link.svg").is_symlink()
    assert (tmp_path / "graph.svg").stat().st_mode & 0o777 == 0o600
    assert picture.save(tmp_path / f"{'a' * 251}.svg").exists()


def test_a_write_that_fails_leaves_what_was_there(
    picture: viz.Picture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "graph.gv"
    path.write_text("before")

    def refuse(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(OSError, match="No space left"):
        picture.save(path)
    assert path.read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["graph.gv"]


def test_importing_viz_brings_in_no_drawing_library() -> None:
    script = "import sys, viz; print([m for m in ('matplotlib', 'pygraphviz') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.decode().strip() == "[]"


def test_the_garbage_collector_rests_while_a_picture_is_drawn_and_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is made then lives to the end, so that a search of it would find nothing."""
    seen: list[bool] = []

    def watched(function: Callable[..., Any]) -> Callable[..., Any]:
        def watching(*args: Any, **options: Any) -> Any:
            seen.append(gc.isenabled())
            return function(*args, **options)

        return watching

    for place in ("viz.figures.draw.arrange", "viz.figures.gradient_paths.arrange", "viz.figures.compare.arrange_runs",
                  "viz.figures.difference.arrange", "viz.figures.flow.arrange", "viz.playback.player.picture",
                  "viz.output.picture.svg_of", "viz.output.picture.dot_of"):  # fmt: skip
        module, _, name = place.rpartition(".")
        monkeypatch.setattr(place, watched(getattr(importlib.import_module(module), name)))
    trajectory = tg.nn.LSTM(2, 3).unroll(tg.randn(3, 1, 2))
    loss = (trajectory.output**2).sum()
    viz.draw(trajectory)
    viz.compare({"one": (loss, trajectory)})
    viz.difference((loss, trajectory), (loss, trajectory))
    viz.flow(loss, trajectory)
    viz.player(loss, trajectory)
    picture = viz.gradient_paths(loss, trajectory)
    assert picture.svg.endswith("</svg>")
    assert picture.source.endswith("}\n")
    assert len(seen) >= 8
    assert not any(seen)
    assert gc.isenabled()
