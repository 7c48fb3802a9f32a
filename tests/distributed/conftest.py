"""Tests of several ranks run under each MPI that is there: those of ``--mpi``, or the one of this environment."""

from __future__ import annotations

import pytest

from tests.support.mpi import own_python


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "mpi" in metafunc.fixturenames:
        pythons = metafunc.config.getoption("--mpi") or own_python()
        missing = pytest.mark.skip(reason='no MPI: pip install "tinygrad-lstm[mpi]" mpich, or --mpi PYTHON')
        marks = [pytest.mark.mpi] if pythons else [pytest.mark.mpi, missing]
        metafunc.parametrize("mpi", [pytest.param(python, marks=marks) for python in pythons or [""]], scope="module")
