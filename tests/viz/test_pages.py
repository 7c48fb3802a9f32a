"""Pictures that share a page: each looks as it does alone, and its ids are its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

import tinygrad_lstm as tg
import viz
from tests.support.runs import run
from viz.style.theme import stylesheet

THEMES = ("light", "auto", "dark")
LOOKS = """[...document.querySelectorAll('#%s svg :not(style)')].map((element) => {
    const { fill, stroke } = getComputedStyle(element); return fill + stroke })"""


def in_theme(view: str) -> Callable[[Any], viz.Picture]:
    """A picture by its theme; "small" is one that Graphviz lays out."""
    if view == "small":
        x = tg.tensor(3.0, requires_grad=True)
        return lambda theme: viz.draw(x * x + x, theme=theme)
    trajectory, loss = run()
    return lambda theme: viz.gradient_paths(loss, trajectory, view=view, theme=theme)  # type: ignore[call-overload]


VIEWS = ("cell", "strip", "rolled", "op", "small")
DRAWN = [(view, theme) for view in VIEWS for theme in THEMES]
each_picture = pytest.mark.parametrize(("view", "theme"), DRAWN)


@cache
def picture_of(view: str, theme: Any) -> viz.Picture:
    return in_theme(view)(theme)


def pictures() -> list[viz.Picture]:
    return [picture_of(*drawn) for drawn in DRAWN]


@pytest.mark.parametrize("form", ["svg", "html"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_picture_of_a_page_looks_as_it_does_alone(form: str, scheme: Any, browser: Any, tmp_path: Path) -> None:
    """Whatever the page's own style calls ink and paper."""
    parts = [f'<div id="place{k}">{getattr(picture, form)}</div>' for k, picture in enumerate(pictures())]
    page = browser.new_context(offline=True, color_scheme=scheme).new_page()

    def looks(head: str, shown: list[str]) -> list[Any]:
        (tmp_path / "page.html").write_text(f"<!doctype html><meta charset=utf-8>{head}{''.join(shown)}", "utf-8")
        page.goto((tmp_path / "page.html").as_uri())
        names = re.findall(r'<div id="(place\d+)">', "".join(shown))
        return [page.evaluate(LOOKS % name) for name in names]

    alone = [looks("", [part])[0] for part in parts]
    together = looks("<style>:root { --ink: red; --paper: red; --carry: red }</style>", parts)
    page.context.close()
    assert together == alone
    assert (alone[0] != alone[1]) == (scheme == "dark")  # the one that adapts does so


@each_picture
def test_rules_reach_pictures_that_adapt_alone(view: str, theme: Any) -> None:
    picture = picture_of(view, theme)
    adapts = picture.scene.theme.adapts
    for text in (picture.svg, picture.html):
        assert re.findall(r"<style>(.*?)</style>", text) == [stylesheet()] * adapts
        assert len(re.findall(r'<svg[^>]* class="viz viz-auto"', text)) == adapts
    selectors = re.findall(r"(?:^|[{}])([^{}@]+)\{", stylesheet())
    assert len(selectors) > 40
    assert all(selector.startswith(".viz-auto.viz") for selector in selectors)
    assert set(re.findall(r"(?:var\(|[{;])(--\w+)", stylesheet())) == {"--viz"}  # and what follows the hyphen


def test_no_two_pictures_share_an_id() -> None:
    ids = [set(re.findall(r'\sid="([^"]*)"', picture.html)) for picture in pictures()]
    assert all(len(names) > 3 for names in ids)
    assert not any(one & other for one, other in combinations(ids, 2))


@each_picture
def test_on_a_page_an_id_is_the_documented_one_behind_a_word(view: str, theme: Any) -> None:
    picture = picture_of(view, theme)
    plain, own = (re.findall(r'\sid="([^"]*)"', text) for text in (picture.svg, picture.html))
    (word,) = {name[: name.index("-") + 10] for name in own}
    assert re.fullmatch(r"viz-[0-9a-f]{8}-", word)
    assert own == [word + name for name in plain]
    assert len(set(plain)) == len(plain)
    assert "v0" in plain or "h_1" in plain or "h_t" in plain or "h" in plain
    bare = picture.html.removeprefix('<div class="viz-picture"><div style="overflow-x:auto">').partition("</div>")[0]
    assert bare.replace(f'id="{word}', 'id="') == picture.svg


def test_equal_pictures_are_equal_on_a_page() -> None:
    drawn = in_theme("cell")
    assert drawn("light").html == drawn("light").html


def test_what_looks_like_an_id_in_a_text_stays_as_it_is() -> None:
    x = tg.tensor(1.0, requires_grad=True)
    tg.label(**{'a id="b" c': x})
    html = viz.draw(x * x).html
    assert "a id=&quot;b&quot; c" in html
