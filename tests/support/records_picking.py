"""Records of what picks elements out, and puts them back."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.support.record import Array, Call, Record, Refused, Shape, normal, ones
from tinygrad_lstm.engine.ops import indexing
from tinygrad_lstm.engine.ops.more import picking
from tinygrad_lstm.errors import DtypeError, ShapeError


def scatter(values: Array, where: Any, shape: Shape) -> Array:
    y = np.zeros(shape)
    np.add.at(y, where, values)
    return y


def written(x: Array, key: Any, values: Array) -> Array:
    y = x.copy()
    y[key] = values
    return y


MASK = np.array([[True, False, True], [False, False, True]])

RECORDS: tuple[Record, ...] = (
    Record(
        indexing.index, lambda x, key: x[key],
        normal(lambda x: [
            Call(x(4, 3), key)
            for key in (
                1, -1, slice(1, 3), (slice(None), 0), (slice(None, None, -2), slice(1, None)), Ellipsis, None, (1, 2),
                np.array([0, 2, 2, -2]), [1, 1, 1], (np.array([0, 0, 1]), np.array([1, 1, 2])),
                np.array([[0, 1], [0, 3]]), np.arange(12).reshape(4, 3) % 3 == 0, np.array([True, False, True, False]),
                (slice(None), [0, 0]), (np.array([0, 0]), slice(1, 3)), (None, np.array([3, 3]), Ellipsis, 1),
                np.array(2), slice(0, 0), np.array([], int), np.repeat([3, 0, 1], 7), np.tile([[3, -1]], (9, 1)),
                (0, np.array([True, False, True])), np.zeros((4, 3), bool), (), np.uint8(1),
            )
        ] + [Call(x(), ...), Call(x(), ()), Call(x(0, 3), slice(1)), Call(x(3), np.repeat([0, 2], 9))]),
        method=lambda x, key: x[key],
        refused=(
            Refused(Call(ones(2, 3), 2), ShapeError, r"index\(x \(2, 3\), key=2\).*bounds"),
            Refused(Call(ones(3), (0, 0)), ShapeError, r"index\(x \(3,\).*too many indices"),
            Refused(Call(ones(3), 0.5), ShapeError, r"index\(x \(3,\), key=0.5\)"),
        ),
    ),
    Record(
        indexing.embedding, lambda weight, indices: (np.asarray(indices)[..., None] == np.arange(len(weight))) @ weight,
        normal(lambda x: [
            Call(x(5, 2), np.array([0, 3, 3, 1])), Call(x(5, 2), np.array([[4, 4], [0, 4]])),
            Call(x(5, 2), np.array(2)), Call(x(5, 2), [1, 1]), Call(x(0, 2), np.zeros(0, int)),
            Call(x(3, 2), np.repeat([2, 0], 20).reshape(4, 10)),
        ]),
        refused=(
            Refused(Call(ones(3, 2), np.array([0, 3])), ShapeError, r"embedding\(weight \(3, 2\).*3 is out of bounds"),
            Refused(Call(ones(3, 2), np.array([0.5])), ShapeError, r"embedding\(weight \(3, 2\).*integer"),
        ),
    ),
    Record(
        indexing.scatter, scatter,
        normal(lambda x: [
            Call(x(4), np.array([0, 2, 2, 1]), (3,)), Call(x(2, 3), np.array([1, 1]), (2, 3)),
            Call(x(2), slice(1, 3), (4,)), Call(x(), (1, 2), (2, 3)),
            Call(x(3), (np.array([0, 0, 1]), np.array([1, 1, 0])), (2, 2)), Call(np.zeros(0), slice(0, 0), (2,)),
        ]),
        analytic=False,  # its zeros are made real
        refused=(Refused(Call(ones(2), np.array([0, 3]), (3,)), ShapeError, r"scatter\(values \(2,\)"),),
    ),
    Record(
        picking.index_put, written,
        normal(lambda x: [
            Call(x(4), 1, x()), Call(x(4), slice(1, 3), x(2)), Call(x(4, 3), (slice(None), 0), x(4)),
            Call(x(3), np.array([0, 2, 2]), x(3)), Call(x(3, 2), [1, 1, 1], x(3, 2)), Call(x(3, 2), [1, 1, 0], x(2)),
            Call(x(3, 2), (np.array([0, 0, 1]), np.array([1, 1, 1])), x(3)), Call(x(2, 3), MASK, x(3)),
            Call(x(2, 3), MASK, 0.5), Call(np.zeros((2, 3)), MASK, x()), Call(x(2, 2), ..., x(2, 2)),
            Call(x(3), slice(0, 0), np.zeros(0)), Call(x(4), slice(None, None, -2), x(2)), Call(x(2, 2), 0, x(1, 2)[0]),
        ]),
        refused=(
            Refused(Call(ones(2, 3), 2, 0.0), ShapeError, r"index_put\(x \(2, 3\), values \(\), key=2\).*bounds"),
            Refused(Call(ones(2, 3), 0, ones(2)), ShapeError, r"index_put\(x \(2, 3\), values \(2,\), key=0\)"),
            Refused(Call(np.zeros(3, int), 0, ones()), DtypeError, "values of dtype float64 do not go into int64"),
        ),
    ),
)  # fmt: skip
