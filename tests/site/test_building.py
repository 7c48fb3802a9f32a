"""What the site is built with, piece by piece; skipped where Sphinx is not installed."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sphinx", reason="Sphinx is not installed (pip install -e '.[docs]')")
pytest.importorskip("myst_nb")
pytest.importorskip("jupytext")
DOCS = Path(__file__).parents[2] / "docs"
PARTS = sorted(path.stem for path in (DOCS / "building").glob("[a-z]*.py"))


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports a part of the builder by its name."""
    monkeypatch.syspath_prepend(str(DOCS))
    return lambda name: importlib.import_module(f"building.{name}")


@pytest.mark.parametrize("name", PARTS)
def test_its_examples_are_so(name: str, part: Any) -> None:
    assert not doctest.testmod(part(name), optionflags=doctest.NORMALIZE_WHITESPACE).failed


def test_a_docstring_is_shown_as_it_stands(part: Any) -> None:
    """Nothing in it is taken for markup, tables keep their columns, a doctest begins a block of its own."""
    docutils = pytest.importorskip("docutils.core")
    docstring = """g ⊙ |x| for *args, and clip_grad_norm_ in `a` way.

    a (H,)   a table
    b        of two rows

A value:
inputs   x (T, B, D); with
         more
Text before it.
>>> print("*")
*
"""
    text = part("reference").as_rst(docstring)
    settings = {"report_level": 1, "halt_level": 2}
    shown = docutils.publish_string(text, writer="pseudoxml", settings_overrides=settings).decode()
    assert "g ⊙ |x| for *args, and clip_grad_norm_ in `a` way." in shown
    assert "<emphasis" not in shown
    assert shown.count("<literal_block") == 2
    assert "<doctest_block" in shown


@pytest.mark.parametrize(
    ("docstring", "title"),
    [
        ("A chain of four scalars: forward and back.\n\nMore.", "A chain of four scalars"),
        ("One sentence.\n\nMore.", "One sentence"),
        ("Title\n=====\n\nText.", "Title"),
    ],
)
def test_an_examples_page_has_a_title(docstring: str, title: str, part: Any) -> None:
    first, line, *_ = part("examples").with_title(docstring).splitlines()
    assert (first, set(line)) == (title, {"="})
    assert len(line) >= len(title)


def test_pictures_take_the_colours_of_the_page(part: Any) -> None:
    style = part("pictures").style()
    assert 'body[data-theme="dark"] .viz.viz.viz{--viz-paper:#111827' in style
    assert "prefers-color-scheme: dark" in style
    assert style.count("--viz-ink:") == 3
