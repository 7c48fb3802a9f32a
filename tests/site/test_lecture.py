"""The slides of `make lecture`: their size, their words and numbers, and the deck that shows them."""

from __future__ import annotations

import runpy
import struct
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from tinygrad_lstm import lab
from viz.style import fonts

pytest.importorskip("matplotlib")
LECTURE = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "lecture.py"))
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def slide() -> Any:
    return next(LECTURE["slides"](quick=True))


def test_a_slide_has_a_title_a_sentence_a_number_and_a_picture(slide: Any) -> None:
    drawn = ET.fromstring(slide.svg)
    assert (drawn.get("width"), drawn.get("height")) == ("1280", "720")
    words = [text.text for text in drawn.findall(f"{SVG}text")]
    claim = slide.result.claim
    assert words == ["The RNN problem", claim.sentence, claim.expected, "39", "crossings", "Claim P1, slide 1"]
    (picture,) = drawn.findall(f"{SVG}svg")
    x, y, wide, high = (float(picture.get(name, "")) for name in ("x", "y", "width", "height"))
    assert x >= 0
    assert x + wide <= 1280
    assert y >= 180 > max(line.y for line in slide.lines if line.y < 400)
    assert y + high <= 600
    assert all(fonts.width(line.words, line.size) < 0.87 * (1280 - 128) for line in slide.lines)


def test_its_image_is_as_large(slide: Any, tmp_path: Path) -> None:
    pytest.importorskip("pygraphviz")
    LECTURE["png"](slide, tmp_path / "slide.png")
    head = (tmp_path / "slide.png").read_bytes()[:24]
    assert struct.unpack(">II", head[16:]) == (1280, 720)
    assert [path.name for path in tmp_path.iterdir()] == ["slide.png"]


@pytest.mark.slow
def test_every_section_of_the_notes_has_a_slide() -> None:
    assert [made.section for made in LECTURE["slides"](quick=True)] == list(lab.sections())


def test_long_sentences_are_broken_into_lines() -> None:
    lines = LECTURE["wrapped"]("word " * 60, 22)
    assert len(lines) > 1
    assert " ".join(lines).split() == ["word"] * 60


def test_a_number_is_more_than_a_rounding_error() -> None:
    made = LECTURE["Slide"](5, lab.sections()[4], lab.claims["E1"].run())
    assert made.figure == (lab.conditions.show(made.result.checks[0].value), made.result.checks[0].name)


@pytest.mark.slow
def test_the_deck_goes_on_with_the_arrow_keys(slide: Any, browser: Any, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(LECTURE["deck"]([slide]), "utf-8")
    (tmp_path / f"{slide.name}.svg").write_text(slide.svg, "utf-8")
    (tmp_path / "player.html").write_text("<!doctype html><title>player</title>", "utf-8")
    page = browser.new_context(offline=True).new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto((tmp_path / "index.html").as_uri())
    place = page.locator("#place")
    assert place.text_content() == "1 of 2"
    assert page.locator("img").evaluate("image => [image.naturalWidth, image.naturalHeight]") == [1280, 720]
    shown, below = (page.locator(part).bounding_box() for part in ("img", "nav"))
    assert shown["y"] + shown["height"] <= below["y"]
    page.keyboard.press("ArrowRight")
    assert place.text_content() == "2 of 2"
    assert page.url.endswith("#player")
    page.keyboard.press("ArrowRight")
    page.locator("#back").click()
    assert place.text_content() == "1 of 2"
    assert page.locator("section.now").count() == 1
    assert said == []
    page.context.close()
