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
from tinygrad_lstm.cli.weights import arrays_in


def layer(kind: str = "LSTM", **options: Any) -> nn.Recurrent[Any]:
    tg.manual_seed(0)
    made: nn.Recurrent[Any] = getattr(nn, kind)(3, 5, **options)
    for parameter in made.parameters():
        parameter.data = np.random.default_rng(parameter.size).normal(size=parameter.shape)
    return made


def gate(array: np.ndarray, k: int) -> np.ndarray:
    return array[5 * k : 5 * k + 5]


@pytest.mark.parametrize(("kind", "keeps", "gates"), [("RNN", None, "h"), ("GRU", 1, "rzn"), ("LSTM", 0, "fiog")])
@pytest.mark.parametrize("layout", ["ours", "PyTorch"])
def test_the_memory_of_a_cell(kind: str, keeps: int | None, gates: str, layout: str) -> None:
    made = layer(kind)
    cell = made.layers[0]
    (found,) = inspect.memories(made.state_dict() if layout == "ours" else interop.torch.state_dict(made))
    assert (found.name, found.kind, found.hidden) == ("layers.0" if layout == "ours" else "l0", kind, 5)
    assert {name: pytest.approx(value) for name, value in found.eigenvalues.items()} == {
        name: abs(np.linalg.eigvals(gate(cell.U.data, k))).max() for k, name in enumerate(gates)
    }
    lives: Any = [] if keeps is None else paths.half_life(1 / (1 + np.exp(-gate(cell.b.data, keeps))))
    np.testing.assert_allclose(found.half_lives, lives, rtol=1e-5)


def test_a_separate_cell_and_those_of_unknown_layout() -> None:
    (separate,) = inspect.memories(nn.SeparateLSTMCell(3, 5).state_dict())
    assert separate.kind == "LSTM"
    assert separate.half_lives == pytest.approx([2.2125] * 5, abs=1e-3)
    for cell in (nn.CoupledLSTMCell(3, 5), nn.MGUCell(3, 5), nn.MinLSTMCell(3, 5), nn.Linear(3, 5)):
        assert list(inspect.memories(cell.state_dict())) == []


def test_a_projected_cell_has_no_eigenvalues() -> None:
    made = nn.LSTM(3, 5, proj_size=2)
    for arrays in (made.state_dict(), interop.torch.state_dict(made)):
        (found,) = inspect.memories(arrays)
        assert (found.hidden, found.eigenvalues, len(found.half_lives)) == (5, {}, 5)


def test_arrays_and_cells_are_lines(tmp_path: Path) -> None:
    tg.save({"weights": layer(), "words": np.array(["a"]).astype("S1").view(np.uint8)}, tmp_path / "w.npz")
    done = command("inspect", str(tmp_path / "w.npz"), COLUMNS="30")
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert lines[0].split("  ")[:2] == ["weights.layers.0.W", "(20, 3)"]
    assert "4 arrays, 181 numbers" in lines
    assert "weights.layers.0: an LSTM of 5 units" in lines


def test_json_is_for_another_program(tmp_path: Path) -> None:
    made = layer("GRU")
    made.layers[0].U.data = np.full((15, 5), np.nan)
    tg.save(made, tmp_path / "w.safetensors")
    found = json.loads(command("inspect", str(tmp_path / "w.safetensors"), "--json").stdout)
    assert [array["name"] for array in found["arrays"]] == [f"layers.0.{name}" for name in ("W", "U", "b", "b_n")]
    assert found["arrays"][1]["norm"] == "nan"
    assert found["cells"][0]["eigenvalues"] == {"r": "nan", "z": "nan", "n": "nan"}


def test_a_model_of_keras(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras", reason="Keras is not installed")
    model = keras.Sequential([keras.Input((4, 3)), keras.layers.LSTM(5), keras.layers.Dense(2)])
    model.save(tmp_path / "model.keras")
    arrays = arrays_in(tmp_path / "model.keras")
    (found,) = inspect.memories(arrays)
    assert (found.kind, found.hidden) == ("LSTM", 5)
    np.testing.assert_allclose(found.half_lives, 2.2125, atol=1e-3)


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
