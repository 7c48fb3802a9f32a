"""The benchmarks run: every pair knows its contestants, ours make their steps, and the table says what is missing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def printed(code: str) -> Any:
    """What a program prints as JSON, that finds the benchmarks."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=BENCHMARKS, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_contestant_of_a_pair_is_known() -> None:
    unknown = printed(
        "import json; from rows import PAIRS; from contestants import WHO\n"
        "print(json.dumps([name for pair in PAIRS for name in pair[:2] if name not in WHO]))"
    )
    assert unknown == []


def test_a_pair_is_measured_in_turns() -> None:
    def run(ours: str, theirs: str) -> Any:
        command = [sys.executable, "pair.py", ours, theirs, "3", "2", "2", "4", "0"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=BENCHMARKS, check=True)
        return json.loads(done.stdout)

    found = run("nn.LSTM, checkpoint", "nn.LSTM, fused, no_grad")
    assert len(found["ours"]) == len(found["theirs"]) == 6
    assert found["peak"] > 0
    assert min(found["ours"]) > 0


def test_a_row_says_what_is_met_and_why_not() -> None:
    lines = printed(
        "import json; from bench import Row\n"
        "rows = [Row('a', (1, 2, 3, 4), 0.5, 0.4, 1.0, 'why'), Row('b', None, 2.0, goal=1.0, note='why'),\n"
        "        Row('c', None, None, note='left out: x')]\n"
        "print(json.dumps([row.markdown() for row in rows]))"
    )
    assert lines == [
        "| a | (1, 2, 3, 4) | 0.50 (0.40) | <= 1 | met |  |  |  |", "| b |  | 2.00 | <= 1 | **not met** |  |  | why |",
        "| c |  | - |  |  |  |  | left out: x |",
    ]  # fmt: skip
