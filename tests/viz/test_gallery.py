"""The gallery's page shows what was drawn, in the reader's theme, and says what could not be drawn here."""

from __future__ import annotations

import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import viz
from tests.support.players import unrolled
from tinygrad_lstm.errors import MissingExtraError
from viz.output.png_by_graphviz import NoGraphvizError

DOCS = Path(__file__).parents[2] / "docs"
CARDS = runpy.run_path(str(DOCS / "gallery_cards.py"))


def refused(error: type[Exception]) -> Any:
    def draw(*_: Any) -> str:
        raise error("pip install something")

    return CARDS["Card"]("refused", draw)


def cards() -> Iterator[Any]:
    run = unrolled()
    yield CARDS["picture"]("a <b> & c", viz.gradient_paths, *run)
    yield CARDS["play"]("played", viz.gradient_paths(*run, theme="auto"), *run)
    yield refused(NoGraphvizError)
    yield refused(NoGraphvizError)


def test_the_page_leads_to_every_file_and_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sections = [
        ("One & two", "shown", cards()),
        ("Nothing", "not shown", iter([refused(MissingExtraError)])),
    ]
    CARDS["show"](sections, tmp_path / "new" / "folder")
    folder = tmp_path / "new" / "folder"
    page = (folder / "index.html").read_text("utf-8")
    files = set(re.findall(r'(?:href|src)="([^"#]+)"', page))
    assert files == {"one-two-a-b-c.svg", "one-two-played.svg", "one-two-played.html"}
    assert {path.name for path in folder.iterdir()} == files | {"index.html"}
    assert "a &lt;b&gt; &amp; c" in page
    assert 'href="#one-two"' in page
    assert 'id="one-two"' in page
    assert "not shown" not in page
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["One & two: 2", "Nothing: 0"]
    assert said[2:] == ["3 not drawn: pip install something", str(folder / "index.html")]  # a line for each reason
    assert "3 not drawn: pip install something" in page


def test_a_gallery_is_shown_beside_another(tmp_path: Path) -> None:
    """Old at the left, new at the right; what only one has is said, and a stale file of the folder is not new."""
    run = unrolled()

    def of(*captions: str) -> Any:
        return [("One", "", iter([CARDS["picture"](caption, viz.draw, run[1]) for caption in captions]))]

    old, new = tmp_path / "an old one", tmp_path / "new"
    CARDS["show"](of("both", "gone"), old)
    CARDS["show"](of("gone"), new)
    CARDS["show"](of("both", "come"), new, old)
    page = (new / "index.html").read_text("utf-8")
    cards = {
        caption: re.findall(r'src="([^"]+)"|(not in this gallery)', inside)
        for inside, caption in re.findall(r"<figure>(.*?)<figcaption>(.*?)</figcaption>", page)
    }
    assert cards == {
        "both": [("../an%20old%20one/one-both.svg", ""), ("one-both.svg", "")],
        "come": [("", "not in this gallery"), ("one-come.svg", "")],
        "one gone": [("../an%20old%20one/one-gone.svg", ""), ("", "not in this gallery")],
    }
    assert (new / "../an old one/one-both.svg").is_file()
    assert 'class="paired"' in page


def test_a_plot_is_drawn_for_both_themes(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from viz import plots

    CARDS["show"]([("Plots", "", iter([CARDS["plot"]("lives", plots.half_lives, {"f": [1.0, 5.0]})]))], tmp_path)
    page = (tmp_path / "index.html").read_text("utf-8")
    assert '<source srcset="plots-lives-dark.svg" media="(prefers-color-scheme: dark)">' in page
    light, dark = ((tmp_path / f"plots-lives-{theme}.svg").read_text("utf-8") for theme in ("light", "dark"))
    assert "#ffffff" in light.lower()
    assert "#111827" in dark.lower()
    assert "#ffffff" not in dark.lower()


def test_the_script_names_every_cell_that_can_be_unrolled() -> None:
    source = (DOCS / "gallery.py").read_text("utf-8")
    from tinygrad_lstm import nn

    # made by their layers
    layers = {
        "LSTMCell",
        "GRUCell",
        "RNNCell",
        "ProjectedLSTMCell",
        "MinGRUCell",
        "MinLSTMCell",
    }  # made by their layers
    bases = {"Cell", "Gates", "LinearCell"}
    names = {name for name in nn.__all__ if isinstance(found := getattr(nn, name), type) and issubclass(found, nn.Cell)}
    assert {name for name in names - layers - bases if f"nn.{name}" not in source} == set()
