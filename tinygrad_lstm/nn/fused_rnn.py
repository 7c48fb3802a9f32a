"""Elman RNN over a whole sequence as one op, with backpropagation through time derived by hand.

The same function as ``unroll(RNNCell(...))``, and an independent check of it: no rule of the graph is used here. It is
the simplest of the fused cells, and the others are written as it is: a line of the backward pass has the number of the
forward line that it belongs to, and only what depends on the step before is inside the loop.

    x (T, B, D)   h0 (B, H)   W (H, D)   U (H, H)   b (H,)   on (T, B) or None: which steps of each row count
    y (T, B, H)   h at every step (carried where ``on`` is off)

Inside, the rows of a batch are columns. A step reads [h; x; 1] (H + D + 1, B), with the h of the step before, so
z = [U W b] [h; x; 1] is one product, and it writes its h where the next step reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any, TypeAlias

import numpy as np

from tinygrad_lstm.engine.ops.primitive import Array, primitive_multi

Mask: TypeAlias = np.ndarray | None


def in_run_order(steps: Array, reverse: bool) -> Array:
    """What belongs to each step, in the order in which the steps run; and the inverse of that."""
    return steps[::-1] if reverse else steps


def off(on: Mask, reverse: bool) -> Mask:
    """Which rows do not count at each step, in the order in which the steps run; None if all rows do."""
    return None if on is None else ~in_run_order(on, reverse)


def each(steps: Mask, T: int) -> Iterable[Any]:
    """What belongs to each of T steps: None for every one where there is nothing."""
    return repeat(None, T) if steps is None else steps


@primitive_multi(saves=True, hides_steps=True)
def fused_rnn(
    x: Array, h0: Array, W: Array, U: Array, b: Array, on: Mask = None, reverse: bool = False, relu: bool = False
) -> Any:
    """y (T, B, H) and the last h of an RNN: ``RNNCell`` at every step (Elman 1990), with tanh or with relu."""
    (T, B, D), H = x.shape, len(b)
    V = np.concatenate([U, W, b[:, None]], axis=1)
    dtype = np.result_type(x, h0, V)
    V, zero, X = V.astype(dtype, copy=False), np.zeros((), dtype), np.empty((T + 1, H + D + 1, B), dtype)
    X[0, :H], X[:T, H:-1], X[:, -1] = h0.T, in_run_order(x, reverse).swapaxes(1, 2), 1
    dot, tanh, maximum = V.dot, np.tanh, np.maximum
    for read, h, rest in zip(X[:T], X[1:, :H], each(off(on, reverse), T), strict=True):
        dot(read, h)  # 1  z = W x + U h + b, where h goes
        maximum(h, zero, out=h) if relu else tanh(h, h)  # 2
        if rest is not None:  # rows that do not count keep their state
            np.copyto(h, read[:H], where=rest)
    y = np.ascontiguousarray(in_run_order(X[1:, :H], reverse).swapaxes(1, 2))
    return (y, X[T, :H].T.copy()), X


def _fused_rnn_vjp(
    gs: Sequence[Array], saved: Array, W: Array, U: Array, on: Mask, reverse: bool, relu: bool,
    needs_input_grad: tuple[bool, ...],
) -> tuple[Array | None, ...]:  # fmt: skip
    X, h = saved, saved[1:, : len(U)]
    T, H, B = h.shape
    dZ = (h > 0).astype(h.dtype) if relu else 1 - h * h  # for all steps at once: what dh is multiplied by ...
    rests = off(on, reverse)
    if rests is not None:  # rows that do not count hand on what they get
        dZ *= ~rests[:, None]
    dY, dh = np.ascontiguousarray(in_run_order(gs[0], reverse).swapaxes(1, 2)), np.array(gs[1].T, order="C")
    dot, multiply, add = np.ascontiguousarray(U.T).dot, np.multiply, np.add
    for dy, dz, rest in reversed(list(zip(dY, dZ, each(rests, T), strict=True))):
        add(dh, dy, dh)
        kept = None if rest is None else dh * rest
        multiply(dz, dh, dz)  # 2'  ... to give dL/dz
        dot(dz, dh)  # 1'
        if kept is not None:
            add(dh, kept, dh)
    columns = dZ.swapaxes(0, 1).reshape(H, T * B)  # every column of every step
    dV = columns.dot(X[:-1].swapaxes(0, 1).reshape(X.shape[1], T * B).T)  # 1'  of U, W and b
    dx = None
    if needs_input_grad[0]:
        dx = in_run_order(W.T.dot(columns).reshape(W.shape[1], T, B).transpose(1, 2, 0), reverse)  # 1'
    return dx, dh.T, dV[:, H:-1], dV[:, :H], dV[:, -1]


fused_rnn.defvjp_all(_fused_rnn_vjp, inputs=("x", "h0", "W", "U", "b"))
