"""LSTM and GRU over a whole sequence as one op each, with backpropagation through time derived by hand.

The same functions as ``unroll(LSTMCell(...))`` and ``unroll(GRUCell(...))``, and an independent check of them: no rule
of the graph is used here. What the graph finds node by node is written out as the chain rule; a line of
the backward pass has the number of the forward line that it belongs to. It is the fast form for training: products with
W are made for all steps at once, and only what depends on the step before is inside the loop.

    x (T, B, D)   h0, c0 (B, H)   W (nH, D)   U (nH, H)   b (nH,)   on (T, B) or None: which steps of each row count
    y (T, B, H)   h at every step (carried where ``on`` is off)     c (B, H)   the last cell state
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from tinygrad_lstm.engine.naming import label
from tinygrad_lstm.engine.ops.choices import where
from tinygrad_lstm.engine.ops.nonlinear import sigmoid
from tinygrad_lstm.engine.ops.primitive import Array, primitive_multi
from tinygrad_lstm.engine.ops.shapes import expand_dims, squeeze
from tinygrad_lstm.engine.ops.wide import wide
from tinygrad_lstm.engine.tensor import Tensor, TensorLike
from tinygrad_lstm.errors import ArgumentError
from tinygrad_lstm.nn.cells import Cell, GRUCell, LSTMCell, State
from tinygrad_lstm.nn.unroll import Chain, Outside, as_state, begin_run, parts_of

Mask: TypeAlias = np.ndarray | None
σ = sigmoid.forward


def step_order(T: int, reverse: bool) -> range:
    """The time steps in the order in which they are run."""
    return range(T - 1, -1, -1) if reverse else range(T)


def keep_old_rows(on: Array, new: Array, old: Array) -> None:
    """Put the old state back, in place, in the rows that do not count at this step."""
    np.copyto(new, old, where=~on[:, None])


# LSTM: gates f, i, o, g ----------------------------------------------------------------------------------------------


@primitive_multi(saves=True, hides_steps=True)
def fused_lstm(
    x: Array, h0: Array, c0: Array, W: Array, U: Array, b: Array, on: Mask = None, reverse: bool = False
) -> Any:
    """y (T, B, H) and the last h and c of an LSTM: ``LSTMCell`` at every step (Hochreiter & Schmidhuber 1997)."""
    (T, B, D), H = x.shape, len(b) // 4
    # -z for the gates and -2z for g: then one σ(z) = 1 / (1 + e⁻ᶻ) serves all four, for tanh z = 2 σ(2z) - 1
    minus = np.repeat(np.array([-1, -1, -1, -2], W.dtype), H)
    Z = (x.reshape(T * B, D).dot((W * minus[:, None]).T) + b * minus).reshape(T, B, 4 * H)  # 1  W x + b, every step
    U_T = np.ascontiguousarray((U * minus[:, None]).T)  # laid out as the products of the loop read it
    y, C, S = (np.empty((T, B, H), Z.dtype) for _ in range(3))
    h, c, one = h0, c0, np.ones((), Z.dtype)  # (a bare 1 costs a ufunc twice)
    with np.errstate(over="ignore"):  # e⁻ᶻ = ∞ gives σ = 0
        for t in step_order(T, reverse):
            z = Z[t]
            z += h.dot(U_T)  # 2
            np.exp(z, out=z)  # 3
            z += one
            np.reciprocal(z, out=z)
            f, i, o, g = z[:, :H], z[:, H : 2 * H], z[:, 2 * H : 3 * H], z[:, 3 * H :]
            g += g
            g -= one
            before_h, before_c = h, c
            c = np.multiply(f, c, out=C[t])
            c += i * g  # 4
            h = np.multiply(o, np.tanh(c, out=S[t]), out=y[t])  # 5
            if on is not None:
                keep_old_rows(on[t], h, before_h)
                keep_old_rows(on[t], c, before_c)
    return (y, h.copy(), c.copy()), (Z, C, S)


def _fused_lstm_vjp(
    gs: Sequence[Array], saved: tuple[Array, ...], y: tuple[Array, ...], x: Array, h0: Array, c0: Array, W: Array,
    U: Array, on: Mask, reverse: bool, needs_input_grad: tuple[bool, ...],
) -> tuple[Array | None, ...]:  # fmt: skip
    gates, C, S = saved  # S = tanh c
    T, B, H = C.shape
    f, i, o, g = np.moveaxis(gates.reshape(T, B, 4, H), 2, 0)
    dz = np.empty((T, B, 4, H), gates.dtype)  # each gate's slope times what it meets on the way to c or h ...
    dz[:, :, 0] = states_before(C, c0, reverse) * f * (1 - f)
    dz[:, :, 1] = g * i * (1 - i)
    dz[:, :, 2] = S * o * (1 - o)
    dz[:, :, 3] = i * (1 - g * g)
    dc_of_dh = o * (1 - S * S)
    dZ = dz.reshape(T, B, 4 * H)
    dy, dh, dc = gs
    for t in reversed(step_order(T, reverse)):
        dh = dh + dy[t]
        if on is not None:
            resting_h, resting_c = dh * ~on[t][:, None], dc * ~on[t][:, None]  # rows that handed their state on
            dh, dc = dh - resting_h, dc - resting_c
        dc = dc + dh * dc_of_dh[t]  # 5'  h = o tanh c
        dz[t, :, :2] *= dc[:, None]  # 4', 3'  ... times df = dc c_before and di = dc g
        dz[t, :, 2] *= dh  # 5', 3'  ... times do = dh tanh c
        dz[t, :, 3] *= dc  # 4', 3'  ... times dg = dc i: dL/dz
        dc = dc * f[t]  # 4'  the belt
        dh = dZ[t].dot(U)  # 2'
        if on is not None:
            dh, dc = dh + resting_h, dc + resting_c
    rows = dZ.reshape(T * B, 4 * H)  # every row of every step at once
    dx = rows.dot(W).reshape(x.shape) if needs_input_grad[0] else None  # 1'
    dW = rows.T.dot(x.reshape(T * B, x.shape[2])) if needs_input_grad[3] else None  # 1'
    dU = rows.T.dot(states_before(y[0], h0, reverse).reshape(T * B, H)) if needs_input_grad[4] else None  # 2'
    return dx, dh, dc, dW, dU, wide(rows).sum(axis=0)


def states_before(states: Array, first: Array, reverse: bool) -> Array:
    """The state that each step started from: (T, B, H)."""
    if reverse:
        return np.concatenate([states, first[None]])[1:]
    return np.concatenate([first[None], states])[:-1]


fused_lstm.defvjp_all(_fused_lstm_vjp, inputs=("x", "h0", "c0", "W", "U", "b"))


# GRU: gates r, z, n --------------------------------------------------------------------------------------------------


@primitive_multi(saves=True, hides_steps=True)
def fused_gru(
    x: Array, h0: Array, W: Array, U: Array, b: Array, b_n: Array, on: Mask = None, reverse: bool = False
) -> Any:
    """y (T, B, H) and the last h of a GRU: ``GRUCell`` at every step (Cho 2014; reset after the product)."""
    (T, B, D), H = x.shape, len(b_n)
    A = np.asarray(x.reshape(T * B, D).dot(W.T) + b).reshape(T, B, 3 * H)  # 1  every step's W x + b
    y, M = np.empty((T, B, H), A.dtype), np.empty((T, B, H), A.dtype)
    h, U_T = h0, np.ascontiguousarray(U.T)
    for t in step_order(T, reverse):
        a, u = A[t], h.dot(U_T)  # 2
        a[:, : 2 * H] = σ(a[:, : 2 * H] + u[:, : 2 * H])  # 3  r, z
        r, z, n = a[:, :H], a[:, H : 2 * H], a[:, 2 * H :]
        m = np.add(u[:, 2 * H :], b_n, out=M[t])
        n += r * m
        np.tanh(n, out=n)  # 4  n = tanh(W x + b + r m)
        before_h = h
        h = np.add(n, z * (h - n), out=y[t])  # 5  (1 - z) n + z h
        if on is not None:
            keep_old_rows(on[t], h, before_h)
    return (y, h.copy()), (A, M)


def _fused_gru_vjp(
    gs: Sequence[Array], saved: tuple[Array, Array], y: tuple[Array, ...], x: Array, h0: Array, W: Array, U: Array,
    on: Mask, reverse: bool, needs_input_grad: tuple[bool, ...],
) -> tuple[Array | None, ...]:  # fmt: skip
    gates, M = saved
    T, B, H = M.shape
    r, z, n = gates[..., :H], gates[..., H : 2 * H], gates[..., 2 * H :]
    h_before = states_before(y[0], h0, reverse)
    dn_of = (1 - z) * (1 - n * n)  # each gate's slope, and what it meets on the way to h
    dz_of = (h_before - n) * z * (1 - z)
    dr_of = M * r * (1 - r)
    dA, dV = np.empty_like(gates), np.empty_like(gates)  # dL/d(W x + b) and dL/d(U h): they differ in n, by the reset
    dy, dh = gs
    for t in reversed(step_order(T, reverse)):
        dh = dh + dy[t]
        if on is not None:
            resting = dh * ~on[t][:, None]  # rows that handed their state on
            dh = dh - resting
        dn = dh * dn_of[t]  # 5', 4'
        dA[t, :, :H] = dn * dr_of[t]  # 4', 3'
        dA[t, :, H : 2 * H] = dh * dz_of[t]  # 5', 3'
        dA[t, :, 2 * H :] = dn
        dV[t, :, : 2 * H] = dA[t, :, : 2 * H]
        dV[t, :, 2 * H :] = dn * r[t]  # 4'
        dh = dh * z[t] + dV[t].dot(U)  # 5', 2'
        if on is not None:
            dh = dh + resting
    dA, dV = dA.reshape(T * B, 3 * H), dV.reshape(T * B, 3 * H)
    dx = dA.dot(W).reshape(x.shape) if needs_input_grad[0] else None  # 1'
    dW = dA.T.dot(x.reshape(T * B, x.shape[2])) if needs_input_grad[2] else None  # 1'
    dU = dV.T.dot(h_before.reshape(T * B, H)) if needs_input_grad[3] else None  # 2'
    return dx, dh, dW, dU, wide(dA).sum(axis=0), wide(dV[:, 2 * H :]).sum(axis=0)


fused_gru.defvjp_all(_fused_gru_vjp, inputs=("x", "h0", "W", "U", "b", "b_n"))


# As a layer runs them ------------------------------------------------------------------------------------------------


def fusible(cell: Cell) -> bool:
    """Whether there is a fused form of this cell: of just these two classes, not of their variants."""
    return type(cell) in (LSTMCell, GRUCell)


def unroll_fused(
    cell: Cell, x: Tensor, state: State | None = None, *, mask: TensorLike | None = None, outside: Outside = "zero",
    reverse: bool = False,
) -> Chain:  # fmt: skip
    """``unroll(cell, x, state, ...)`` as one op: the same output and final state, no steps.

    Raises ArgumentError for a cell that has no fused form, and for ``outside="raw"``, which needs the steps.

    >>> from tinygrad_lstm import nn
    >>> unroll_fused(nn.LSTMCell(3, 5), Tensor(np.ones((7, 2, 3))))
    Chain(LSTMCell, steps not kept)
    """
    if not fusible(cell):
        raise ArgumentError(f"fused=True is for LSTMCell and GRUCell; unroll {type(cell).__name__} with fused=False")
    assert isinstance(cell, LSTMCell | GRUCell)
    on, x, state, initial = begin_run(cell, x, state, mask, outside)
    if outside == "raw":
        raise ArgumentError(
            'outside="raw" shows what a step makes of the padding, which has no fused form: fused=False'
        )
    batched = x if x.ndim == 3 else expand_dims(x, 1)
    starts = [part if part.ndim == 2 else expand_dims(part, 0) for part in parts_of(state)]
    rows = None if on is None else on.reshape(batched.shape[:2])
    b = np.zeros(len(cell.W), x.dtype) if cell.b is None else cell.b
    with cell.scope():
        if isinstance(cell, LSTMCell):
            y, *last = fused_lstm(batched, starts[0], starts[1], cell.W, cell.U, b, rows, reverse)
        else:
            b_n = np.zeros(cell.hidden_size, x.dtype) if cell.b_n is None else cell.b_n
            y, *last = fused_gru(batched, starts[0], cell.W, cell.U, b, b_n, rows, reverse)
    if rows is not None and outside == "zero":
        y = where(np.expand_dims(rows, -1), y, 0)
    if x.ndim == 2:
        y, last = squeeze(y, 1), [squeeze(part, 0) for part in last]
    after = dict(zip(cell.states, last, strict=True))
    label(**after)
    return Chain(cell, initial, (), y, as_state(last))
