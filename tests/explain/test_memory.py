"""What a graph keeps for backward: by hand for a step of each cell, and against what NumPy has really allocated."""

from __future__ import annotations

import gc
import pickle
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.memory import array_bytes
from tests.support.unrolled import B, D, H, T, make
from tinygrad_lstm import Tensor, func, nn
from tinygrad_lstm.errors import ArgumentError, DtypeError

F64 = 8


def leaf(*shape: int) -> Tensor:
    return tg.tensor(np.full(shape, 0.5), requires_grad=True)


def kept(y: Tensor) -> int:
    return tg.graph_of(y).kept_bytes


# By hand -------------------------------------------------------------------------------------------------------------


def test_a_step_of_an_lstm_keeps_seven() -> None:
    report = tg.memory(make("LSTM")(np.ones((T, B, D)))[0])
    one = B * H * F64
    assert {gate: report.by_gate[gate] for gate in "fiog"} == dict.fromkeys("fiog", T * one)
    assert report.by_gate["tanh"] == T * one
    assert report.by_gate["c"] == report.by_gate["h"] == T * one, "the initial one, and all but the last"
    assert report.by_step == {None: T * B * D * F64 + 2 * one + 4 * H * H * F64} | dict.fromkeys(
        range(1, T), 7 * one
    ) | {T: 5 * one}
    assert report.by_module == {
        ("lstm",): T * B * D * F64 + 2 * one, ("lstm", "layers.0"): (7 * T - 2) * one, (): 4 * H * H * F64,
    }  # fmt: skip
    assert report.given_bytes == report.by_step[None]


@pytest.mark.parametrize(("f", "expected"), [
    (lambda x, w: x + w, 0), (lambda x, w: tg.tanh(x), 6), (lambda x, w: x * w, 6 + 6), (lambda x, w: x * x, 6),
    (lambda x, w: tg.tanh(x) * tg.tanh(x), 12), (lambda x, w: tg.exp(tg.tanh(x)), 12), (lambda x, w: (x * x[1]), 6),
    (lambda x, w: tg.stack([x, w]) ** 2, 12), (lambda x, w: x.T @ w, 12), (lambda x, w: tg.split(x * w, 2)[0] ** 2, 18),
    (lambda x, w: x * np.ones((2, 3)), 6), (lambda x, w: x.sum() * 2.0, 0), (lambda x, w: x * x.detach(), 6),
])  # fmt: skip
def test_every_array_is_counted_once_and_views_by_their_base(f: Callable[..., Tensor], expected: int) -> None:
    y = f(leaf(2, 3), leaf(2, 3))
    assert kept(y) == tg.memory(y).kept_bytes == expected * F64


def test_an_input_that_needs_a_gradient_is_whole_and_of_no_step() -> None:
    x = leaf(T, B, D)
    report = tg.memory(make("LSTM")(x)[0])
    [array] = [one for one in report.arrays if one.name == "x"]
    assert (array.bytes, array.step, array.given, array.module) == (T * B * D * F64, None, True, ("lstm",))
    assert report.by_gate["W"] == 4 * H * D * F64


def test_layers_and_directions_are_told_apart() -> None:
    report = tg.memory(make("LSTM", num_layers=2, bidirectional=True)(np.ones((T, B, D)))[0])
    modules = {module: size for module, size in report.by_module.items() if len(module) == 2}
    assert list(modules) == [("lstm", f"layers.{k}") for k in range(4)]
    assert modules["lstm", "layers.0"] == modules["lstm", "layers.1"]


def test_after_backward_nothing_is_kept() -> None:
    loss = make("LSTM")(np.ones((T, B, D)), lengths=[T, 2])[0].sum()
    before = kept(loss)
    loss.backward(retain_graph=True)
    assert kept(loss) == before > 0
    loss.backward()
    assert kept(loss) < before / 50, "the masks of nodes that kept nothing remain in the graph"
    assert kept(tg.ones(3)) == tg.memory(tg.ones(3)).kept_bytes == 0


def test_between_checkpoints_only_states_are_kept() -> None:
    report = tg.memory(make("LSTM", checkpoint=3)(np.ones((T, B, D)))[0])
    assert list(report.by_step) == [None, 1], "the first step is plain"
    assert {"x", "checkpoint", *"fiog"} < set(report.by_gate)
    assert report.by_gate["x"] == T * B * D * F64


def test_several_losses_share_what_they_share() -> None:
    x = leaf(3)
    y = tg.tanh(x)
    assert tg.memory([y * 2.0, tg.exp(y)]).kept_bytes == kept(tg.exp(y)) == 2 * 3 * F64


# Against what is allocated -------------------------------------------------------------------------------------------


def fused(**options: Any) -> Callable[[Any], Any]:
    layer = nn.LSTM(D, 32, fused=True, **options).astype(float)
    return lambda x: layer(x)[0]


def composed(kind: Any, **options: Any) -> Callable[[Any], Any]:
    layer = kind(D, 32, **options).astype(float)
    return lambda x: layer(x)[0]


def checkpointed(x: Tensor) -> Tensor:
    y = x
    for _ in range(3):
        y = func.checkpoint(lambda y: tg.tanh(tg.exp(y) * 0.1), y)
    return y


MODELS: dict[str, Callable[[Any], Any]] = {
    "LSTM": composed(nn.LSTM), "GRU": composed(nn.GRU), "RNN": composed(nn.RNN), "MinLSTM": composed(nn.MinLSTM),
    "two layers, two directions": composed(nn.LSTM, num_layers=2, bidirectional=True),
    "fused": fused(), "fused both ways": fused(num_layers=2, bidirectional=True),
    "attention": lambda x: tg.softmax(x[:, 0] @ x[:, 0].T) @ x[:, 0], "checkpoints": checkpointed,
    "dropout": lambda x: nn.Dropout(0.5)(x) * 2.0,
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_it_is_what_goes_when_the_graph_goes(name: str) -> None:
    """Arrays of more than a few bytes, so that NumPy's own cache of small ones does not blur the count."""
    model, x = MODELS[name], tg.tensor(np.random.default_rng(0).standard_normal((9, 40, D)), requires_grad=True)
    model(x)
    gc.collect()
    tracemalloc.start()
    try:
        start = array_bytes()
        y = model(x)
        total = tg.memory(y)
        grown = array_bytes() - start
    finally:
        tracemalloc.stop()
    made = total.kept_bytes - total.given_bytes
    seen = {id(held) for held in (y.data, y.data.base) if held is not None}
    own = (
        0 if any(id(one) in seen for one in owners(y)) else y.data.nbytes
    )  # of the result, if the graph does not keep it
    given = sum(one.bytes for one in total.arrays if one.given and one.name in ("h", "c"))  # zeros made in this call
    assert made + own + given <= grown <= 1.02 * (made + own + given) + 2000


def owners(y: Tensor) -> list[Any]:
    from tinygrad_lstm.engine.kept import held_arrays

    return [held.owner for held in held_arrays(tg.graph_of(y)._ids)]


# How it is shown -----------------------------------------------------------------------------------------------------


def test_the_tables() -> None:
    report = tg.memory(make("LSTM")(np.ones((T, B, D)))[0])
    text = str(report).splitlines()
    assert text[0] == repr(report).removeprefix("Memory(").removesuffix(")")
    assert [line.split()[:2] for line in text if line.startswith("1..")] == [["1..5", "448"]]
    assert any(line.split()[:2] == ["lstm.layers.0", "f"] for line in text)
    assert report._repr_html_().count("<table") == 2
    assert tg.memory(tg.tanh(leaf(2)))._repr_html_().count("<table") == 1


def test_what_cannot_be_counted() -> None:
    graph = pickle.loads(pickle.dumps(tg.graph_of(tg.tanh(leaf(2)))))
    with pytest.raises(ArgumentError, match="holds no arrays: a graph that was pickled"):
        _ = graph.kept_bytes
    with pytest.raises(DtypeError, match=r"memory\(loss\) takes a tensor or a list of tensors"):
        tg.memory(3.0)  # type: ignore[arg-type]
