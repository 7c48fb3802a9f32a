"""Pictures get into files whole, in the format of the suffix, with or without Graphviz."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

import tinygrad_lstm as tg
import viz
import viz.render
from viz.render import NoGraphvizError, RenderError, render


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


@pytest.mark.parametrize("view", ["op", "cell"])
def test_dark_has_no_white_in_it(view: Any) -> None:
    trajectory = tg.nn.LSTM(2, 3).unroll(tg.randn(2, 1, 2))
    svg = viz.draw(trajectory, view=view, theme="dark").svg
    assert "#111827" in svg.lower()
    assert not re.search(r'"(white|#ffffff)"', svg.lower())


def test_a_notebook_gets_svg_and_words(picture: viz.Picture) -> None:
    assert picture._repr_mimebundle_() == {"image/svg+xml": picture.svg, "text/plain": picture.description}
    assert list(picture._repr_mimebundle_(include=["text/plain"])) == ["text/plain"]
    assert list(picture._repr_mimebundle_(exclude=["text/plain"])) == ["image/svg+xml"]


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
    bundle = picture._repr_mimebundle_()
    assert list(bundle) == ["text/plain"]
    assert "pip install" in bundle["text/plain"]
    with pytest.raises(NoGraphvizError):
        render(picture.source, "svg")


@pytest.mark.usefixtures("no_graphviz")
def test_somebody_elses_gv_is_left_alone(picture: viz.Picture, tmp_path: Path) -> None:
    other = tmp_path / "graph.gv"
    other.write_text("digraph mine { a -> b }")
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"saved the DOT text as .*graph-2.gv"):
            assert picture.save(tmp_path / "graph.svg") == tmp_path / "graph-2.gv"
    assert other.read_text() == "digraph mine { a -> b }"
    for drawn in (picture, viz.draw(tg.nn.LSTM(2, 3).unroll(tg.randn(1, 1, 2)))):
        with pytest.warns(UserWarning, match="saved the DOT text as .*graph-2.gv"):
            drawn.save(tmp_path / "graph.svg")


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
    assert picture.svg.startswith("<svg")


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


def test_a_crash_in_the_c_library_is_an_error_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr(viz.render, "_CHILD", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    with pytest.raises(RenderError, match="could not draw the svg: its process died of signal 11"):
        render("digraph {}", "svg")


def test_the_last_word_of_a_renderer_is_passed_on_without_fontconfigs(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RenderError, match="could not draw the svg"):
        render("digraph { a -> ", "svg")
    done = subprocess.CompletedProcess([], 1, b"", b"it is so\nFontconfig warning: no reset-dirs\n")
    assert viz.render._complaint(done) == "it is so"


def test_a_large_png_is_warned_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("viz.picture.render", lambda source, format: b"<svg")
    many = viz.Picture("digraph {}", "", "", nodes=501)
    with pytest.warns(UserWarning, match="501 nodes is slow"):
        many.save(tmp_path / "many.png")


def test_importing_viz_brings_in_no_drawing_library() -> None:
    script = "import sys, viz; print([m for m in ('matplotlib', 'pygraphviz') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, cwd=Path(__file__).parent.parent
    )
    assert done.stdout.decode().strip() == "[]"
