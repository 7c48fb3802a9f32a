"""The demo's page in a browser without a network, on a phone and on a large screen, light and dark."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rich")
pytest.importorskip("threadpoolctl")
pytest.importorskip("matplotlib")
from tinygrad_lstm.cli.demo import run

PHONE, LAPTOP = 400, 1400
NAME = "a <i> & 'b' $name \U0001f94a.txt"
pytestmark = pytest.mark.parametrize("scheme", ["light", "dark"])


@pytest.fixture(scope="module")
def folder(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the demo makes of a short text; it comes after ``browser``, so that nothing is made where there is none."""
    made = tmp_path_factory.mktemp("demo")
    text = made / NAME
    text.write_text("to be or not to be, that is the question.\n" * 100, "utf-8")
    assert run(text, made / "out", True, 0) == 0
    return made / "out"


@pytest.fixture
def visit(browser: Any, folder: Path, scheme: str) -> Iterator[Callable[[int], Any]]:
    """Opens the page on a screen so many points wide; it may ask for files of its folder only, and complain of none."""
    contexts, asked, said = [], [], []

    def open_it(width: int) -> Any:
        context = browser.new_context(
            offline=True, color_scheme=scheme, reduced_motion="reduce", viewport={"width": width, "height": 900}
        )
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("requestfailed", lambda request: said.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto((folder / "index.html").as_uri())
        page.frame_locator("iframe").locator("#play-next").wait_for()
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert all(url.startswith(folder.as_uri()) for url in asked)
    assert said == []


@pytest.mark.parametrize("width", [PHONE, LAPTOP])
def test_the_player_comes_first_and_plays(visit: Callable[[int], Any], width: int) -> None:
    page = visit(width)
    player = page.locator("iframe")
    box = player.bounding_box()
    assert box["width"] > 0.85 * width
    assert box["height"] > 400
    assert all(box["y"] < picture.bounding_box()["y"] for picture in page.locator("img, table, pre").all())
    inside = page.frame_locator("iframe")
    inside.locator("#play-next").click()
    assert inside.locator("#play-status").text_content().startswith("Step 1 of ")


@pytest.mark.parametrize("width", [PHONE, 735, 1280, LAPTOP])
def test_the_players_frame_is_as_high_as_what_is_in_it(visit: Callable[[int], Any], width: int) -> None:
    """Nothing scrolls in it, and nothing is blank below: at the start, at a step, and when every step is listed."""
    page = visit(width)
    inside = page.frame_locator("iframe")
    heights = set()
    for act in (lambda: None, inside.locator("#play-next").click, inside.locator("summary").click):
        act()
        body = inside.locator("body")
        body.evaluate(
            """async body => {
                const fits = () => Math.abs(innerHeight - document.documentElement.scrollHeight) <= 1;
                for (let turn = 0; turn < 100 && !fits(); turn++) await new Promise(requestAnimationFrame);
            }"""
        )
        shown, needed, below = body.evaluate(
            """body => [innerHeight, document.documentElement.scrollHeight,
                       innerHeight - document.querySelector("main").getBoundingClientRect().bottom]"""
        )
        assert abs(shown - needed) <= 1
        assert 0 <= below < 30
        heights.add(shown)
    assert len(heights) == 3


@pytest.mark.parametrize("width", [PHONE, 700, 1000, LAPTOP])
def test_nothing_is_cropped_without_a_sign(visit: Callable[[int], Any], width: int) -> None:
    page = visit(width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for box in page.locator("figure").all():
        hint, scrolls = box.locator(".hint"), box.locator(".scroll")
        cropped = scrolls.count() and scrolls.evaluate("box => box.scrollWidth > box.clientWidth")
        assert bool(cropped) == bool(hint.count() and hint.is_visible())
        if cropped:
            assert "linear-gradient" in scrolls.evaluate("box => getComputedStyle(box).maskImage")
            assert scrolls.get_attribute("tabindex") == "0"
    for image in page.locator("figure img:not(.wide img)").all():
        assert image.bounding_box()["width"] <= width
    for table in page.locator("table").all():
        assert table.bounding_box()["x"] + table.bounding_box()["width"] <= width


def test_every_picture_is_of_the_readers_scheme_and_in_words(visit: Callable[[int], Any], scheme: str) -> None:
    page = visit(LAPTOP)
    shown = {}
    for image in page.locator("img").all():
        assert image.evaluate("image => image.complete && image.naturalWidth > 0")
        shown[image.evaluate("image => image.currentSrc").rpartition("/")[2]] = image.get_attribute("alt")
    end = "_dark.svg" if scheme == "dark" else ".svg"
    assert list(shown) == [f"{name}{end}" for name in ("gradient_by_lag", "training_curve", "collapsed_graph")]
    assert all(len(words) > 60 for words in shown.values())
    headings = page.evaluate("[...document.querySelectorAll('h1, h2, h3')].map(h => h.tagName)")
    assert headings == ["H1", *["H2"] * (len(headings) - 1)]
    assert NAME in page.locator("h1").text_content()


def test_every_file_is_linked_and_there(visit: Callable[[int], Any], folder: Path) -> None:
    links = visit(LAPTOP).evaluate("[...document.querySelectorAll('a')].map(a => a.getAttribute('href'))")
    assert all((folder / link).is_file() for link in links)
    assert set(links) >= {"player.html", "unrolled_graph.svg", "gradient_paths.png"}


@pytest.mark.parametrize("width", [PHONE, LAPTOP])
def test_axe_finds_nothing(visit: Callable[[int], Any], width: int) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is not installed (pip install axe-playwright-python)"
    )
    options = {"iframes": False}  # it cannot speak to a frame from a file; the player has its own test
    found = axe.Axe().run(visit(width), options=options).response["violations"]
    assert [(rule["id"], rule["impact"], rule["nodes"][0]["html"][:200]) for rule in found] == []
