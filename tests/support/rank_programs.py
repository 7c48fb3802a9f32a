"""What the ranks of a job run in the tests: python -m tests.support.rank_programs NAME ARGUMENTS

A training ends with a digest of all that it leaves behind, on each rank.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import data, distributed, losses, nn, optim
from tinygrad_lstm.distributed import cutting, data_parallel, summing
from tinygrad_lstm.errors import GradError, RankError
from tinygrad_lstm.optim import lr_scheduler
from tinygrad_lstm.training import CharModel, CSVLog, Fit, SequenceModel, Training

T, B, D, H, SHARDS, UPDATES = 12, 10, 3, 8, 4, 12


def digest(*values: Any) -> str:
    """A number for arrays and states, in which every bit counts."""
    found = hashlib.sha256()
    with np.printoptions(threshold=sys.maxsize, floatmode="unique"):
        for value in values:
            found.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
    return found.hexdigest()[:16]


def report(*values: Any) -> None:
    """Print the digest of each rank, in one line on rank 0."""
    digests = distributed.together("the report", lambda: digest(*values))
    if distributed.rank() == 0:
        print("digests", *digests, flush=True)


def loop(dtype: str = "float32", shards: str = str(SHARDS)) -> None:
    """A loop of one's own: truncated BPTT, dropout, clipping, Adam and a schedule."""
    tg.manual_seed(1)
    lstm, head = nn.LSTM(D, H, num_layers=2, dropout=0.4).astype(dtype), nn.Linear(H, 1).astype(dtype)
    adam = optim.Adam([*lstm.parameters(), *head.parameters()], lr=1e-2)
    schedule = lr_scheduler.CosineAnnealingLR(adam, T_max=UPDATES)
    parallel = distributed.DataParallel(adam, int(shards))

    def loss_of(x: Any, y: Any, state: Any) -> Any:
        h, state = lstm(x, state)
        answers = head(h)
        return losses.mse_loss(answers, y), state, (answers.data**2).mean()

    rng, found = np.random.default_rng(7), []
    for _ in range(UPDATES // 3):
        x, y, state = rng.normal(size=(T, B, D)).astype(dtype), rng.normal(size=(T, B, 1)).astype(dtype), None
        for t in range(0, T, 4):
            adam.zero_grad()
            loss, state, square = parallel.backward(loss_of, x[t : t + 4], y[t : t + 4], state)
            found.append((loss, square, nn.utils.clip_grad_norm_(adam.parameters, 0.1)))
            adam.step()
            schedule.step()
    assert len({loss for loss, _, _ in found}) == len(found)
    states = [part.data for part in state or ()]
    report(*[p.data for p in adam.parameters], found, adam.state_dict(), *states, tg.generator().random(3))


def by_dropout(**options: Any) -> Training:
    """Sequences with one answer each, through dropout."""
    task = data.adding(T=6)
    falling = partial(lr_scheduler.CosineAnnealingLR, T_max=UPDATES)
    model = SequenceModel(task, 5, num_layers=2, dropout=0.3)
    return Training(model, task, UPDATES, B, schedule=falling, measure_every=5, measured=8, shards=SHARDS, **options)


def by_windows(**options: Any) -> Training:
    """Truncated BPTT, and a schedule that looks at scores."""
    task, plateau = data.sine(T=20), partial(lr_scheduler.ReduceLROnPlateau, patience=0)
    return Training(SequenceModel(task, 5), task, UPDATES, B, window=8, schedule=plateau, measure_every=3, measured=8,
                    shards=SHARDS, **options)  # fmt: skip


def by_lengths(**options: Any) -> Training:
    """Sequences of different lengths: shards in which different numbers of answers count."""
    task = data.reber()
    return Training(SequenceModel(task, 5, nn.GRU), task, UPDATES, B, measure_every=4, measured=8, shards=SHARDS,
                    **options)  # fmt: skip


def on_a_text(**options: Any) -> Training:
    """A character model."""
    numbers = np.random.default_rng(0).integers(0, 4, 600)
    return Fit(CharModel(4, 6, 3), numbers[:450], numbers[450:], UPDATES, 8, B, measure_every=5, shards=SHARDS,
               **options)  # fmt: skip


KINDS = {make.__name__: make for make in (by_dropout, by_windows, by_lengths, on_a_text)}


def train(kind: str, path: str = "", log: str = "", until: str = "0", killed: str = "") -> None:
    """A training to the end, or to an update, at which a rank may be killed; it goes on from a checkpoint."""
    tg.manual_seed(1)
    calls: list[Any] = [CSVLog(log)] if log else []
    training = KINDS[kind](checkpoint=path or None, callbacks=calls)
    if path and os.path.exists(path):
        training.resume()
    for update in training:
        if killed and update.number == int(until) and distributed.rank() == int(killed):
            os.kill(os.getpid(), signal.SIGKILL)
        if update.number == int(until) and not killed:
            break
    report(*training.model.state_dict().values(), training.history, *(training.best or {}).values(),
           training.optimizer.state_dict(), str(tg.generator().bit_generator.state))  # fmt: skip


def unseeded() -> None:
    """Ranks that begin with weights, an optimiser and random numbers of their own, and then have those of rank 0."""
    lstm = nn.LSTM(D, H)
    adam = optim.Adam(lstm.parameters())
    for _ in range(distributed.rank()):
        (lstm(np.ones((T, B, D)))[0] ** 2).sum().backward()
        adam.step()
        adam.zero_grad()
    report(*[p.data for p in lstm.parameters()], adam.state_dict(), tg.generator().random(3))
    parallel = distributed.DataParallel(adam, SHARDS)
    report(*[p.data for p in lstm.parameters()], adam.state_dict(), tg.generator().random(3))
    loss = parallel.backward(lambda x: (lstm(x)[0] ** 2).sum(), np.ones((T, B, D)))
    adam.step()
    report(loss, *[p.data for p in lstm.parameters()])


def loops() -> None:
    """The loop in both precisions, and with shards that no number of ranks divides."""
    loop("float32")
    loop("float64")
    loop("float32", "7")


def trainings(folder: str = "", until: str = "0") -> None:
    """Every kind of training, one after the other, each with its checkpoint in a folder."""
    for kind in KINDS:
        train(kind, folder and f"{folder}/{kind}.npz", "", until)


# Wrong on purpose ----------------------------------------------------------------------------------------------------


def reduced(rows: np.ndarray, weights: Sequence[float], everyone: Any) -> np.ndarray:
    """A plain Allreduce: every rank adds up its own shards first."""
    mine = cutting.spans(len(weights), everyone.Get_size())[everyone.Get_rank()]
    total = np.empty(rows.shape[1], rows.dtype)
    everyone.Allreduce(summing.add_up(rows, weights[mine]), total)
    return total


def arrived(rows: np.ndarray, weights: Sequence[float], everyone: Any) -> np.ndarray:
    """The sum in the order in which ranks are heard of: here the last comes first."""
    heard = everyone.allgather(rows)
    return summing.add_up(np.concatenate(heard[::-1]), weights)


def masks_by_rank(shard: int, common: int) -> Any:
    """Random numbers of the rank in place of those of the shard."""
    return RIGHT_NUMBERS(distributed.rank(), common)


RIGHT_NUMBERS = cutting.random_numbers


def mutated() -> None:
    """The loop with each of these in place of what is right, which comes last."""
    for wrong in (reduced, arrived):
        vars(data_parallel)["sum_in_order"] = wrong
        loop()
    vars(data_parallel)["sum_in_order"] = summing.sum_in_order
    vars(data_parallel)["random_numbers"] = masks_by_rank
    loop()
    vars(data_parallel)["random_numbers"] = RIGHT_NUMBERS
    loop()


def failing(wrong: str, path: str = "") -> None:
    """A job of two ranks, of which rank 1 does something else."""
    odd = distributed.rank() == 1
    tg.manual_seed(0)
    lstm = nn.LSTM(D, H)
    parallel = distributed.DataParallel(optim.Adam(lstm.parameters()), 1 if wrong == "few_shards" else SHARDS)

    def loss_of(x: Any) -> Any:
        if odd and wrong == "raises":
            raise ValueError("the data of rank 1 cannot be read")
        return (lstm(x)[0] ** 2).mean()

    parallel.backward(loss_of, np.ones((T, B, D)))
    if odd and wrong == "raises_outside":
        raise ValueError("the data of rank 1 cannot be read")
    if odd and wrong == "leaves":
        return
    if odd and wrong == "exits":
        sys.exit(3)
    if wrong == "no_file":
        by_dropout().resume(path)
    parallel.backward(loss_of, np.ones((T, B, D)))
    print("not reached", flush=True)


def disagreeing() -> None:
    """Disagreements, one after the other, each an error on both ranks, which print it."""
    odd = distributed.rank() == 1
    for wrong in ("seed", "shapes", "shards", "version", "rate", "batch", "rows", "numbers", "call"):
        differs = odd and f"other_{wrong}"
        tg.manual_seed(1 if differs == "other_seed" else 0)
        version, vars(np)["__version__"] = np.__version__, "1.0" if differs == "other_version" else np.__version__
        lstm = nn.LSTM(D + (differs == "other_shapes"), H)
        adam = optim.Adam(lstm.parameters(), lr=0.25 if differs == "other_rate" else 0.5)
        x = np.ones((T, B - (differs == "other_rows"), D)) + (differs == "other_batch")
        try:
            parallel = distributed.DataParallel(adam, SHARDS + (differs == "other_shards"))
            if differs == "other_numbers":
                tg.randn(1)
            if differs == "other_call":
                distributed.together("a metric", lambda: 1)
            parallel.backward(lambda x, lstm=lstm: (lstm(x)[0] ** 2).mean(), x)
        except RankError as error:
            vars(np)["__version__"] = version
            said = distributed.together("the report", lambda error=error: str(error))  # type: ignore[misc]
            assert said[0] == said[1]
            assert all(p.grad is None for p in lstm.parameters())
            if not odd:
                print(f"{wrong}: {said[0]}")


def catching() -> None:
    """An error of one rank, caught on all, which go on as if there had been none."""
    tg.manual_seed(0)
    layer = nn.Linear(2, 1)
    parallel = distributed.DataParallel(optim.SGD(layer.parameters()), SHARDS)

    def fails(x: np.ndarray) -> Any:
        if (x == 7).any():
            raise GradError("row 7")
        return layer(x).sum()

    rows = np.arange(2.0 * B).reshape(B, 2)
    for part in (rows, rows + 20):
        seven = (part == 7).any()
        with pytest.raises(GradError, match="row 7") if seven else nullcontext():
            parallel.backward(fails, part, axis=0)
        assert (layer.W.grad is None) == seven
    assert layer.W.grad is not None
    report(layer.W.grad.data)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
