"""Every example runs, quickly and without a complaint, and leaves something to look at."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
SLOW = ["04_where_the_gradient_went", "05_three_cells_one_scale"]  # the first trains for ten seconds


@pytest.mark.parametrize(
    "example",
    [pytest.param(path, id=path.stem, marks=pytest.mark.slow if path.stem in SLOW else ()) for path in EXAMPLES],
)
def test_example(example: Path, tmp_path: Path) -> None:
    if "torch" in example.stem:
        pytest.importorskip("torch")
    out = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-W", "error", str(example), "--quick", "--out", str(out)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        cwd=tmp_path, capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.strip()
    files = list(out.iterdir())
    assert files
    assert all(file.stat().st_size > 0 for file in files)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 3


def test_the_walk_in_the_wrong_order_is_wrong_and_the_other_is_right(tmp_path: Path) -> None:
    """39 by hand: L = a + a², a = 3x, so ∂L/∂x = 3 (1 + 2a) at a = 6."""
    example = ROOT / "examples" / "03_why_topological_order.py"
    printed = subprocess.run(
        [sys.executable, str(example), "--out", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        capture_output=True, check=True, timeout=120, encoding="utf-8",
    ).stdout  # fmt: skip
    wrong, right = printed.split("In topological order")
    assert "x      3, not 39" in wrong
    assert "6 to a (too late)" in wrong
    assert "x      39  " in right
    assert "not" not in right
    svg = (tmp_path / "why_topological_order.svg").read_text("utf-8")
    assert svg.count("too late") >= 2
    assert "∂L/∂x = 39" in svg
