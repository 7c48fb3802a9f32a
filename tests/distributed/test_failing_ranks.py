"""A rank that dies, raises, or disagrees ends the whole job, with one message and no half-written file."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.mpi import ROOT, digests, expected, run_ranks
from tinygrad_lstm import saving

PROGRAMS = "tests.support.rank_programs"


@pytest.mark.parametrize("killed", [0, 2])
def test_kill_9_ends_the_job_and_the_last_checkpoint_goes_on(mpi: str, killed: int, tmp_path: Path) -> None:
    """It goes on with another number of ranks, to the bits of the run that nothing interrupted."""
    path, log = tmp_path / "run.npz", tmp_path / "log.csv"
    start = time.monotonic()
    done = run_ranks(mpi, 4, PROGRAMS, "train", "by_dropout", str(path), str(log), "7", str(killed))
    assert time.monotonic() - start < 30
    assert done.returncode != 0
    assert "digests" not in done.stdout
    assert len(saving.load(path)["history"]) == 5  # the last measure
    assert {file.name for file in tmp_path.iterdir()} == {"run.npz", "log.csv"}
    (right,) = expected("train", "by_dropout")
    assert digests(mpi, 2, "train", "by_dropout", str(path), str(log)) == [right * 2]
    assert [line.split(",")[0] for line in log.read_text().splitlines()] == ["number", *map(str, range(1, 13))]


ENDS = {  # each by what rank 1 does, and what is said then, in one message
    "raises": ("ValueError: the data of rank 1 cannot be read", "Raised on rank 1"),
    "raises_outside": ("rank 1 of 2 ends the job", "ValueError: the data of rank 1 cannot be read"),
    "leaves": ("RankError: rank 1 is at the end of the program, rank 0 at DataParallel.backward(loss_of, ...)",),
    "exits": ("RankError: rank 1 is at the end of the program, rank 0 at DataParallel.backward(loss_of, ...)",),
    "few_shards": ("ArgumentError: 2 ranks need a shard each, so at least shards=2, not 1",),
    "no_file": ("FileNotFoundError: ", "none.npz"),
}


@pytest.mark.parametrize("wrong", ENDS)
def test_an_error_is_said_once_and_ends_all(mpi: str, wrong: str, tmp_path: Path) -> None:
    done = run_ranks(mpi, 2, PROGRAMS, "failing", wrong, str(tmp_path / "none.npz"))
    assert done.returncode != 0
    for said in ENDS[wrong]:
        assert said in done.stderr
    assert done.stderr.count("ends the job") == 1, done.stderr
    assert "not reached" not in done.stdout
    assert list(tmp_path.iterdir()) == []


DISAGREEMENTS = {
    "seed": "the ranks do not agree: the seed of tg.manual_seed: 0 on rank 0, 1 on rank 1",
    "shapes": "the ranks do not agree: parameter 0: (32, 3) float32 on rank 0, (32, 4) float32 on rank 1",
    "shards": "the ranks do not agree: shards: 4 on rank 0, 5 on rank 1",
    "version": "the ranks do not agree: NumPy: 2.",
    "rate": "the ranks do not agree: the optimiser: Adam(3 parameters, lr=0.5",
    "batch": "the ranks do not have the same batch: a checksum of array 0",
    "rows": "the ranks do not have the same batch: rows: 10 on rank 0, 9 on rank 1",
    "numbers": "the ranks do not have the same batch: the next random number",
    "call": "rank 1 is at a metric, rank 0 at DataParallel.backward(loss_of, ...): all ranks make the same calls",
}


def test_ranks_that_disagree_are_told_in_what(mpi: str) -> None:
    done = run_ranks(mpi, 2, PROGRAMS, "disagreeing")
    assert done.returncode == 0, done.stderr
    said = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert said.keys() == DISAGREEMENTS.keys()
    for wrong, begins in DISAGREEMENTS.items():
        assert said[wrong].startswith(begins)


def test_an_error_of_one_rank_can_be_caught_on_all(mpi: str) -> None:
    (right,) = expected("catching")
    assert digests(mpi, 4, "catching") == [right * 4]


@pytest.mark.parametrize("mpiexec", ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"])
def test_a_job_without_mpi4py_says_what_to_install(mpiexec: str) -> None:
    """And does not run as so many trainings that know nothing of each other."""
    hidden = "import sys; sys.modules['mpi4py'] = None; import tinygrad_lstm as tg; print(tg.distributed.size())"
    done = subprocess.run(
        [sys.executable, "-c", hidden], env={"PYTHONPATH": str(ROOT), mpiexec: "4"}, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert 'MissingExtraError: 4 ranks need mpi4py and an MPI: pip install "tinygrad-lstm[mpi]" mpich' in done.stderr


def test_an_mpiexec_of_another_mpi_is_found_out(mpi: str) -> None:
    done = run_ranks(mpi, 0, PROGRAMS, "catching", MV2_COMM_WORLD_SIZE="4")
    assert done.returncode == 1
    assert "RankError: mpiexec started 4 ranks, but mpi4py finds 1: it loads the library of another MPI" in done.stderr


def test_nothing_of_mpi_is_imported_by_a_single_process() -> None:
    code = "import sys, tinygrad_lstm as tg; tg.distributed.size(); print([m for m in sys.modules if 'mpi4py' in m])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
