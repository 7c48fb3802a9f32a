"""A batch that cannot be cut, a loss that raises, a wrong number of shards: an error, and nothing is changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.rank_programs import KINDS
from tinygrad_lstm import data, optim
from tinygrad_lstm.distributed import DataParallel
from tinygrad_lstm.errors import ArgumentError, DtypeError, GradError, ShapeError, WeightsError
from tinygrad_lstm.training import SequenceModel, Training

T = 5


def test_a_wrong_number_of_shards() -> None:
    sgd = optim.SGD([tg.ones(1, requires_grad=True)])
    for wrong in (0, -1, 2.5):
        with pytest.raises(ArgumentError, match=f"takes a whole number, at least 1, as shards, not the number {wrong}"):
            DataParallel(sgd, wrong)  # type: ignore[arg-type]
    with pytest.raises(DtypeError, match="takes an optimiser"):
        DataParallel([tg.ones(1)], 2)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="shards"):
        Training(SequenceModel(data.adding(), 3), data.adding(), 1, shards=0)


WRONG: dict[str, tuple[tuple[Any, ...], dict[str, Any], type[Exception], str]] = {
    "fewer rows than shards": ((np.ones((T, 3)),), {}, ArgumentError, "a batch of 3 rows cannot be cut into 4 shards"),
    "different rows": ((np.ones((T, 8)), np.ones((T, 9))), {}, ShapeError, "8 in part 0, (5, 8), along axis 1; 9 in"),
    "no such axis": ((np.ones((T, 8)), np.ones(8)), {}, ShapeError, "part 1 of the batch is (8,), which has no axis 1"),
    "axes": ((np.ones((T, 8)),), {"axis": (1, 0)}, ArgumentError, "one axis for each of the 1 parts, not (1, 0)"),
    "no part": ((), {}, ArgumentError, "there is none"),
    "nothing to cut": ((None,), {}, ShapeError, "not none at all"),
    "weights": ((np.ones((T, 8)),), {"weights": [1, 2]}, ShapeError, "one number for each of the 8 rows"),
    "nothing counts": ((np.ones((T, 8)),), {"weights": np.zeros(8)}, ArgumentError, "not all of them 0"),
    "a part with a history": ((tg.ones(T, 8, requires_grad=True),), {}, GradError, "part 0 of the batch needs a grad"),
    "negative": ((np.ones((T, 8)),), {"weights": [-1] + [1] * 7}, ArgumentError, "numbers from 0"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_batch_that_cannot_be_cut_changes_nothing(wrong: str) -> None:
    parts, options, error, said = WRONG[wrong]
    w = tg.ones(1, requires_grad=True)
    parallel = DataParallel(optim.SGD([w]), 4)
    before = tg.generator().bit_generator.state
    with pytest.raises(error) as raised:
        parallel.backward(lambda *parts: (w * parts[0]).sum(), *parts, **options)
    assert said in str(raised.value)
    assert w.grad is None
    assert tg.generator().bit_generator.state == before


def test_a_loss_that_raises_changes_no_gradient() -> None:
    w = tg.ones(1, requires_grad=True)
    parallel = DataParallel(optim.SGD([w]), 2)
    w.grad = kept = tg.ones(1)

    def loss_of(x: Any) -> Any:
        if x[0]:
            raise GradError("the second shard")
        return (w * x).sum()

    with pytest.raises(GradError, match="the second shard"):
        parallel.backward(loss_of, np.array([0.0, 0.0, 1.0, 1.0]), axis=0)
    assert w.grad is kept
    with pytest.raises(GradError):
        parallel.backward(lambda x: tg.ones(1).sum(), np.ones(4), axis=0)


def test_a_checkpoint_of_other_shards_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    tg.manual_seed(0)
    KINDS["by_dropout"]().run().save(path)
    task = data.adding(T=6)
    other = Training(SequenceModel(task, 5, num_layers=2, dropout=0.3), task, 12, 10)
    with pytest.raises(WeightsError, match="shards=4, not shards=1"):
        other.resume(path)
