"""What the README shows of the code is the code."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_lstm_equations_in_the_readme_are_those_of_the_cell() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    cells = (ROOT / "tinygrad_lstm" / "nn" / "cells.py").read_text("utf-8")
    shown = next(block for block in readme.split("```python\n") if block.startswith("h, c = state")).split("```")[0]
    lines = [line.split("#")[0].strip() for line in shown.splitlines() if line.strip()]
    assert len(lines) == 8
    for line in lines:
        assert line in cells, line


def test_every_path_in_the_map_exists() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    rows = [line for line in readme.splitlines() if line.startswith("| `")]
    paths = [part.strip(" `") for row in rows for part in row.split("|")[1].split(",")]
    assert len(paths) > 8
    inside = {
        "training/": "tinygrad_lstm/training",
        "demo/": "tinygrad_lstm/demo",
        "cli/": "tinygrad_lstm/cli",
        "saving/": "tinygrad_lstm/saving",
    }
    for path in paths:
        assert (ROOT / inside.get(path, path)).exists(), path


def test_what_is_to_be_read_in_one_evening_is_as_short_as_the_readme_says() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    evening = readme.split("\n## One evening\n")[1].split("\nAfter that,")[0]
    files = [ROOT / name for name in re.findall(r"\]\(([\w/]+\.py)\)", evening)]
    lines = sum(len(path.read_text("utf-8").splitlines()) for path in files)
    assert len(files) == 16
    assert readme.count("about 1,500 lines") == 2
    assert 1450 <= lines <= 1550, f"the README says about 1,500 lines, and they are {lines}"
