"""A picture on a page is zoomed, moved, searched, closed and opened: by mouse, by keys and by touch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import tinygrad_lstm as tg
import viz
from tests.support.hostile import NAMES
from tests.support.players import until
from tests.support.runs import run
from viz.output.notebook import script

HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Pictures</title>
<meta name="viewport" content="width=device-width,initial-scale=1">
<style>:root { color-scheme: light dark } body { margin: 8px }</style><main><h1>Pictures</h1>"""


def hostile() -> viz.Picture:
    """Every name that could do harm, and one that would like to run, as a value and as a module."""
    x = tg.tensor([1.0], requires_grad=True)
    y = x
    for name in [*NAMES[:24], "<img src=x onerror=window.bad=1>", "</script><script>window.bad=1</script>"]:
        with tg.scope(name):
            y = y * 1.0
            tg.label(**{name: y})
    return viz.draw(y, fold=None)


@cache
def pictures() -> dict[str, viz.Picture]:
    trajectory, loss = run()
    return {
        "cell": viz.gradient_paths(loss, trajectory, theme="auto"),
        "op": viz.gradient_paths(loss, trajectory, view="op", theme="auto"),
        "hostile": hostile(),
        "folded": viz.gradient_paths(*run(steps=20)[::-1]),
        "folded op": viz.draw(run(steps=20)[0], view="op"),
        "long": viz.gradient_paths(*run(steps=40)[::-1]),
    }


@pytest.fixture
def visit(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Opens a page of pictures; nothing else may be asked for, and nothing complained about."""
    contexts, asked, said = [], [], []

    def open_it(*names: str, body: str = "", width: int = 1280, **options: Any) -> Any:
        path = tmp_path / "page.html"
        path.write_text(HEAD + (body or "".join(pictures()[name].html for name in names)) + "</main>", "utf-8")
        viewport = {"width": width, "height": 800}
        context = browser.new_context(offline=True, viewport=viewport, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(path.as_uri())
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert set(asked) <= {(tmp_path / "page.html").as_uri()}
    assert said == []


def width_of(page: Any, number: int = 0) -> float:
    return float(page.locator(".viz-picture svg").nth(number).evaluate("(svg) => svg.getBoundingClientRect().width"))


def status(page: Any, number: int = 0) -> str:
    return str(page.locator(".viz-picture").nth(number).get_by_role("status").text_content())


def shown(page: Any, name: str) -> bool:
    found = page.evaluate_handle(
        "(name) => [...document.querySelectorAll('svg [id^=viz-]')].find((e) => e.id.slice(13) === name)", name
    )
    return bool(found.as_element().is_visible())


def test_zoom_keeps_the_place_and_fit_shows_all(visit: Callable[..., Any]) -> None:
    page = visit("cell")
    before = width_of(page)
    for _ in range(3):
        page.get_by_role("button", name="Zoom in").click()
    assert width_of(page) == pytest.approx(before * 1.3**3, rel=0.01)
    frame = page.locator(".viz-picture > div[tabindex]")
    left, width = frame.evaluate("(box) => [box.scrollLeft, box.clientWidth]")
    assert (left + width / 2) / width_of(page) == pytest.approx(0.5, abs=0.03)  # the middle is still the middle
    page.get_by_role("button", name="Fit to the width").click()
    assert width_of(page) <= width
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_a_mouse_drags_and_zooms_at_its_place(visit: Callable[..., Any]) -> None:
    page = visit("cell")
    mark = page.locator(".viz-picture svg .node[id$='-c_2']")
    box = mark.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -160)
    page.keyboard.up("Control")
    page.wait_for_timeout(50)
    grown = mark.bounding_box()
    assert grown["width"] > 1.8 * box["width"]
    assert grown["x"] + grown["width"] / 2 == pytest.approx(box["x"] + box["width"] / 2, abs=3)
    page.mouse.down()
    page.mouse.move(box["x"] - 100, box["y"] + 10, steps=4)
    page.mouse.up()
    assert mark.bounding_box()["x"] < grown["x"] - 90
    wide = width_of(page)
    page.mouse.wheel(0, 100)  # without Ctrl the page scrolls, and the picture stays as it is
    assert width_of(page) == wide


def test_the_keyboard_is_enough(visit: Callable[..., Any]) -> None:
    page = visit("cell")
    page.evaluate("addEventListener('keydown', (event) => { if (event.key.length === 1) window.heard = event.key })")
    inner = "document.activeElement.shadowRoot?.activeElement ?? document.activeElement"
    stops = []
    for _ in range(6):
        page.keyboard.press("Tab")
        stops.append(page.evaluate(f"(({inner}).ariaLabel ?? ({inner}).textContent ?? '').slice(0, 30)"))
    assert stops[:4] == ["Zoom out", "Zoom in", "Fit to the width", "Parts"]
    assert stops[5].startswith("Where the gradient of L flows")  # the frame itself, after the search
    before = width_of(page)
    page.keyboard.press("+")
    page.keyboard.press("+")
    assert width_of(page) > 1.6 * before
    page.keyboard.press("ArrowRight")
    until(page, "document.querySelector('.viz-picture > div[tabindex]').scrollLeft > 0")
    page.keyboard.press("0")
    assert width_of(page) == pytest.approx(before, rel=0.01)
    page.keyboard.press("/")
    page.keyboard.type("c_2")
    page.keyboard.press("Enter")
    assert re.fullmatch(r"1 of \d: C₂", status(page))
    page.keyboard.press("Escape")
    assert status(page) == ""
    for key in ("Shift+Tab", "Shift+Tab", "Enter", "Tab", "Tab", "Tab", "Space"):  # Parts, then the first of them
        page.keyboard.press(key)
    assert page.evaluate("window.heard") is None  # in a notebook a letter cuts a cell
    assert not shown(page, "f_1")
    assert shown(page, "f_2")
    page.keyboard.press("Space")
    assert shown(page, "f_1")


def test_a_frame_closes_over_what_is_in_it_and_nothing_else_moves(visit: Callable[..., Any]) -> None:
    page = visit("cell")
    places = """[...document.querySelectorAll('svg .node[id$=-c_1], svg .node[id$=-weights]')]
      .map((e) => e.getBoundingClientRect().x)"""
    before = page.evaluate(places)
    page.locator(".viz-picture svg [id$='-step_2'] text").first.click()
    for name in ("f_2", "c_2", "z_2-f_2"):
        assert not shown(page, name)
    for name in ("f_1", "c_3", "weights", "c_1-keep_2"):
        assert shown(page, name)
    assert page.evaluate(places) == before
    cover = page.locator(".viz-picture svg .cover")
    assert cover.locator("text").text_content() == "+ t = 2"
    assert cover.evaluate("(box) => box === box.parentNode.lastElementChild")  # so that lines end at it
    cover.click()
    assert shown(page, "f_2")
    assert cover.count() == 0


def test_modules_nest_and_a_search_opens_what_it_finds(visit: Callable[..., Any]) -> None:
    page = visit("op")
    page.get_by_text("Parts", exact=True).click()
    page.get_by_role("button", name="Close all").click()
    marks = page.locator(".viz-picture svg .node").evaluate_all("(all) => all.filter((e) => e.style.display).length")
    assert marks > 30
    assert page.locator(".viz-picture svg .cover:visible").count() == 1  # the outermost
    page.get_by_role("button", name="Open all").click()
    assert page.locator(".viz-picture svg .cover").count() == 0
    page.get_by_role("button", name="Close all").click()
    page.get_by_role("searchbox").fill("f2")
    page.get_by_role("searchbox").press("Enter")
    assert re.match(r"1 of \d+: f₂", status(page))
    assert page.locator(".viz-picture svg .node").filter(has_text="f₂").first.is_visible()
    assert not page.locator(".viz-picture svg .node").filter(has_text="f₁").first.is_visible()  # still closed


@pytest.mark.parametrize("name", ["folded", "folded op"])
def test_a_fold_opens_to_its_steps_and_folds_again(name: str, visit: Callable[..., Any]) -> None:
    page = visit(name)
    fold = page.locator(".viz-picture svg [id*='fold_'].frame text, .viz-picture svg .node[data-fold]").first
    assert "16 steps" in str(fold.text_content())
    before = page.locator(".viz-picture svg .node").evaluate_all("(all) => all.map((mark) => mark.id)")
    frames = page.locator(".viz-picture svg .frame")
    count = frames.count()
    fold.click()
    assert page.locator(".viz-picture svg [data-fold], .viz-picture svg [id*='fold_']").count() == 0
    assert frames.count() > count + 14  # the 16 steps, where the fold was
    assert status(page) == "every step is drawn"
    page.keyboard.press("+")  # the keys are still the picture's
    assert page.locator(".viz-picture > div[tabindex]").evaluate("(box) => box === document.activeElement")
    page.get_by_role("button", name="Fold the steps again").click()
    assert status(page) == "folded"
    assert page.locator(".viz-picture svg .node").evaluate_all("(all) => all.map((mark) => mark.id)") == before
    assert page.locator(".viz-picture svg").count() == page.locator(".viz-picture > div[tabindex]").count() == 1


def test_folds_open_by_keys_and_a_search_finds_what_was_folded(visit: Callable[..., Any]) -> None:
    page = visit("folded")
    page.get_by_role("searchbox").fill("c_7")
    assert status(page) == "0 found"
    for _ in range(2):  # from the search back over Parts to the folds
        page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    inner = "document.activeElement.shadowRoot.activeElement.ariaLabel"
    assert page.evaluate(inner) == "Fold the steps again"  # where the focus was
    page.get_by_role("searchbox").fill("c_7")
    page.get_by_role("searchbox").press("Enter")
    assert re.fullmatch(r"1 of \d: C₇", status(page))
    page.locator(".viz-picture svg [id$='-step_8'] text").first.click()  # which closes as any step does
    assert not shown(page, "c_8")


def test_a_long_fold_opens_at_both_ends_and_says_what_is_left(visit: Callable[..., Any]) -> None:
    page = visit("long")
    fold = page.locator(".viz-picture svg [id*='fold_'].frame text").first
    fold.click()
    for name in ("c_3", "c_14", "c_27", "c_38"):
        assert shown(page, name)
    assert status(page) == "opened but for ... 12 steps: fold=None draws each of these"
    left = page.locator(".viz-picture svg [id$='-step_3']").bounding_box()["x"]
    assert 0 <= left < 200  # what was opened is in view


def test_a_picture_without_folds_has_nothing_to_open(visit: Callable[..., Any]) -> None:
    assert "<template>" not in pictures()["cell"].html
    page = visit("cell", "folded")  # both on a page, each for itself
    assert page.get_by_role("button", name="Open the folded steps").count() == 1
    page.get_by_role("button", name="Open the folded steps").click()
    assert status(page, 0) == ""
    assert status(page, 1) == "every step is drawn"


def test_without_a_script_only_the_folded_steps_are_there(visit: Callable[..., Any]) -> None:
    page = visit("folded", java_script_enabled=False)
    assert page.locator("svg").count() == 1


def test_all_parts_of_a_long_run_close_at_once(visit: Callable[..., Any]) -> None:
    """Each mark is looked at once, and not once for every part."""
    tg.manual_seed(0)
    trajectory = tg.nn.RNN(2, 3).unroll(tg.randn(60, 1, 2))
    page = visit(body=viz.draw(trajectory, view="op", fold=None).html)
    looked = page.evaluate(
        """() => { const bar = document.querySelector('.viz-picture > div').shadowRoot;
             const of = SVGGraphicsElement.prototype, real = of.getBBox; let looked = 0;
             of.getBBox = function () { looked += 1; return real.call(this) };
             bar.querySelectorAll('.parts button')[1].click(); bar.querySelectorAll('.parts button')[0].click();
             of.getBBox = real; return looked }"""
    )
    assert looked == page.locator("svg :is(.node, .edge, .curve, .frame)").count()


def test_pictures_of_a_page_do_not_disturb_each_other(visit: Callable[..., Any]) -> None:
    """Two of them equal, so that they share their ids."""
    page = visit("cell", "op", "cell")
    assert page.get_by_role("button", name="Zoom in").count() == 3
    before = [width_of(page, k) for k in range(3)]
    page.get_by_role("button", name="Zoom in").nth(2).click()
    page.get_by_role("searchbox").nth(2).fill("h")
    page.get_by_text("Parts", exact=True).nth(2).click()
    page.get_by_role("button", name="Close all").nth(0).click()
    assert [width_of(page, k) for k in range(2)] == before[:2]
    assert width_of(page, 2) > before[2]
    assert [status(page, k) for k in range(2)] == ["", ""]
    assert page.locator(".viz-picture").nth(0).locator(".cover").count() == 0
    assert page.locator(".viz-picture").nth(2).locator(".cover").count() == 3
    assert page.locator(".viz-picture").nth(0).locator("svg [style*=opacity]").count() == 0


def test_a_picture_that_a_notebook_puts_in_later_is_alive_too(visit: Callable[..., Any]) -> None:
    """As JupyterLab does: into an element of no page yet, with every script made anew."""
    page = visit("cell")
    page.evaluate(
        """(html) => { const host = document.createElement('div'); host.innerHTML = html;
             for (const old of host.querySelectorAll('script')) { const script = document.createElement('script');
               script.textContent = old.textContent; old.replaceWith(script) }
             document.querySelector('main').append(host) }""",
        pictures()["op"].html,
    )
    assert page.get_by_role("button", name="Zoom in").count() == 2


@pytest.mark.parametrize("how", ["no script", "sanitised"])
def test_where_no_script_runs_the_still_picture_is_there(visit: Callable[..., Any], how: str) -> None:
    html = pictures()["cell"].html
    bare = re.sub(r"<script>.*?</script>|<style>.*?</style>", "", html, flags=re.DOTALL)
    page = visit(body=html if how == "no script" else bare, java_script_enabled=how != "no script")
    assert page.locator("svg").is_visible()
    assert shown(page, "c_1")
    assert page.get_by_role("button").count() == 0
    assert page.locator("input").count() == 0


def test_names_are_text(visit: Callable[..., Any]) -> None:
    page = visit("hostile")
    page.get_by_text("Parts", exact=True).click()
    page.get_by_role("button", name="Close all").click()
    page.get_by_role("searchbox").fill("onerror")
    page.get_by_role("searchbox").press("Enter")
    assert "onerror" in status(page)
    assert page.evaluate("window.bad") is None
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 1
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "eval", "document.write", 'setAttribute("on'):
        assert word not in script()
    assert "</script" not in script()
    assert {picture.html.partition("<script>")[2] for picture in pictures().values()} == {f"{script()}</script></div>"}


def test_on_a_phone_it_can_be_read_and_fingers_move_it(visit: Callable[..., Any]) -> None:
    page = visit("cell", width=400, has_touch=True, is_mobile=True)
    tall = "(text) => text.getBoundingClientRect().height"
    assert page.locator(".viz-picture svg .node[id$='-c_1'] text").first.evaluate(tall) >= 10
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.get_by_role("button", name="Fit to the width").tap()
    assert width_of(page) <= 400
    before = width_of(page)
    session = page.context.new_cdp_session(page)
    box = page.locator(".viz-picture svg").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def touch(kind: str, *apart: float) -> None:
        points = [{"x": x + side * half, "y": y, "id": k} for half in apart for k, side in enumerate((-1, 1))]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 30)
    for half in (45, 60, 75, 90):
        touch("touchMove", half)
    touch("touchEnd")
    page.wait_for_timeout(50)
    assert width_of(page) > 2 * before
    assert page.evaluate("visualViewport.scale") == 1  # the picture has grown, and not the page
    page.get_by_text("Parts", exact=True).tap()
    page.get_by_label("t = 1", exact=True).tap()
    assert not shown(page, "f_1")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 735, 1280])
def test_axe_finds_nothing_serious(visit: Callable[..., Any], width: int, scheme: str) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is not installed (pip install axe-playwright-python)"
    )
    page = visit("cell", width=width, color_scheme=scheme)
    page.get_by_text("Parts", exact=True).click()
    found = axe.Axe().run(page).response["violations"]
    serious = [rule for rule in found if rule["impact"] in ("serious", "critical")]
    assert [(rule["id"], rule["nodes"][0]["html"][:200]) for rule in serious] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_svg_stays_still_and_the_script_short() -> None:
    assert "script" not in pictures()["cell"].svg
    assert script().count("\n") < 250
    assert len(script()) < 14_800
