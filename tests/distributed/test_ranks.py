"""The same bits for any number of ranks; and what breaks that is noticed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.mpi import digests, expected, run_ranks


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_a_loop_of_ones_own_has_the_same_bits_for_any_number_of_ranks(mpi: str, ranks: int) -> None:
    """LSTM, truncated BPTT, dropout, clipping, Adam and a schedule; ranks with different numbers of shards, too."""
    assert len({digest for line in expected("loops") for digest in line}) == 3
    assert digests(mpi, ranks, "loops") == [line * ranks for line in expected("loops")]


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_trainings_of_every_kind_have_the_same_bits_for_any_number_of_ranks(mpi: str, ranks: int) -> None:
    assert len({digest for line in expected("trainings") for digest in line}) == 4
    assert digests(mpi, ranks, "trainings") == [line * ranks for line in expected("trainings")]


def test_ranks_begin_with_all_that_rank_0_has(mpi: str) -> None:
    """Weights, the optimiser's state and random numbers, where no seed was set."""
    before, begun, updated = digests(mpi, 4, "unseeded")
    assert len(set(before)) == 4
    assert len(set(begun)) == len(set(updated)) == 1


def test_a_sum_in_another_order_or_masks_by_rank_change_the_bits(mpi: str) -> None:
    """A plain Allreduce, the sum in the order of arrival, and random numbers by rank: none passes the tests above."""
    (right,) = expected("loop")
    reduced, arrived, masks, last = digests(mpi, 2, "mutated")
    assert last == right * 2
    for wrong in (reduced, arrived, masks):
        assert wrong[0] not in right
        assert wrong[0] == wrong[1], "the ranks agree with each other, so they would not notice"


@pytest.mark.parametrize(("first", "then"), [(2, 0), (0, 4), (4, 2)])
def test_a_checkpoint_is_good_for_any_number_of_ranks(mpi: str, first: int, then: int, tmp_path: Path) -> None:
    digests(mpi, first, "trainings", str(tmp_path), "7")
    assert digests(mpi, then, "trainings", str(tmp_path)) == [line * max(1, then) for line in expected("trainings")]


def test_the_command_trains_on_several_ranks(mpi: str, tmp_path: Path) -> None:
    """One prints and writes, and the files are those of one process, byte for byte."""
    small = ("tinygrad_lstm", "train", "france", "--cell", "GRU", "--hidden", "8", "--updates", "60", "--shards", "4",
             "--json")  # fmt: skip
    alone = run_ranks(sys.executable, 0, *small, "--out", str(tmp_path / "alone"))
    assert alone.returncode == 0, alone.stderr
    shared = run_ranks(mpi, 2, *small, "--out", str(tmp_path / "shared"))
    assert shared.returncode == 0, shared.stderr
    assert shared.stdout == alone.stdout
    for name in ("weights.npz", "checkpoint.npz", "log.csv"):
        assert (tmp_path / "shared" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()
    again = run_ranks(mpi, 2, *small, "--out", str(tmp_path / "shared"))
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr.count("has a checkpoint already: --resume goes on") == 1
