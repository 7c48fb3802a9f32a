"""Functions as modules, functions in a Sequential, and losses as modules: what they give is what the function gives."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
import viz
from tinygrad_lstm import nn
from tinygrad_lstm.errors import ArgumentError, DtypeError, ShapeError
from tinygrad_lstm.nn import functional as F  # noqa: N812  # everybody's name for it
from tinygrad_lstm.nn.activations import Activation
from tinygrad_lstm.nn.criteria import Loss

SCORES = np.random.default_rng(0).normal(0, 3, (2, 5, 4))
MODULES: dict[str, Callable[[Any], Any]] = {  # of our nn or PyTorch's
    "ReLU": lambda nn: nn.ReLU(),
    "Tanh": lambda nn: nn.Tanh(),
    "Sigmoid": lambda nn: nn.Sigmoid(),
    "Softplus": lambda nn: nn.Softplus(),
    "GELU": lambda nn: nn.GELU(),
    "SiLU": lambda nn: nn.SiLU(),
    "Identity": lambda nn: nn.Identity(),
    "Softmax": lambda nn: nn.Softmax(-1),
    "Softmax along the first": lambda nn: nn.Softmax(0),
    "LogSoftmax": lambda nn: nn.LogSoftmax(1),
    "Flatten": lambda nn: nn.Flatten(),
    "Flatten all": lambda nn: nn.Flatten(0),
    "Flatten some": lambda nn: nn.Flatten(0, -2),
    "Flatten nothing": lambda nn: nn.Flatten(1, 1),
}
REPRS = ["ReLU()", "Tanh()", "Sigmoid()", "Softplus()", "GELU()", "SiLU()", "Identity()", "Softmax(axis=-1)",
         "Softmax(axis=0)", "LogSoftmax(axis=1)", "Flatten()", "Flatten(start_axis=0, end_axis=-1)",
         "Flatten(start_axis=0, end_axis=-2)", "Flatten(start_axis=1, end_axis=1)"]  # fmt: skip
EXPORTED = [value for _, value in inspect.getmembers(nn, inspect.isclass) if issubclass(value, Activation)]


@pytest.mark.oracle
@pytest.mark.parametrize("name", MODULES)
def test_value_and_gradient_are_pytorchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    x, hers = tg.tensor(SCORES, requires_grad=True), torch.tensor(SCORES, requires_grad=True)
    y, expected = MODULES[name](nn)(x), MODULES[name](torch.nn)(hers)
    np.testing.assert_allclose(y.data, expected.detach().numpy(), rtol=1e-12, atol=1e-15)
    g = np.random.default_rng(1).normal(size=y.shape)
    y.backward(g)
    expected.backward(torch.tensor(g))
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.data, hers.grad.numpy(), rtol=1e-11, atol=1e-13)


def test_every_activation_is_here() -> None:
    assert {type(make(nn)) for make in MODULES.values()} == set(EXPORTED)


@pytest.mark.parametrize(("name", "text"), [*zip(MODULES, REPRS, strict=True)])
def test_each_says_what_it_is_and_has_no_weights(name: str, text: str) -> None:
    module = MODULES[name](nn)
    assert repr(module) == text
    assert module.state_dict() == {}
    assert module(np.ones((2, 3), np.float32) if "Flatten" not in name else SCORES).ndim
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert repr(twin) == text


@pytest.mark.parametrize("name", MODULES)
def test_float32_stays_float32_and_second_derivatives_are_right(name: str) -> None:
    module = MODULES[name](nn)
    assert module(tg.tensor(SCORES.astype(np.float32))).dtype == np.float32
    x = tg.tensor(SCORES[:1, :2], requires_grad=True)
    assert tg.gradcheck(lambda x: module(x) * 1.0, x)
    assert tg.gradgradcheck(lambda x: module(x) * 1.0, x)


def test_axes_that_are_not_there_are_refused() -> None:
    for start, end in ((3, -1), (1, 3), (-4, -1), (2, 1)):
        with pytest.raises(ShapeError):
            nn.Flatten(start, end)(SCORES)
    with pytest.raises(ShapeError):
        nn.Softmax(3)(SCORES)


# Functions in a Sequential -------------------------------------------------------------------------------------------


def double(x: Any) -> Any:
    return 2 * x


FUNCTIONS: dict[str, tuple[Any, str]] = {
    "tanh": (tg.tanh, "Apply(tanh)"),
    "F.relu": (F.relu, "Apply(relu)"),
    "of one's own": (double, "Apply(double)"),
    "lambda": (lambda x: x**2, "Apply(<lambda>)"),
    "partial": (partial(tg.softmax, axis=0), "Apply(functools.partial("),
    "NumPy's": (np.tanh, "Apply(tanh)"),
    "module": (nn.Tanh(), "Tanh()"),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_goes_into_a_sequential(name: str, tmp_path: Path) -> None:
    f, text = FUNCTIONS[name]
    net = nn.Sequential(nn.Linear(2, 3), f, nn.Linear(3, 2))
    x = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    np.testing.assert_array_equal(net(x).data, net[2](f(net[0](x))).data)
    assert [*net.state_dict()] == ["0.W", "0.b", "2.W", "2.b"]
    assert repr(net).split("\n")[2].startswith(f"  (1): {text}")
    net(x).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    tg.save(net, tmp_path / "net.npz")
    other = nn.Sequential(nn.Linear(2, 3), f, nn.Linear(3, 2))
    other.load_state_dict(tg.load(tmp_path / "net.npz"))
    for twin in (other, copy.deepcopy(net), *([] if name == "lambda" else [pickle.loads(pickle.dumps(net))])):
        np.testing.assert_array_equal(twin(x).data, net(x).data)


def test_scopes_and_pictures_name_a_function_by_its_place_as_they_name_a_module() -> None:
    x = np.ones((1, 2), np.float32)
    plain, wrapped = (nn.Sequential(nn.Linear(2, 3), f, nn.Linear(3, 2)) for f in (tg.tanh, nn.Tanh()))
    wrapped.load_state_dict(plain.state_dict())
    for net in (plain, wrapped):
        scopes = {v.op: "/".join(scope for scope in v.scope) for v in tg.graph_of(net(x)).vertices}
        assert scopes["tanh"] == "sequential/1"
    pictures = [re.sub(r"activations.py:.*?\"", "", viz.draw(net(x)).source) for net in (plain, wrapped)]
    assert pictures[0] == pictures[1]  # but for the line of code that made the vertex


@pytest.mark.parametrize("wrong", [nn.Tanh, np.float32, 3, None, "tanh", [tg.tanh], nn.Linear(2, 2).forward])
def test_what_is_no_function_is_refused_where_it_is_put_in(wrong: Any) -> None:
    with pytest.raises(DtypeError):
        nn.Sequential(nn.Linear(2, 2), wrong)


# Losses as modules ---------------------------------------------------------------------------------------------------

PROBABILITIES = np.random.default_rng(2).dirichlet(np.ones(4), 5)
CLASSES = np.array([0, 3, 1, 1, 2])
LOSSES: list[tuple[str, np.ndarray, dict[str, Any]]] = [
    ("CrossEntropyLoss", CLASSES, {}),
    ("CrossEntropyLoss", CLASSES, {"weight": np.array([0.5, 1.0, 2.0, 3.0]), "label_smoothing": 0.1}),
    ("CrossEntropyLoss", CLASSES, {"ignore_index": 1, "reduction": "sum"}),
    ("NLLLoss", CLASSES, {"weight": np.array([0.5, 1.0, 2.0, 3.0]), "ignore_index": 3}),
    ("NLLLoss", CLASSES, {"reduction": "none"}),
    ("MSELoss", SCORES[1], {}),
    ("MSELoss", SCORES[1], {"reduction": "sum"}),
    ("L1Loss", SCORES[1], {"reduction": "none"}),
    ("HuberLoss", SCORES[1], {"delta": 0.5}),
    ("SmoothL1Loss", SCORES[1], {"beta": 0.5, "reduction": "sum"}),
    ("BCEWithLogitsLoss", PROBABILITIES, {}),
    ("BCEWithLogitsLoss", PROBABILITIES, {"pos_weight": np.array([1.0, 2.0, 3.0, 4.0]), "weight": np.array([2.0])}),
    ("KLDivLoss", PROBABILITIES, {"reduction": "batchmean"}),
    ("KLDivLoss", np.log(PROBABILITIES), {"log_target": True, "reduction": "sum"}),
]


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "target", "options"), LOSSES)
def test_a_loss_module_is_pytorchs(name: str, target: np.ndarray, options: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    theirs = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    x, hers = tg.tensor(SCORES[0], requires_grad=True), torch.tensor(SCORES[0], requires_grad=True)
    y = getattr(nn, name)(**options)(x, target)
    expected = getattr(torch.nn, name)(**theirs)(hers, torch.tensor(target))
    np.testing.assert_allclose(y.data, expected.detach().numpy(), rtol=1e-12)
    y.sum().backward()
    expected.sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.data, hers.grad.numpy(), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("name", "target", "options"), LOSSES)
def test_a_loss_module_is_its_function_and_takes_a_mask(name: str, target: Any, options: dict[str, Any]) -> None:
    kind = getattr(nn, name)
    criterion, mask = kind(**options), np.array([True, False, True, True, False])
    x = tg.tensor(SCORES[0])
    for given in ({}, {"mask": mask}):
        np.testing.assert_array_equal(
            criterion(x, target, **given).data, kind.function(x, target, **options, **given).data
        )
    assert criterion.state_dict() == {}
    assert repr(criterion).startswith(f"{name}(")
    for twin in (copy.deepcopy(criterion), pickle.loads(pickle.dumps(criterion))):
        np.testing.assert_array_equal(twin(x, target).data, criterion(x, target).data)
        assert repr(twin) == repr(criterion)


def test_every_loss_module_is_here_and_every_loss_has_one() -> None:
    exported = [value for _, value in inspect.getmembers(nn, inspect.isclass) if issubclass(value, Loss)]
    assert {kind.__name__ for kind in exported} == {name for name, *_ in LOSSES}
    functions = [f for name, f in inspect.getmembers(tg.losses, inspect.isfunction)
                 if name.endswith(("loss", "entropy", "logits", "div"))]  # fmt: skip
    assert {kind.function for kind in exported} == set(functions)


def test_weights_of_a_loss_are_constants() -> None:
    weight = np.ones(4)
    criterion = nn.CrossEntropyLoss(weight)
    weight[:] = np.nan
    assert np.isfinite(criterion(tg.tensor(SCORES[0]), CLASSES).item())
    trained = nn.Parameter(np.ones(4))
    assert [*nn.CrossEntropyLoss(trained).parameters()] == []
    assert (
        repr(criterion)
        == "CrossEntropyLoss(weight=of shape (4,), ignore_index=-100, reduction='mean', label_smoothing=0.0)"
    )
    with pytest.raises(ArgumentError, match="reduction is one of 'mean', 'sum', 'none', not 'batchmean'"):
        nn.MSELoss(reduction="batchmean")  # type: ignore[arg-type]  # the point
    with pytest.raises(TypeError, match="positional"):
        nn.MSELoss("sum")  # type: ignore[call-arg]  # PyTorch's first is another, long deprecated
