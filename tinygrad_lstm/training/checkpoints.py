"""The file of a training: all that its next update depends on, written whole, and taken over whole or not at all."""

from __future__ import annotations

import math
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np

from tinygrad_lstm.distributed import from_first, rank
from tinygrad_lstm.engine.creation import generator
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import WeightsError
from tinygrad_lstm.nn.unroll import as_state, parts_of
from tinygrad_lstm.saving import load, save
from tinygrad_lstm.training.update import Update

if TYPE_CHECKING:
    from tinygrad_lstm.training.training import Training

KEYS = ("model", "optimizer", "schedule", "best", "position", "state", "random", "history")


def write_checkpoint(training: Training, path: str | PathLike[str]) -> None:
    """Write it; of several ranks, rank 0 does."""
    if rank():
        return
    rows = [[u.number, u.loss, u.gradient_norm, math.nan if u.score is None else u.score] for u in training.history]
    position = {
        "seed": training.seed_of_batches, "drawn": training.drawn, "left": len(training.pieces),
        "shards": training.shards,
    }  # fmt: skip
    save({
        "model": training.model.state_dict(), "optimizer": training.optimizer.state_dict(),
        "schedule": training.schedule.state_dict() if training.schedule else None, "best": training.best,
        "position": position,
        "state": None if training.state is None else [part.data for part in parts_of(training.state)],
        "random": generator().bit_generator.state, "history": np.array(rows, float).reshape(-1, 4),
    }, path)  # fmt: skip


def go_on_from(training: Training, path: str | PathLike[str]) -> None:
    """Make a training what it was when it wrote this file, which rank 0 reads for all ranks.

    Raises WeightsError for a file of another kind, model, optimiser or number of shards, and then nothing changes.
    """
    saved = from_first("Training.resume()", lambda: load(path))
    if missing := sorted({*KEYS} - saved.keys()):
        raise WeightsError(f"it is no checkpoint of a training: it has no {', '.join(missing)}")
    position = saved["position"]
    if (shards := position.get("shards", 1)) != training.shards:
        raise WeightsError(f"it is the checkpoint of a training with shards={shards}, not shards={training.shards}")
    parts = {"model": training.model, "optimizer": training.optimizer}
    parts |= {"schedule": training.schedule} if training.schedule else {}
    before = {name: part.state_dict() for name, part in parts.items()}
    try:
        for name, part in parts.items():
            part.load_state_dict(saved[name])
    except WeightsError:
        for name, part in parts.items():
            part.load_state_dict(before[name])
        raise
    training.seed_of_batches, training.drawn, training.best = position["seed"], position["drawn"], saved["best"]
    pieces = training.draw(training.drawn) if position["left"] else []
    training.pieces = pieces[len(pieces) - position["left"] :]
    training.state = None if saved["state"] is None else as_state([Tensor(part) for part in saved["state"]])
    training.history = [Update(int(n), loss, norm, None if math.isnan(score) else score)
                        for n, loss, norm, score in saved["history"].tolist()]  # fmt: skip
    generator().bit_generator.state = saved["random"]
