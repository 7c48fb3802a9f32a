"""Weights of whole PyTorch modules in files, both ways: names under a prefix, half precision, several files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_lstm import interop, nn
from tinygrad_lstm.errors import WeightsError

torch: Any = pytest.importorskip("torch")
files: Any = pytest.importorskip("safetensors.torch")
pytestmark = pytest.mark.oracle
T, B, D, H = 4, 2, 3, 5


class Theirs(torch.nn.Module):  # type: ignore[misc]  # PyTorch has no types here
    def __init__(self) -> None:
        super().__init__()
        self.words = torch.nn.Embedding(7, D)
        self.encoder = torch.nn.LSTM(D, H, 2, bidirectional=True)
        self.step = torch.nn.GRUCell(2 * H, H)
        self.head = torch.nn.Sequential(torch.nn.Linear(H, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2, bias=False))

    def forward(self, x: Any) -> Any:
        return self.head(self.step(self.encoder(self.words(x))[0][-1]))


class Ours(nn.Module):
    def __init__(self) -> None:
        self.words = nn.Embedding(7, D)
        self.encoder = nn.LSTM(D, H, 2, bidirectional=True)
        self.step = nn.GRUCell(2 * H, H)
        self.head = nn.Sequential(nn.Linear(H, 4), nn.Tanh(), nn.Linear(4, 2, bias=False))

    def forward(self, x: Any) -> Any:
        return self.head(self.step(self.encoder(self.words(x))[0][-1]))


def write(state: dict[str, Any], path: Path) -> None:
    files.save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)


def agree(ours: Any, theirs: Any) -> None:
    x = np.random.default_rng(0).integers(0, 7, (T, B))
    np.testing.assert_allclose(ours(x).data, theirs(torch.tensor(x)).detach().numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_a_whole_module_there_and_back(dtype: str, tmp_path: Path) -> None:
    theirs, ours = Theirs(), Ours()
    state = {f"model.{name}": tensor.to(getattr(torch, dtype)) for name, tensor in theirs.state_dict().items()}
    theirs.load_state_dict({name.removeprefix("model."): tensor.float() for name, tensor in state.items()})
    write(state, tmp_path / "theirs.safetensors")
    interop.torch.load(ours, tmp_path / "theirs.safetensors", "model.")
    agree(ours, theirs)

    interop.torch.save(ours, tmp_path / "ours.safetensors")
    again = Theirs()
    again.load_state_dict(files.load_file(tmp_path / "ours.safetensors"))
    agree(ours, again)
    interop.torch.save(ours.encoder, tmp_path / "part.safetensors", prefix="encoder.")
    missing = Theirs().load_state_dict(files.load_file(tmp_path / "part.safetensors"), strict=False)
    assert not missing.unexpected_keys
    assert not [name for name in missing.missing_keys if name.startswith("encoder.")]


def test_a_model_in_several_files(tmp_path: Path) -> None:
    theirs, ours = Theirs(), Ours()
    state = theirs.state_dict()
    parts = {f"model-0000{k + 1}-of-00002.safetensors": list(state)[k::2] for k in range(2)}
    for file, names in parts.items():
        write({name: state[name] for name in names}, tmp_path / file)
    index = {"weight_map": {name: file for file, names in parts.items() for name in names}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    interop.torch.load(ours, tmp_path / "model.safetensors.index.json")
    agree(ours, theirs)


def test_a_mirrored_module_goes_back(tmp_path: Path) -> None:
    theirs = Theirs()
    ours = interop.torch.mirror(theirs)
    for parameter in ours.parameters():
        parameter.data = parameter.data + 0.25
    interop.torch.save(ours, tmp_path / "trained.safetensors")
    theirs.load_state_dict(files.load_file(tmp_path / "trained.safetensors"))
    agree(ours, theirs)


@pytest.mark.parametrize("prefix", ["", "encoder", "decoder."])
def test_an_error_names_the_prefix_that_fits(prefix: str) -> None:
    lstm = nn.LSTM(D, H, 2, bidirectional=True)
    before = lstm.state_dict()
    with pytest.raises(WeightsError, match=r"\nprefix='encoder\.' picks weights of these names$"):
        interop.torch.load_state_dict(lstm, Theirs().state_dict(), prefix)
    for name, array in lstm.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    with pytest.raises(WeightsError) as caught:
        interop.torch.load_state_dict(lstm, torch.nn.Linear(3, 2).state_dict(), prefix)
    assert "prefix=" not in str(caught.value)
    twice = torch.nn.ModuleDict({"a": torch.nn.LSTM(D, H), "b": torch.nn.LSTM(D, H)}).state_dict()
    with pytest.raises(WeightsError, match=r"prefix='a\.' or 'b\.' picks"):
        interop.torch.load_state_dict(nn.LSTM(D, H), twice)


def test_what_pytorch_names_otherwise_is_refused() -> None:
    for module, said in [
        (nn.Sequential(nn.Linear(4, 4), nn.MultiheadAttention(4, 2)), "has no MultiheadAttention with the weights"),
        (nn.Residual(nn.Linear(4, 4)), "PyTorch has no Residual with the weights"),
        (nn.MinGRU(3, 4), "PyTorch has no MinGRUCell"),
    ]:  # fmt: skip
        with pytest.raises(WeightsError, match=said):
            interop.torch.state_dict(module)
    with pytest.raises(WeightsError, match="not for a list"):
        interop.torch.state_dict([nn.Linear(2, 2)])  # type: ignore[arg-type]  # a list is no module
