"""What ONNX or our cells cannot say is refused, and so are broken files, in words."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_lstm import interop, nn
from tinygrad_lstm.errors import ArgumentError, DtypeError, MissingExtraError, WeightsError

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")  # for the module that the helpers are from
from tests.support.onnx_nodes import D, H, node_weights, save  # noqa: E402  # after the skip

pytestmark = pytest.mark.oracle


def test_what_onnx_cannot_say_is_refused(tmp_path: Path) -> None:
    class Own(nn.LSTMCell):
        pass

    for layer, said in [
        (nn.LSTM(D, H, cell=nn.LayerNormLSTMCell), "no operator for a LayerNormLSTMCell; it has for RNNCell, LSTMCell"),
        (nn.LSTM(D, H, proj_size=2), "no operator for a ProjectedLSTMCell"),
        (nn.LSTM(D, H, cell=lambda D, H: nn.Zoneout(nn.LSTMCell(D, H))), "no operator for a Zoneout"),
        (nn.LSTM(D, H, cell=Own), "no operator for a Own"),
        (nn.LSTM(D, H, 2, dropout=0.5), "this one is in training: call its eval"),
        (nn.LSTM(D, H, 2, dropout=nn.LayerNorm(H)), "only a Dropout can be left out, not a LayerNorm"),
        (nn.LSTMCell(D, H), "operators for RNN, LSTM and GRU layers, and there is none in a LSTMCell"),
    ]:
        with pytest.raises(WeightsError, match=said):
            interop.onnx.export(layer, tmp_path / "no.onnx")  # type: ignore[arg-type]  # a cell is no layer
    assert not list(tmp_path.iterdir())
    interop.onnx.export(nn.LSTM(D, H, 2, dropout=0.5).eval(), tmp_path / "evaluated.onnx")


@pytest.mark.parametrize(("operator", "attributes", "changed", "said"), [
    ("GRU", {"clip": 3.0}, {}, r"GRU 'Y': of our cells only a plain LSTM clips \(clip=3.0\)"),
    ("LSTM", {"activations": ["HardSigmoid", "Tanh", "Tanh"]}, {}, "activations hardsigmoid, tanh, tanh, but sigmoid"),
    ("GRU", {"activations": ["Sigmoid", "Relu"]}, {}, "activations sigmoid, relu, but sigmoid, tanh"),
    ("LSTM", {"input_forget": 1}, {"P": np.zeros((1, 3 * H), np.float32)}, "couples its gates .* and has peepholes"),
    ("LSTM", {}, {"R": np.zeros((1, 4 * H, H + 1), np.float32)}, r"W is float32 \(1, 20, 3\), should be float \(1, 24"),
    ("LSTM", {}, {"W": np.zeros((4 * H, D), np.float32)}, r"W is float32 \(20, 3\), should be float \(1, 20, 3\)"),
    ("GRU", {}, {"B": np.zeros((1, 6 * H), np.int32)}, r"B is int32 \(1, 30\), should be float"),
    ("GRU", {"direction": "bidirectional"}, {}, r"W is float32 \(1, 15, 3\), should be float \(2, 15, 3\)"),
    ("RNN", {"hidden_size": 7}, {}, r"hidden_size is 7, but R is float32 \(1, 5, 5\)"),
    ("RNN", {}, {"R": None}, "the file does not hold R"),
    ("RNN", {"direction": "sideways"}, {}, "direction='sideways' and layout=0 are not in the standard"),
    ("RNN", {"direction": 3, "layout": "x"}, {}, "direction=3 and layout=x are not in the standard"),
    ("RNN", {"activations": [1.0]}, {}, "activations 1.0, but tanh"),
    ("RNN", {"activations": 7}, {}, "activations 7, but tanh"),
    ("LSTM", {"clip": "much"}, {}, "LSTM 'Y': no cell of ours|LSTM 'Y'.*much"),
    ("RNN", {"future": 1}, {}, "no cell of ours does future=1"),
])  # fmt: skip
def test_nodes_that_are_none_of_our_cells(
    operator: str, attributes: dict[str, Any], changed: dict[str, Any], said: str, tmp_path: Path
) -> None:
    weights = node_weights(operator, ways=1) | changed
    inputs = ["X", "W", "R", "B"] + (["", "", "", "P"] if "P" in weights else [])
    held = {name: array for name, array in weights.items() if array is not None}
    save(tmp_path / "node.onnx", onnx.helper.make_node(operator, inputs, ["Y"], **attributes), held)
    with pytest.raises(WeightsError, match=said):
        interop.onnx.load(tmp_path / "node.onnx")


def test_broken_files(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.onnx", tmp_path / "bad.onnx"
    interop.onnx.export(nn.LSTM(D, H), good)
    whole = good.read_bytes()
    for content in (b"no file of ONNX", whole[: len(whole) // 2], whole[:-1], b"\xff" * 100):
        bad.write_bytes(content)
        with pytest.raises(WeightsError, match=r"bad.onnx is not a whole .onnx file"):
            interop.onnx.load(bad)
    bad.write_bytes(b"")
    with pytest.raises(WeightsError, match=r"bad.onnx: no node RNN, LSTM or GRU"):
        interop.onnx.load(bad)
    model = onnx.load(good)
    model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-4]
    onnx.save(model, bad)
    with pytest.raises(WeightsError, match=r"bad.onnx: LSTM 'layer0': layer0.W is not whole"):
        interop.onnx.load(bad)
    with pytest.raises(FileNotFoundError, match=r"none.onnx"):
        interop.onnx.load(tmp_path / "none.onnx")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        interop.onnx.export(nn.LSTM(D, H), tmp_path / "nowhere" / "layer.onnx")


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, link = tmp_path / "layer.onnx", tmp_path / "link.onnx"
    interop.onnx.export(nn.LSTM(D, H), path)
    path.chmod(0o600)
    link.symlink_to(path)
    interop.onnx.export(nn.GRU(D, H), link)
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o600
    assert isinstance(interop.onnx.load(path)["layer0"], nn.GRU)

    def refuse(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(OSError, match=rf"No space left on device: '{path}'"):
        interop.onnx.export(nn.LSTM(D, H), path)
    assert isinstance(interop.onnx.load(path)["layer0"], nn.GRU)
    assert {file.name for file in tmp_path.iterdir()} == {"layer.onnx", "link.onnx"}


def test_paths_that_are_none(tmp_path: Path) -> None:
    wrong: tuple[Any, ...] = (3, None, b"layer.onnx")
    for given in wrong:
        with pytest.raises(DtypeError, match="a path is a str or a Path, not a"):
            interop.onnx.export(nn.LSTM(D, H), given)
    for path in ("", "a\0.onnx"):
        with pytest.raises(ArgumentError, match="no file can have the path"):
            interop.onnx.export(nn.LSTM(D, H), path)
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        interop.onnx.export(nn.LSTM(D, H), tmp_path)


def test_a_file_with_wrong_bytes_is_read_or_refused(tmp_path: Path) -> None:
    path, rng = tmp_path / "layer.onnx", np.random.default_rng(0)
    interop.onnx.export(nn.LSTM(D, H, cell=nn.PeepholeLSTMCell), path)
    whole, refused = path.read_bytes(), 0
    for _ in range(300):
        content = bytearray(whole)
        content[rng.integers(0, 200)] = rng.integers(0, 256)
        path.write_bytes(content)
        try:
            interop.onnx.load(path)
        except WeightsError:
            refused += 1
    assert refused > 100


def test_without_the_package_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r'^.onnx files need: pip install "tinygrad-lstm\[io\]" \(or onnx\)$'):
        interop.onnx.load("any.onnx")
    with pytest.raises(MissingExtraError):
        interop.onnx.export(nn.LSTM(D, H), "any.onnx")
