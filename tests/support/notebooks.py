"""Running a notebook: a .ipynb in a real kernel, the cells of a MyST page here."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, TypeAlias

ROOT = Path(__file__).parents[2]
Output: TypeAlias = dict[str, Any]

RUN = """
import sys, nbformat
from nbclient import NotebookClient
path, folder = sys.argv[1:]
notebook = nbformat.read(path, 4)
resources = {"metadata": {"path": folder}}
NotebookClient(notebook, timeout=120, kernel_name="python3", allow_errors=True, resources=resources).execute()
nbformat.write(notebook, path)
"""


def executed(notebook: dict[str, Any], folder: Path) -> dict[str, list[Output]]:
    """The outputs of each cell of code, by its source.

    Jupyter runs in a process of its own, and so do its warnings.
    """
    path = folder / "all.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    own = {name: str(folder / name) for name in names}  # not the user's, who may have another kernel of that name
    environment = {**os.environ, **own, "PYTHONPATH": str(ROOT)}
    environment.pop("MPLBACKEND", None)  # that of a notebook is the kernel's own
    command = [sys.executable, "-c", RUN, str(path), str(ROOT)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return {"".join(cell["source"]): cell["outputs"] for cell in cells if cell["cell_type"] == "code"}


def check_for_red_text(executed: dict[str, list[Output]]) -> None:
    """No cell ends in an error, or writes to stderr."""
    for source, outputs in executed.items():
        for output in outputs:
            assert output["output_type"] != "error", f"{source}\n" + "\n".join(output["traceback"])
            assert output.get("name") != "stderr", f"{source}\n{output.get('text')}"


CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(?::[^\n]*\n)*(.*?)^```$", re.MULTILINE | re.DOTALL)


def results_of(page: Path) -> list[Any]:
    """What the cells of a MyST page end in, run in order in one namespace; None where that is a statement."""
    names: dict[str, Any] = {}
    results = []
    for source in CELL.findall(page.read_text("utf-8")):
        tree = ast.parse(source)
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, page.name, "exec"), names)
        results.append(last and eval(compile(ast.Expression(last.value), page.name, "eval"), names))
    return results
