"""``tinygrad-lstm claims`` as a user meets it: the table, the exit codes, JSON, and the page in a browser."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("typer")
pytest.importorskip("rich")
pytest.importorskip("threadpoolctl")
pytest.importorskip("matplotlib")
from rich.console import Console

from tinygrad_lstm.cli import claims as command
from tinygrad_lstm.cli.messages import plain
from tinygrad_lstm.errors import ArgumentError
from tinygrad_lstm.lab import claims
from tinygrad_lstm.lab.report import file_name


def run_claims(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"COLUMNS": "100", "OPENBLAS_NUM_THREADS": "1"} | changes
    call = [sys.executable, "-m", "tinygrad_lstm", "claims", *arguments]
    return subprocess.run(call, capture_output=True, text=True, env=environment, timeout=120)


def test_without_a_name_the_claims_are_listed() -> None:
    done = run_claims()
    assert done.returncode == 0
    for section in ("The RNN problem (problem)\n  P1 P2 P3", "Topics: bptt, vanishing, exploding"):
        assert section in done.stdout
    assert all(id in done.stdout for id in claims)


def test_a_claim_is_one_plain_line_where_no_terminal_is() -> None:
    done = run_claims("p2", "exploding")
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert [line[:8] for line in lines[:2]] == ["PASS  P2", "PASS  P6"]
    assert lines[2].startswith("2 of 2 pass; seed 0")
    assert len(lines) == 3
    assert "\x1b" not in done.stdout
    assert done.stderr == ""


def test_a_broken_claim_fails_with_exit_code_1() -> None:
    done = run_claims("problem", "--broken", "U fixed", "--seed", "3")
    assert done.returncode == 1
    assert "0 of 3 pass, P3, P5, P5' fail; seed 3" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["weather"], "error: no claim, section or topic 'weather'; sections: problem"),
        (["P2", "--broken", "x"], "error: none of these claims has a broken variant 'x'; there are no tanh'"),
        (["P2", "--seed", "-1"], "Invalid value for '--seed'"),
        (["P2", "--out", "/dev/null/x"], "error: cannot write to the folder /dev/null/x"),
    ],
)
def test_what_is_wrong_is_said_in_a_line_with_exit_code_2(arguments: list[str], said: str) -> None:
    done = run_claims(*arguments, COLUMNS="200")
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_json_is_for_another_program() -> None:
    done = run_claims("P3", "--json", "--broken", "U fixed")
    (result,) = json.loads(done.stdout)
    assert done.returncode == 1
    assert (result["id"], result["passed"], result["broken"]) == ("P3", False, "U fixed")
    assert result["expected"]["rate per step, gain 0.5"] == "0.5, to 1e-12"
    assert plain([float("nan"), (1, True)]) == ["nan", [1, True]]


def test_the_rows_of_a_terminal_are_a_table_with_the_claim_that_runs_below() -> None:
    for width, has_figures in ((100, True), (60, False)):
        console = Console(force_terminal=True, width=width, color_system=None, record=True, file=StringIO())
        with (rows := command.Rows(console)):
            rows.begin("1 of 1: P2 " + "long " * 50)
            rows.add(claims["P2"].run())
        text = console.export_text()
        assert ("below 1e-12" in text) == has_figures
        assert "PASS P2    Each step multiplies" in text
        assert max(len(line) for line in text.splitlines() if "1 of 1" not in line) <= width


def test_which_claims_are_chosen() -> None:
    assert [claim.id for claim in command.choose(["exploding", "P2", "P2"], False, None)] == ["P2", "P6"]
    assert len(command.choose([], True, None)) == len(claims)
    assert [claim.id for claim in command.choose([], False, "no clipping")] == ["P8", "T67"]
    with pytest.raises(ArgumentError):
        command.choose(["P1"], False, "no clipping")
    assert len({file_name(id, "light").lower() for id in claims}) == len(claims)


# The page -----------------------------------------------------------------------------------------------------------

SHOWN = ["P1", "P2", "P3", "P8", "V1'", "T62''", "D4'"]


@pytest.fixture(scope="module")
def report(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report")
    assert command.run(SHOWN, False, 0, None, out, True) == 0
    return out


@pytest.fixture
def visit(browser: Any, report: Path) -> Iterator[Callable[[int, str], Any]]:
    contexts, asked, said = [], [], []

    def open_it(width: int, scheme: str) -> Any:
        context = browser.new_context(offline=True, color_scheme=scheme, viewport={"width": width, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.goto((report / "index.html").as_uri())
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert all(url.startswith(report.as_uri()) for url in asked)
    assert said == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1400])
def test_the_page_has_every_claim_with_its_picture(visit: Callable[[int, str], Any], width: int, scheme: str) -> None:
    page = visit(width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert [text.split(" ")[0] for text in page.locator(".id").all_text_contents()] == SHOWN
    assert page.locator("h3").all_text_contents() == [claims[id].sentence for id in SHOWN]
    assert page.locator(".note").count() == sum(bool(claims[id].correction) for id in SHOWN)
    assert page.locator(".pass").count() == len(SHOWN)
    for image in page.locator("img").all():
        image.scroll_into_view_if_needed()
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
        assert image.evaluate("image => image.currentSrc").endswith("_dark.svg") == (scheme == "dark")
    assert page.locator("img").count() == 5
    for link in page.locator("nav a").all():
        assert page.locator(link.get_attribute("href")).count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_page(visit: Callable[[int, str], Any], scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    found = axe.Axe().run(visit(400, scheme)).response["violations"]
    assert [(rule["id"], rule["nodes"][0]["html"][:200]) for rule in found] == []
