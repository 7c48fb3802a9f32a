"""The tables for those who come from other frameworks: each row's code runs, after what the page sets up."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from typing import Any

import pytest

import tinygrad_lstm as tg
from tinygrad_lstm.foreign import answer

PAGES = sorted(
    path for path in (Path(__file__).parents[2] / "docs" / "coming_from").glob("*.md") if "index" not in path.name
)
ROW = re.compile(r"^\| (?P<theirs>.+?) \| (?P<ours>.+?) \|$", re.MULTILINE)
CODE = re.compile(r"`([^`]+)`")


def rows(page: Path) -> list[tuple[str, list[str]]]:
    """Of each row, what is written there, and the pieces of code here."""
    found = ROW.findall(page.read_text("utf-8"))
    return [(theirs, CODE.findall(ours)) for theirs, ours in found if ours != "here" and "---" not in theirs]


def surroundings(page: Path) -> dict[str, Any]:
    """The names that the page's first example defines."""
    test = doctest.DocTestParser().get_doctest(page.read_text("utf-8"), {}, page.name, None, None)
    for example in test.examples:
        exec(example.source, test.globs)
    return test.globs


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_row_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for theirs, pieces in rows(page):
        assert pieces, f"the row of {theirs} has no code"
        names = surroundings(page)
        for code in pieces:
            if code != "defvjp":
                exec(code, names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_no_row_offers_a_name_that_answers_with_another(page: Path) -> None:
    """What the package itself answers to a foreign name is what the table says."""
    for theirs, pieces in rows(page):
        name = re.match(r"`(?:torch|tf|jnp)\.(\w+)\(", theirs)
        said = answer("tg", name[1]) if name and not hasattr(tg, name[1]) else ""
        named = re.search(r" is (tg\.\w+) here", said)
        assert not named or any(named[1] in code for code in pieces), f"{theirs}: {said}"


def test_there_are_rows() -> None:
    assert sum(len(rows(page)) for page in PAGES) > 90
