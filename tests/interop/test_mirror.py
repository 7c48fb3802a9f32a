"""Modules of PyTorch mirrored: the same outputs and gradients, and a name for everything that is refused."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import interop, nn, paths
from tinygrad_lstm.errors import ArgumentError, DtypeError, MirrorError, UnsupportedError
from tinygrad_lstm.interop.torch import Run, mirror, run

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle
T, B, D, H = 6, 3, 4, 5


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(3)


def sequence(*shape: int) -> Any:
    return torch.randn(*(shape or (T, B, D)), dtype=torch.float64)


def first(found: Any) -> Any:
    """The sum of an uneven function of all that a module gives."""
    parts = found if isinstance(found, tuple) else (found,)
    return sum(first(part) if isinstance(part, tuple) else (part.sin() * part).sum() for part in parts)


KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("RNN", {"nonlinearity": "relu"}),
    "projected": ("LSTM", {"proj_size": 2}),
}
OPTIONS = [
    {"num_layers": layers, "bidirectional": both, "batch_first": batch_first, "bias": bias}
    for layers, both, batch_first, bias in itertools.product((1, 2), (False, True), (False, True), (False, True))
]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(f"{value:d}" for value in options.values()))
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU", "relu", "projected"])
def test_layers(kind: str, options: dict[str, Any]) -> None:
    name, extra = KINDS.get(kind, (kind, {}))
    theirs = getattr(torch.nn, name)(D, H, **options, **extra).double()
    found = run(theirs, sequence(), loss=first)
    assert max(found.differences.values()) < 1e-12
    assert isinstance(found.model, getattr(nn, name))
    assert found.loss.shape == ()
    weights = {name for name, _ in theirs.named_parameters()}
    compared = {name.removeprefix("the gradient of ") for name in found.differences}
    assert {name for name in weights if "weight" in name} <= compared
    outer, inner = ({name for name in weights if name.startswith(word)} & compared for word in ("bias_ih", "bias_hh"))
    assert len(outer) == (len(weights) // len(theirs._all_weights[0]) if options["bias"] else 0)
    assert len(inner) == (len(outer) if name == "GRU" else 0)


@pytest.mark.parametrize("state", [False, True])
def test_an_initial_state_gets_its_gradient(state: bool) -> None:
    theirs = torch.nn.LSTM(D, H, 2).double()
    given = (sequence(2, B, H), sequence(2, B, H)) if state else None
    found = run(theirs, sequence(), given, loss=first)
    inputs = [name for name in found.differences if name.startswith("the gradient of input")]
    assert len(inputs) == (3 if state else 1)
    assert [one.shape for one in found.trajectory.state] == [(2, B, H)] * 2


@pytest.mark.parametrize("kind", ["RNNCell", "LSTMCell", "GRUCell"])
@pytest.mark.parametrize("bias", [True, False])
def test_cells(kind: str, bias: bool) -> None:
    theirs = getattr(torch.nn, kind)(D, H, bias).double()
    found = run(theirs, sequence(B, D), loss=first)
    assert max(found.differences.values()) < 1e-12
    weights = interop.torch.state_dict(found.model)
    assert {name: array.shape for name, array in weights.items()} == {
        name: tuple(array.shape) for name, array in theirs.state_dict().items()
    }


def activated(name: str) -> Any:
    return torch.nn.Sequential(torch.nn.Linear(D, H), getattr(torch.nn, name)())


SMALL: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "Linear": (lambda: torch.nn.Linear(D, H), sequence),
    "Linear without b": (lambda: torch.nn.Linear(D, H, bias=False), sequence),
    "Embedding": (lambda: torch.nn.Embedding(9, D, padding_idx=2), lambda: torch.randint(0, 9, (B, T))),
    "LayerNorm": (lambda: torch.nn.LayerNorm(D, eps=1e-3), sequence),
    "LayerNorm without b": (lambda: torch.nn.LayerNorm(D, bias=False), sequence),
    "Dropout": (lambda: torch.nn.Sequential(torch.nn.Linear(D, H), torch.nn.Dropout(0.4)).eval(), sequence),
    "Softmax": (lambda: torch.nn.Sequential(torch.nn.Linear(D, H), torch.nn.Softmax(dim=0)), sequence),
    "LogSoftmax": (lambda: torch.nn.Sequential(torch.nn.Linear(D, H), torch.nn.LogSoftmax(dim=1)), sequence),
    "Flatten": (lambda: torch.nn.Sequential(torch.nn.Flatten(0, 1), torch.nn.Linear(D, H)), sequence),
    **{
        name: (partial(activated, name), sequence)
        for name in ("ReLU", "Sigmoid", "Tanh", "SiLU", "GELU", "Softplus", "Identity")
    },
}


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_other_layers(name: str, dtype: Any) -> None:
    make, given = SMALL[name]
    x = given()
    found = run(make().to(dtype), x if x.dtype == torch.int64 else x.to(dtype), loss=first)
    assert max(found.differences.values()) < (1e-11 if dtype == torch.float64 else 1e-5)


class Tagger(torch.nn.Module):  # type: ignore[misc]  # PyTorch has no types here
    """As people write them: modules within modules, a state, a weight of its own, shapes asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.words = torch.nn.Embedding(11, D)
        self.body = torch.nn.ModuleDict({"lstm": torch.nn.LSTM(D, H, 2, batch_first=True, dropout=0.3)})
        self.head = torch.nn.Sequential(
            torch.nn.LayerNorm(H), torch.nn.Dropout(0.2), torch.nn.Linear(H, D), torch.nn.Tanh()
        )
        self.out = torch.nn.Linear(D, 11, bias=False)
        self.out.weight = self.words.weight  # tied
        self.gain = torch.nn.Parameter(torch.ones(H))
        self.register_buffer("mean", torch.full((H,), 0.25))

    def forward(self, indices: Any, state: Any = None) -> Any:
        y, (_, c) = self.body["lstm"](self.words(indices), state)
        y = (y - self.mean) * self.gain
        rows = y.shape[0]
        last = torch.cat([y[:, -1], c[-1]], dim=-1).view(rows, 2, -1).mean(dim=1, keepdim=True)
        return self.out(self.head(torch.relu(y + last))).reshape(rows * y.size(1), -1), last.squeeze(1)


def test_a_module_as_people_write_them() -> None:
    net = Tagger().double().eval()
    x, targets = torch.randint(0, 11, (B, T)), torch.randint(0, 11, (B * T,))
    found = run(net, x, loss=lambda out: torch.nn.functional.cross_entropy(out[0], targets) + out[1].sum())
    assert max(found.differences.values()) < 1e-12
    model: Any = found.model
    theirs = net(x)
    loss = torch.nn.functional.cross_entropy(theirs[0], targets) + theirs[1].sum()
    assert found.loss.item() == pytest.approx(loss.item(), rel=1e-12)
    assert model.out.W is model.words.weight
    assert [name for name, _ in model.named_parameters()].count("words.weight") == 1
    assert {"the gradient of gain", "the gradient of body.lstm.weight_hh_l1", "the gradient of head.2.bias"} <= set(
        found.differences
    )
    again = model(x.numpy())
    for own, shown in zip(again, found.output, strict=True):
        np.testing.assert_allclose(own.data, shown.data, atol=1e-14)
    assert all(parameter.grad is None for parameter in net.parameters())


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("lengths", [[6, 4, 1], [2, 6, 3]], ids=str)
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_packed_sequences(kind: str, lengths: list[int], batch_first: bool) -> None:
    class Packs(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.layer = getattr(torch.nn, kind)(D, H, 2, bidirectional=True, batch_first=batch_first)

        def forward(self, x: Any, lengths: Any) -> Any:
            packed = torch.nn.utils.rnn.pack_padded_sequence(
                x, lengths.cpu(), batch_first=batch_first, enforce_sorted=False
            )
            output, state = self.layer(packed)
            return torch.nn.utils.rnn.pad_packed_sequence(output, batch_first=batch_first)[0], state

    x = sequence(B, T, D) if batch_first else sequence()
    found = run(Packs().double(), x, torch.tensor(lengths), loss=first)
    assert max(found.differences.values()) < 1e-12
    assert "A mask keeps rows as they are" in viz.describe(found.loss, found.trajectory)
    assert repr(found).startswith(f"Run(Packs, L = {found.loss.item():.4g}, layer: Trajectory(")


@pytest.mark.slow
def test_random_modules() -> None:
    """Layers in any order, of any sizes, in float32 and float64."""
    rng = np.random.default_rng(0)
    activations = [torch.nn.Tanh, torch.nn.ReLU, torch.nn.Sigmoid, torch.nn.GELU, torch.nn.SiLU]

    class Output(torch.nn.Module):  # type: ignore[misc]
        def __init__(self, layer: Any) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, x: Any) -> Any:
            return self.layer(x)[0]

    for _ in range(25):
        width, parts = D, []
        for _ in range(rng.integers(1, 5)):
            size = int(rng.integers(1, 6))
            kind = str(rng.choice(["LSTM", "GRU", "RNN", "Linear", "LayerNorm", "activation"]))
            if kind == "activation":
                parts.append(activations[rng.integers(len(activations))]())
            elif kind == "LayerNorm":
                parts.append(torch.nn.LayerNorm(width))
            elif kind == "Linear":
                parts.append(torch.nn.Linear(width, size))
                width = size
            else:
                both = bool(rng.integers(2))
                parts.append(Output(getattr(torch.nn, kind)(width, size, int(rng.integers(1, 3)), bidirectional=both)))
                width = size * (1 + both)
        net = torch.nn.Sequential(*parts).double()
        found = run(net, sequence(), loss=first)
        assert max(found.differences.values()) < 1e-10


# What can be done with them ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_module_is_drawn_and_measured_by_its_own_name() -> None:
    lstm, x = torch.nn.LSTM(D, H).double(), sequence()
    by_hand = run(lstm, x, loss=first)
    for call in (viz.gradient_paths, viz.describe, viz.player, viz.flow, paths.horizon):
        assert str(call(lstm, x, loss=first)) == str(call(by_hand.loss, by_hand.trajectory))
    assert str(viz.draw(lstm, x)) == str(viz.draw(by_hand.trajectory))
    routes = paths.routes(lstm, x, loss=first, max_crossings=1)
    assert len(routes) == T
    h = c = torch.zeros(B, H, dtype=torch.float64)
    hs, states = [], []
    for t in range(T):  # by hand: of torch.nn.LSTM itself, c.grad leaves out all that went through h
        z = x[t] @ lstm.weight_ih_l0.T + h @ lstm.weight_hh_l0.T + lstm.bias_ih_l0 + lstm.bias_hh_l0
        i, f, g, o = z.chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        c.retain_grad()
        h = o.sigmoid() * c.tanh()
        hs.append(h)
        states.append(c)
    first((torch.stack(hs), (h, c))).backward()
    for route, state in zip(routes, states, strict=True):
        np.testing.assert_allclose(route.total, state.grad.numpy(), rtol=1e-10)


def test_of_several_layers_one_is_named() -> None:
    class Two(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.decoder = torch.nn.GRU(D, H), torch.nn.LSTM(H, D)

        def forward(self, x: Any) -> Any:
            return self.decoder(self.encoder(x)[0])[0]

    net = Two().double()
    with pytest.raises(ArgumentError, match=r"not one recurrent layer but 2: encoder, decoder"):
        viz.gradient_paths(net, sequence())
    assert "GRU" in viz.gradient_paths(net, sequence(), layer="encoder").title
    assert "LSTM" in viz.gradient_paths(net, sequence(), layer="decoder").title
    with pytest.raises(ArgumentError, match="layer is one of encoder, decoder, not 'head'"):
        run(net, sequence(), layer="head")


def test_what_the_mirror_gives_is_trained_and_left_alone() -> None:
    theirs = torch.nn.LSTM(D, H)
    before = {name: array.clone() for name, array in theirs.state_dict().items()}
    ours = mirror(theirs)
    ours(tg.ones(T, B, D))[0].sum().backward()
    tg.optim.SGD(ours.parameters(), lr=0.1).step()
    assert all(torch.equal(array, before[name]) for name, array in theirs.state_dict().items())
    assert not np.array_equal(interop.torch.state_dict(ours)["weight_ih_l0"], before["weight_ih_l0"])


def test_frozen_weights_stay_frozen() -> None:
    theirs = torch.nn.LSTM(D, H).double()
    theirs.weight_hh_l0.requires_grad_(False)
    found = run(theirs, sequence(), loss=first)
    assert "the gradient of weight_hh_l0" not in found.differences
    assert not found.model.layers[0].U.requires_grad  # type: ignore[attr-defined]


# What is refused --------------------------------------------------------------------------------------------------


class Calls(torch.nn.Module):  # type: ignore[misc]
    """A forward given as a function."""

    def __init__(self, call: Callable[[Any], Any]) -> None:
        super().__init__()
        self.call = call

    def forward(self, x: Any) -> Any:
        return self.call(x)


class Asks(torch.nn.Module):  # type: ignore[misc]
    def forward(self, x: Any) -> Any:
        return x if x.sum() > 0 else -x


def hooked() -> Any:
    layer = torch.nn.Linear(D, H).double()
    layer.register_forward_hook(lambda module, given, output: 2 * output)
    return layer


REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "Conv1d": (lambda: torch.nn.Sequential(torch.nn.Conv1d(D, H, 1)), UnsupportedError, "0 is a Conv1d, which has no"),
    "a layer alone": (lambda: torch.nn.Bilinear(D, D, H), UnsupportedError, "a Bilinear, which has no counterpart"),
    "max_norm": (lambda: torch.nn.Embedding(9, D, max_norm=1.0), UnsupportedError, "Embedding.*max_norm=1.0"),
    "tanh gelu": (lambda: torch.nn.GELU(approximate="tanh"), UnsupportedError, "GELU.*approximate='tanh'"),
    "softplus": (lambda: torch.nn.Softplus(beta=2), UnsupportedError, "beta=2"),
    "two axes": (lambda: torch.nn.LayerNorm((B, D)), UnsupportedError, "the last axis only"),
    "half": (lambda: torch.nn.LSTM(D, H).half(), UnsupportedError, "weights of float16"),
    "dropout": (lambda: torch.nn.Sequential(torch.nn.Dropout(0.5)), UnsupportedError, r"0 drops out.*\.eval\(\) it"),
    "dropout between": (lambda: torch.nn.LSTM(D, H, 2, dropout=0.5), UnsupportedError, "LSTM drops out"),
    "a value decides": (Asks, UnsupportedError, "Asks.forward cannot be followed by torch.fx: .*control flow"),
    "a function": (lambda: Calls(torch.special.i0), UnsupportedError, "Calls.forward calls .*i0, which has no"),
    "a method": (lambda: Calls(lambda x: x.cholesky()), UnsupportedError, "the tensor's method cholesky"),
    "an attribute": (lambda: Calls(lambda x: x.device), UnsupportedError, "device"),
    "an option": (lambda: Calls(lambda x: x.sum(dtype=torch.float64)), UnsupportedError, "float64|dtype"),
    "in place": (lambda: Calls(lambda x: x.clone().add_(1)), UnsupportedError, "method add_"),
    "drawn": (lambda: Calls(torch.nn.functional.dropout), UnsupportedError, "training=self.training"),
    "hooks": (hooked, UnsupportedError, "Linear.*has hooks"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_counterpart_is_refused_by_name(name: str) -> None:
    make, error, said = REFUSED[name]
    with pytest.raises(error, match=said):
        run(make(), sequence())


def test_no_module_and_no_loss() -> None:
    with pytest.raises(DtypeError, match="mirror takes a module of PyTorch, not the text 'lstm'"):
        mirror("lstm")
    with pytest.raises(ArgumentError, match="loss gives a PyTorch tensor of one number"):
        run(torch.nn.LSTM(D, H).double(), sequence(), loss=lambda out: out[0])
    with pytest.raises(ArgumentError, match="loss gives a PyTorch tensor of one number"):
        run(torch.nn.LSTM(D, H).double(), sequence(), loss=lambda out: 3.0)


@pytest.mark.parametrize("spoil", ["the output", "a gradient"])
def test_a_mirror_that_is_not_exact_is_never_drawn(spoil: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A subclass of PyTorch's layer that computes something else, seen by the numbers alone."""
    real = torch.nn.LSTM.forward

    def other(self: Any, x: Any, *state: Any) -> Any:
        output, rest = real(self, x, *state)
        if spoil == "the output":
            return output * (1 + 1e-8), rest
        return output.detach() + 1.001 * (output - output.detach()), rest  # the same numbers, another gradient

    monkeypatch.setattr(torch.nn.LSTM, "forward", other)
    said = "output 1 differs by 1.0e-08" if spoil == "the output" else "the gradient of .* differs by 1"
    with pytest.raises(MirrorError, match=said):
        run(torch.nn.LSTM(D, H).double(), sequence(), loss=lambda out: out[0].pow(2).sum())


def test_what_is_not_in_the_graph_has_no_gradient_in_either() -> None:
    class Ignores(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.used, self.unused = torch.nn.Linear(D, H), torch.nn.Linear(D, H)

        def forward(self, x: Any) -> Any:
            return self.used(x), self.unused(x)

    found = run(Ignores().double(), sequence(), loss=lambda out: out[0].pow(2).sum())
    assert found.differences["the gradient of unused.weight"] == 0
    assert isinstance(found, Run)
