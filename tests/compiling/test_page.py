"""The page about compiling shows the program that is written today."""

from __future__ import annotations

import runpy

from tests.support.imports import ROOT


def test_the_page_is_up_to_date() -> None:
    page = runpy.run_path(str(ROOT / "docs" / "compiling.py"))["page"]
    assert (ROOT / "docs" / "compiling.md").read_text("utf-8") == page(), "run python docs/compiling.py"
