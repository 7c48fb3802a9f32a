"""What the README shows of the code is the code."""

from __future__ import annotations

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
        "cli/": "tinygrad_lstm/cli",
        "saving/": "tinygrad_lstm/saving",
    }
    for path in paths:
        assert (ROOT / inside.get(path, path)).exists(), path
