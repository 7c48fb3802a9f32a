"""Every example runs, quickly and without a complaint, and leaves something to look at."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("[0-9]*.py"))
SLOW = [
    "02_an_op_of_your_own", "05_vanishing_and_exploding", "06_where_the_gradient_went", "07_three_cells_one_scale",
    "08_adding", "09_france", "10_characters", "11_digits", "12_attention_as_contrast", "13_a_pytorch_lstm_looked_into",
    "14_two_processes",
]  # fmt: skip
NEEDS = {"11_digits": ("sklearn", "scikit-learn"), "13_a_pytorch_lstm_looked_into": ("torch", "pip install torch")}
DRAWN_BY_US = ["01_scalar_chain", "03_why_topological_order", "04_one_lstm_step"]


def run(example: Path, *arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run it in a folder where nothing of the project is, with warnings as errors."""
    return subprocess.run(
        [sys.executable, "-W", "error", str(example), *arguments],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{path or ''}", "PYTHONIOENCODING": "utf-8",
             "OPENBLAS_NUM_THREADS": "1"},
        cwd=path, capture_output=True, check=False, timeout=120, encoding="utf-8",
    )  # fmt: skip


@pytest.mark.parametrize(
    "example",
    [pytest.param(path, id=path.stem, marks=pytest.mark.slow if path.stem in SLOW else ()) for path in EXAMPLES],
)
def test_example(example: Path, tmp_path: Path) -> None:
    if example.stem not in DRAWN_BY_US:
        pytest.importorskip("matplotlib")
    if example.stem in NEEDS:
        pytest.importorskip(NEEDS[example.stem][0])
    done = run(example, "--quick", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    files = list((tmp_path / "out").iterdir())
    assert files
    assert all(file.stat().st_size > 0 for file in files)
    assert all(f"Drawn in {file}" in done.stdout for file in files)


@pytest.mark.parametrize("name", NEEDS)
def test_what_is_missing_is_said_in_one_line(name: str, tmp_path: Path) -> None:
    module, said = NEEDS[name]
    (tmp_path / "sitecustomize.py").write_text(f"import sys; sys.modules[{module!r}] = None")  # as if not installed
    done = run(ROOT / "examples" / f"{name}.py", "--out", str(tmp_path / "out"), path=tmp_path)
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_begins_with_its_title_and_is_cut_into_cells(example: Path) -> None:
    """As a gallery of a documentation site reads it."""
    text = example.read_text("utf-8")
    _, title, line, empty, *_ = ast.get_docstring(ast.parse(text), clean=False).splitlines()  # type: ignore[union-attr]
    assert line == "=" * len(title)
    assert empty == ""
    assert text.count("\n# %%\n# ") >= 2


def test_the_examples_are_numbered_without_a_gap() -> None:
    assert [int(path.stem[:2]) for path in EXAMPLES] == list(range(1, len(EXAMPLES) + 1))


def test_help_says_what_an_example_shows_and_what_quick_does() -> None:
    help = run(ROOT / "examples" / "09_france.py", "--help").stdout
    assert "I grew up in France\n===" in help
    assert "at most 100 updates instead of 400" in help


def test_the_walk_in_the_wrong_order_is_wrong_and_the_other_is_right(tmp_path: Path) -> None:
    """39 by hand: L = a + a², a = 3x, so ∂L/∂x = 3 (1 + 2a) at a = 6."""
    printed = run(ROOT / "examples" / "03_why_topological_order.py", "--out", str(tmp_path)).stdout
    wrong, right = printed.split("In topological order")
    assert "x      3, not 39" in wrong
    assert "6 to a (too late)" in wrong
    assert "x      39  " in right
    assert "not" not in right
    svg = (tmp_path / "why_topological_order.svg").read_text("utf-8")
    assert svg.count("too late") >= 2
    assert "∂L/∂x = 39" in svg
