"""Weights in several files with an index, as hubs keep them; the files are written by the safetensors library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm.errors import WeightsError

numpy_files: Any = pytest.importorskip("safetensors.numpy")
NAMES = {"a.weight": "model-1.safetensors", "a.bias": "model-1.safetensors", "b": "model-2.safetensors"}


def model(folder: Path, names: dict[str, Any] | None = None) -> tuple[Path, dict[str, np.ndarray]]:
    """An index and its files; the arrays by their names."""
    rng = np.random.default_rng(0)
    arrays = {name: rng.normal(size=(3, 2)).astype(np.float16 if name == "b" else np.float32) for name in NAMES}
    for file in dict.fromkeys(NAMES.values()):
        inside = {name: arrays[name] for name, where in NAMES.items() if where == file}
        numpy_files.save_file(inside, folder / file)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 60}, "weight_map": NAMES if names is None else names}))
    return index, arrays


def test_a_model_in_several_files_is_one(tmp_path: Path) -> None:
    index, arrays = model(tmp_path)
    found = tg.load(index)
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (NAMES | {"b": "../secret.safetensors"}, "no .safetensors file of its own folder"),
        (NAMES | {"b": "/etc/passwd"}, "no .safetensors file of its own folder"),
        (NAMES | {"b": "weights.bin"}, "no .safetensors file of its own folder"),
        (NAMES | {"b": "model-3.safetensors"}, "its file model-3.safetensors is missing"),
        (NAMES | {"c": "model-2.safetensors"}, "do not name the same arrays: c"),
        ({name: file for name, file in NAMES.items() if name != "a.bias"}, "do not name the same arrays: a.bias"),
        ({}, "no weight_map"),
        (NAMES | {"b": 3}, "no weight_map"),
        ([], "no weight_map"),
    ],
    ids=str,
)
def test_an_index_that_does_not_fit_is_an_error(tmp_path: Path, names: Any, said: str) -> None:
    index, _ = model(tmp_path, names)
    with pytest.raises(WeightsError, match=said):
        tg.load(index)


def test_the_limit_is_that_of_all_files(tmp_path: Path) -> None:
    index, arrays = model(tmp_path)
    whole = sum(array.nbytes for array in arrays.values())
    assert len(tg.load(index, max_bytes=whole)) == 3
    with pytest.raises(WeightsError, match="bytes"):
        tg.load(index, max_bytes=whole - 1)


def test_damaged_and_missing(tmp_path: Path) -> None:
    index, _ = model(tmp_path)
    (tmp_path / "model-1.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}")
    with pytest.raises(WeightsError, match="not a whole"):
        tg.load(index)
    index.write_text("{")
    with pytest.raises(WeightsError, match="not a whole"):
        tg.load(index)
    with pytest.raises(FileNotFoundError):
        tg.load(tmp_path / "other.safetensors.index.json")
    with pytest.raises(WeightsError, match="files that end in"):
        tg.save({"a": np.ones(2)}, tmp_path / "new.safetensors.index.json")
