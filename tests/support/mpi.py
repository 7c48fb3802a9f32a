"""Jobs of several ranks, run as a user runs them: by the mpiexec of an environment that has mpi4py and an MPI."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOR_TESTS = {  # more ranks than cores, and, for Open MPI, in a container whose only user is root
    "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_mpi_yield_when_idle": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe", "OPENBLAS_NUM_THREADS": "1",
}  # fmt: skip


def own_python() -> list[str]:
    """This Python, if it has mpi4py and an mpiexec beside it."""
    there = importlib.util.find_spec("mpi4py") is not None and Path(sys.executable).with_name("mpiexec").exists()
    return [sys.executable] if there else []


def run_ranks(
    python: str, ranks: int, *call: str, folder: Path | None = None, **changes: str
) -> subprocess.CompletedProcess[str]:
    """So many ranks of ``python -m`` this module with these arguments; 0 ranks are a process without mpiexec."""
    mpiexec = [str(Path(python).with_name("mpiexec")), "-n", str(ranks)] if ranks else []
    environment = os.environ | FOR_TESTS | {"PYTHONPATH": str(ROOT)} | changes
    command = [*mpiexec, python, "-m", *call]
    return subprocess.run(command, cwd=folder or ROOT, env=environment, capture_output=True, text=True, timeout=100)


@cache
def expected(*call: str) -> list[list[str]]:
    """The same of one process that no mpiexec starts, and that needs no MPI."""
    return digests(sys.executable, 0, *call)


def digests(python: str, ranks: int, *call: str) -> list[list[str]]:
    """What a program of ``rank_programs`` leaves behind: of each training, a digest of every rank."""
    done = run_ranks(python, ranks, "tests.support.rank_programs", *call)
    assert done.returncode == 0, done.stderr
    lines = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("digests")]
    assert lines, done.stdout
    assert all(len(line) == max(1, ranks) for line in lines), done.stdout
    return lines
