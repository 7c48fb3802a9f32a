"""Recurrent nodes in subgraphs, and weights made of constants, as exporters write them; and files that mean harm."""

# mypy: disable-error-code="name-defined"
# TorchScript reads torch.Tensor in the line of a def, where it takes no comment for mypy (torch is a local there).

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
    graph,
    info,
    node,
    node_weights,
    onnx,
    onnxruntime,
    save_graph,
)
from tinygrad_lstm import interop, nn
from tinygrad_lstm.errors import WeightsError

pytestmark = pytest.mark.oracle
Arrays = dict[str, Any]


def theirs(path: Path, **feeds: Any) -> list[np.ndarray]:
    return list(onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, feeds))


def agree(got: Any, want: np.ndarray) -> None:
    np.testing.assert_allclose(got.data, want, rtol=1e-5, atol=1e-5)


def x_of(shape: tuple[int, ...] = (T, B, D)) -> np.ndarray:
    return np.random.default_rng(3).normal(size=shape).astype(np.float32)


def lstm(*names: str, **attributes: Any) -> Any:
    return node("LSTM", ["X", *(names or "WRB")], ["Y"], hidden_size=H, **attributes)


# Where a node may be -----------------------------------------------------------------------------------------------


def test_both_branches_of_an_if(tmp_path: Path) -> None:
    """Each with names of its own and the same as the other's; W is held by the graph around, R made in the branch."""
    one, two = node_weights(ways=1), node_weights("GRU", ways=1)
    outer = {"W": one["W"], "V": two["W"][0], "axes": np.array([0])}
    branches = []
    for operator, own, W in (("LSTM", one, "W"), ("GRU", two, "W1")):
        nodes = [node("Unsqueeze", ["R0", "axes"], ["R"]), node("Unsqueeze", ["V", "axes"], ["W1"])]
        nodes.append(node(operator, ["X", W, "R", "B"], ["Y"], "cell", hidden_size=H))
        branches.append(graph(nodes, [], ["Y"], {"R0": own["R"][0], "B": own["B"]}))
    decided = node("If", ["longer"], ["out"], "which", then_branch=branches[0], else_branch=branches[1])
    made = graph([decided], [info("X", shape=["T", "B", D]), info("longer", BOOL, [])], ["out"], outer)
    path, x = save_graph(tmp_path / "if.onnx", made), x_of()
    loaded = interop.onnx.load(path)
    places = {found.name: found.place for found in interop.onnx.nodes(path)}
    assert places == {"cell": "If 'which', else_branch", "Y": "If 'which', then_branch"}  # as they stand in the file
    for (name, layer), kind in zip(loaded.items(), (nn.GRU, nn.LSTM), strict=True):
        assert type(layer) is kind
        [Y] = theirs(path, X=x, longer=np.array("then" in places[name]))
        agree(layer(x)[0], Y[:, 0])


def test_nodes_of_one_name_all_have_their_own(tmp_path: Path) -> None:
    """Exporters copy a graph with its names; no node stands in the place of another."""
    copied = graph([lstm()], [], ["Y"], {})
    decided = [
        node("If", ["yes"], ["a", "b"][k : k + 1], "same", then_branch=copied, else_branch=copied) for k in (0, 1)
    ]
    decided[1].attribute[0].g.node.append(lstm())
    path = save_graph(tmp_path / "same.onnx", graph(decided, [info("X"), info("yes")], ["a"], node_weights(ways=1)))
    places = [f"Y (If 'same', {branch})" for branch in ("else_branch", "then_branch")]
    assert list(interop.onnx.load(path)) == ["Y", places[1], places[0], "Y [2]", "Y [3]"]


@pytest.mark.parametrize("kind", ["Loop", "Scan", "an If in a Loop"])
def test_the_body_of_a_loop(kind: str, tmp_path: Path) -> None:
    """One step of the sequence in every round, with the state handed on."""
    weights = node_weights("RNN", ways=1)
    step = [
        node("Unsqueeze", ["x", "axes"], ["X"]),
        node("RNN", [*"XWRB", "", "h"], ["", "h_next"], "cell", hidden_size=H),
    ]
    outer = {"axes": np.array([0]), "rounds": np.array(T), "yes": np.array(True), "h0": np.zeros((1, B, H), "f4")}
    if kind == "Scan":
        body = graph([*step, node("Identity", ["h_next"], ["y"])], [info("h"), info("x")], ["h_next", "y"], weights)
        run = node("Scan", ["h0", "all"], ["h_n", "out"], "steps", body=body, num_scan_inputs=1)
    else:
        nodes = [node("Gather", ["all", "k"], ["x"], axis=0), *step]
        if kind == "an If in a Loop":
            then = graph(step, [], ["h_next"], {})
            other = graph([node("Identity", ["h"], ["kept"])], [], ["kept"], {})
            nodes[1:] = [node("If", ["go"], ["h_next"], "always", then_branch=then, else_branch=other)]
        nodes += [node("Identity", ["go"], ["on"]), node("Identity", ["h_next"], ["y"])]
        given, made = [info("k", INT64, []), info("go", BOOL, []), info("h")], ["on", "h_next", "y"]
        body = graph(nodes, given, made, weights)
        body.output[0].CopyFrom(info("on", BOOL, []))
        run = node("Loop", ["rounds", "yes", "h0"], ["h_n", "out"], "steps", body=body)
    path = save_graph(tmp_path / "loop.onnx", graph([run], [info("all", shape=[T, B, D])], ["out"], outer))
    [found] = interop.onnx.nodes(path)
    inner = "; If 'always', then_branch" if "If" in kind else ""
    assert found.place == f"{kind.split()[-1]} 'steps', body{inner}"
    x = x_of()
    [out] = theirs(path, all=x)
    agree(found.layer()(x)[0], out[:, 0])


def test_a_function_of_the_file(tmp_path: Path) -> None:
    weights = node_weights(ways=1)
    body = [node("Transpose", ["V"], ["W"], perm=[0, 2, 1]), lstm()]
    own = onnx.helper.make_function(
        "own", "cell", ["X", "V", "R", "B"], ["Y"], body, [onnx.helper.make_opsetid("", 18)]
    )
    call = node("cell", ["X", "V", "R", "B"], ["out"], domain="own")
    arrays = {"V": weights["W"].transpose(0, 2, 1), "R": weights["R"], "B": weights["B"]}
    made = graph([call], [info("X", shape=["T", "B", D])], ["out"], arrays)
    path, x = save_graph(tmp_path / "function.onnx", made, functions=[own]), x_of()
    [layer] = interop.onnx.load(path).values()
    agree(layer(x)[0], theirs(path, X=x)[0][:, 0])


# What weights may be made of ---------------------------------------------------------------------------------------


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


# PyTorch's exporters -----------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")  # its own, of PyTorch's exporter
def test_a_scripted_module_of_pytorch(tmp_path: Path) -> None:
    """A cell in both branches of an if: its weights are sliced and joined there."""
    torch = pytest.importorskip("torch")

    class Deciding(torch.nn.Module):  # type: ignore[misc]  # torch has no types here
        def __init__(self) -> None:
            super().__init__()
            self.cell = torch.nn.LSTMCell(D, H)

        def forward(self, x: torch.Tensor, h: torch.Tensor, c: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            if h.sum() > 0:
                h, c = self.cell(x, (h, c))
            else:
                h, c = self.cell(x)
            return h, c

    module = torch.jit.script(Deciding())
    x, h, c = torch.randn(B, D), torch.rand(B, H), torch.randn(B, H)
    torch.onnx.export(module, (x, h, c), tmp_path / "cell.onnx", dynamo=False, opset_version=16)
    found = interop.onnx.nodes(tmp_path / "cell.onnx")
    assert [one.place.split(", ")[-1] for one in found] == ["then_branch", "else_branch"]
    for one in found:
        output, _ = one.layer()(x.numpy()[None], (h.numpy()[None], c.numpy()[None]))
        agree(output[0], module(x, h, c)[0].detach().numpy())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dynamo", [False, True])
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_both_exporters_of_pytorch(kind: str, dynamo: bool, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    if dynamo:
        pytest.importorskip("onnxscript")
    torch.manual_seed(1)
    network = getattr(torch.nn, kind)(D, H, 2, bidirectional=True, batch_first=True)
    head = torch.nn.Linear(2 * H, 2)

    class Tagger(torch.nn.Module):  # type: ignore[misc]  # the same
        def __init__(self) -> None:
            super().__init__()
            self.network, self.head = network, head

        def forward(self, x: Any) -> Any:
            return self.head(self.network(x)[0])

    x = torch.randn(B, T, D)
    torch.onnx.export(Tagger().eval(), (x,), tmp_path / "tagger.onnx", dynamo=dynamo, verbose=False)
    lower, upper = interop.onnx.load(tmp_path / "tagger.onnx").values()
    got = upper(lower(x.transpose(0, 1).numpy())[0])[0]
    agree(got, network(x)[0].transpose(0, 1).detach().numpy())
