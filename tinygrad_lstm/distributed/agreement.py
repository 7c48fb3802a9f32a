"""What all ranks must agree on before they train together, and with each batch; where they do not, who differs."""

from __future__ import annotations

import platform
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_lstm import __version__
from tinygrad_lstm.engine.creation import generator
from tinygrad_lstm.errors import RankError
from tinygrad_lstm.optim import Optimizer

DRAWN = 1 << 64  # from here on a seed is not a user's, but drawn by NumPy: each rank has its own, and rank 0's is used
SAMPLE = 1024  # numbers of an array that stand for all


def describe(optimizer: Optimizer, shards: int) -> dict[str, Any]:
    """What decides the bits of a training, each under its name in an error."""
    python = ".".join(platform.python_version_tuple()[:2])
    versions = {"Python": python, "NumPy": np.__version__, "tinygrad_lstm": __version__}
    seed: Any = getattr(generator().bit_generator.seed_seq, "entropy", None)
    parameters = {f"parameter {k}": f"{p.shape} {p.dtype}" for k, p in enumerate(optimizer.parameters)}
    return versions | {
        "shards": shards, "parameters": len(parameters), **parameters, "the optimiser": repr(optimizer),
        "the seed of tg.manual_seed": seed if isinstance(seed, int) and seed < DRAWN else None,
    }  # fmt: skip


def describe_batch(arrays: Sequence[np.ndarray], rows: int, random: int) -> dict[str, Any]:
    """What all ranks have alike of a batch before it is cut: shapes, a sample of its numbers, the random number."""
    described: dict[str, Any] = {"rows": rows}
    for k, part in enumerate(arrays):
        described[f"array {k}"] = f"{part.shape} {part.dtype}"
        if part.dtype.kind in "biufc":
            sample = np.array(part.flat[:: max(1, part.size // SAMPLE)])
            described[f"a checksum of array {k}"] = zlib.crc32(sample.tobytes())
    return described | {"the next random number": random}


def check_agreement(described: Sequence[Mapping[str, Any]], what: str) -> None:
    """RankError for the first difference from rank 0."""
    first = described[0]
    for rank, other in enumerate(described):
        for name in [*first, *other]:
            if first.get(name) != other.get(name):
                raise RankError(f"{what}: {name}: {first.get(name)} on rank 0, {other.get(name)} on rank {rank}")
