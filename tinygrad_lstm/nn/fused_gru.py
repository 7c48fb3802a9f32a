"""GRU over a whole sequence as one op, with backpropagation through time derived by hand.

The same function as ``unroll(GRUCell(...))``, and an independent check of it, as ``fused_lstm`` is of the LSTM.
Products with W are made for all steps at once, and only what depends on the step before is inside the loop.

    x (T, B, D)   h0 (B, H)   W (3H, D)   U (3H, H)   b (3H,)   b_n (H,)   on (T, B) or None: which steps of a row count
    y (T, B, H)   h at every step (carried where ``on`` is off)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_lstm.engine.ops.nonlinear import sigmoid
from tinygrad_lstm.engine.ops.primitive import Array, primitive_multi
from tinygrad_lstm.engine.ops.wide import wide
from tinygrad_lstm.nn.fused_rnn import Mask

σ = sigmoid.forward


def step_order(T: int, reverse: bool) -> range:
    """The time steps in the order in which they are run."""
    return range(T - 1, -1, -1) if reverse else range(T)


def keep_old_rows(on: Array, new: Array, old: Array) -> None:
    """Put the old state back, in place, in the rows that do not count at this step."""
    np.copyto(new, old, where=~on[:, None])


def states_before(states: Array, first: Array, reverse: bool) -> Array:
    """The state that each step started from: (T, B, H)."""
    if reverse:
        return np.concatenate([states, first[None]])[1:]
    return np.concatenate([first[None], states])[:-1]


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
