"""Logs: every update once, also where a run was killed after its checkpoint and goes on from it."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import tinygrad_lstm as tg
from tests.support.trainings import UPDATES, by_lengths
from tinygrad_lstm.training import CSVLog, JSONLog, TensorBoardLog, Update

ROOT = Path(__file__).parents[2]


def rows_of(path: Path) -> list[Update]:
    """What a log says."""
    table: list[dict[str, Any]]
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            table = [
                {name: float(value) if value else None for name, value in row.items()} for row in csv.DictReader(file)
            ]
    else:
        table = [json.loads(line) for line in path.read_text().splitlines()]
    return [Update(**row) for row in table]


@pytest.mark.parametrize(("make", "name"), [(CSVLog, "log.csv"), (JSONLog, "log.jsonl")])
def test_a_log_has_every_update_with_every_digit(make: type[CSVLog], name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    tg.manual_seed(0)
    training = by_lengths(callbacks=[make(path)]).run()
    assert rows_of(path) == training.history
    tg.manual_seed(1)
    assert rows_of(path) != by_lengths(callbacks=[make(path)]).run().history != training.history  # a new run, a new log
    assert len(rows_of(path)) == UPDATES


@pytest.mark.parametrize(("make", "name"), [(CSVLog, "log.csv"), (JSONLog, "log.jsonl")])
def test_rows_that_are_done_again_are_replaced(make: type[CSVLog], name: str, tmp_path: Path) -> None:
    log, checkpoint = tmp_path / name, tmp_path / "run.npz"
    tg.manual_seed(0)
    whole = by_lengths().run().history
    tg.manual_seed(0)
    first = by_lengths(callbacks=[make(log)])
    for update in first:
        if update.number == 4:
            first.save(checkpoint)
        if update.number == 7:  # killed: three rows more than the checkpoint knows, and half a line
            break
    with log.open("a") as file:
        file.write('{"numb' if name.endswith("l") else "8,0.1")
    by_lengths(callbacks=[make(log)]).resume(checkpoint).run()
    assert rows_of(log) == whole


def test_a_score_that_is_nan_is_valid_json(tmp_path: Path) -> None:
    JSONLog(tmp_path / "log.jsonl")(Update(1, 0.5, 1.0, float("nan")))
    assert json.loads((tmp_path / "log.jsonl").read_text(), parse_constant=pytest.fail)["score"] is None


@pytest.mark.slow
def test_tensorboard_reads_the_events(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.event_pb2 import Event

    tg.manual_seed(0)
    log = TensorBoardLog(tmp_path)
    training = by_lengths(callbacks=[log]).run()
    log.close()
    raw, found = next(tmp_path.glob("events.*")).read_bytes(), {}
    while raw:
        length = int.from_bytes(raw[:8], "little")
        event = Event.FromString(raw[12 : 12 + length])
        raw = raw[16 + length :]
        for value in event.summary.value:
            found[value.tag, event.step] = value.simple_value
    assert found["loss", 3] == pytest.approx(training.history[2].loss)
    assert found["score", UPDATES] == pytest.approx(training.history[-1].score)
    assert ("score", 1) not in found


def test_without_its_library_tensorboard_says_what_to_install() -> None:
    code = "import sys; sys.modules['tensorboardX'] = None; import tinygrad_lstm.training as t; t.TensorBoardLog('x')"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert run.stderr.splitlines()[-1].endswith('events need: pip install "tinygrad-lstm[log]"')
