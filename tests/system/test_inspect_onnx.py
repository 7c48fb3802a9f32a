"""``tinygrad-lstm inspect`` and ``draw`` of an .onnx file: its recurrent nodes, their places, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.support.commands import command, refused
from tinygrad_lstm import interop, nn

onnx = pytest.importorskip("onnx")
for name in ("typer", "rich", "threadpoolctl", "onnxruntime"):
    pytest.importorskip(name)

from tests.support.onnx_nodes import D, H, graph, info, node, node_weights, save_graph  # noqa: E402  # after the skips

pytestmark = pytest.mark.oracle


@pytest.fixture
def branches(tmp_path: Path) -> Path:
    """An LSTM in one branch, a GRU with gates that we have not in the other."""
    lstm, gru = node_weights("LSTM", ways=1), node_weights("GRU", ways=1)
    start = {"zeros": np.zeros((1, 4, H), "f4")}
    short = node("LSTM", [*"XWRB", "lengths", "zeros", "c"], ["Y"], "short", hidden_size=H)
    long = node("GRU", [*"XWRB", "", "h"], ["Y"], "long", hidden_size=H, activations=["HardSigmoid", "Tanh"])
    decided = node(
        "If", ["is_short"], ["out"], "which",
        then_branch=graph([short], [], ["Y"], lstm | start), else_branch=graph([long], [], ["Y"], gru),
    )  # fmt: skip
    inputs = [info("X", shape=["T", "B", D]), info("is_short"), info("c"), info("h"), info("lengths")]
    return save_graph(tmp_path / "branches.onnx", graph([decided], inputs, ["out"], {}))


def test_what_an_onnx_file_holds(branches: Path) -> None:
    text = command("inspect", str(branches)).stdout
    for said in (
        "3 arrays, 180 numbers",
        "short: LSTM 3 -> 5, forward, activations sigmoid, tanh, tanh\n  in If 'which', then_branch",
        "  starts from zeros, c: the layer takes it with each call\n",
        "  lengths are lengths: the layer takes them with each call",
        "long: GRU 5, forward, activations hardsigmoid, tanh\n  in If 'which', else_branch\n  starts from h: ",
        "  refused: GRU 'long': no cell of ours has the activations hardsigmoid, tanh, but sigmoid, tanh",
        "short: an LSTM of 5 units",
    ):
        assert said in text, text


def test_the_nodes_for_another_program(branches: Path) -> None:
    found = json.loads(command("inspect", str(branches), "--json").stdout)
    nodes = {one["name"]: one for one in found["nodes"]}
    assert nodes["short"]["refused"] is None
    assert nodes["long"]["place"] == "If 'which', else_branch"
    assert [one["name"] for one in found["cells"]] == ["short"]


def test_a_layer_of_an_onnx_file_is_drawn(tmp_path: Path) -> None:
    interop.onnx.export(nn.GRU(3, 4, 2), tmp_path / "gru.onnx")
    text = command("draw", "GRU", "--weights", str(tmp_path / "gru.onnx"), "--out", str(tmp_path / "gru.svg")).stdout
    assert "those of layer0 in" in text
    assert (tmp_path / "gru.svg").exists()


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "no.onnx").write_bytes(b"no file of ONNX")
    refused("no.onnx is not a whole .onnx file", "inspect", str(tmp_path / "no.onnx"))
