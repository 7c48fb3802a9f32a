"""Every option that PyTorch's recurrent layers have, against PyTorch in float64 with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import interop, nn
from tinygrad_lstm.errors import WeightsError
from tinygrad_lstm.nn.utils import pack_padded_sequence, pad_packed_sequence, pad_sequence

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle
T, B, D, H = 5, 4, 3, 4
CLOSE: dict[str, Any] = {"rtol": 1e-10, "atol": 1e-11}


def pair(kind: str, fused: bool = False, **options: Any) -> tuple[Any, Any]:
    """PyTorch's layer with random weights, and ours with the same."""
    torch.manual_seed(1)
    theirs = getattr(torch.nn, kind)(D, H, **options).double()
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.6)
    ours = getattr(nn, kind)(D, H, fused=fused, **options).astype(float)
    interop.torch.load_state_dict(ours, theirs.state_dict())
    return ours, theirs


def gradients_agree(ours: Any, theirs: Any) -> None:
    """Our gradients, converted as weights are, are PyTorch's; its two biases get the same one."""
    holder = type(ours)(D, H, **holder_options(ours)).astype(float)
    for own, parameter in zip(holder.parameters(), ours.parameters(), strict=True):
        own.data = parameter.grad.data
    for name, array in interop.torch.state_dict(holder).items():
        if "bias_hh" not in name:
            np.testing.assert_allclose(array, getattr(theirs, name).grad.numpy(), **CLOSE, err_msg=name)
        elif isinstance(ours, nn.GRU):
            np.testing.assert_allclose(array[2 * H :], getattr(theirs, name).grad.numpy()[2 * H :], **CLOSE)


def holder_options(layer: Any) -> dict[str, Any]:
    options: dict[str, Any] = {"num_layers": layer.num_layers, "bidirectional": len(layer.directions) > 1}
    cell = layer.layers[0]
    if isinstance(cell, nn.ProjectedLSTMCell):
        options["proj_size"] = cell.proj_size
    return options


EXTRAS: dict[str, list[dict[str, Any]]] = {
    "RNN": [{}, {"fused": True}, {"nonlinearity": "relu"}, {"nonlinearity": "relu", "fused": True}],
    "LSTM": [{}, {"fused": True}, {"proj_size": 2}],
    "GRU": [{}, {"fused": True}],
}
CASES = [
    pytest.param(kind, {"num_layers": layers, "bidirectional": both, "batch_first": batch_first} | extra, packed,
                 id=f"{kind}-{layers}-{'both' if both else 'one'}-{'BT' if batch_first else 'TB'}"
                    f"{'-packed' if packed else ''}{''.join(f'-{name}' for name in extra)}")
    for kind in ("RNN", "LSTM", "GRU")
    for layers in (1, 2, 3)
    for both in (False, True)
    for batch_first in (False, True)
    for packed in (False, True)
    for extra in EXTRAS[kind]
]  # fmt: skip


@pytest.mark.parametrize(("kind", "options", "packed"), CASES)
def test_outputs_states_and_every_gradient(kind: str, options: dict[str, Any], packed: bool) -> None:
    ours, theirs = pair(kind, **options)
    rng = np.random.default_rng(2)
    first = options["batch_first"]
    x = rng.normal(size=(B, T, D) if first else (T, B, D))
    cells = options["num_layers"] * (2 if options["bidirectional"] else 1)
    widths = [options.get("proj_size", H), H] if kind == "LSTM" else [H]
    states = [rng.normal(size=(cells, B, width)) for width in widths]
    lengths = [2, 5, 1, 3]

    our_x, their_x = tg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    our_states = [tg.tensor(state, requires_grad=True) for state in states]
    their_states = [torch.tensor(state, requires_grad=True) for state in states]
    our_state = tuple(our_states) if kind == "LSTM" else our_states[0]
    their_state = tuple(their_states) if kind == "LSTM" else their_states[0]
    if packed:
        wrapped = pack_padded_sequence(our_x, lengths, batch_first=first, enforce_sorted=False)
        output, final = ours(wrapped, our_state)
        output, counts = pad_packed_sequence(output, batch_first=first)
        assert counts.tolist() == lengths
        rnn = torch.nn.utils.rnn
        their_output, last = theirs(
            rnn.pack_padded_sequence(their_x, lengths, batch_first=first, enforce_sorted=False), their_state
        )
        their_output, _ = rnn.pad_packed_sequence(their_output, batch_first=first)
        by_lengths, _ = ours(our_x, our_state, lengths=lengths)
        np.testing.assert_array_equal(by_lengths.data, output.data)
    else:
        output, final = ours(our_x, our_state)
        their_output, last = theirs(their_x, their_state)
    finals, lasts = (list(final), list(last)) if kind == "LSTM" else ([final], [last])
    for a, b in zip([output, *finals], [their_output, *lasts], strict=True):
        np.testing.assert_allclose(a.data, b.detach().numpy(), **CLOSE)
    weights = rng.normal(size=output.shape)
    ((output * weights).sum() + sum((part * part).sum() for part in finals)).backward()
    ((their_output * torch.tensor(weights)).sum() + sum((part * part).sum() for part in lasts)).backward()
    for leaf, want in zip([our_x, *our_states], [their_x, *their_states], strict=True):
        assert leaf.grad is not None
        np.testing.assert_allclose(leaf.grad.data, want.grad.numpy(), **CLOSE)
    gradients_agree(ours, theirs)


@pytest.mark.parametrize("sort", [False, True])
def test_packing_is_pytorchs(sort: bool) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(T, B, D))
    lengths = [5, 4, 2, 1] if sort else [2, 5, 1, 2]
    ours = pack_padded_sequence(x, lengths, enforce_sorted=sort)
    theirs = torch.nn.utils.rnn.pack_padded_sequence(torch.tensor(x), lengths, enforce_sorted=sort)
    np.testing.assert_array_equal(ours.data.data, theirs.data.numpy())
    np.testing.assert_array_equal(ours.batch_sizes, theirs.batch_sizes.numpy())
    padded, counts = pad_packed_sequence(ours, batch_first=True, padding_value=-1.5, total_length=7)
    expected, want = torch.nn.utils.rnn.pad_packed_sequence(
        theirs, batch_first=True, padding_value=-1.5, total_length=7
    )
    np.testing.assert_array_equal(padded.data, expected.numpy())
    assert counts.tolist() == want.tolist() == lengths
    rows = [rng.normal(size=(n, D)) for n in lengths]
    for batch_first in (False, True):
        np.testing.assert_array_equal(
            pad_sequence(rows, batch_first, 2.0).data,
            torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first, 2.0).numpy(),
        )


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_weights_go_to_a_file_and_come_back(kind: str, tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    ours, theirs = pair(kind, num_layers=2, bidirectional=True)
    interop.torch.save(ours, tmp_path / "ours.safetensors")
    fresh = getattr(torch.nn, kind)(D, H, num_layers=2, bidirectional=True).double()
    fresh.load_state_dict(safetensors.load_file(tmp_path / "ours.safetensors"))
    x = torch.randn(T, B, D, dtype=torch.float64)
    np.testing.assert_allclose(fresh(x)[0].detach().numpy(), theirs(x)[0].detach().numpy(), **CLOSE)

    model = torch.nn.ModuleDict({"encoder": theirs})
    safetensors.save_file(model.state_dict(), tmp_path / "theirs.safetensors")
    again = getattr(nn, kind)(D, H, num_layers=2, bidirectional=True).astype(float)
    interop.torch.load(again, tmp_path / "theirs.safetensors", prefix="encoder.")
    np.testing.assert_allclose(again(x.numpy())[0].data, theirs(x)[0].detach().numpy(), **CLOSE)


def test_what_is_loaded_is_a_copy() -> None:
    """Training ours in place must not train PyTorch's."""
    theirs = torch.nn.LSTM(D, H, proj_size=2).double()
    before = {name: p.detach().clone() for name, p in theirs.named_parameters()}
    ours = nn.LSTM(D, H, proj_size=2).astype(float)
    interop.torch.load_state_dict(ours, theirs.state_dict())
    for parameter in ours.parameters():
        parameter.data += 1.0
    for name, p in theirs.named_parameters():
        assert torch.equal(p, before[name]), name


def test_half_precision_weights_are_taken_as_they_are() -> None:
    for dtype in (torch.float16, torch.bfloat16):
        theirs = torch.nn.GRU(D, H).to(dtype)
        ours = nn.GRU(D, H)
        interop.torch.load_state_dict(ours, theirs.state_dict())
        np.testing.assert_array_equal(ours.layers[0].W.data, theirs.weight_ih_l0.detach().float().numpy())
        assert ours.layers[0].W.dtype == np.float32


def test_a_module_in_place_of_its_weights_is_told() -> None:
    with pytest.raises(WeightsError, match="a dict of arrays by name, not a LSTM"):
        interop.torch.load_state_dict(nn.LSTM(D, H), torch.nn.LSTM(D, H))


def test_what_pytorch_cannot_say_is_refused() -> None:
    refused: list[tuple[nn.Recurrent, str]] = [
        (nn.LSTM(D, H, cell=nn.PeepholeLSTMCell), "PyTorch has no PeepholeLSTMCell"),
        (nn.LSTM(D, H, reverse=True), "in reverse only"),
        (nn.GRU(D, H, bidirectional="sum"), "summed"),
    ]
    for layer, said in refused:
        with pytest.raises(WeightsError, match=said):
            interop.torch.state_dict(layer)
    lstm = nn.LSTM(D, H)
    before = lstm.state_dict()
    wrong = torch.nn.LSTM(D, H + 1, num_layers=2).state_dict()
    with pytest.raises(WeightsError, match=r"(?s)mis-shaped: weight_hh_l0 is \(20, 5\).*unexpected: weight_hh_l1"):
        interop.torch.load_state_dict(lstm, wrong)
    for name, array in lstm.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
