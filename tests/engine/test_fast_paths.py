"""The fast paths of a call leave in the graph what ``call``, which takes any arguments, leaves there."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import Tensor
from tinygrad_lstm.engine import calls
from tinygrad_lstm.engine.call_site import Cache
from tinygrad_lstm.engine.ops.primitive import Primitive
from tinygrad_lstm.errors import TinygradError

OF_TWO = [op for op in Primitive.by_name.values() if op.fast_args == 2]


def leaf(requires_grad: bool = True, dtype: Any = np.float32) -> Tensor:
    return tg.tensor(np.array([[0.5, 0.25]], dtype), requires_grad=requires_grad)


def outcome(f: Callable[[Any], Any], x: Tensor) -> str:
    """What the graph knows of f(x), with its gradient; or the error."""
    known: list[Any] = []
    try:
        y = f(x)
        for part in y if isinstance(y, tuple) else (y,):
            known += part.data.tolist(), part.dtype
            if part.requires_grad:
                node = part.source.node
                known += node.op, node.shapes, node.dtypes, node.plan, node.kept, list(node.params.items())
                known += [g.data for g in tg.grad(part.sum(), x, retain_graph=True)]
    except TinygradError as error:
        return f"{known} {type(error)} {re.sub('py:[0-9]+', '', str(error))}"  # but for the line of the call
    return str(known)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("op", OF_TWO, ids=[op.name for op in OF_TWO])
def test_a_number_beside_a_tensor(op: Any) -> None:
    def both(x: Tensor, number: Any) -> None:
        assert outcome(lambda x: op(x, number), x) == outcome(lambda x: calls.call(op, (x, number), {}), x)
        assert outcome(lambda x: op(number, x), x) == outcome(lambda x: calls.call(op, (number, x), {}), x)

    for dtype in (np.float16, np.float32, np.float64):
        for number in (2, 0.5, -1, 10**30, True, np.float64(0.5), 1j, None):
            both(leaf(True, dtype), number)
            both(leaf(False, dtype), number)
            with tg.no_grad():
                both(leaf(True, dtype), number)


OPTIONS: dict[str, Callable[[Any], Any]] = {
    "split": lambda x: tg.split(x, 2, axis=-1), "split, by position": lambda x: tg.split(x, 2, 1),
    "split in 3": lambda x: tg.split(x, 3, axis=-1), "sum": lambda x: x.sum(), "unstack": lambda x: tg.unstack(x),
    "sum over an axis": lambda x: tg.sum(x, axis=-1, keepdims=True), "mean": lambda x: tg.mean(x, 0),
    "by name": lambda x: tg.sum(x=x, axis=0), "reshape": lambda x: tg.reshape(x, (2, 1)), "index": lambda x: x[0, 1:],
    "no such axis": lambda x: tg.sum(x, axis=5), "a word": lambda x: x.sum("first"),
    "a NumPy number": lambda x: x.sum(np.int64(0)), "softmax": lambda x: tg.softmax(x, axis=-1),
}  # fmt: skip


@pytest.mark.parametrize("f", OPTIONS.values(), ids=OPTIONS)
def test_one_input_with_options(f: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for needs in (True, False):
        x = leaf(needs)
        fast = outcome(f, x)
        with monkeypatch.context() as patch:
            for op in Primitive.by_name.values():
                patch.setattr(op, "unary", False)
            assert outcome(f, x) == fast


@pytest.fixture
def not_overwritten(pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption("--overwrite"):
        pytest.skip("with --overwrite every op goes the long way")


@pytest.mark.usefixtures("not_overwritten")
def test_they_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines of a step that are no op of one or two Tensors do not go through the loop over inputs either."""

    def refuse(*given: Any) -> None:
        raise AssertionError("the long way")

    for name in ("literal_inputs", "run", "as_param"):
        monkeypatch.setattr(calls, name, refuse)
    x = leaf()
    for y in (1 - x, x * 2.0, 0.5 + x, x**2, 1 / x, x.sum(), x.sum(axis=0, keepdims=True), *tg.split(x, 2, axis=-1)):
        assert y.requires_grad
    assert not (1 - leaf(False)).requires_grad
    with pytest.raises(AssertionError, match="the long way"):
        x * [2.0]


@pytest.mark.usefixtures("not_overwritten")
def test_nodes_of_one_shape_share_the_tuples_that_say_so() -> None:
    x = leaf()
    first, second, wider = (y.source.node for y in (x * x, 1 - x, x.astype(float)))
    assert first.shapes is second.shapes
    assert first.dtypes is second.dtypes
    assert wider.dtypes == (np.dtype(float),)


def test_kept_answers_have_a_bound() -> None:
    halves = Cache(lambda n: n / 2)
    assert [halves[n] for n in range(10_000)] == [n / 2 for n in range(10_000)]
    assert len(halves) <= 4097
