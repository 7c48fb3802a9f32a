"""The recurrent layers against PyTorch, in float64, with random weights everywhere (so a wrong gate order fails)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import nn

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.oracle
T, B, D, H = 6, 3, 4, 5


def gradient(tensor: Any) -> np.ndarray:
    """What backward left on one of our tensors."""
    return np.asarray(tensor.grad.numpy())


def torch_order(kind: str) -> np.ndarray:
    """Where each row of PyTorch's stacked gates stands in ours: LSTM f, i, o, g -> i, f, g, o; GRU has r, z, n too."""
    blocks = {"RNN": [0], "GRU": [0, 1, 2], "LSTM": [1, 0, 3, 2]}[kind]
    return np.concatenate([np.arange(block * H, (block + 1) * H) for block in blocks])


def pair(kind: str, layers: int, batch_first: bool = False, **options: Any) -> tuple[Any, Any]:
    """One of our layers with random parameters, and PyTorch's with the same."""
    rng = np.random.default_rng(layers)
    ours = getattr(nn, kind)(D, H, num_layers=layers, batch_first=batch_first, **options).astype(np.float64)
    theirs = getattr(torch.nn, kind)(D, H, num_layers=layers, batch_first=batch_first, **options).double()
    order = torch_order(kind)
    for k, cell in enumerate(ours.layers):
        for parameter in cell.parameters():
            parameter.data = rng.normal(0, 0.5, parameter.shape)
        hidden_bias = np.zeros_like(cell.b.data)
        if kind == "GRU":
            hidden_bias[2 * H :] = cell.b_n.data
        values = {"weight_ih": cell.W.data[order], "weight_hh": cell.U.data[order], "bias_ih": cell.b.data[order]}
        values["bias_hh"] = hidden_bias
        for name, value in values.items():
            getattr(theirs, f"{name}_l{k}").data = torch.tensor(value)
    return ours, theirs


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_outputs_states_and_every_gradient(kind: str, layers: int, batch_first: bool) -> None:
    ours, theirs = pair(kind, layers, batch_first)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(B, T, D) if batch_first else (T, B, D))
    states = [rng.normal(size=(layers, B, H)) for _ in range(2 if kind == "LSTM" else 1)]
    weights = rng.normal(size=(B, T, H) if batch_first else (T, B, H))  # a loss that weighs every output differently

    our_x = tg.tensor(x, requires_grad=True)
    our_states = [tg.tensor(state, requires_grad=True) for state in states]
    output, final = ours(our_x, tuple(our_states) if kind == "LSTM" else our_states[0])
    finals = list(final) if kind == "LSTM" else [final]
    ((output * weights).sum() + sum((part * part).sum() for part in finals)).backward()

    their_x = torch.tensor(x, requires_grad=True)
    their_states = [torch.tensor(state, requires_grad=True) for state in states]
    expected, last = theirs(their_x, tuple(their_states) if kind == "LSTM" else their_states[0])
    lasts = list(last) if kind == "LSTM" else [last]
    ((expected * torch.tensor(weights)).sum() + sum((part * part).sum() for part in lasts)).backward()

    close: dict[str, Any] = {"rtol": 1e-10, "atol": 1e-10}
    np.testing.assert_allclose(output.data, expected.detach().numpy(), **close)
    for mine, other in zip(finals, lasts, strict=True):
        np.testing.assert_allclose(mine.data, other.detach().numpy(), **close)
    np.testing.assert_allclose(gradient(our_x), their_x.grad.numpy(), **close)
    for mine, other in zip(our_states, their_states, strict=True):
        np.testing.assert_allclose(gradient(mine), other.grad.numpy(), **close)
    order = torch_order(kind)
    for k, cell in enumerate(ours.layers):
        for name, parameter in (("weight_ih", cell.W), ("weight_hh", cell.U), ("bias_ih", cell.b)):
            np.testing.assert_allclose(
                gradient(parameter)[order], getattr(theirs, f"{name}_l{k}").grad.numpy(), **close
            )
        if kind == "GRU":
            np.testing.assert_allclose(
                gradient(cell.b_n), getattr(theirs, f"bias_hh_l{k}").grad.numpy()[2 * H :], **close
            )


def test_relu_rnn() -> None:
    ours, theirs = pair("RNN", 1)
    ours.layers[0].nonlinearity = tg.relu
    theirs = torch.nn.RNN(D, H, nonlinearity="relu").double()
    theirs.load_state_dict(
        {
            "weight_ih_l0": torch.tensor(ours.layers[0].W.data),
            "weight_hh_l0": torch.tensor(ours.layers[0].U.data),
            "bias_ih_l0": torch.tensor(ours.layers[0].b.data),
            "bias_hh_l0": torch.zeros(H, dtype=torch.float64),
        }
    )
    x = np.random.default_rng(1).normal(size=(T, B, D))
    np.testing.assert_allclose(ours(tg.tensor(x))[0].data, theirs(torch.tensor(x))[0].detach().numpy(), rtol=1e-10)


def test_hessian_vector_product_through_a_two_layer_lstm() -> None:
    """A second derivative, from the same rules: ∂/∂U of ⟨∂L/∂U, v⟩, which PyTorch's own composed graph gives too."""
    ours, theirs = pair("LSTM", 2)
    x = np.random.default_rng(2).normal(size=(T, B, D))
    U = ours.layers[0].U
    v = np.random.default_rng(3).normal(size=U.shape)
    (gradient,) = tg.grad((ours(tg.tensor(x))[0] ** 2).sum(), U, create_graph=True)
    (product,) = tg.grad((gradient * v).sum(), U)

    order = torch_order("LSTM")
    weight = theirs.weight_hh_l0
    (expected,) = torch.autograd.grad((theirs(torch.tensor(x))[0] ** 2).sum(), weight, create_graph=True)
    (expected,) = torch.autograd.grad((expected * torch.tensor(v[order])).sum(), weight)
    np.testing.assert_allclose(product.data[order], expected.numpy(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "options"), [("SGD", {"lr": 0.1}), ("SGD", {"lr": 0.1, "momentum": 0.9}), ("Adam", {"lr": 0.05})]
)
def test_optimisers_step_by_step(name: str, options: dict[str, float]) -> None:
    start = np.random.default_rng(4).normal(size=(3, 4))
    ours, theirs = tg.tensor(start, requires_grad=True), torch.tensor(start, requires_grad=True)
    mine, other = getattr(tg.optim, name)([ours], **options), getattr(torch.optim, name)([theirs], **options)
    for k in range(50):
        target = np.cos(np.arange(12) + k).reshape(3, 4)
        mine.zero_grad()
        ((ours - target) ** 2).sum().backward()
        mine.step()
        other.zero_grad()
        ((theirs - torch.tensor(target)) ** 2).sum().backward()
        other.step()
        np.testing.assert_allclose(ours.data, theirs.detach().numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy(reduction: Any) -> None:
    rng = np.random.default_rng(5)
    x, targets = rng.normal(size=(T, B, 7)) * 30, rng.integers(0, 7, (T, B))
    ours, theirs = tg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    loss = tg.losses.cross_entropy(ours, targets, reduction)
    flat = torch.nn.functional.cross_entropy(
        theirs.reshape(-1, 7), torch.tensor(targets).reshape(-1), reduction=reduction
    )
    np.testing.assert_allclose(loss.data.reshape(-1), flat.detach().numpy().reshape(-1), rtol=1e-12)
    loss.sum().backward()
    flat.sum().backward()
    np.testing.assert_allclose(gradient(ours), theirs.grad.numpy(), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("max_norm", [0.5, 1e6])
def test_clipping_by_norm(max_norm: float) -> None:
    rng = np.random.default_rng(6)
    arrays = [rng.normal(size=(3, 2)), rng.normal(size=4)]
    ours = [tg.tensor(array, requires_grad=True) for array in arrays]
    theirs = [torch.tensor(array, requires_grad=True) for array in arrays]
    for mine, other in zip(ours, theirs, strict=True):
        (mine**3).sum().backward()
        (other**3).sum().backward()
    norm = nn.utils.clip_grad_norm_(ours, max_norm)
    np.testing.assert_allclose(norm, torch.nn.utils.clip_grad_norm_(theirs, max_norm).item(), rtol=1e-12)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(gradient(mine), other.grad.numpy(), rtol=1e-12)
