"""Recurrent nodes in subgraphs and functions, by hand and from PyTorch's exporters, against onnxruntime."""

# mypy: disable-error-code="name-defined"
# TorchScript reads torch.Tensor in the line of a def, where it takes no comment for mypy (torch is a local there).

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.onnx_nodes import (
    BOOL,
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
from tinygrad_lstm import interop, nn
from tinygrad_lstm.errors import WeightsError

pytestmark = pytest.mark.oracle
Arrays = dict[str, Any]


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


def function(name: str, *calls: str) -> Any:
    """A function that calls others, one after the other."""
    nodes = [node(call, [f"x{k}" if k else "X"], [f"x{k + 1}"], domain="own") for k, call in enumerate(calls)]
    opsets = [onnx.helper.make_opsetid("", 18), onnx.helper.make_opsetid("own", 1)]
    return onnx.helper.make_function(
        "own", name, ["X"], ["Y"], [*nodes, node("Tanh", [f"x{len(calls)}"], ["Y"])], opsets
    )


@pytest.mark.parametrize(("functions", "said"), [
    ([function("f0", "f1"), function("f1", "f0")], "its functions call one another in a circle"),
    ([function("f0", "f0")], "its functions call one another in a circle"),
    ([function(f"f{k}", *[f"f{k + 1}"] * 2 * (k < 40)) for k in range(41)], "make more than 1,000,000 nodes"),
])  # fmt: skip
def test_functions_without_end(functions: list[Any], said: str, tmp_path: Path) -> None:
    made = graph([node("f0", ["X"], ["Y"], domain="own")], [info("X")], ["Y"], {})
    with pytest.raises(WeightsError, match=rf"no\.onnx: .*{said}"):
        interop.onnx.load(save_graph(tmp_path / "no.onnx", made, functions=functions))


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
@pytest.mark.parametrize("dynamo", [False, pytest.param(True, marks=pytest.mark.slow)])
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
