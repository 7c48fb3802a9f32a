"""What a node hands to its sources: the backward loop and ``call_rules`` with ``fit`` say the same for every op."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.cases import Case, cases, cotangents_of
from tinygrad_lstm.engine.autodiff import backpropagate
from tinygrad_lstm.engine.contributions import fit
from tinygrad_lstm.engine.node import Edge, Node
from tinygrad_lstm.engine.ops.rules import IndexedCotangent
from tinygrad_lstm.engine.rule_calls import call_rules
from tinygrad_lstm.errors import DtypeError, ShapeError


def check(outputs: list[tg.Tensor], seeds: list[Any]) -> int:
    """Compare them at every node of a graph; returns the number of contributions."""
    seen: dict[tuple[Node, int], Any] = {}

    def watch(edge: Edge, c: Any) -> Any:
        seen[edge.reader, edge.position] = c
        return c

    count = 0
    roots = [y.source for y in outputs]
    for node, g in backpropagate(roots, seeds, retain_graph=True, hook=watch):
        for position, c in call_rules(node, g, node.kept) if node.plan is not None else ():
            loops = seen.pop((node, position))
            for ours in (fit(c, node, position, g), fit(c, node, position, g, True).data):
                np.testing.assert_array_equal(ours, loops)
                assert (ours.dtype, ours.shape) == (loops.dtype, loops.shape)
            count += 1
    assert not seen, "the loop handed on more"
    return count


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@cases(suits=lambda case: bool(case.slots))
def test_every_op(case: Case, dtype: Any) -> None:
    with np.errstate(all="ignore"):  # float16 is small
        outputs = [y for y in case.op(*case.leaves(dtype)) if y.requires_grad]
        seeds = [v.astype(y.dtype) for v, y in zip(cotangents_of(outputs), outputs, strict=True)]
        assert check(outputs, seeds) > 0


def test_a_network() -> None:
    lstm = tg.nn.LSTM(2, 3, num_layers=2, bidirectional=True)
    output, _ = lstm(tg.randn(4, 2, 2))
    assert check([output], [np.ones(output.shape, output.dtype)]) > 100


def test_a_rule_is_not_called_for_an_input_that_is_left_out() -> None:
    called = []

    @tg.primitive
    def product(a: Any, b: Any) -> Any:
        return a * b

    def noted(name: str, value: Any) -> Any:
        called.append(name)
        return value

    product.defvjp(a=lambda g, b: noted("a", g * b), b=lambda g, a: noted("b", g * a))
    y = product(*(tg.tensor(value, requires_grad=True) for value in (2.0, 3.0)))
    node = y.source.node
    assert [(k, float(c)) for k, c in call_rules(node, np.float32(1), node.kept, only=[False, True])] == [(1, 2.0)]
    assert called == ["b"]


def test_a_rule_that_gives_none_hands_on_nothing() -> None:
    @tg.primitive
    def product(a: Any, b: Any) -> Any:
        return a * b

    product.defvjp(a=lambda g: None, b=lambda g, a: g * a)
    node = product(*(tg.tensor(value, requires_grad=True) for value in (2.0, 3.0))).source.node
    assert [k for k, _ in call_rules(node, np.float32(1), node.kept)] == [1]


def test_fit_makes_an_array_of_the_inputs_shape_and_dtype() -> None:
    b = tg.tensor(np.zeros((1, 3), np.float32), requires_grad=True)
    node = (b + np.zeros((2, 1, 3), np.float32)).source.node
    real = np.ones((1, 3))
    for c in (np.ones((2, 1, 3)), np.ones((4, 2, 5, 3))):
        fitted = fit(c, node, 0, c)
        assert (fitted.shape, fitted.dtype) == ((1, 3), np.float32)
        assert fitted.sum() == c.size
    whole = fit(IndexedCotangent((0, slice(1, 3)), np.ones(2, np.float32)), node, 0, real)
    assert whole.tolist() == [[0.0, 1.0, 1.0]]
    assert fit(real * 1j, node, 0, real * 1j).dtype == complex, "a complex cotangent is pulled back too"
    with pytest.raises(DtypeError, match="gave a cotangent of complex128"):
        fit(real * 1j, node, 0, real)
    with pytest.raises(ShapeError, match=r"gave a cotangent of shape \(2,\), but the input has shape \(1, 3\)"):
        fit(np.ones(2), node, 0, real)
