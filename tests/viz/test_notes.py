"""The notebook of the teaching notes: every section in at most ten lines, run in a real kernel, with its picture."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.notebooks import Output, check_for_red_text, executed
from tinygrad_lstm import lab

NOTES = Path(__file__).parents[2] / "docs" / "notes.ipynb"
SHOWN = {"image/png", "image/svg+xml"}


def cells(kind: str) -> list[str]:
    """The sources of the notebook's cells of a kind, those of sections only."""
    return ["".join(cell["source"]) for cell in notebook()["cells"] if cell["cell_type"] == kind][1:]


def notebook() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(NOTES.read_text("utf-8"))
    return found


def test_every_section_of_the_notes_is_shown_in_at_most_ten_lines() -> None:
    titles = [text.splitlines()[0] for text in cells("markdown")]
    assert titles == [f"## {section.title}" for section in lab.sections()]
    assert len(cells("code")) == len(titles)
    for code in cells("code"):
        assert len(code.splitlines()) <= 10, code


def test_the_notebook_is_stored_without_outputs() -> None:
    code = [cell for cell in notebook()["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


@pytest.mark.slow
def test_every_section_runs_and_shows_something(tmp_path: Path) -> None:
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    pytest.importorskip("matplotlib.font_manager")  # it looks for fonts here, so that no kernel says that it does
    outputs = executed(notebook(), tmp_path)
    check_for_red_text(outputs)
    for code in cells("code"):
        check_shown(code, outputs[code])


def check_shown(code: str, outputs: list[Output]) -> None:
    """The cell ends in a picture or a table; where the lab ran a claim, it holds."""
    shown = outputs[-1]["data"]
    text = "".join(shown["text/plain"])
    html = "".join(shown.get("text/html", ""))
    assert SHOWN & set(shown) or "<img " in html or "<table" in html, code
    assert "lab.show" not in code or "PASS" in text, text
    printed = "".join("".join(output.get("text", "")) for output in outputs)
    assert not re.search(r"(?<!=)\bFalse\b", printed), "what a cell compares is so"
