"""``tinygrad-lstm inspect`` as a user meets it: our files, PyTorch's, Keras's, and what is no file of weights."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.commands import command, piped, refused
from tinygrad_lstm import interop, nn, paths

pytest.importorskip("typer")
pytest.importorskip("rich")
pytest.importorskip("threadpoolctl")

from tinygrad_lstm.cli import inspect
from tinygrad_lstm.cli.cells import CELLS
from tinygrad_lstm.interop.files import said_by
from tinygrad_lstm.training.memory import Memory, memory_of


def layer(kind: str = "LSTM", **options: Any) -> nn.Recurrent[Any]:
    tg.manual_seed(0)
    made: nn.Recurrent[Any] = getattr(nn, kind)(3, 5, **options)
    for parameter in made.parameters():
        parameter.data = np.random.default_rng(parameter.size).normal(size=parameter.shape)
    return made


def gate(array: np.ndarray, k: int) -> np.ndarray:
    return array[5 * k : 5 * k + 5]


def memories(value: Any, path: Path) -> list[Memory]:
    """What a file of this value says, as the command finds it."""
    tg.save(value, path)
    layers = said_by(path) or inspect.guessed(dict(tg.load(path)), path)
    return [memory_of(name, cell) for name, cell in inspect.cells_in(layers)]


@pytest.mark.parametrize(("kind", "keeps", "gates"), [("RNN", None, "h"), ("GRU", 1, "rzn"), ("LSTM", 0, "fiog")])
@pytest.mark.parametrize("layout", ["ours", "arrays", "PyTorch"])
def test_the_memory_of_a_cell(kind: str, keeps: int | None, gates: str, layout: str, tmp_path: Path) -> None:
    made = layer(kind)
    (cell,) = made.layers
    values = {"ours": made, "arrays": made.state_dict(), "PyTorch": interop.torch.state_dict(made)}
    (found,) = memories(values[layout], tmp_path / "w.npz")
    assert (found.name, found.kind, found.hidden) == ("layers.0" if layout == "arrays" else "layer", kind, 5)
    assert {name: pytest.approx(value) for name, value in found.eigenvalues.items()} == {
        name: abs(np.linalg.eigvals(gate(cell.U.data, k))).max() for k, name in enumerate(gates)
    }
    lives: Any = [] if keeps is None else paths.half_life(1 / (1 + np.exp(-gate(cell.b.data, keeps))))
    np.testing.assert_allclose(found.half_lives, lives, rtol=1e-5)


@pytest.mark.parametrize("name", CELLS)
def test_every_cell_says_what_it_is_and_how_long_it_remembers(name: str, tmp_path: Path) -> None:
    cell = CELLS[name](3, 6)
    (found,) = memories(cell, tmp_path / "w.npz")
    inner: Any = getattr(cell, "cell", cell)
    assert (found.kind, found.hidden) == (type(inner).__name__.removesuffix("Cell"), 6)
    assert bool(found.eigenvalues) == (isinstance(inner, nn.Gates | nn.SeparateLSTMCell) and name != "Projected")
    assert bool(found.half_lives) == (name not in ("RNN", "ActivatedRNN", "MinGRU", "MinLSTM"))
    if name == "MGU":  # its f writes, so 1 - f keeps
        inner.b.data[:6] = -3.0
        (found,) = memories(cell, tmp_path / "w.npz")
    expected = {"MGU": 14.26, "ActivatedLSTM": 1.943}.get(name, 1.0 if name.endswith("GRU") else 2.2125)  # 0.2 + 0.5
    assert found.half_lives == pytest.approx([expected] * len(found.half_lives), abs=1e-2)


def test_arrays_of_an_unknown_layout_say_nothing_of_cells(tmp_path: Path) -> None:
    for cell in (nn.CoupledLSTMCell(3, 5), nn.MGUCell(3, 5), nn.MinLSTMCell(3, 5), nn.Linear(3, 5)):
        assert memories(cell.state_dict(), tmp_path / "w.npz") == []


def test_arrays_and_cells_are_lines(tmp_path: Path) -> None:
    tg.save({"weights": layer(), "words": np.array(["a"]).astype("S1").view(np.uint8)}, tmp_path / "w.npz")
    done = command("inspect", str(tmp_path / "w.npz"), COLUMNS="30")
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert lines[0].split("  ")[:2] == ["weights.layers.0.W", "(20, 3)"]
    assert "4 arrays, 181 numbers" in lines
    assert "weights: an LSTM of 5 units" in lines


def test_json_is_for_another_program(tmp_path: Path) -> None:
    made = layer("GRU")
    made.layers[0].U.data = np.full((15, 5), np.nan)
    tg.save(made, tmp_path / "w.safetensors")
    found = json.loads(command("inspect", str(tmp_path / "w.safetensors"), "--json").stdout)
    assert [array["name"] for array in found["arrays"]] == [f"layers.0.{name}" for name in ("W", "U", "b", "b_n")]
    assert found["arrays"][1]["norm"] == "nan"
    assert found["cells"][0]["eigenvalues"] == {"r": "nan", "z": "nan", "n": "nan"}


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras
def test_a_model_of_keras(tmp_path: Path) -> None:
    os.environ["KERAS_BACKEND"] = "numpy"
    keras = pytest.importorskip("keras", reason="Keras is not installed")
    model = keras.Sequential([keras.Input((4, 3)), keras.layers.LSTM(5), keras.layers.Dense(2)])
    model.save(tmp_path / "model.keras")
    ((_, cell),) = inspect.cells_in(said_by(tmp_path / "model.keras"))
    found = memory_of("lstm", cell)
    assert (found.kind, found.hidden) == ("LSTM", 5)
    np.testing.assert_allclose(found.half_lives, 2.2125, atol=1e-3)
    assert "an LSTM of 5 units" in command("inspect", "model.keras", folder=tmp_path).stdout


def test_what_is_wrong_is_said_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "w.npz").write_bytes(b"no archive")
    (tmp_path / "w.pt").write_bytes(b"")
    (tmp_path / "w.keras").write_bytes(b"")
    refused("error: there is no file no.npz", "inspect", "no.npz", folder=tmp_path)
    refused("error: w.npz", "inspect", "w.npz", folder=tmp_path)
    refused("error: weights are in files that end in .npz or .safetensors, not 'w.pt'", "inspect", "w.pt",
            folder=tmp_path)  # fmt: skip
    refused("error: ", "inspect", "w.keras", folder=tmp_path)
    refused("error: ", "inspect", ".", folder=tmp_path)


def test_a_reader_that_leaves_does_not_stop_it(tmp_path: Path) -> None:
    tg.save(layer(), tmp_path / "w.npz")
    done = piped("inspect", "w.npz", reader="| head -n 1", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert os.listdir(tmp_path) == ["w.npz"]
