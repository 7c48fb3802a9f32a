"""Records of what moves elements about."""

from __future__ import annotations

import numpy as np

import tinygrad_lstm as tg
from tests.support.record import Call, Record, Refused, normal, ones
from tinygrad_lstm.engine.ops import shapes
from tinygrad_lstm.errors import DtypeError, ShapeError

RECORDS: tuple[Record, ...] = (
    Record(
        shapes.reshape, np.reshape,
        normal(lambda x: [
            Call(x(2, 3), (3, 2)), Call(x(2, 3), -1), Call(x(), (1, 1)),
            Call(x(0, 3), (3, 0)), Call(x(2, 6), (2, -1, 3)), Call(x(1), ()),
        ]),
        method=lambda x, shape: x.reshape(shape), numpy=np.reshape,
        refused=(Refused(Call(ones(2, 3), (4,)), ShapeError, r"reshape\(x \(2, 3\), shape=\(4,\)\)"),),
    ),
    Record(
        shapes.swapaxes, np.swapaxes,
        normal(lambda x: [Call(x(2, 3, 4), 0, 2), Call(x(2, 3), -1, -2), Call(x(0, 3), 0, 1)]),
        method=lambda x, i, j: x.swapaxes(i, j), numpy=np.swapaxes,
        refused=(Refused(Call(ones(2, 3), 0, 2), ShapeError, r"swapaxes\(x \(2, 3\).*out of bounds"),),
    ),
    Record(
        shapes.transpose, np.transpose,
        normal(lambda x: [
            Call(x(2, 3)), Call(x(2, 3, 4), (1, 2, 0)), Call(x(2, 3, 4), (-1, 0, 1)),
            Call(x()), Call(x(0, 3)), Call(x(3)),
        ]),
        method=lambda x, *axes: x.transpose(*axes), numpy=np.transpose,
        refused=(Refused(Call(ones(2, 3), (0, 0)), ShapeError, r"transpose\(x \(2, 3\), axes=\(0, 0\)\)"),),
    ),
    Record(
        shapes.expand_dims, np.expand_dims,
        normal(lambda x: [Call(x(2, 3), 1), Call(x(), 0), Call(x(2), (0, -1)), Call(np.zeros(0), 0)]),
        numpy=np.expand_dims,
        refused=(Refused(Call(ones(3), 2), ShapeError, r"expand_dims\(x \(3,\), axis=2\).*out of bounds"),),
    ),
    Record(
        shapes.squeeze, np.squeeze,
        normal(lambda x: [
            Call(x(1, 3, 1)), Call(x(1, 3, 1), 0), Call(x(1, 3, 1), (0, -1)),
            Call(x(1, 1)), Call(x(0, 1)),
        ]),
        method=lambda x, *axis: x.squeeze(*axis), numpy=np.squeeze,
        refused=(Refused(Call(ones(2, 1), 0), ShapeError, r"squeeze\(x \(2, 1\), axis=0\)"),),
    ),
    Record(
        shapes.broadcast_to, lambda x, shape: x + np.zeros(shape),
        normal(lambda x: [
            Call(x(3), (2, 3)), Call(x(2, 1), (4, 2, 3)), Call(x(), (2, 2)),
            Call(x(1), (0,)), Call(x(1), 3), Call(x(2), (2,)), Call(x(0), (2, 0)),
        ]),
        numpy=np.broadcast_to,
        refused=(Refused(Call(ones(3), (2, 4)), ShapeError, r"broadcast_to\(x \(3,\), shape=\(2, 4\)\)"),),
    ),
    Record(
        shapes.cast, lambda x, dtype: x.astype(dtype),
        normal(lambda x: [Call(x(2, 3), np.dtype(np.float64)), Call(x(), np.float64), Call(np.zeros(0), "f8")]),
        analytic=False, keeps_dtype=False, method=lambda x, dtype: x.astype(dtype),
        numpy=getattr(np, "astype", None),
        refused=(Refused(Call(ones(3), np.dtype(int)), DtypeError, r"cast\(x \(3,\).*floating"),),
    ),
    Record(
        shapes.split, np.split,
        normal(lambda x: [
            Call(x(6, 2), 3), Call(x(2, 6), 2, axis=1), Call(x(7), [2, 3]),
            Call(x(2, 7), [2, 2, -1], axis=-1), Call(np.zeros((0, 2)), 2),
            Call(x(4), np.array([1, 9])), Call(x(3, 2), 1),
        ]),
        numpy=np.split,
        refused=(
            Refused(Call(ones(5, 2), 2), ShapeError, r"split\(x \(5, 2\).*length 5.*2 equal parts"),
            Refused(Call(ones(4, 2), 2, axis=2), ShapeError, r"split\(x \(4, 2\).*axis=2"),
            Refused(Call(ones(4), [3, 1]), ShapeError, r"split\(x \(4,\).*ascend"),
        ),
    ),
    Record(
        shapes.unstack, lambda x, axis=0: [np.take(x, k, axis) for k in range(x.shape[axis])],
        normal(lambda x: [
            Call(x(3, 2)), Call(x(2, 3), axis=1), Call(x(2, 3, 2), axis=-2),
            Call(x(3)), Call(x(1, 2)), Call(np.zeros((2, 0))),
        ]),
        method=lambda x, axis=0: tuple(x) if axis == 0 else tg.unstack(x, axis), numpy=getattr(np, "unstack", None),
        refused=(Refused(Call(ones(2, 3), axis=2), ShapeError, r"unstack\(x \(2, 3\), axis=2\)"),),
    ),
    Record(
        shapes.concatenate, np.concatenate,
        normal(lambda x: [
            Call([x(2, 2), x(3, 2)]), Call([x(2, 1), x(2, 3)], axis=-1),
            Call((x(2), np.zeros(0), x(3))), Call([x(2, 2)], 1),
            Call([x(2), x(2), x(2)]),
        ]),
        numpy=np.concatenate,
        refused=(
            Refused(Call([ones(2, 3), ones(2, 4)]), ShapeError, r"arrays\[0\] \(2, 3\), arrays\[1\] \(2, 4\)"),
            Refused(Call([]), ShapeError, r"concatenate\("),
            Refused(Call([ones(2), ones(2)], None), (ShapeError, DtypeError), r"concatenate\(.*axis"),
        ),
    ),
    Record(
        shapes.stack, np.stack,
        normal(lambda x: [
            Call([x(2, 3) for _ in range(2)]), Call([x(2) for _ in range(3)], axis=-1),
            Call([x(), x()]), Call([np.zeros(0), np.zeros(0)], 1), Call([x(2)]),
        ]),
        numpy=np.stack,
        refused=(
            Refused(Call([ones(2), ones(3)]), ShapeError, r"stack\(arrays\[0\] \(2,\), arrays\[1\] \(3,\)"),
            Refused(Call([]), ShapeError, r"stack\("),
        ),
    ),
    Record(
        shapes.roll, lambda x, shift, axis=None: (
            np.concatenate([x.reshape(-1)[-shift:], x.reshape(-1)[:-shift]]).reshape(x.shape) if axis is None
            else np.take(x, np.arange(x.shape[axis]) - shift, axis, mode="wrap") if isinstance(axis, int)
            else np.roll(np.roll(x, shift[0], axis[0]), shift[1], axis[1])
        ),
        normal(lambda x: [
            Call(x(4), 1), Call(x(2, 3), 2), Call(x(2, 3), -1, axis=1), Call(x(2, 3), (1, 2), (0, 1)),
            Call(np.zeros(0), 1),
        ]),
        numpy=np.roll, refused=(Refused(Call(ones(2, 3), 1, 2), ShapeError, r"roll\(x \(2, 3\).*out of bounds"),),
    ),
)  # fmt: skip
