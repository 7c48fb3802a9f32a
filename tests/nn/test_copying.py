"""Copies and pickles: primitives by reference, tensors and modules whole, and nothing recurses."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.copies import WAYS, every_way
from tinygrad_lstm import nn
from tinygrad_lstm.engine.ops.primitive import Primitive
from tinygrad_lstm.errors import GradError
from tinygrad_lstm.func.checkpoint import recomputed

# Primitives ----------------------------------------------------------------------------------------------------------

ALL = {repr(op): op for op in [*Primitive.by_name.values(), *Primitive.by_numpy.values()]}
OURS = {name: op for name, op in ALL.items() if op.__module__.startswith("tinygrad_lstm.")} | {"checkpoint": recomputed}


@pytest.mark.parametrize("way", [*WAYS.values(), copy.copy], ids=[*WAYS, "copy"])
def test_every_op_is_copied_by_reference(way: Any) -> None:
    assert len(OURS) > 100
    for name, op in OURS.items():
        assert way(op) is op, name
        assert way([op, op])[1] is op


def test_an_op_of_a_functions_own_is_as_that_function_is() -> None:
    @tg.primitive
    def local(x: Any) -> Any:
        return x * 1

    local.defvjp(x=lambda g: g)
    assert copy.deepcopy(local) is local
    with pytest.raises((pickle.PicklingError, AttributeError), match="local"):
        pickle.dumps(local)


class Activated(nn.Module):
    """A module that holds ops, as a user's may."""

    def __init__(self) -> None:
        self.act = tg.tanh
        self.acts: dict[str, Callable[..., Any]] = {"up": tg.relu, "sum": tg.sum, "where": np.where}
        self.head = nn.Linear(2, 2)

    def forward(self, x: Any) -> Any:
        return self.acts["up"](self.act(self.head(x)))


@every_way
def test_a_module_that_holds_an_op_is_copied_with_the_same_op(way: Any) -> None:
    net = Activated()
    twin = way(net)
    assert twin.act is tg.tanh
    assert twin.acts["up"] is tg.relu
    x = tg.randn(3, 2)
    np.testing.assert_array_equal(twin(x).data, net(x).data)
    assert way(nn.RNNCell(2, 2, nonlinearity="relu")).nonlinearity is tg.relu


def run_there(net: nn.Module, x: np.ndarray) -> tuple[np.ndarray, bool]:
    return net(x).data, net.act is tg.tanh  # type: ignore[attr-defined]  # an Activated


def test_a_module_goes_to_a_spawned_process(tmp_path: Any) -> None:
    net, x = Activated(), np.ones((1, 2), np.float32)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        y, same = pool.apply(run_there, (net, x))
    np.testing.assert_array_equal(y, net(x).data)
    assert same
    tg.save(net, tmp_path / "net.npz")
    Activated().load_state_dict(tg.load(tmp_path / "net.npz"))


# Tensors -------------------------------------------------------------------------------------------------------------


def tensors() -> Iterator[tg.Tensor]:
    for dtype in (np.float16, np.float32, np.float64):
        for array in (
            np.ones((2, 3)),
            np.asfortranarray(np.arange(6.0).reshape(2, 3)),
            np.ones((4, 6))[::2, ::2],
            np.ones(()),
        ):
            for kind in (tg.tensor, nn.Parameter, partial(tg.tensor, requires_grad=True)):
                yield kind(array.astype(dtype, order="K"))
    yield tg.tensor([True, False])
    yield tg.tensor(np.arange(3))
    frozen = nn.Parameter([1.0, 2.0])
    frozen.requires_grad = False
    yield frozen


@every_way
def test_a_leaf_is_copied_whole_but_for_its_hooks(way: Any) -> None:
    for x in tensors():
        tg.label(X=x)
        if x.requires_grad:
            x.register_hook(lambda g: g * 2)
            (x * x).sum().backward()
        y: Any = way(x)
        assert type(y) is type(x)
        np.testing.assert_array_equal(y.data, x.data)
        assert y.dtype == x.dtype
        assert not np.shares_memory(y.data, x.data)
        assert y.data.flags.f_contiguous == x.data.flags.f_contiguous
        assert y.data.flags.writeable
        assert y.requires_grad == x.requires_grad
        assert y.source.node.label == "X"
        assert y.source.node.hooks == ()
        assert (y.grad is None) == (x.grad is None)
        if x.grad is not None:
            grad: Any = y.grad
            np.testing.assert_array_equal(grad.data, x.grad.data)
            assert grad.dtype == x.grad.dtype
            x.grad.data[...] = -1
            assert (grad.data != -1).any()


@every_way
def test_shared_tensors_stay_shared_and_views_do_not(way: Any) -> None:
    x = nn.Parameter([1.0])
    again, twice, constant = way([x, x, x.detach()])
    assert again is twice
    again.data[0] = 7
    assert constant.item() == 1.0


class Noted(nn.Parameter):
    """A subclass with attributes, and with another ``__init__``."""

    def __init__(self, note: str) -> None:
        super().__init__([1.0, 2.0])
        self.note = [note]


@every_way
def test_attributes_of_a_subclass_come_along(way: Any) -> None:
    noted = Noted("this")
    twin = way(noted)
    assert type(twin) is Noted
    assert twin.note == ["this"]
    assert twin.note is not noted.note


@every_way
def test_what_would_take_a_graph_along_is_refused(way: Any) -> None:
    x = tg.tensor(3.0, requires_grad=True)
    with pytest.raises(GradError, match=r"of a computed tensor.*detach\(\)"):
        way(x * x)
    (x * x).backward(create_graph=True)
    with pytest.raises(GradError, match=r"whose grad is computed.*grad\.detach\(\)"):
        way(x)
    assert x.grad is not None
    x.grad = x.grad.detach()
    assert way(x).grad.item() == 6.0
    with pytest.raises(GradError, match=r"of a computed tensor.*detach\(\)"):
        way(nn.LSTM(2, 2).unroll(tg.ones(2, 1, 2)))
    with tg.no_grad():
        trajectory = nn.LSTM(2, 2).unroll(tg.ones(2, 1, 2))
    np.testing.assert_array_equal(way(trajectory)["f"].data, trajectory["f"].data)
