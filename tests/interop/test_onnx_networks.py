"""Networks with heads as .onnx files, against onnxruntime: random weights, random networks, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.onnx_nodes import B, D, H, T, onnxruntime, reference
from tinygrad_lstm import interop, nn
from tinygrad_lstm.errors import WeightsError

pytestmark = pytest.mark.oracle
V, G = 9, 2


def output(found: Any) -> Any:
    return found[0]


def network(*parts: Any) -> Any:
    """In float32, in evaluation, with random weights."""
    made = nn.Sequential(*parts).astype("float32").eval()
    rng = np.random.default_rng(5)
    for parameter in made.parameters():
        parameter.data = rng.normal(0, 0.5, parameter.shape)
    return made


def check(made: Any, path: Path, **feeds: np.ndarray) -> None:
    """The file gives what the network does."""
    interop.onnx.export(made, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    got = session.run(None, feeds)
    want = made(feeds["x"])
    for one, array in zip(flat(want), got, strict=True):
        assert (one.dtype, one.shape) == (array.dtype, array.shape)
        np.testing.assert_allclose(one.data, array, rtol=1e-4, atol=1e-5)


def flat(value: Any) -> list[Any]:
    return [one for part in value for one in flat(part)] if isinstance(value, tuple) else [value]


def x(*shape: int) -> np.ndarray:
    return np.random.default_rng(6).normal(size=shape or (T, B, D)).astype(np.float32)


HEADS: dict[str, Callable[[], list[Any]]] = {
    "Linear": lambda: [nn.Linear(H, G)],
    "no bias": lambda: [nn.Linear(H, G, bias=False)],
    "LayerNorm": lambda: [nn.LayerNorm(H), nn.Linear(H, G)],
    "LayerNorm without bias": lambda: [nn.LayerNorm(H, bias=False)],
    "functions": lambda: [nn.Linear(H, H), tg.tanh, nn.Linear(H, H), tg.relu, nn.Linear(H, H), tg.sigmoid],
    "activations": lambda: [nn.Tanh(), nn.Linear(H, H), nn.ReLU(), nn.Linear(H, H), nn.Sigmoid(), nn.Identity()],
    "smooth": lambda: [nn.GELU(), nn.Linear(H, H), nn.SiLU(), nn.Linear(H, H), nn.Softplus()],
    "softmax": lambda: [nn.Linear(H, G), nn.Softmax()],
    "log-softmax over time": lambda: [nn.Dropout(0.5), nn.LogSoftmax(axis=0)],
    "nested": lambda: [nn.Sequential(nn.Linear(H, H), nn.Sequential(nn.Tanh(), nn.Linear(H, G)))],
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_a_head_over_all_steps(kind: str, head: Callable[[], list[Any]], tmp_path: Path) -> None:
    check(network(getattr(nn, kind)(D, H), output, *head()), tmp_path / "head.onnx", x=x())


@pytest.mark.parametrize("name", [name for name in HEADS if name != "smooth"])
def test_the_reference_computes_a_head_to_twelve_digits(name: str, tmp_path: Path) -> None:
    """In float64, but for erf, which the reference computes in single precision."""
    made = network(nn.LSTM(D, H), output, *HEADS[name]()).astype("float64")
    interop.onnx.export(made, tmp_path / "head.onnx")
    [got] = reference.ReferenceEvaluator(str(tmp_path / "head.onnx")).run(None, {"x": x().astype(float)})
    np.testing.assert_allclose(made(x().astype(float)).data, got, rtol=1e-12, atol=1e-12)


PICKS: dict[str, tuple[Any, dict[str, Any]]] = {
    "the last step": (lambda found: found[0][-1], {}),
    "the last step of each row": (lambda found: found[0][:, -1], {"batch_first": True}),
    "two axes at once": (lambda found: found[0][2, 1], {}),
    "h": (lambda found: found[1][0][-1], {"num_layers": 2}),
    "c": (lambda found: found[1][1][:, 0], {"bidirectional": True}),
    "all of h": (lambda found: found[1][0], {}),
    "as Keras has it": (interop.keras.models.last_of, {"batch_first": True}),
}


@pytest.mark.parametrize(("pick", "options"), PICKS.values(), ids=PICKS)
def test_what_goes_on_from_a_recurrent_layer(pick: Any, options: dict[str, Any], tmp_path: Path) -> None:
    check(network(nn.LSTM(D, H, **options), pick, nn.Tanh()), tmp_path / "pick.onnx", x=x())


@pytest.mark.parametrize("seed", range(12))
def test_random_networks(seed: int, tmp_path: Path) -> None:
    """An embedding or numbers, one to three recurrent layers of any kind, parts between them, a head or none."""
    rng = np.random.default_rng(seed)
    parts: list[Any] = [nn.Embedding(V, D)] if rng.random() < 0.5 else []
    feed = rng.integers(0, V, (T, B)) if parts else x()
    width = D
    for k in range(rng.integers(1, 4)):
        cell: Any = [nn.SeparateLSTMCell, nn.PeepholeLSTMCell, nn.CoupledLSTMCell, nn.GRUCell, nn.RNNCell][
            rng.integers(5)
        ]
        both: Any = [False, True, "sum"][rng.integers(3)]
        parts.append(nn.Recurrent(width, H, int(rng.integers(1, 3)), cell=cell, bidirectional=both, bias=bool(k % 2)))
        width = 2 * H if both is True else H
        parts += [output] + [nn.Dropout(0.3)] * bool(rng.random() < 0.5)
    if rng.random() < 0.3:
        del parts[parts.index(output, len(parts) - 2) :]  # it ends in a recurrent layer, and gives its states too
    else:
        parts.append(nn.Linear(width, G))
    check(network(*parts), tmp_path / "network.onnx", x=feed)


def test_states_of_two_layers_have_their_places_in_their_names(tmp_path: Path) -> None:
    made = network(nn.GRU(D, H), output, nn.LSTM(H, H))
    interop.onnx.export(made, tmp_path / "two.onnx", initial_state=True, lengths=True)
    session = onnxruntime.InferenceSession(tmp_path / "two.onnx", providers=["CPUExecutionProvider"])
    assert [one.name for one in session.get_inputs()] == ["x", "lengths", "0.h_0", "2.h_0", "2.c_0"]
    assert [one.name for one in session.get_outputs()] == ["output", "2.h_n", "2.c_n"]
    h, h2, c2 = (x(1, B, H) + k for k in range(3))
    lengths = np.array([2, 6, 1, 4], np.int32)
    got = session.run(None, {"x": x(), "lengths": lengths, "0.h_0": h, "2.h_0": h2, "2.c_0": c2})
    between, _ = made[0](x(), h, lengths=lengths)
    want = made[2](between, (h2, c2), lengths=lengths)
    for one, array in zip(flat(want), got, strict=True):
        np.testing.assert_allclose(one.data, array, rtol=1e-5, atol=1e-5)


def test_what_is_exported_is_loaded(tmp_path: Path) -> None:
    made = network(nn.Embedding(V, D), nn.LSTM(D, H), output, nn.Linear(H, G))
    interop.onnx.export(made, tmp_path / "tagger.onnx")
    [layer] = interop.onnx.load(tmp_path / "tagger.onnx").values()
    for own, other in zip(layer.parameters(), made[1].parameters(), strict=True):
        np.testing.assert_array_equal(own.data, other.data)


class Own(nn.Linear):
    pass


REFUSED: list[tuple[list[Any], str]] = [
    ([nn.Linear(D, G)], "and there is none in a Sequential"),
    ([], "and there is none in a Sequential"),
    ([nn.LSTM(D, H), nn.Linear(H, G)], r"Linear\(5 -> 2, .* comes after a recurrent layer, where it has to pick"),
    ([nn.LSTM(D, H), lambda found: found[0] * 2], "comes after a recurrent layer, where it has to pick"),
    ([nn.LSTM(D, H), lambda found: found[0][::-1]], "comes after a recurrent layer, where it has to pick"),
    ([nn.LSTM(D, H), lambda found: found[0][True]], "comes after a recurrent layer, where it has to pick"),
    ([nn.LSTM(D, H, bidirectional=True), interop.keras.models.last_of], "comes after a recurrent layer"),
    ([nn.LSTM(D, H), lambda found: found[1]], "comes after a recurrent layer, where it has to pick"),
    ([nn.LSTM(D, H), output, lambda y: y * 2], r"Apply\(<lambda>\) has no counterpart in an exported network; Dropout"),
    ([nn.LSTM(D, H), output, Own(H, G)], r"Own\(5 -> 2, .* has no counterpart"),
    ([nn.LSTM(D, H), output, nn.Flatten()], r"Flatten\(\) has no counterpart"),
    ([nn.LSTM(D, H), lambda found: found[0][-1], nn.GRU(H, H)], "a GRU takes one value of three axes"),
    ([nn.LSTM(D, H), nn.GRU(H, H)], "a GRU takes one value of three axes"),
    ([nn.LSTM(D, H), output, nn.Dropout(0.5).train()], "this one is in training: call its eval"),
]  # fmt: skip


@pytest.mark.parametrize(("parts", "said"), REFUSED)
def test_what_is_refused(parts: list[Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=said):
        interop.onnx.export(nn.Sequential(*parts), tmp_path / "no.onnx")
    assert not list(tmp_path.iterdir())
