"""A picture is saved in the size that was asked for, and what cannot be read or held there is warned of in pixels."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import pytest

import tinygrad_lstm as tg
import viz
from tests.support.runs import run
from tinygrad_lstm.errors import ArgumentError
from viz.output.sizes import size_in_file, smallest_text
from viz.scene.marks import Node, Scene, Span
from viz.style.theme import THEMES


@pytest.fixture(scope="module")
def picture() -> viz.Picture:
    return viz.draw(run()[0])


def wide(*sizes: float, length: float) -> Scene:
    """A scene with words of these sizes, so many points long."""
    scene = Scene(THEMES["light"])
    for k, size in enumerate(sizes):
        scene.add(Node(f"n{k}", (0.0, 40.0 * k), (40, 20), ((Span("word", size),),)))
    scene.add(Node("far", (length, 0.0), (40, 20)))
    return scene


def size_of_png(content: bytes) -> list[int]:
    return [int.from_bytes(content[k : k + 4], "big") for k in (16, 20)]


@pytest.mark.parametrize("asked", [{"width": 2400}, {"scale": 1.5}])
def test_a_png_is_as_wide_as_asked(picture: viz.Picture, tmp_path: Path, asked: Any) -> None:
    natural = size_of_png(picture.save(tmp_path / "a.png").read_bytes())
    found = size_of_png(picture.save(tmp_path / "b.png", **asked).read_bytes())
    want = 2400 if "width" in asked else 1.5 * natural[0]
    assert found[0] == pytest.approx(want, rel=0.01)
    assert found[1] / found[0] == pytest.approx(natural[1] / natural[0], rel=0.01)


def test_a_pdf_and_an_svg_are_as_wide_as_asked(picture: viz.Picture, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its smallest words
        pdf = picture.save(tmp_path / "a.pdf", width=600).read_bytes()
        svg = picture.save(tmp_path / "a.svg", width=600).read_text("utf-8")
    (box,) = set(re.findall(rb"/MediaBox ?\[ ?0 0 ([\d.]+)", pdf))
    assert float(box) == pytest.approx(600, rel=0.02)
    assert '<svg xmlns="http://www.w3.org/2000/svg"' in svg
    assert re.search(r'width="600" style="height:auto" height="[\d.]+"', svg)
    assert "max-width" not in svg
    assert picture.save(tmp_path / "b.svg").read_text("utf-8") == picture.svg


def test_a_picture_that_was_drawn_so_wide_is_saved_so_wide(tmp_path: Path) -> None:
    """The width that a figure was asked for and that of save are one: save's own goes first."""
    drawn = viz.draw(run()[0], width=1280)
    assert size_of_png(drawn.save(tmp_path / "a.png").read_bytes())[0] == pytest.approx(1280, abs=2)
    assert size_of_png(drawn.save(tmp_path / "b.png", width=2000).read_bytes())[0] == pytest.approx(2000, abs=2)
    assert drawn.save(tmp_path / "a.svg").read_text("utf-8") == drawn.svg
    assert viz.draw(run()[0]).save(tmp_path / "b.svg", width=1280).read_text("utf-8") == drawn.svg
    assert 'width="1600" style' in drawn.save(tmp_path / "c.svg", width=1600).read_text("utf-8")
    assert drawn.save(tmp_path / "a.gv").exists()


def test_words_too_small_to_read_are_warned_of_in_pixels(picture: viz.Picture, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"300 pixels wide, the smallest letters .* are [\d.]+ pixels") as said:
        picture.save(tmp_path / "a.png", width=300)
    assert said[0].filename == __file__
    found = re.search(r"cannot be read: ([\d,]+) wide they can", str(said[0].message))
    assert found
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture.save(tmp_path / "a.png", width=int(found[1].replace(",", "")) + 1)
        picture.save(tmp_path / "a.png")


@pytest.mark.parametrize(("format", "limit"), [("png", 32_767), ("pdf", 14_400)])
def test_what_a_format_has_no_room_for_is_scaled_down_with_a_warning(format: str, limit: int) -> None:
    with pytest.warns(UserWarning, match=rf"at most {limit:,} a side: it is saved [\d,]+ × [\d,]+") as said:
        size = size_in_file(wide(12, length=20_000), format)
    assert size.wide <= limit
    assert size.wide == pytest.approx(limit, rel=0.01)
    assert "An .svg has no such limit" in str(said[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert size_in_file(wide(12, length=20_000), "svg").scale == 1
        assert size_in_file(wide(12, length=13_000), format).scale == 1


def test_nodes_are_not_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither are many nodes warned of that have room, nor is a wide picture let go because its nodes are few."""
    monkeypatch.setattr("viz.output.picture.render", lambda *_, **__: b"")
    scene = Scene(THEMES["light"])
    scene.add(*[Node(f"n{k}", (60.0 * (k % 40), 30.0 * (k // 40)), (40, 20)) for k in range(1600)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        viz.Picture(scene, "", "").save(tmp_path / "many.png")
    with pytest.warns(UserWarning, match="pixels large"):
        viz.Picture(wide(12, length=40_000), "", "").save(tmp_path / "few.png")


@pytest.mark.slow
def test_a_real_png_is_never_scaled_down_by_graphviz_itself(tmp_path: Path) -> None:
    x = tg.tensor(1.0, requires_grad=True)
    for _ in range(900):
        x = x * 1.0
    picture = viz.draw(x, fold=None)
    with pytest.warns(UserWarning, match="at most 32,767"):
        found = size_of_png(picture.save(tmp_path / "long.png").read_bytes())
    assert 32_000 < max(found) <= 32_767


def test_the_smallest_text_is_that_of_any_row_or_caption() -> None:
    assert smallest_text(wide(12, 7, 9, length=10)) == 7
    assert smallest_text(Scene(THEMES["light"])) == float("inf")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"width": 0}, "width is a number above 0, not 0"),
        ({"scale": -1}, "scale is a number above 0, not -1"),
        ({"width": float("nan")}, "width is a number above 0, not nan"),
        ({"scale": "big"}, "scale is a number above 0, not 'big'"),
        ({"width": True}, "width is a number above 0, not True"),
        ({"width": 100, "scale": 2}, "give one of them"),
    ],
)
def test_no_size_is_an_error_in_the_callers_words(picture: viz.Picture, tmp_path: Path, asked: Any, words: str) -> None:
    for suffix in (".png", ".svg", ".pdf"):
        with pytest.raises(ArgumentError, match=re.escape(words)):
            picture.save(tmp_path / f"graph{suffix}", **asked)
    with pytest.raises(ArgumentError, match=r"a .gv is text, of no size"):
        picture.save(tmp_path / "graph.gv", width=100)
    assert not list(tmp_path.iterdir())
