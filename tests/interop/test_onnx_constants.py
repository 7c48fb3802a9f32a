"""Weights in .onnx files that are made of constants, as exporters write them, and those that are none; files beside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.onnx_nodes import (
    BOOL,
    FLOAT,
    INT64,
    B,
    D,
    H,
    T,
    agree,
    graph,
    info,
    lstm,
    node,
    node_weights,
    onnx,
    save_graph,
    theirs,
    x_of,
)
from tinygrad_lstm import interop
from tinygrad_lstm.errors import WeightsError

pytestmark = pytest.mark.oracle
Arrays = dict[str, Any]


def chained(weights: Arrays) -> tuple[list[Any], Arrays]:
    """PyTorch's cell: gates i, f, g, o in one matrix, which are sliced, put in ONNX's order and unsqueezed."""
    nodes, arrays = [], {"zero": np.array([0]), **{f"at{k}": np.array([k * H]) for k in range(5)}}
    for name in "WR":
        i, o, f, c = np.split(weights[name][0], 4)
        arrays[f"{name}0"] = np.concatenate([i, f, c, o])
        for block, (start, stop) in enumerate([(0, 1), (3, 4), (1, 3)]):
            nodes.append(node("Slice", [f"{name}0", f"at{start}", f"at{stop}", "zero"], [f"{name}{block + 1}"]))
        nodes.append(node("Concat", [f"{name}{k}" for k in (1, 2, 3)], [f"{name}4"], axis=0))
        nodes.append(node("Unsqueeze", [f"{name}4", "zero"], [name]))
    return nodes, arrays | {"B": weights["B"]}


def quantized(weights: Arrays) -> tuple[list[Any], Arrays]:
    """W as bytes with a scale: what the node gets is what the file says, so it is exact."""
    scale = np.float32(0.02)
    held = {"W0": np.round(weights["W"] / scale).astype(np.int8), "scale": scale, "zero": np.int8(0)}
    return [node("DequantizeLinear", ["W0", "scale", "zero"], ["W"])], held | {name: weights[name] for name in "RB"}


def halved(weights: Arrays) -> tuple[list[Any], Arrays]:
    """Held in half precision, used in single."""
    held = {f"{name}0": array.astype(np.float16) for name, array in weights.items()}
    return [node("Cast", [f"{name}0"], [name], to=FLOAT) for name in weights], held


def split_up(weights: Arrays) -> tuple[list[Any], Arrays]:
    """Both biases in one array with the weights: Split, Transpose, Reshape, Mul."""
    W = weights["W"][0].T.copy()
    nodes = [node("Constant", [], ["two"], value_float=2.0), node("Constant", [], ["shape"], value_ints=[1, 4 * H, D])]
    nodes += [node("Split", ["B0"], ["B1", "B2"], axis=1, num_outputs=2), node("Concat", ["B1", "B2"], ["B"], axis=1)]
    nodes += [
        node("Transpose", ["W0"], ["W1"]),
        node("Mul", ["W1", "two"], ["W2"]),
        node("Reshape", ["W2", "shape"], ["W"]),
    ]
    return nodes, {"W0": W / 2, "B0": weights["B"], "R": weights["R"]}


@pytest.mark.parametrize("opset", [18, 19])
@pytest.mark.parametrize("made_by", [chained, quantized, halved, split_up])
def test_weights_made_of_constants(
    made_by: Callable[..., tuple[list[Any], Arrays]], opset: int, tmp_path: Path
) -> None:
    nodes, arrays = made_by(node_weights(ways=1))
    made = graph([*nodes, lstm()], [info("X", shape=["T", "B", D])], ["Y"], arrays)
    path, x = save_graph(tmp_path / "made.onnx", made, opset), x_of()
    [layer] = interop.onnx.load(path).values()
    agree(layer(x)[0], theirs(path, X=x)[0][:, 0])


@pytest.mark.parametrize("opset", [9, 13])
def test_an_operator_means_what_it_meant_in_the_version_of_the_file(opset: int, tmp_path: Path) -> None:
    """Before 13 the axes of Unsqueeze were an attribute."""
    weights = node_weights(ways=1)
    held = {f"{name}0": array[0] for name, array in weights.items()} | {"axes": np.array([0])}
    old: Any = {"axes": [0]} if opset < 13 else {}
    nodes = [node("Unsqueeze", [f"{name}0", *([] if old else ["axes"])], [name], **old) for name in weights]
    path = save_graph(tmp_path / "old.onnx", graph([*nodes, lstm()], [info("X", shape=[T, B, D])], ["Y"], held), opset)
    [layer] = interop.onnx.load(path).values()
    agree(layer(x_of())[0], theirs(path, X=x_of())[0][:, 0])


REFUSED: list[tuple[list[Any], str]] = [
    ([node("Mul", ["s", "R0"], ["R"])], "s is an input of the file, so not a weight"),
    ([node("RandomNormal", [], ["R"], shape=[1, 4 * H, H])], "RandomNormal makes R when the file runs"),
    ([node("Concat", ["R0", "W"], ["R"], axis=0)], "Concat does not give R"),
    ([node("Unknown", ["R0"], ["R"])], "Unknown does not give R"),
    ([node("Mul", ["R0", "R0"], ["R"], domain="com.others")], "Mul makes R when the file runs"),
    ([node("Identity", ["nowhere"], ["R"])], "the file does not hold nowhere"),
    ([node("Identity", ["R"], ["R1"]), node("Identity", ["R1"], ["R"])], "the file does not hold R"),
    ([node("ConstantOfShape", ["huge"], ["R"])], r"R would be an array of shape \(10*, 10*\): that is too large"),
    ([node("Mul", ["huge", "huge"], ["vast"]), node("Tile", ["R0", "vast"], ["R"])], "R would be an array of shape"),
    ([node("Range", ["zero", "end", "one"], ["R"])], r"R would be an array of shape \(1000000000000,\)"),
]  # fmt: skip


@pytest.mark.parametrize(("nodes", "said"), REFUSED)
def test_what_is_no_weight(nodes: list[Any], said: str, tmp_path: Path) -> None:
    weights = node_weights(ways=1)
    arrays = {"W": weights["W"], "B": weights["B"], "R0": weights["R"][0], "huge": np.array([10**6, 10**6])}
    arrays |= {"zero": np.array(0), "one": np.array(1), "end": np.array(10**12)}
    made = graph([*nodes, lstm()], [info("X"), info("s")], ["Y"], arrays)
    with pytest.raises(WeightsError, match=f"no.onnx: LSTM 'Y': {said}"):
        interop.onnx.load(save_graph(tmp_path / "no.onnx", made))


def test_the_weights_that_a_loop_hands_on_are_none(tmp_path: Path) -> None:
    weights = node_weights(ways=1)
    nodes = [lstm(), node("Identity", ["go"], ["on"]), node("Identity", ["R"], ["R_next"])]
    given = [info("k", INT64, []), info("go", BOOL, []), info("R")]
    body = onnx.helper.make_graph(nodes, "body", given, [info("on", BOOL, []), info("R_next")])
    run = node("Loop", ["", "yes", "R0"], ["R_n"], "rounds", body=body)
    arrays = {"W": weights["W"], "R0": weights["R"], "B": weights["B"], "yes": np.array(True)}
    path = save_graph(tmp_path / "loop.onnx", graph([run], [info("X")], ["R_n"], arrays))
    with pytest.raises(WeightsError, match="R is an input of Loop 'rounds', body, so not a weight"):
        interop.onnx.load(path)


def test_a_file_without_a_recurrent_node_says_what_it_has(tmp_path: Path) -> None:
    made = graph([node("Tanh", ["X"], ["a"]), node("Tanh", ["a"], ["Y"])], [info("X")], ["Y"], {})
    with pytest.raises(WeightsError, match=r"no node RNN, LSTM or GRU in the file's graphs, but Tanh$"):
        interop.onnx.load(save_graph(tmp_path / "none.onnx", made))


# Files beside it ---------------------------------------------------------------------------------------------------


def test_no_path_leads_out_of_the_folder(tmp_path: Path) -> None:
    """By dots, by a root, by a link or to a folder; what no weight needs is not read at all."""
    folder, weights = tmp_path / "models", node_weights(ways=1)
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(weights["W"].tobytes())
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    (folder / "inside").mkdir()
    (folder / "inside" / "weights.bin").write_bytes(weights["W"].tobytes())
    places = [
        "../secret.bin",
        str(tmp_path / "secret.bin"),
        "link.bin",
        "inside",
        "inside/../../secret.bin",
        "none",
        "",
    ]
    for place in [*places, "inside/weights.bin"]:
        for held_by in ("graph", "Constant"):
            made = graph([lstm()], [info("X")], ["Y"], weights | {"unused": np.zeros(3)})
            for tensor in made.initializer:
                if tensor.name in ("W", "unused"):
                    tensor.ClearField("raw_data")
                    tensor.data_location = tensor.EXTERNAL
                    tensor.external_data.add(key="location", value=place if tensor.name == "W" else "/dev/zero")
            if held_by == "Constant":
                [W] = [tensor for tensor in made.initializer if tensor.name == "W"]
                made.node.insert(0, node("Constant", [], ["W"], value=W))
                made.initializer.remove(W)
            path = save_graph(folder / "model.onnx", made)
            if place in places:
                with pytest.raises(WeightsError, match=f"LSTM 'Y': W is in '{place}', which is no file in the folder"):
                    interop.onnx.load(path)
            else:
                [layer] = interop.onnx.load(path).values()
                agree(layer.layers[0].W, nn_order(weights["W"][0]))


def nn_order(stacked: np.ndarray) -> np.ndarray:
    """ONNX's gates i, o, f, c as ours."""
    i, o, f, c = np.split(stacked, 4)
    return np.concatenate([f, i, o, c])
