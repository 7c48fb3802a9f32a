"""Random files against onnxruntime: any operator and options, weights made in any way, at any depth of subgraphs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.onnx_nodes import BOOL, FLOAT, B, D, H, T, graph, info, node, node_weights, onnxruntime, save_graph
from tinygrad_lstm import interop
from tinygrad_lstm.errors import WeightsError

pytestmark = pytest.mark.oracle
Arrays = dict[str, Any]


def made(name: str, array: np.ndarray, rng: np.random.Generator) -> tuple[list[Any], Arrays]:
    """Nodes that make the array of others, by a few random steps; each step is undone in what the file holds."""
    nodes: list[Any] = []
    arrays: Arrays = {}
    for k in range(rng.integers(0, 5)):
        before = f"{name}_{k}"
        match rng.choice(["transpose", "concat", "slice", "reshape", "scale", "double", "identity"]):
            case "transpose":
                nodes.append(node("Transpose", [before], [name], perm=[*range(array.ndim)][::-1]))
                array = array.transpose()
            case "concat":
                axis = int(rng.integers(array.ndim))
                first, rest = np.split(array, [int(rng.integers(array.shape[axis] + 1))], axis)
                arrays[f"{before}_rest"] = rest
                nodes.append(node("Concat", [before, f"{before}_rest"], [name], axis=axis))
                array = first
            case "slice":
                arrays |= {f"{before}_{word}": np.array([value]) for word, value in (("at", 1), ("to", 10**6))}
                nodes.append(node("Slice", [before, f"{before}_at", f"{before}_to"], [name]))
                array = np.concatenate([array[:1], array]) if len(array) else array
            case "reshape":
                arrays[f"{before}_shape"] = np.array(array.shape)
                nodes.append(node("Reshape", [before, f"{before}_shape"], [name], allowzero=1))
                array = array.reshape(-1)
            case "scale":
                arrays[f"{before}_by"] = np.float32(4)
                nodes.append(node("Div", [before, f"{before}_by"], [name]))
                array = array * np.float32(4)
            case "double":
                nodes.append(node("Cast", [before], [name], to=FLOAT))
                nodes.append(node("Identity", [f"{before}_wide"], [before]))
                before, array = f"{before}_wide", array.astype(float)
                nodes.append(node("Cast", [f"{before}_narrow"], [before], to=11))
                before, array = f"{before}_narrow", array.astype(np.float32)
            case _:
                nodes.append(node("Identity", [before], [name]))
        name = before
    return nodes[::-1], arrays | {name: array}


@pytest.mark.parametrize("seed", range(40))
def test_a_random_file(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    operator = str(rng.choice(["RNN", "LSTM", "GRU"]))
    direction = str(rng.choice(["forward", "reverse", "bidirectional"]))
    ways, states = 1 + (direction == "bidirectional"), ["h", "c"][: 1 + (operator == "LSTM")]
    weights = node_weights(operator, peepholes=operator == "LSTM" and rng.random() < 0.3, ways=ways)
    if rng.random() < 0.3:
        del weights["B"]
    options: dict[str, Any] = {"direction": direction, "hidden_size": H}
    if operator == "RNN" and rng.random() < 0.5:
        options["activations"] = ["Relu"] * ways
    if operator == "GRU":
        options["linear_before_reset"] = int(rng.integers(2))
    if operator == "LSTM" and "P" not in weights and rng.random() < 0.3:
        options["input_forget"] = 1
    given = {name: rng.random() < 0.5 for name in ("lengths", "starts")}
    inputs = ["X", "W", "R", "B" if "B" in weights else "", "lengths" if given["lengths"] else ""]
    inputs += [state if given["starts"] else "" for state in ("h", "c")[: len(states)]] + ["P"] * ("P" in weights)

    nodes: list[Any] = []
    arrays: Arrays = {}
    for name, array in weights.items():
        more, held = made(name, array, rng)
        nodes, arrays = nodes + more, arrays | held
    outer = {name: arrays.pop(name) for name in list(arrays) if rng.random() < 0.5}  # held by the graph around
    inner = graph([*nodes, node(operator, inputs, ["Y"], "cell", **options)], [], ["Y"], arrays)
    for depth in range(rng.integers(0, 4)):
        other = graph([node("Identity", ["X"], ["X_too"])], [], ["X_too"], {})
        inner = graph([node("If", ["yes"], [f"Y{depth}"], then_branch=inner, else_branch=other)], [], [f"Y{depth}"], {})
    feeds = {"X": rng.normal(size=(T, B, D)).astype(np.float32)}
    inner.input.append(info("X", shape=["T", "B", D]))
    if given["lengths"]:
        feeds["lengths"] = rng.integers(1, T + 1, B).astype(np.int32)
        inner.input.append(info("lengths", 6, ["B"]))
    if given["starts"]:
        feeds |= {state: rng.normal(size=(ways, B, H)).astype(np.float32) for state in states}
        inner.input.extend([info(state, shape=[ways, "B", H]) for state in states])
    if inner.node[-1].op_type == "If":
        feeds["yes"] = np.array(True)
        inner.input.append(info("yes", BOOL, []))
    inner.initializer.extend(graph([], [], [], outer).initializer)
    path = save_graph(tmp_path / "random.onnx", inner, opset=14)

    [Y] = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, feeds)
    [layer] = interop.onnx.load(path).values()
    start = [feeds[state] for state in states] if given["starts"] else [None]
    output, _ = layer(feeds["X"], tuple(start) if len(start) > 1 else start[0], lengths=feeds.get("lengths"))
    np.testing.assert_allclose(output.data, Y.transpose(0, 2, 1, 3).reshape(T, B, ways * H), rtol=1e-5, atol=1e-5)


@pytest.mark.filterwarnings("error")
def test_a_damaged_file_with_subgraphs_is_read_or_refused(tmp_path: Path) -> None:
    """Bytes changed, cut out or put in, anywhere: no other error, and no warning."""
    rng, path = np.random.default_rng(0), tmp_path / "damaged.onnx"
    nodes: list[Any] = []
    arrays: Arrays = {}
    for name, array in node_weights(ways=1).items():
        more, held = made(name, array, rng)
        nodes, arrays = nodes + more, arrays | held
    branch = graph([*nodes, node("LSTM", [*"XWRB"], ["Y"], hidden_size=H)], [], ["Y"], arrays)
    decided = node("If", ["yes"], ["out"], then_branch=branch, else_branch=branch)
    whole = save_graph(path, graph([decided], [info("X"), info("yes")], ["out"], {})).read_bytes()
    refused = 0
    for _ in range(200):
        content, at = bytearray(whole), int(rng.integers(len(whole)))
        content[at : at + rng.integers(3)] = rng.integers(0, 256, rng.integers(1, 4)).astype(np.uint8).tobytes()
        path.write_bytes(content)
        try:
            interop.onnx.load(path)
        except WeightsError:
            refused += 1
    assert refused > 50
