"""``tinygrad-lstm train`` as a user meets it: its files, going on, Ctrl-C, and wrong inputs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.commands import command, piped, refused
from tests.support.writing import become_nobody, folder_for_all  # noqa: F401  # one is a fixture
from tinygrad_lstm.training import Training

pytest.importorskip("typer")
pytest.importorskip("rich")
pytest.importorskip("threadpoolctl")
pytest.importorskip("matplotlib")

from tinygrad_lstm.cli import train
from tinygrad_lstm.cli.draw import chosen

FILES = {"checkpoint.npz", "log.csv", "weights.npz", "curve.svg"}
SMALL = ("cat", "--hidden", "8", "--updates", "4")


def rows(out: Path) -> list[str]:
    return (out / "log.csv").read_text("utf-8").splitlines()


def test_a_training_writes_what_it_promises(tmp_path: Path) -> None:
    done = command("train", *SMALL, "--cell", "peephole", "--out", "out", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("cat, Peephole of 8 units, 4 updates: best accuracy ")
    assert lines[1] == "out: weights.npz, checkpoint.npz, log.csv, curve.svg"
    assert len(lines) == 2
    assert set(os.listdir(tmp_path / "out")) == FILES
    assert "<svg" in (tmp_path / "out" / "curve.svg").read_text("utf-8")
    assert len(rows(tmp_path / "out")) == 5
    assert chosen(tmp_path / "out" / "weights.npz", None, None)[2] == ["weights.layer"]


def test_going_on_is_the_same_as_never_stopping(tmp_path: Path) -> None:
    assert train.run("cat", "GRU", 8, 100, tmp_path / "whole", False, 3, True) == 0
    assert train.run("cat", "GRU", 8, 50, tmp_path / "parts", False, 3, True) == 0
    assert train.run("cat", "GRU", 8, 100, tmp_path / "parts", True, 3, True) == 0
    assert rows(tmp_path / "whole") == rows(tmp_path / "parts")
    whole, parts = (tg.load(tmp_path / name / "checkpoint.npz")["model"] for name in ("whole", "parts"))
    assert all(np.array_equal(whole[name], parts[name]) for name in whole)


def test_ctrl_c_keeps_a_checkpoint_and_the_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    updates = Training.__iter__

    def stopped(training: Training) -> Iterator[object]:
        for update in updates(training):
            yield update
            if update.number == 2:
                training.save(tmp_path / "checkpoint.npz")
                raise KeyboardInterrupt

    monkeypatch.setattr(Training, "__iter__", stopped)
    assert train.run("cat", "LSTM", 8, 4, tmp_path, False, 0, True) == 130
    monkeypatch.undo()
    assert (tmp_path / "weights.npz").exists()
    assert train.run("cat", "LSTM", 8, 4, tmp_path, True, 0, True) == 0
    assert [row.split(",")[0] for row in rows(tmp_path)] == ["number", "1", "2", "3", "4"]


def test_json_is_for_another_program(tmp_path: Path) -> None:
    done = command("train", *SMALL, "--out", "out", "--json", folder=tmp_path)
    found = json.loads(done.stdout)
    assert (found["task"], found["cell"], found["updates"], found["stopped"]) == ("cat", "LSTM", 4, "after 4 updates")


def test_what_is_wrong_is_said_in_a_line_and_changes_nothing(tmp_path: Path) -> None:
    refused("error: no task 'weather'; there are cat, france", "train", "weather", "--out", "out", folder=tmp_path)
    refused("error: no cell 'weather'; there are RNN", "train", "cat", "--cell", "weather", "--out", "out",
            folder=tmp_path)  # fmt: skip
    refused("error: cannot write to the folder /dev/null", "train", "cat", "--out", "/dev/null", folder=tmp_path)
    refused("error: there is no out/checkpoint.npz to go on from", "train", *SMALL, "--out", "out", "--resume",
            folder=tmp_path)  # fmt: skip
    assert not list(tmp_path.iterdir())
    assert command("train", *SMALL, "--out", "out", folder=tmp_path).returncode == 0
    before = {name: (tmp_path / "out" / name).read_bytes() for name in FILES}
    refused("error: out has a checkpoint already: --resume goes on", "train", *SMALL, "--out", "out", folder=tmp_path)
    refused("error: ", "train", *SMALL, "--cell", "GRU", "--out", "out", "--resume", folder=tmp_path)
    assert {name: (tmp_path / "out" / name).read_bytes() for name in FILES} == before


def test_a_folder_that_may_not_be_written_to(open_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if os.geteuid() == 0:
        become_nobody()
    out = open_folder / "out"
    out.mkdir(mode=0o555)
    assert train.run("cat", "LSTM", 8, 4, out, False, 0, False) == 2
    said = capsys.readouterr()
    assert "Permission denied" in said.err
    assert said.out == ""


def test_a_reader_that_leaves_does_not_stop_it(tmp_path: Path) -> None:
    done = piped("train", *SMALL, "--out", "out", reader="| true", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(os.listdir(tmp_path / "out")) == FILES
