"""Functions made of primitives: each call written once and run three ways, on NumPy's arrays and twice on Tensors.

``m`` in a call is numpy or tinygrad_lstm: what NumPy makes of arrays is the reference for both on Tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import Tensor
from tinygrad_lstm.engine.ops.more import diagonals
from tinygrad_lstm.engine.ops.primitive import Primitive
from tinygrad_lstm.errors import ShapeError

Shape = tuple[int, ...]
INDICES = np.array([[0, 1, 1], [1, -1, 0]])
CALLS: dict[str, tuple[tuple[Callable[..., Any], *tuple[Shape, ...]], ...]] = {
    "einsum": (
        (lambda m, a, b: m.einsum("ij,jk->ik", a, b), (2, 3), (3, 2)),
        (lambda m, a: m.einsum("...ii->...", a), (2, 3, 3)),
        (lambda m, a, b: m.einsum(" i j, k j -> i k ", a, b), (2, 3), (2, 3)),
        (lambda m, a: m.einsum("ij,ij,j->i", a, a, a[0]), (2, 3)),
        (lambda m, a, b: m.einsum("bi...,bi->b...", a, b, optimize="greedy"), (2, 3, 2), (2, 3)),
    ),
    "dot": tuple(
        (lambda m, a, b: m.dot(a, b), a, b)
        for a, b in (
            ((3,), (3,)), ((2, 3), (3, 2)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 2, 3), (3, 2)), ((2, 3), (2, 3, 2)),
            ((2, 2, 3), (2, 3, 1)), ((), (3,)), ((2, 3), ()), ((0,), (0,)),
        )
    ),
    "inner": tuple(
        (lambda m, a, b: m.inner(a, b), a, b)
        for a, b in (((3,), (3,)), ((2, 3), (4, 3)), ((2, 2, 3), (3,)), ((), (2,)), ((2, 0), (0,)))
    ),
    "outer": tuple((lambda m, a, b: m.outer(a, b), a, b) for a, b in (((3,), (2,)), ((2, 2), (3,)), ((), (2,)))),
    "vdot": ((lambda m, a, b: m.vdot(a, b), (3,), (3,)), (lambda m, a, b: m.vdot(a, b), (2, 3), (2, 3))),
    "tensordot": (
        (lambda m, a, b: m.tensordot(a, b), (2, 3, 2), (3, 2, 2)),
        (lambda m, a, b: m.tensordot(a, b, 1), (2, 3), (3, 2)),
        (lambda m, a, b: m.tensordot(a, b, 0), (2,), (3, 2)),
        (lambda m, a, b: m.tensordot(a, b, axes=([0, -1], [1, 0])), (2, 3, 4), (4, 2)),
        (lambda m, a, b: m.tensordot(a, b, (1, 0)), (2, 3), (3,)),
    ),
    "norm": (
        (lambda m, x: m.linalg.norm(x) if m is np else m.norm(x), (2, 3)),
        (lambda m, x: m.linalg.norm(x, 3, axis=1) if m is np else m.norm(x, 3, axis=1), (2, 3)),
        (lambda m, x: m.linalg.norm(x, "fro") if m is np else m.norm(x), (2, 3)),
        (lambda m, x: m.linalg.norm(x, np.inf) if m is np else m.norm(x, np.inf), (3,)),
    ),
    "sort": (
        (lambda m, x: m.sort(x), (2, 3)), (lambda m, x: m.sort(x, axis=0), (3, 2)),
        (lambda m, x: m.sort(x, None), (2, 3)), (lambda m, x: m.sort(x), (0,)),
    ),
    "take": (
        (lambda m, x: m.take(x, INDICES), (3, 2)), (lambda m, x: m.take(x, INDICES, axis=0), (2, 3)),
        (lambda m, x: m.take(x, [1, 1], axis=-1), (2, 3)), (lambda m, x: m.take(x, 1, 1), (2, 3)),
    ),
    "take_along_axis": (
        (lambda m, x: m.take_along_axis(x, INDICES, 1), (2, 4)),
        (lambda m, x: m.take_along_axis(x, INDICES, 0), (2, 3)),
        (lambda m, x: m.take_along_axis(x, INDICES[:1], 1), (2, 3)),
        (lambda m, x: m.take_along_axis(x, INDICES[0], None), (2, 3)),
    ),
    "flip": tuple(
        (lambda m, x, axis=axis: m.flip(x, axis), (2, 3, 2)) for axis in (None, 0, -1, (0, 2))
    ) + ((lambda m, x: m.flip(x), ()),),
    "ravel": ((lambda m, x: m.ravel(x), (2, 3)), (lambda m, x: m.ravel(x), ())),
    "tile": tuple(
        (lambda m, x, reps=reps: m.tile(x, reps), shape)
        for shape, reps in (((3,), 2), ((2, 3), (2, 1)), ((3,), (2, 2)), ((2, 2, 1), (3,)), ((), 2), ((2,), 0))
    ),
    "repeat": (
        (lambda m, x: m.repeat(x, 2), (2, 3)), (lambda m, x: m.repeat(x, 3, axis=1), (2, 3)),
        (lambda m, x: m.repeat(x, [2, 0], 0), (2, 3)), (lambda m, x: m.repeat(x, 2), ()),
    ),
    "pad": (
        (lambda m, x: m.pad(x, 1), (2, 3)), (lambda m, x: m.pad(x, (1, 2), constant_values=3.0), (2, 2)),
        (lambda m, x: m.pad(x, ((0, 0), (2, 1))), (2, 3)), (lambda m, x: m.pad(x, 0), (0, 2)),
        (lambda m, x: m.pad(x, 1), ()),
        *((lambda m, x, mode=mode: m.pad(x, ((1, 0), (2, 3)), mode), (2, 3))
          for mode in ("edge", "reflect", "symmetric", "wrap")),
    ),
    "moveaxis": (
        (lambda m, x: m.moveaxis(x, 0, -1), (2, 3, 4)), (lambda m, x: m.moveaxis(x, (0, 1), (-1, -2)), (2, 3, 4)),
        (lambda m, x: m.moveaxis(x, [2, 0], [0, 1]), (2, 3, 4)),
    ),
    "array_split": (
        (lambda m, x: m.array_split(x, 3)[1], (7, 2)), (lambda m, x: m.array_split(x, 2, axis=1)[0], (2, 5)),
        (lambda m, x: m.array_split(x, [1, 3])[1], (4,)), (lambda m, x: m.array_split(x, 3)[2], (2,)),
    ),
    "atleast_1d": tuple((lambda m, x: m.atleast_1d(x), shape) for shape in ((), (2,), (2, 3))),
    "atleast_2d": tuple((lambda m, x: m.atleast_2d(x), shape) for shape in ((), (2,), (2, 3))),
    "vstack": (
        (lambda m, a, b: m.vstack([a, b]), (3,), (2, 3)), (lambda m, a, b: m.vstack((a, b)), (2,), (2,)),
    ),
    "hstack": (
        (lambda m, a, b: m.hstack([a, b]), (3,), (2,)), (lambda m, a, b: m.hstack((a, b)), (2, 3), (2, 1)),
        (lambda m, a, b: m.hstack((a, b)), (), (2,)),
    ),
    "column_stack": ((lambda m, a, b: m.column_stack([a, b]), (3,), (3, 2)),),
    "diagonal": (
        (lambda m, x: m.diagonal(x), (3, 3)), (lambda m, x: m.diagonal(x, 1), (2, 3)),
        (lambda m, x: m.diagonal(x, -1), (3, 2)),
        (lambda m, x: m.diagonal(x, 0, -1, 0), (2, 3, 4)), (lambda m, x: m.diagonal(x, 5), (2, 2)),
    ),
    "trace": (  # tg.trace is another thing
        (lambda m, x: (np if m is np else diagonals).trace(x), (3, 3)),
        (lambda m, x: (np if m is np else diagonals).trace(x, 1, 1, 2), (2, 3, 3)),
    ),
    "diag": (
        (lambda m, x: m.diag(x), (3,)), (lambda m, x: m.diag(x, -1), (2,)), (lambda m, x: m.diag(x, 1), (2, 3)),
    ),
    "tril": (
        (lambda m, x: m.tril(x), (3, 2)), (lambda m, x: m.tril(x, -1), (2, 3, 3)),
        (lambda m, x: m.tril(x, 1), (3, 3)),
    ),
    "triu": (
        (lambda m, x: m.triu(x), (3, 2)), (lambda m, x: m.triu(x, -1), (2, 3, 3)),
        (lambda m, x: m.triu(x, 1), (3, 3)),
    ),
}  # fmt: skip
ROWS = [pytest.param(*row, id=f"{name}-{k}") for name, rows in CALLS.items() for k, row in enumerate(
    [(call, shapes) for call, *shapes in rows])]  # fmt: skip


def test_every_composite_has_its_calls() -> None:
    names = {f.__name__ for f in Primitive.by_numpy.values() if not isinstance(f, Primitive)}
    assert {name for name in names if not name.startswith("_")} | {"norm"} == CALLS.keys()
    assert all(callable(getattr(tg, name)) and getattr(tg, name).__doc__ for name in CALLS)


@pytest.mark.parametrize(("call", "shapes"), ROWS)
def test_composite(call: Callable[..., Any], shapes: list[Shape], rng: np.random.Generator) -> None:
    arrays = [rng.standard_normal(shape) for shape in shapes]
    leaves = [tg.tensor(array, requires_grad=True) for array in arrays]
    expected = call(np, *arrays)
    for m in (tg, np):
        y = call(m, *leaves)
        assert isinstance(y, Tensor)
        assert y.shape == np.shape(expected)
        np.testing.assert_allclose(y.data, expected, rtol=1e-13, atol=1e-15)
    assert tg.gradcheck(lambda *xs: call(tg, *xs), leaves)
    assert tg.gradgradcheck(lambda *xs: call(tg, *xs), leaves)
    small = [tg.tensor(array.astype(np.float32), requires_grad=True) for array in arrays]
    assert call(tg, *small).dtype == np.float32
    assert isinstance(call(tg, *arrays), Tensor)
    before = [array.copy() for array in arrays]
    assert all(np.array_equal(leaf.data, array) for leaf, array in zip(leaves, before, strict=True))


def test_methods_are_the_functions(rng: np.random.Generator) -> None:
    x, v = tg.tensor(rng.standard_normal((3, 3)), requires_grad=True), tg.tensor(rng.standard_normal(3))
    for method, function in (
        (x.dot(v), tg.dot(x, v)), (x.sort(0), tg.sort(x, 0)), (x.take([0, 0], 1), tg.take(x, [0, 0], 1)),
        (x.repeat(2), tg.repeat(x, 2)), (x.ravel(), tg.ravel(x)), (x.flatten(), tg.ravel(x)),
        (x.diagonal(1), tg.diagonal(x, 1)), (x.trace(), np.trace(x)),
    ):  # fmt: skip
        np.testing.assert_array_equal(method.data, function.data)
        assert method.requires_grad
    assert x.sort() is not x


def test_index_add_adds_up(rng: np.random.Generator) -> None:
    x, v = (tg.tensor(rng.standard_normal((3, 2)), requires_grad=True) for _ in range(2))
    expected = x.data.copy()
    np.add.at(expected, [0, 2, 2], v.data)
    np.testing.assert_allclose(tg.index_add(x, [0, 2, 2], v).data, expected)
    assert tg.gradcheck(lambda x, v: tg.index_add(x, [0, 2, 2], v) ** 2, [x, v])
    assert tg.gradcheck(lambda x, v: tg.index_add(x, slice(0, 2), v[0]) ** 2, [x, v])
    assert tg.index_add(tg.zeros(2), [1, 1], 1.0).tolist() == [0.0, 2.0]


x23, x33 = tg.ones(2, 3), tg.ones(3, 3)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: tg.einsum(x23, [0, 1]), "einsum((2, 3), [0, 1]): the subscripts come first"),  # type: ignore[arg-type]
        (lambda: tg.einsum("ij,jk->ik", x23, x23), "contract(operands[0] (2, 3), operands[1] (2, 3)"),
        (lambda: tg.tensordot(x23, x23, 1), "tensordot((2, 3), (2, 3), 1): the paired axes differ in length"),
        (lambda: tg.tensordot(x23, x23, (2, 0)), "tensordot((2, 3), (2, 3), (2, 0)): axis 2 is out of bounds"),
        (lambda: tg.tensordot(x23, x23, 3), "axes is how many to pair, 0 to 2, or a pair"),
        (lambda: tg.tensordot(x23, np.ones((1,) * 51), 0), "53 axes in all, but at most 52"),
        (lambda: tg.einsum("...,...->...", np.ones((1,) * 53), 2.0), "more than 52 axes"),
        (lambda: tg.take(x23, [0, 2], 0), "index(x (2, 3), "),
        (lambda: tg.take(x23, [0], axis=2), "take((2, 3), [0], axis=2): axis 2 is out of bounds"),
        (lambda: tg.take_along_axis(x23, [0]), "take_along_axis((2, 3), [0]): the indices have 1 axes, x has 2"),
        (lambda: tg.moveaxis(x23, 0, 2), "moveaxis((2, 3), 0, 2): axis 2 is out of bounds"),
        (lambda: tg.flip(x23, 2), "flip((2, 3), 2): axis 2 is out of bounds"),
        (lambda: tg.tril(tg.ones(3)), "tril((3,)): a matrix has 2 axes at least, not 1"),
        (lambda: tg.diagonal(x23, 0, 1, 1), "repeated axis"),
        (lambda: tg.pad(x23, -1), "pad((2, 3), -1): a width is not negative"),
        (lambda: tg.pad(x23, (1, 2, 3)), "pad((2, 3), (1, 2, 3)): operands could not be broadcast"),
        (lambda: tg.vstack([x23, x33[:, :2]]), "concatenate(arrays[0] (2, 3), arrays[1] (3, 2)"),
        (lambda: tg.hstack([]), "hstack([]): need at least one array"),
        (lambda: tg.array_split(x23, 0), "array_split((2, 3), 0): into 1 part at least"),
    ],
)
def test_a_wrong_call_names_the_function_and_the_shapes(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(ShapeError) as error:
        call()
    assert words in str(error.value)


def test_a_node_remembers_the_line_of_the_user_not_of_the_composite() -> None:
    y = tg.sort(tg.ones(3, requires_grad=True))
    assert str(y.source.node).split("made at ")[1].startswith(__file__)
