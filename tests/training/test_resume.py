"""A training that goes on from its checkpoint is the one that was never interrupted, whatever interrupted it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import tinygrad_lstm as tg
from tests.support.trainings import KINDS, UPDATES, by_dropout, by_lengths, by_windows
from tinygrad_lstm import data
from tinygrad_lstm.errors import ArgumentError, WeightsError
from tinygrad_lstm.training import Training, Update
from tinygrad_lstm.training.interrupts import interrupts_held

ROOT = Path(__file__).parents[2]


def everything(training: Training) -> list[Any]:
    """All that a training leaves behind, as bytes."""
    held = [*training.model.state_dict().items(), *(training.best or {}).items()]
    arrays = [(name, array.tobytes()) for name, array in held]
    return [arrays, training.history, repr(training.optimizer.state_dict()), str(tg.generator().bit_generator.state)]


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("kind", KINDS)
def test_resume_equals_uninterrupted_bit_for_bit(kind: str, suffix: str, tmp_path: Path) -> None:
    make = KINDS[kind]
    tg.manual_seed(1)
    whole = make().run()
    expected = everything(whole)
    assert len({update.loss for update in whole.history}) == UPDATES
    for stop in (1, 3, 5, 7, 11):
        path = tmp_path / f"{stop}{suffix}"
        tg.manual_seed(1)
        first = make(checkpoint=path)
        for update in first:
            if update.number == stop:
                break
        tg.manual_seed(999)  # another model, other batches, other masks
        second = make(checkpoint=path).resume()
        assert second.history == whole.history[:stop]
        assert everything(second.run()) == expected
        assert make(checkpoint=path).resume().stopped == f"after {UPDATES} updates"


def test_a_checkpoint_that_does_not_fit_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    tg.manual_seed(0)
    by_dropout().run().save(path)
    other = by_lengths()
    before = everything(other)
    with pytest.raises(WeightsError):
        other.resume(path)
    tg.save({"model": other.model}, path)
    with pytest.raises(WeightsError, match="no checkpoint of a training: it has no best, history"):
        other.resume(path)
    with pytest.raises(FileNotFoundError):
        other.resume(tmp_path / "none.npz")
    with pytest.raises(ArgumentError, match="checkpoint="):
        other.resume()
    by_windows().save(path)
    changed = Training(by_windows().model, data.sine(T=20), UPDATES)  # with Adam, not SGD
    weights = [p.data.tobytes() for p in changed.parameters]
    with pytest.raises(WeightsError):
        changed.resume(path)
    assert [p.data.tobytes() for p in changed.parameters] == weights
    assert everything(other)[:3] == before[:3]


# Ctrl-C and kill -9 --------------------------------------------------------------------------------------------------


def test_ctrl_c_in_an_update_waits_for_its_end_and_saves(tmp_path: Path) -> None:
    tg.manual_seed(1)
    expected = everything(by_dropout().run())
    tg.manual_seed(1)
    training = by_dropout(checkpoint=tmp_path / "run.npz")
    backward, calls = training._backward, []

    def interrupted(piece: data.Batch) -> Any:
        calls.append(piece)
        if len(calls) == 4:
            signal.raise_signal(signal.SIGINT)
        return backward(piece)

    training._backward = interrupted  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        training.run()
    assert len(training.history) == 4
    tg.manual_seed(2)
    assert everything(by_dropout(checkpoint=tmp_path / "run.npz").resume().run()) == expected


def test_a_second_ctrl_c_does_not_wait_and_saves_no_half_update(tmp_path: Path) -> None:
    tg.manual_seed(1)
    training = by_dropout(checkpoint=tmp_path / "run.npz")
    step, calls = training.optimizer.step, []

    def stopped() -> None:
        calls.append(1)
        step()
        if len(calls) == 7:
            for _ in range(2):
                signal.raise_signal(signal.SIGINT)

    training.optimizer.step = stopped
    with pytest.raises(KeyboardInterrupt):
        training.run()
    assert len(by_dropout(checkpoint=tmp_path / "run.npz").resume().history) == 5  # the last measure


def test_the_handler_of_ctrl_c_is_back_and_other_handlers_stay() -> None:
    with interrupts_held():
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    seen: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    try:
        with interrupts_held():
            signal.raise_signal(signal.SIGINT)
        assert seen == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def test_another_thread_trains_too() -> None:
    found: list[Training] = []
    thread = threading.Thread(target=lambda: found.append(by_lengths(seed=1).run()))
    thread.start()
    thread.join()
    assert len(found[0].history) == UPDATES


SAVING = """
import sys
import tinygrad_lstm as tg
from tests.support.trainings import by_dropout
tg.manual_seed(1)
training = by_dropout(checkpoint=sys.argv[1]).run()
print("saved", flush=True)
while True:
    training.save(sys.argv[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
def test_kill_9_while_saving_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    tg.manual_seed(1)
    expected = everything(by_dropout().run())
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for wait in (0.0, 0.013, 0.031):
        process = subprocess.Popen(
            [sys.executable, "-c", SAVING, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "saved\n"
        time.sleep(wait)
        process.kill()
        process.communicate()
        tg.manual_seed(0)
        assert everything(by_dropout(checkpoint=path).resume()) == expected


def test_the_loop_calls_nothing_again_after_a_resume(tmp_path: Path) -> None:
    seen: list[Update] = []
    path = tmp_path / "run.npz"
    for update in by_lengths(checkpoint=path, seed=3):
        if update.number == 6:
            break
    by_lengths(checkpoint=path, callbacks=[seen.append]).resume().run()
    assert [update.number for update in seen] == list(range(7, UPDATES + 1))
