"""A rank that dies, raises, or disagrees ends the whole job, with one message and no half-written file."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.mpi import digests, run_ranks
from tinygrad_lstm import saving

PROGRAMS = "tests.support.rank_programs"


@pytest.mark.parametrize("killed", [0, 2])
def test_kill_9_ends_the_job_and_the_last_checkpoint_goes_on(mpi: str, killed: int, tmp_path: Path) -> None:
    """It goes on with another number of ranks, to the bits of the run that nothing interrupted."""
    ((expected,),) = digests(mpi, 0, "train", "by_dropout")
    path, log = tmp_path / "run.npz", tmp_path / "log.csv"
    start = time.monotonic()
    done = run_ranks(mpi, 4, PROGRAMS, "train", "by_dropout", str(path), str(log), "7", str(killed))
    assert time.monotonic() - start < 30
    assert done.returncode != 0
    assert "digests" not in done.stdout
    assert len(saving.load(path)["history"]) == 5  # the last measure
    assert {file.name for file in tmp_path.iterdir()} == {"run.npz", "log.csv"}
    assert digests(mpi, 2, "train", "by_dropout", str(path), str(log)) == [[expected] * 2]
    assert [line.split(",")[0] for line in log.read_text().splitlines()] == ["number", *map(str, range(1, 13))]


ERRORS = {  # each by a program of its own: what is said, in one message
    "raises": ("ValueError: the data of rank 1 cannot be read", "Raised on rank 1"),
    "raises_outside": ("rank 1 of 2 ends the job", "ValueError: the data of rank 1 cannot be read"),
    "leaves": ("RankError: rank 1 is at the end of the program, rank 0 at DataParallel.backward(loss_of, ...)",),
    "exits": ("RankError: rank 1 is at the end of the program, rank 0 at DataParallel.backward(loss_of, ...)",),
    "gathers_alone": ("RankError: rank 1 is at DataParallel.backward(loss_of, ...), rank 0 at a metric",),
    "other_seed": ("RankError: the ranks do not agree: the seed of tg.manual_seed: 0 on rank 0, 1 on rank 1",),
    "other_shapes": ("RankError: the ranks do not agree: parameter 0: (32, 3) float32 on rank 0, (32, 4) float32 on",),
    "other_shards": ("RankError: the ranks do not agree: shards: 4 on rank 0, 5 on rank 1",),
    "other_version": ("RankError: the ranks do not agree: NumPy: ", ", 1.0 on rank 1"),
    "other_rate": ("RankError: the ranks do not agree: the optimiser: Adam(", "lr=0.25", "on rank 1"),
    "other_batch": ("RankError: the ranks do not have the same batch: a checksum of array 0",),
    "other_rows": ("RankError: the ranks do not have the same batch: rows: 10 on rank 0, 9 on rank 1",),
    "other_numbers": ("RankError: the ranks do not have the same batch: the next random number",),
    "few_shards": ("ArgumentError: 2 ranks need a shard each, so at least shards=2, not 1",),
    "no_file": ("FileNotFoundError: ", "none.npz"),
}


@pytest.mark.parametrize("wrong", ERRORS)
def test_what_is_wrong_is_said_once_and_ends_all(mpi: str, wrong: str, tmp_path: Path) -> None:
    done = run_ranks(mpi, 2, PROGRAMS, "failing", wrong, str(tmp_path / "none.npz"))
    assert done.returncode != 0
    for said in ERRORS[wrong]:
        assert said in done.stderr
    assert done.stderr.count("ends the job") == 1, done.stderr
    assert "not reached" not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_one_rank_can_be_caught_on_all(mpi: str) -> None:
    ((expected,),) = digests(mpi, 0, "catching")
    assert digests(mpi, 4, "catching") == [[expected] * 4]
