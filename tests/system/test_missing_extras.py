"""After a plain ``pip install``: what needs an extra says so in one line, and everything else works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_lstm as tg
from tinygrad_lstm.cli import LIBRARIES

ROOT = Path(__file__).parents[2]
EXTRAS = [
    "typer", "rich", "threadpoolctl", "pygraphviz", "matplotlib", "onnx", "onnxruntime", "torch", "keras",
    "safetensors", "playwright", "IPython", "sklearn", "scipy", "jax", "hypothesis", "pytest", "mpi4py",
]  # fmt: skip  # all that a plain install does not bring


def without(hidden: list[str], code: str, *arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the code in a Python of its own that finds none of these packages."""
    hiding = f"import sys; sys.modules.update(dict.fromkeys({hidden}))\n"
    return subprocess.run(
        [sys.executable, "-c", hiding + code, *arguments], capture_output=True, text=True, cwd=ROOT,
        env={"PATH": "", "PYTHONPATH": str(ROOT)} if path is None else {"PATH": path, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


# The command line ---------------------------------------------------------------------------------------------------

MODULE = "import runpy; runpy.run_module('tinygrad_lstm', run_name='__main__', alter_sys=True)"
SCRIPT = "from tinygrad_lstm.cli import main; sys.exit(main())"  # what the installed tinygrad-lstm is
CALLS = [("--help",), ("--version",), (), ("demo", "--quick"), ("demo", "--help"), ("nonsense",)]


@pytest.mark.parametrize("code", [MODULE, SCRIPT], ids=["python -m tinygrad_lstm", "tinygrad-lstm"])
@pytest.mark.parametrize("arguments", CALLS, ids=" ".join)
def test_the_command_line_says_in_one_line_what_to_install(code: str, arguments: tuple[str, ...]) -> None:
    run = without(EXTRAS, code, *arguments)
    assert run.stderr == 'tinygrad-lstm needs typer, rich, threadpoolctl: pip install "tinygrad-lstm[cli]"\n'
    assert (run.returncode, run.stdout) == (2, "")


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_single_missing_library_is_named(library: str) -> None:
    run = without([library], MODULE, "--version")
    assert run.stderr == f'tinygrad-lstm needs {library}: pip install "tinygrad-lstm[cli]"\n'
    assert run.returncode == 2


def test_with_its_libraries_the_command_line_works() -> None:
    for library in LIBRARIES:
        pytest.importorskip(library)
    version, helped = without([], MODULE, "--version"), without([], MODULE, "--help")
    assert (version.returncode, version.stdout) == (0, f"tinygrad-lstm {tg.__version__}\n")
    assert helped.returncode == 0
    assert "demo" in helped.stdout


# The library --------------------------------------------------------------------------------------------------------

RUN = """
import numpy as np, tinygrad_lstm as tg, viz
from tinygrad_lstm import interop, nn
layer = nn.LSTM(2, 3)
trajectory = layer.unroll(np.ones((4, 1, 2)))
loss = (trajectory.output ** 2).sum()
"""
NEEDS = {
    "a plot": ("viz.plots.gates(trajectory)", 'plots need: pip install "tinygrad-lstm[viz]" (or matplotlib)'),
    "empty Axes": ("viz.plots.axes()", 'plots need: pip install "tinygrad-lstm[viz]" (or matplotlib)'),
    "writing .onnx": (
        "interop.onnx.export(layer, 'never.onnx')", '.onnx files need: pip install "tinygrad-lstm[io]" (or onnx)',
    ),
    "reading .onnx": (
        "interop.onnx.load('never.onnx')", '.onnx files need: pip install "tinygrad-lstm[io]" (or onnx)',
    ),
    "a layout by dot": (
        "viz.draw((tg.ones(2) * tg.ones(2)).sum(), engine='dot')",
        'no Graphviz found: pip install "tinygrad-lstm[viz]" (or pygraphviz) draws it',
    ),
}  # fmt: skip


@pytest.mark.parametrize("call", NEEDS)
def test_what_needs_an_extra_says_in_one_line_which(call: str) -> None:
    code, said = NEEDS[call]
    run = without(EXTRAS, f"{RUN}\ntry:\n    {code}\nexcept tg.errors.TinygradError as error:\n    print(error)")
    assert run.stdout.startswith(said), run.stderr
    assert run.stdout.count("\n") == 1
    assert "Traceback" not in run.stderr


WORKS = {
    "everything that tg lists": "print(*[getattr(tg, name) for name in tg.__all__])",
    "a safetensors file": "tg.save(layer, folder + '/w.safetensors'); print(*tg.load(folder + '/w.safetensors'))",
    "PyTorch's weights": "print(*interop.torch.state_dict(layer))",
    "PyTorch's files": "interop.torch.save(layer, folder + '/t.safetensors'); print(folder)",
    "Keras's weights": "print(len(interop.keras.get_weights(layer)))",
    "the picture of a cell": "print(viz.gradient_paths(loss, trajectory).svg[:9])",
    "the player": "print(len(viz.player(loss, trajectory).html))",
    "a batch in shards": "print(tg.distributed.DataParallel(tg.optim.SGD(layer.parameters()), 2).shards)",
    "training": "import tinygrad_lstm.training, tinygrad_lstm.data; print('there')",
}


@pytest.mark.parametrize("call", WORKS)
def test_everything_else_works_without_any_extra(call: str, tmp_path: Path) -> None:
    run = without(EXTRAS, f"{RUN}\nfolder = {str(tmp_path)!r}\n{WORKS[call]}")
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip()
