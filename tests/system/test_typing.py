"""What mypy and pyright find in the programs of tests/typing/: nothing in those that are right, and every mistake."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "typing"
PROGRAMS = sorted(path for path in FOLDER.glob("*.py") if path.name not in ("conftest.py", "mistakes.py"))
MISTAKES = FOLDER / "mistakes.py"
MARKED = {
    f"{MISTAKES.name}:{number}"
    for number, line in enumerate(MISTAKES.read_text("utf-8").splitlines(), 1)
    if "# rejected: " in line
}


def run(*command: str) -> str:
    environment = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}  # of newer versions, which it would look for
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    return done.stdout + done.stderr


def mypy() -> dict[str, str]:
    """Where mypy finds an error, and what it says, checking as somebody does who has no configuration."""
    files = map(str, [*PROGRAMS, MISTAKES])
    options = ["--config-file=", "--strict", "--follow-imports=silent", "--cache-dir=.mypy_cache/programs"]
    text = run(sys.executable, "-m", "mypy", *options, *files)
    assert re.search(r"^(Found \d+ errors|Success)", text, re.MULTILINE), text
    found = re.findall(r"^(?:.*/)?(\w+\.py:\d+): error: (.*)$", text, re.MULTILINE)
    return dict(found)


def pyright() -> dict[str, str]:
    """Where pyright finds an error, and what it says."""
    if importlib.util.find_spec("pyright") is None:
        pytest.skip("pyright is not installed: pip install 'pyright[nodejs]'")
    files = map(str, [*PROGRAMS, MISTAKES])
    text = run(sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--outputjson", *files)
    try:
        report = json.loads(text[text.index("{") :])
    except ValueError:
        pytest.skip(f"pyright does not run here: {text.strip()[-300:]}")
    found = [entry for entry in report["generalDiagnostics"] if entry["severity"] == "error"]
    return {f"{Path(entry['file']).name}:{entry['range']['start']['line'] + 1}": entry["message"] for entry in found}


@pytest.mark.slow
@pytest.mark.parametrize("checker", [mypy, pyright], ids=lambda checker: checker.__name__)
def test_type_checkers_reject_the_marked_lines_and_no_other(checker: Callable[[], dict[str, str]]) -> None:
    found = checker()
    assert {place: said for place, said in found.items() if place not in MARKED} == {}
    assert found.keys() == MARKED
    assert len(MARKED) > 50


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_the_programs_run(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if program.stem == "pictures":
        pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(program), run_name="__main__")
    assert capsys.readouterr().out.strip()
