"""Our layers as .onnx files, and such files as our layers, against those who run them, always with random weights.

onnxruntime computes in float32 only. onnx's ReferenceEvaluator computes in float64, but passes over some of what a
node says and answers as if it were not there; so it is never asked about lengths, clip, input_forget or relu.
Differences that are known and not ours: onnxruntime clips what goes into the gates but not what goes into tanh(c), as
the operator's text has it; it has no layout=1; of coupled gates it computes i and takes f = 1 - i; the final state of
a row of length 0 is 0 there, the initial one here. The cases that come with onnx have weights that are all alike, so
they pass with the gates in any order.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.onnx_nodes import B, D, H, T, node_weights, onnx, save
from tinygrad_lstm import interop, nn
from tinygrad_lstm.errors import WeightsError

reference = pytest.importorskip("onnx.reference")
onnxruntime = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.oracle
LENGTHS = np.array([2, 6, 1, 4], np.int32)

KINDS: dict[str, Callable[..., Any]] = {
    "tanh": nn.RNN,
    "relu": partial(nn.RNN, nonlinearity="relu"),
    "lstm": nn.LSTM,
    "separate": partial(nn.LSTM, cell=nn.SeparateLSTMCell),
    "peephole": partial(nn.LSTM, cell=nn.PeepholeLSTMCell),
    "coupled": partial(nn.LSTM, cell=nn.CoupledLSTMCell),
    "reset after": nn.GRU,
    "reset before": partial(nn.GRU, cell=nn.ResetBeforeGRUCell),
}
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "no bias": {"bias": False},
    "reverse": {"reverse": True},
    "both": {"bidirectional": True},
    "summed": {"bidirectional": "sum", "num_layers": 2},
    "stacked": {"num_layers": 3, "bidirectional": True},
    "batch first": {"num_layers": 2, "batch_first": True},
}


def layer_of(kind: str, dtype: Any = np.float32, **options: Any) -> Any:
    """A layer with random weights, biases and peepholes too."""
    layer = KINDS[kind](D, H, **options).astype(dtype)
    rng = np.random.default_rng(7)
    for parameter in layer.parameters():
        parameter.data = rng.normal(0, 0.5, parameter.shape)
    return layer


def feeds_of(layer: Any, initial_state: bool = False, lengths: bool = False) -> dict[str, np.ndarray]:
    """Random inputs by their names in the file."""
    rng, dtype = np.random.default_rng(8), next(iter(layer.parameters())).dtype
    feeds = {"x": rng.normal(size=(B, T, D) if layer.batch_first else (T, B, D)).astype(dtype)}
    if initial_state:
        shape = (len(layer.layers), B, H)
        feeds |= {f"{name}_0": rng.normal(size=shape).astype(dtype) for name in layer.layers[0].states}
    return feeds | ({"lengths": LENGTHS} if lengths else {})


def ours(layer: Any, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Output and final states."""
    state = [array for name, array in feeds.items() if name.endswith("_0")]
    start = tuple(state) if len(state) > 1 else state[0] if state else None
    output, final = layer(feeds["x"], start, lengths=feeds.get("lengths"))
    return [part.data for part in [output, *(final if isinstance(final, tuple) else [final])]]


def theirs(file: Any, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    return list(session.run(None, feeds))


def agree(got: list[np.ndarray], want: list[np.ndarray], tolerance: float = 1e-5) -> None:
    for a, b in zip(got, want, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_onnxruntime_computes_what_the_layer_does(kind: str, options: dict[str, Any], tmp_path: Path) -> None:
    layer = layer_of(kind, **options)
    for initial_state in (False, True):
        for lengths in (False, True):
            path = tmp_path / f"{initial_state}{lengths}.onnx"
            interop.onnx.export(layer, path, initial_state=initial_state, lengths=lengths)
            feeds = feeds_of(layer, initial_state, lengths)
            agree(theirs(path, feeds), ours(layer, feeds))


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "relu"])
def test_the_reference_computes_it_to_twelve_digits(kind: str, options: dict[str, Any], tmp_path: Path) -> None:
    """Coupled layers too, though it does not know input_forget: the rows of i are such that i = 1 - f without it."""
    layer = layer_of(kind, float, **options)
    for initial_state in (False, True):
        interop.onnx.export(layer, tmp_path / "layer.onnx", initial_state=initial_state)
        feeds = feeds_of(layer, initial_state)
        evaluator = reference.ReferenceEvaluator(str(tmp_path / "layer.onnx"))
        agree(evaluator.run(None, feeds), ours(layer, feeds), 1e-12)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_loaded_is_what_was_exported(kind: str, options: dict[str, Any], tmp_path: Path) -> None:
    layer = layer_of(kind, float, **options)
    interop.onnx.export(layer, tmp_path / "layer.onnx", initial_state=True)
    loaded = interop.onnx.load(tmp_path / "layer.onnx")
    assert list(loaded) == [f"layer{k}" for k in range(layer.num_layers)]
    cells = [cell for part in loaded.values() for cell in part.layers]
    assert [type(part) for part in loaded.values()] == [type(layer)] * layer.num_layers
    for cell, given in zip(cells, layer.layers, strict=True):
        own = given.combined() if kind == "separate" else given
        assert type(cell) is type(own)
        assert cell.state_dict().keys() == own.state_dict().keys()
        for name, array in own.state_dict().items():
            np.testing.assert_array_equal(cell.state_dict()[name], array, strict=True)
    if layer.merge == "concatenate" and not layer.batch_first:  # how both are merged is said by other nodes
        feeds = feeds_of(layer)
        y: Any = feeds["x"]
        for part in loaded.values():
            y, _ = part(y)
        np.testing.assert_allclose(y.data, ours(layer, feeds)[0], rtol=1e-12, atol=1e-12)


NODES: list[Any] = [
    ("RNN", {}, False), ("RNN", {"activations": ["Relu", "Relu"]}, False), ("LSTM", {}, False), ("LSTM", {}, True),
    ("LSTM", {"input_forget": 1}, False), ("GRU", {}, False), ("GRU", {"linear_before_reset": 1}, False),
]  # fmt: skip


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(("operator", "attributes", "peepholes"), NODES)
def test_a_node_of_others(
    operator: str, attributes: dict[str, Any], peepholes: bool, named: bool, tmp_path: Path
) -> None:
    """Both biases, both directions and the rows of a gate that is not used are random; nothing here is our export."""
    weights = node_weights(operator, peepholes)
    inputs = ["X", "W", "R", "B", "lengths", "", "", "P"] if peepholes else ["X", "W", "R", "B", "lengths"]
    outputs = ["Y", "Y_h", *(["Y_c"] if operator == "LSTM" else [])]
    node = onnx.helper.make_node(operator, inputs, outputs, "reader" if named else "", direction="bidirectional",
                                 hidden_size=H, **attributes)  # fmt: skip
    save(tmp_path / "node.onnx", node, weights)
    feeds = feeds_of(nn.RNN(D, H)) | {"lengths": LENGTHS}
    Y, *final = theirs(tmp_path / "node.onnx", {"X": feeds["x"], "lengths": LENGTHS})
    loaded = interop.onnx.load(tmp_path / "node.onnx")
    assert list(loaded) == ["reader" if named else "Y"]
    [layer] = loaded.values()
    agree(ours(layer, feeds), [Y.transpose(0, 2, 1, 3).reshape(T, B, 2 * H), *final])


def test_a_batch_first_node(tmp_path: Path) -> None:
    """layout=1, which onnxruntime refuses."""
    weights = node_weights(ways=1)
    node = onnx.helper.make_node("LSTM", ["X", "W", "R", "B"], ["Y"], layout=1, hidden_size=H)
    save(tmp_path / "node.onnx", node, weights)
    [layer] = interop.onnx.load(tmp_path / "node.onnx").values()
    assert layer.batch_first
    x = feeds_of(layer)["x"]
    [Y] = reference.ReferenceEvaluator(str(tmp_path / "node.onnx")).run(None, {"X": x})
    agree([layer(x)[0].data], [Y[:, :, 0]])


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.filterwarnings("ignore")  # its own, of PyTorch's exporter
def test_from_pytorch_to_onnx_and_back(kind: str, tmp_path: Path) -> None:
    """PyTorch's weights, our file, onnxruntime; and PyTorch's own file, loaded: both compute what PyTorch does."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(3)
    network = getattr(torch.nn, kind)(D, H, 2, bidirectional=True)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    layer = getattr(nn, kind)(D, H, 2, bidirectional=True)
    interop.torch.load_state_dict(layer, network.state_dict())
    interop.onnx.export(layer, tmp_path / "ours.onnx", initial_state=True)
    feeds = feeds_of(layer, initial_state=True)
    x, *state = (torch.tensor(array) for array in feeds.values())
    output, final = network(x, tuple(state) if kind == "LSTM" else state[0])
    want = [part.detach().numpy() for part in [output, *(final if kind == "LSTM" else [final])]]
    agree(theirs(tmp_path / "ours.onnx", feeds), want)

    torch.onnx.export(network, (x,), tmp_path / "pytorch.onnx", dynamo=False)
    lower, upper = interop.onnx.load(tmp_path / "pytorch.onnx").values()
    got = upper(lower(feeds["x"])[0])[0]
    agree([got.data], [network(x)[0].detach().numpy()])


def test_weights_in_a_file_beside_it_and_in_constant_nodes(tmp_path: Path) -> None:
    weights = node_weights(ways=1)
    node = onnx.helper.make_node("LSTM", ["X", "W", "R", "B"], ["Y"], hidden_size=H)
    outside = {"save_as_external_data": True, "size_threshold": 0, "location": "weights.bin"}
    save(tmp_path / "beside.onnx", node, weights, **outside)
    W = onnx.helper.make_node("Constant", [], ["W"], value=onnx.numpy_helper.from_array(weights["W"]))
    save(tmp_path / "constant.onnx", node, {name: weights[name] for name in "RB"})
    model = onnx.load(tmp_path / "constant.onnx")
    model.graph.node.insert(0, W)
    onnx.save(model, tmp_path / "constant.onnx")
    save(tmp_path / "inside.onnx", node, weights)
    inside, beside, constant = (
        interop.onnx.load(tmp_path / f"{name}.onnx")["Y"].state_dict() for name in ("inside", "beside", "constant")
    )
    for name, array in inside.items():
        np.testing.assert_array_equal(beside[name], array)
        np.testing.assert_array_equal(constant[name], array)
    (tmp_path / "weights.bin").unlink()
    with pytest.raises((WeightsError, FileNotFoundError), match=r"weights\.bin"):
        interop.onnx.load(tmp_path / "beside.onnx")


@pytest.mark.parametrize("options", [{}, {"bidirectional": True}], ids=str)
def test_clip(options: dict[str, Any], tmp_path: Path) -> None:
    """On what goes into the gates all agree, so here c itself stays within the bounds."""
    clipped = partial(nn.ClippedLSTMCell, clip=1.0)
    layer, unbound = layer_of("lstm", cell=clipped, **options), layer_of("lstm", **options)
    feeds = feeds_of(layer)
    trajectory = layer.unroll(feeds["x"])
    assert all(np.abs(chain["c"].data).max() < 1 for chain in trajectory.chains)
    assert np.abs(ours(unbound, feeds)[0] - trajectory.output.data).max() > 0.1
    interop.onnx.export(layer, tmp_path / "layer.onnx")
    agree(theirs(tmp_path / "layer.onnx", feeds), ours(layer, feeds))
    [loaded] = interop.onnx.load(tmp_path / "layer.onnx").values()
    agree(ours(loaded, feeds), ours(layer, feeds))
