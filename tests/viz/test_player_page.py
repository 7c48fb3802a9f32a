"""The player in a browser without a network: what it shows at each step, and that anybody can use it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.players import HOSTILE, cards, close, numbers, press, small, status, unrolled, until
from viz.playback.player import figure_of, player
from viz.playback.tape import FEW, tape_of
from viz.style.theme import THEMES, mix


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The addresses of a few players."""
    folder = tmp_path_factory.mktemp("players")
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    tg.label(**{HOSTILE: x})
    made = {"lstm": player(*unrolled()), "op": player(small()), "hostile": player((x * x).sum()),
            "wide": player(*unrolled(steps=6)), "three": player(*unrolled(steps=3)),
            "gru": player(*unrolled("GRU", steps=3))}  # fmt: skip
    return {name: one.save(folder / f"{name}.html").as_uri() for name, one in made.items()}


@pytest.fixture
def visit(browser: Any, pages: dict[str, str]) -> Iterator[Callable[..., Any]]:
    """Opens a player; nothing but the file may be asked for, and nothing may be complained about."""
    contexts, asked, said = [], [], []

    def open_it(name: str, state: str = "", **options: Any) -> Any:
        context = browser.new_context(offline=True, **{"reduced_motion": "reduce", **options})
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(pages[name] + state)
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert {url.split("#")[0] for url in asked} <= set(pages.values())
    assert said == []


def lit(page: Any, look: str = "now") -> set[str]:
    return set(page.evaluate(f"[...document.querySelectorAll('.figure .edge.{look}')].map((e) => e.id)"))


def test_after_n_steps_the_nth_event_is_told(visit: Callable[..., Any]) -> None:
    loss, _ = unrolled()
    events = list(tg.backward_events(loss))
    page = visit("lstm")
    come: dict[Any, int] = {}
    sums: dict[Any, Any] = {}
    for n, event in enumerate(events, start=1):
        said = press(page, "ArrowRight")
        assert page.url.endswith(f"#k={n}")
        g = np.concatenate([np.ravel(part) for part in np.atleast_1d(event.cotangent)])
        assert said.startswith(f"Step {n} of {len(events)}, backward: ")
        letter = "g = " if event.cotangent is not g and np.ndim(event.cotangent) == 0 else "‖g‖ = "
        shown = numbers(said[said.index(letter) + len(letter) :])
        assert close(shown[0], np.linalg.norm(g))
        if 1 < len(g) <= 4:
            assert close(shown[1 : 1 + len(g)], g)
        came, *handed = cards(page)
        assert len(handed) == len(event.contributions)
        assert close(list(came["rows"].values())[-1], g if len(g) <= FEW else np.linalg.norm(g))
        for card, part in zip(handed, event.contributions, strict=True):
            array = part.array
            place = part.source, part.edge.index
            come[part.source] = come.get(part.source, 0) + 1
            sums[place] = sums.get(place, 0) + array
            few = array.size <= FEW and len(g) <= FEW
            told = card["rows"].get("handed on" if few else "handed on: ‖·‖")
            assert close(told, array.ravel() if few else np.linalg.norm(array))
            has = [row for label, row in card["rows"].items() if label.endswith((" has", " has: ‖·‖"))]
            assert all(close(row, sums[place].ravel() if few else np.linalg.norm(sums[place])) for row in has)
            assert bool(has) == (not np.array_equal(sums[place], array))
            all_of = sum(1 for each in events for other in each.contributions if other.source is part.source)
            assert (f"This is number {come[part.source]}" in card["text"]) == (all_of > 1)
            assert ("complete" in card["text"]) == (come[part.source] == all_of)
    assert press(page, "ArrowRight").startswith(f"Step {len(events)} of")  # there is no further one


def test_a_step_names_its_module_and_its_time_step_once(visit: Callable[..., Any]) -> None:
    loss, _ = unrolled()
    page, graph = visit("lstm"), tg.graph_of(loss)
    for event in tg.backward_events(loss, retain_graph=True, accumulate=False):
        vertex = graph.vertices[graph.id_of(event.node)]
        press(page, "ArrowRight")
        where = ["/".join(vertex.module), *([f"t = {vertex.step}"] if vertex.step is not None else [])]
        assert page.locator("#play-panel .op .soft").text_content() == " ".join(filter(None, where))


def test_the_lines_of_an_event_light_up_and_those_before_stay(visit: Callable[..., Any]) -> None:
    loss, trajectory = unrolled()
    figure = figure_of(loss, trajectory)
    tape = tape_of(loss, figure.graph, figure.known)
    page = visit("lstm")
    before: set[str] = set()
    for turn in tape.backward[:14]:
        press(page, "ArrowRight")
        keys = [(turn.vertex, part.position) for part in turn.contributions]
        lines = {name for key in keys for name in figure.edges.get(key, ())}
        lines |= {name for name in figure.nodes[turn.vertex] if "-" in name}
        assert lit(page) == lines
        before |= lines
        assert lit(page, "on") == before
    press(page, *["ArrowLeft"] * 10)
    assert lit(page, "on") < before


def test_the_keyboard_is_enough(visit: Callable[..., Any]) -> None:
    page = visit("lstm")
    focused = "document.activeElement.id || document.activeElement.textContent"
    stops = [page.keyboard.press("Tab") or page.evaluate(focused) for _ in range(15)]
    assert stops[:6] == ["play-theme", "play-figure", "play-back", "play-play", "play-next", "play-reset"]
    assert stops[6:11] == ["Forward", "Backward", "Both routes", "C only", "h only"]
    assert stops[11:14] == ["play-step", "play-time", "Every step in words"]
    page.get_by_role("button", name="One step on").focus()
    assert page.get_by_role("button", name="One step back").count() == 1
    assert press(page, "Enter", " ").startswith("Step 2 of")  # what has the focus takes the space bar
    assert page.locator("#play-play").text_content() == "Play"
    page.locator("#play-step").focus()
    assert "solid 3px" in page.evaluate("getComputedStyle(document.activeElement).outline")
    assert press(page, "ArrowRight", "ArrowRight", "End", "ArrowLeft").startswith("Step 32 of 33")
    page.locator("#play-time").focus()
    assert "(sigmoid, t = 2)" in press(page, "End") or "(multiply, t = 2)" in status(page)
    assert "t = 1" in press(page, "Home")
    assert press(page, "Escape").startswith("Step 0 of")
    page.locator("summary").focus()
    press(page, "Enter", "Tab", "Tab", "Enter")  # the second link of the list
    assert status(page).startswith("Step 2 of 37, forward")


def test_space_plays_and_pauses(visit: Callable[..., Any]) -> None:
    page = visit("op")
    page.clock.install()
    page.reload()
    press(page, " ")
    page.clock.run_for(3 * 900 + 10)
    assert status(page).startswith("Step 3 of 7")
    assert page.locator("[aria-live]").get_attribute("aria-live") == "off"  # nobody could listen to it
    press(page, " ")
    page.clock.run_for(5000)
    assert status(page).startswith("Step 3 of 7")
    assert page.locator("[aria-live]").get_attribute("aria-live") == "polite"
    press(page, " ")
    page.clock.run_for(20000)
    assert status(page).startswith("Step 7 of 7")
    assert page.locator("#play-play").text_content() == "Play"
    press(page, " ")
    assert status(page).startswith("Step 0 of 7")  # once more from the start


def test_links_lead_to_a_state(visit: Callable[..., Any]) -> None:
    page = visit("lstm", "#k=7&route=carry&pass=forward")
    assert status(page).startswith("Step 7 of 37, forward")
    assert page.locator("button[data-route=carry]").get_attribute("aria-pressed") == "true"
    page.evaluate("location.hash = '#k=5'")
    until(page, "document.querySelector('[aria-live]').textContent.startsWith('Step 5 of 33, backward')")
    assert page.locator("button[data-route='']").get_attribute("aria-pressed") == "true"
    for state, k in [("#k=-3", 0), ("#k=9999", 33), ("#k=<b>&route=<i>", 0), ("#k=2.7", 2), ("#nothing", 0)]:
        page = visit("lstm", state)
        assert status(page).startswith(f"Step {k} of 33, backward")


def test_routes_are_filtered_and_escape_resets(visit: Callable[..., Any]) -> None:
    page = visit("lstm", "#k=33")
    opacity = "(e) => Number(getComputedStyle(e).opacity)"
    belt, gate = page.locator("[id='c_1-keep_2']"), page.locator("[id='z_2-f_2']")
    assert belt.evaluate(opacity) > 0.5
    assert gate.evaluate(opacity) > 0.5
    press(page, "c")
    assert belt.evaluate(opacity) > 0.5
    assert gate.evaluate(opacity) < 0.1
    assert page.url.endswith("#k=33&route=carry")
    press(page, "h")
    assert belt.evaluate(opacity) < 0.1
    assert gate.evaluate(opacity) > 0.5
    press(page, "h")
    assert belt.evaluate(opacity) > 0.5
    press(page, "c", "Control+c")
    assert page.url.endswith("&route=carry")
    assert press(page, "Escape") == "Step 0 of 33, backward: the whole figure."
    assert page.url.endswith("#k=0")
    press(page, "c")
    for _ in range(4):  # with a route chosen, a step leads to the next event that is on it
        press(page, "ArrowRight")
        assert "C route" in str(page.locator("#play-panel").text_content())
    page = visit("op")
    assert not page.locator("#play-routes").is_visible()
    assert press(page, "c", "ArrowRight").startswith("Step 1 of 7")


def test_the_forward_pass_shows_values(visit: Callable[..., Any]) -> None:
    page = visit("op", "#k=3&pass=forward")
    assert "w ⊙ x" in status(page)
    (card,) = cards(page)
    assert card["rows"] == {"w": [0.5, 0.25], "x": [1.0, -2.0], "y": [0.5, -0.5]}


SEEN = "(e) => getComputedStyle(e).visibility === 'visible'"


def seen(page: Any, selector: str) -> list[bool]:
    return [bool(found.evaluate(SEEN)) for found in page.locator(selector).all()]


@pytest.mark.parametrize("name", ["lstm", "op"])
def test_the_way_forward_knows_of_no_gradient(visit: Callable[..., Any], name: str) -> None:
    told = ["[data-share]", "[id^=law]", ".node[data-norm] text + text", ".frame tspan + tspan", ".edge.ahead polygon"]
    for state in ("#k=0&pass=forward", "#k=9&pass=forward"):
        page = visit(name, state)
        found = [shown for selector in told for shown in seen(page, f".figure {selector}")]
        assert found
        assert not any(found)
        widths = page.locator(".figure .edge.ahead path").evaluate_all(
            "(all) => all.map((e) => getComputedStyle(e).strokeWidth)"
        )
        assert set(widths) == {"1.6px"}
        page.get_by_role("button", name="Backward").click()
        assert all(shown for selector in told for shown in seen(page, f".figure {selector}"))


def test_arrows_point_with_the_pass(visit: Callable[..., Any]) -> None:
    page = visit("lstm")
    belt = page.locator("[id='c_1-keep_2']")
    ends = """(e) => { const path = e.querySelector('path'), end = path.getTotalLength();
      return [path.getPointAtLength(0).x, path.getPointAtLength(end).x,
              e.querySelector('polygon').points[1].x, getComputedStyle(path).markerEnd] }"""
    start, stop, tip, marker = belt.evaluate(ends)
    assert tip < start < stop  # the way back: its head is at C₁, the source
    assert marker == "none"
    page.get_by_role("button", name="Forward").click()
    ahead, far, _, marker = belt.evaluate(ends)
    assert (ahead, far) == (pytest.approx(tip), pytest.approx(stop))
    assert "play-ahead" in marker
    page.get_by_role("button", name="Backward").click()
    assert belt.evaluate(ends)[0] == pytest.approx(start)


def test_a_gradient_is_told_once_it_has_come(visit: Callable[..., Any]) -> None:
    loss, trajectory = unrolled()
    graph = tg.graph_of(loss)
    turns = [graph.id_of(event.node) for event in tg.backward_events(loss)]
    page = visit("lstm")
    known = {
        "[id='c_1'] text + text": turns.index(graph.id_of(trajectory.steps[0].c)) + 1,
        "[id='share_carry_1']": turns.index(graph.id_of(trajectory.steps[0].c)) + 1,
        "[id='h_2'] text + text": turns.index(graph.id_of(trajectory.steps[1].h)) + 1,
    }
    for selector, k in known.items():
        page.evaluate(f"location.hash = '#k={k - 1}'")
        until(page, f"document.getElementById('play-step').value === '{k - 1}'")
        assert seen(page, selector) == [k == 1]  # before the first step all of the figure is seen
        press(page, "ArrowRight")
        assert seen(page, selector) == [True]
    assert seen(page, "[id='step_1'] tspan + tspan") == [False]
    press(page, *["ArrowRight"] * 40)
    assert seen(page, "[id='step_1'] tspan + tspan") == [True]


def test_a_click_on_a_line_leads_to_the_step_that_goes_along_it(visit: Callable[..., Any]) -> None:
    page = visit("lstm")
    page.locator("[id='c_1-keep_2'] path").dispatch_event("click")
    assert "f₂ ⊙ C₁" in status(page)
    page.locator("[id='c_1'] rect").dispatch_event("click")
    assert "C₁ (add" in status(page)


def test_without_a_script_the_figure_and_every_step_are_there(visit: Callable[..., Any]) -> None:
    page = visit("lstm", java_script_enabled=False)
    assert page.locator(".figure svg[role=img]").is_visible()
    assert page.locator("[id='c_1-keep_2']").is_visible()
    assert page.locator("#play-backward li").count() == 33
    assert "‖g‖" in str(page.locator("#play-backward li").nth(4).text_content())
    assert page.locator("#play-backward li").nth(4).is_visible()
    assert not page.locator("#play-controls").is_visible()


def test_print_shows_the_whole_figure(visit: Callable[..., Any]) -> None:
    page = visit("lstm", "#k=3&route=crossing", color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    faint = "[...document.querySelectorAll('.figure .played')].filter((e) => getComputedStyle(e).opacity < 1).length"
    assert page.evaluate(faint) == 0
    assert not page.locator("#play-controls").is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_dark_has_no_white_slab_and_the_button_changes_the_theme(visit: Callable[..., Any]) -> None:
    bright = """[...document.querySelectorAll('body, .figure, .figure :is(polygon, path, rect, ellipse)')]
      .flatMap((e) => [getComputedStyle(e).fill, getComputedStyle(e).backgroundColor])
      .filter((colour) => colour === 'rgb(255, 255, 255)').length"""
    page = visit("lstm", color_scheme="dark")
    assert page.evaluate(bright) == 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(17, 24, 39)"
    page.locator("#play-theme").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("#play-theme").text_content() == "Dark theme"


def test_the_figure_follows_the_step(visit: Callable[..., Any]) -> None:
    page = visit("wide", viewport={"width": 800, "height": 700})
    left = "document.getElementById('play-figure').scrollLeft"
    press(page, "ArrowRight", "ArrowRight", "ArrowRight")
    end = page.evaluate(left)
    page.locator("#play-time").focus()
    press(page, "Home")
    assert page.evaluate(left) < end - 100
    assert page.evaluate("document.documentElement.scrollWidth") <= 800  # the page itself never scrolls sideways


def test_motion_is_reduced_where_asked(visit: Callable[..., Any]) -> None:
    motion = "getComputedStyle(document.querySelector('.played')).transitionDuration"
    assert visit("op").evaluate(motion) == "0s"
    assert visit("op", reduced_motion="no-preference").evaluate(motion) != "0s"


def test_a_hostile_label_is_text(visit: Callable[..., Any]) -> None:
    page = visit("hostile", "#k=3")
    assert page.evaluate("window.bad") is None
    assert page.locator("img, b script").count() == 0
    assert "</script>" in str(page.locator("#play-panel h2").text_content())
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(("name", "state", "scheme"), [("lstm", "#k=8&route=carry", "dark"), ("op", "#k=3", "light")])
def test_axe_finds_nothing_serious(visit: Callable[..., Any], name: str, state: str, scheme: str) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is not installed (pip install axe-playwright-python)"
    )
    page = visit(name, state, color_scheme=scheme)
    page.locator("summary").click()
    found = axe.Axe().run(page).response["violations"]
    serious = [rule for rule in found if rule["impact"] in ("serious", "critical")]
    assert [(rule["id"], rule["nodes"][0]["html"][:200]) for rule in serious] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_figure_wider_than_the_screen_says_so(visit: Callable[..., Any], scheme: str) -> None:
    page = visit("lstm", "#k=3", viewport={"width": 400, "height": 900}, color_scheme=scheme)
    hint, figure = page.locator("#play-more"), page.locator("#play-figure")
    assert hint.is_visible()
    figure.evaluate("box => box.scrollTo(0, 0)")
    until(page, "document.getElementById('play-figure').classList.contains('wider')")
    assert "linear-gradient" in figure.evaluate("box => getComputedStyle(box).maskImage")
    figure.evaluate("box => box.scrollTo(box.scrollWidth, 0)")
    until(page, "!document.getElementById('play-figure').classList.contains('wider')")  # all has been seen
    page.set_viewport_size({"width": 3000, "height": 900})
    hint.wait_for(state="hidden")
    assert figure.evaluate("box => getComputedStyle(box).maskImage") == "none"


INSIDE = """(selector) => { const frame = document.querySelector('#play-figure').getBoundingClientRect();
  return [...document.querySelectorAll(selector)].every((each) => { const box = each.getBoundingClientRect();
    return box.left >= frame.left - 1 && box.right <= frame.right + 1 && box.top >= frame.top - 1
      && box.bottom <= frame.bottom + 1 }) }"""


@pytest.mark.parametrize("name", ["lstm", "gru", "three"])
@pytest.mark.parametrize("size", [(1280, 720), (735, 768)], ids=str)
def test_the_figure_is_scaled_to_its_frame(visit: Callable[..., Any], name: str, size: tuple[int, int]) -> None:
    """The whole of it, L too; and the page never scrolls sideways."""
    page = visit(name, "#k=5", viewport={"width": size[0], "height": size[1]})
    assert page.evaluate(INSIDE, "#play-figure .node")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


@pytest.mark.parametrize("name", ["lstm", "gru", "three", "op"])
def test_at_1280_by_720_the_numbers_are_in_view(visit: Callable[..., Any], name: str) -> None:
    page = visit(name, viewport={"width": 1280, "height": 720})
    for _ in range(20):
        press(page, "ArrowRight")
        seen = page.locator("#play-panel tr").evaluate_all("(rows) => rows.map((row) => row.getBoundingClientRect())")
        assert seen
        assert all(box["bottom"] <= 720 and box["top"] >= 0 for box in seen)


def test_on_a_phone_all_is_seen_first_and_then_each_step_can_be_read(visit: Callable[..., Any]) -> None:
    page = visit("three", viewport={"width": 400, "height": 800}, has_touch=True, is_mobile=True)
    assert page.evaluate(INSIDE, "#play-figure .node")
    page.get_by_role("button", name="One step on").tap()
    assert status(page).startswith("Step 1 of")
    tall = page.locator("#play-figure .node.now text").first.evaluate("(text) => text.getBoundingClientRect().height")
    assert tall >= 7
    assert page.evaluate(INSIDE, "#play-figure .node.now")
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_one_title_and_on_the_way_forward_another(visit: Callable[..., Any]) -> None:
    page = visit("lstm")
    told = "Where the gradient of L flows"
    assert page.locator("h1").count() == 1
    assert page.get_by_text(told, exact=False).locator("visible=true").count() == 1
    assert page.locator("#play-legend").is_visible()
    page.get_by_role("button", name="Forward").click()
    assert str(page.locator("h1").text_content()).startswith("How the values are made: one LSTM")
    assert not page.locator("#play-legend").is_visible()
    assert page.get_by_text(told, exact=False).locator("visible=true").count() == 0


def test_an_equation_stands_beside_the_numbers(visit: Callable[..., Any]) -> None:
    page = visit("lstm")
    for _ in range(12):
        press(page, "ArrowRight")
        if "f₂ ⊙ C₁ (" in status(page):
            break
    assert page.locator("#play-panel .law").all_text_contents() == [
        "dL/df₂ = dL/dC₂ ⊙ C₁∂(f₂ ⊙ C₁)/∂f₂ = C₁", "dL/dC₁ = dL/dC₂ ⊙ f₂∂(f₂ ⊙ C₁)/∂C₁ = f₂",
    ]  # fmt: skip


def test_what_is_still_to_come_is_seen_in_the_dark(visit: Callable[..., Any]) -> None:
    """A dimmed line keeps a contrast of 1.5 to its ground at least."""
    page = visit("lstm", "#k=3", color_scheme="dark")
    (opacity,) = set(
        page.locator(".figure .edge.played[data-route]:not(.on)").evaluate_all(
            "(all) => all.map((e) => Number(getComputedStyle(e).opacity))"
        )
    )
    dark = THEMES["dark"]
    for hue in (dark.carry, dark.crossing):
        assert contrast(mix(hue, dark.panel, opacity), dark.panel) > 1.5


def contrast(one: str, other: str) -> float:
    """WCAG's contrast of two colours."""

    def light(colour: str) -> float:
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dim, bright = sorted([light(one), light(other)])
    return (bright + 0.05) / (dim + 0.05)
