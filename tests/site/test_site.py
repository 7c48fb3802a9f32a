"""The site that `make docs` builds, read as files and looked at in a browser; skipped where it is not built."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urldefrag, urlsplit

import pytest

from tests.support.reference import PLACES, names_of

SITE = Path(os.environ.get("SITE", Path(__file__).parents[2] / "docs" / "_build" / "html"))
PAGES = sorted(SITE.rglob("*.html")) if (SITE / "index.html").exists() else []
OWN = [page for page in PAGES if page.relative_to(SITE).parts[0] not in ("gallery", "_downloads", "_static")]
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not PAGES, reason="the site is not built (make docs)")]
PHONE, LAPTOP = 400, 1400
LOOKED_AT = [
    "index", "reference/ops", "reference/paths", "gallery", "notes", "faq", "course/index", "course/07_two_paths",
    "real_models", "auto_examples/index",
    "design", "coming_from/pytorch", "glossary",
]  # fmt: skip


def name_of(page: Path) -> str:
    return page.relative_to(SITE).as_posix()


SEEN = [name_of(page).removesuffix(".html") for page in OWN if not name_of(page).startswith("code/")]
SEEN += ["code/tinygrad_lstm/micro"] * bool(PAGES)  # one of hundreds that are alike


class Page(HTMLParser):
    """What a page says of itself: its ids, what it leads to and loads, its headings, its images."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.headings: list[int] = []
        self.mute: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids += [given["id"]] if "id" in given else []
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in ("img", "script", "iframe", "source") and given.get("src"):
            self.loaded.append(given["src"])
        if tag == "link" and given.get("rel") not in ("canonical",):
            self.loaded.append(given["href"])
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        words = given.get("alt", "").strip()
        if tag == "img" and words in ("", given.get("src")):
            self.mute.append(given.get("src", "")[:80])


@cache
def read(page: Path) -> Page:
    return Page(page.read_text("utf-8"))


class Target(NamedTuple):
    page: Path
    place: str


def target(page: Path, link: str) -> Target | None:
    """The file and the place in it that a link leads to; None for a link out of the site."""
    if urlsplit(link).scheme:
        return None
    path, place = urldefrag(link)
    return Target((page.parent / unquote(path)).resolve() if path else page, unquote(place))


# As files -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", OWN, ids=name_of)
def test_every_link_leads_to_a_place_that_is_there(page: Path) -> None:
    broken = []
    for link in read(page).links:
        to = target(page, link)
        if (to is not None and not to.page.exists()) or (
            to is not None and to.place and to.page.suffix == ".html" and to.place not in read(to.page).ids
        ):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_everything_that_is_loaded_is_in_the_site(page: Path) -> None:
    for part in read(page).loaded:
        if not part.startswith("data:"):
            to = target(page, urlsplit(part)._replace(query="").geturl())
            assert to is not None, part
            assert to.page.exists(), part


@pytest.mark.parametrize("page", OWN, ids=name_of)
def test_headings_are_in_order_and_every_image_has_words(page: Path) -> None:
    headings = read(page).headings
    assert headings.count(1) == (page.name != "search.html")  # a script writes the heading of that one
    assert all(below <= above + 1 for above, below in pairwise(headings)), headings
    assert not read(page).mute


def test_no_id_is_there_twice() -> None:
    for page in OWN:
        ids = read(page).ids
        assert len(ids) == len(set(ids)), (name_of(page), {name for name in ids if ids.count(name) > 1})


def test_every_notebook_can_be_taken_along() -> None:
    offered = [
        to.page for page in OWN for link in read(page).links if link.endswith(".ipynb") and (to := target(page, link))
    ]
    assert SITE / "notes.ipynb" in offered
    for path in offered:
        notebook = json.loads(path.read_text("utf-8"))
        assert notebook["cells"]
        assert not any(cell.get("outputs") for cell in notebook["cells"]) or "_downloads" in path.parts


def test_the_index_of_names_has_every_public_name() -> None:
    inventory = pytest.importorskip("sphinx.util.inventory")
    with open(SITE / "objects.inv", "rb") as file:
        found = inventory.InventoryFile.load(file, "", lambda base, path: path)
    names = {name for kind, entries in found.items() if kind.startswith("py:") for name in entries}
    public = {f"{place}.{name}" for place in PLACES for name in names_of(place)}
    assert not public - names


# In a browser ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page in a browser without a network; it may ask for files of the site only, and complain of nothing."""
    contexts, asked, said = [], [], []

    def open_it(name: str, width: int, scheme: str) -> Any:
        context = browser.new_context(
            offline=True, color_scheme=scheme, reduced_motion="reduce", viewport={"width": width, "height": 900}
        )
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("requestfailed", lambda request: said.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto((SITE / f"{name}.html").as_uri())
        page.evaluate("async () => { if (window.MathJax && MathJax.startup) await MathJax.startup.promise }")
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert [url for url in asked if not url.startswith((SITE.as_uri(), "data:", "blob:"))] == []
    assert said == []


@pytest.mark.parametrize("name", SEEN)
def test_a_page_is_no_wider_than_a_phone_and_shows_all_its_images(name: str, visit: Callable[..., Any]) -> None:
    page = visit(name, PHONE, "light")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
    broken = """[...document.images].filter(image => image.loading != "lazy" && !(image.complete && image.naturalWidth))
                                    .map(image => image.src.slice(0, 100))"""
    assert page.evaluate(broken) == []
    assert page.evaluate("document.querySelectorAll('mjx-merror').length") == 0


@pytest.mark.parametrize(("width", "scheme"), [(PHONE, "dark"), (LAPTOP, "light")])  # each width and scheme once
@pytest.mark.parametrize("name", LOOKED_AT)
def test_axe_finds_nothing_serious(name: str, scheme: str, width: int, visit: Callable[..., Any]) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="pip install axe-playwright-python")
    found = axe.Axe().run(visit(name, width, scheme), options={"preload": False}).response["violations"]
    serious = [rule for rule in found if rule["impact"] in ("serious", "critical")]
    assert [(rule["id"], len(rule["nodes"]), rule["nodes"][0]["html"][:200]) for rule in serious] == []


@pytest.mark.parametrize("system", ["light", "dark"])
def test_pictures_follow_the_theme_that_a_reader_chooses(system: str, visit: Callable[..., Any]) -> None:
    page = visit("index", LAPTOP, system)
    ground = "getComputedStyle(document.querySelector('.viz rect')).fill"
    looks = {}
    for theme in ("light", "dark", "auto"):
        page.evaluate("theme => { document.body.dataset.theme = theme }", theme)
        looks[theme] = page.evaluate(ground)
    assert looks["light"] == "rgb(255, 255, 255)"
    assert looks["dark"] == "rgb(17, 24, 39)"
    assert looks["auto"] == looks[system]
