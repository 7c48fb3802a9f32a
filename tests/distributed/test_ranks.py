"""The same bits for any number of ranks; and what breaks that is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.mpi import digests

RANKS = (1, 2, 4)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_loop_of_ones_own_has_the_same_bits_for_any_number_of_ranks(mpi: str, dtype: str) -> None:
    """LSTM, truncated BPTT, dropout, clipping, Adam and a schedule; without mpiexec too."""
    ((expected,),) = digests(mpi, 0, "loop", dtype)
    for ranks in RANKS:
        assert digests(mpi, ranks, "loop", dtype) == [[expected] * ranks]


def test_shards_of_which_ranks_have_different_numbers(mpi: str) -> None:
    ((expected,),) = digests(mpi, 0, "loop", "float32", "5")
    assert digests(mpi, 3, "loop", "float32", "5") == [[expected] * 3]
    assert digests(mpi, 0, "loop", "float32", "4") != [[expected]]  # S is part of the training


def test_trainings_of_every_kind_have_the_same_bits_for_any_number_of_ranks(mpi: str) -> None:
    expected = digests(mpi, 0, "trains_all")
    assert len({digest for line in expected for digest in line}) == 4
    for ranks in RANKS:
        assert digests(mpi, ranks, "trains_all") == [line * ranks for line in expected]


@pytest.mark.parametrize("mutation", ["reduced", "arrived", "masks_by_rank"])
def test_a_sum_in_another_order_or_masks_by_rank_change_the_bits(mpi: str, mutation: str) -> None:
    """A plain Allreduce, the sum in the order of arrival, and random numbers by rank: none passes the tests above."""
    ((expected,),) = digests(mpi, 0, "loop")
    ((first, *others),) = digests(mpi, 2, "mutated", mutation)
    assert first != expected
    assert others == [first], "and the ranks, which agree with each other, do not show it"


@pytest.mark.parametrize("kind", ["by_dropout", "by_windows", "on_a_text"])
def test_a_checkpoint_is_good_for_any_number_of_ranks(mpi: str, kind: str, tmp_path: Path) -> None:
    ((expected,),) = digests(mpi, 0, "train", kind)
    for first, then in ((2, 0), (0, 4), (4, 2)):
        path = str(tmp_path / f"{first}-{then}.npz")
        digests(mpi, first, "train", kind, path, "", "7")
        assert digests(mpi, then, "train", kind, path) == [[expected] * max(1, then)]
