"""LSTM over a whole sequence as one op, with backpropagation through time derived by hand.

The same function as ``unroll(LSTMCell(...))``, and an independent check of it: no rule of the graph is used here. What
the graph finds node by node is written out as the chain rule; a line of the backward pass has the number of the forward
line that it belongs to. It is the fast form for training: only what depends on the step before is inside the loop.

    x (T, B, D)   h0, c0 (B, H)   W (4H, D)   U (4H, H)   b (4H,)   on (T, B) or None: which steps of each row count
    y (T, B, H)   h at every step (carried where ``on`` is off)     c (B, H)   the last cell state

Inside, the rows of a batch are columns: then what belongs to one gate, or to gates beside each other, is one stretch
of memory. A step has [c | g f i o] (5, H, B), its gates behind the cell state that it starts from, and it reads
[h; x; 1] (H + D + 1, B), with the h of the step before. So z = [U W b] [h; x; 1] is one product.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import Any

import numpy as np

from tinygrad_lstm.engine.ops.primitive import Array, primitive_multi
from tinygrad_lstm.nn.fused_rnn import Mask, each, in_run_order, off


def g_first(weights: Array) -> Array:
    """Rows of weights in the order g, f, i, o instead of f, i, o, g."""
    H = len(weights) // 4
    return np.concatenate([weights[3 * H :], weights[: 3 * H]])


def g_last(weights: Array) -> Array:
    """The inverse of ``g_first``."""
    H = len(weights) // 4
    return np.concatenate([weights[H:], weights[:H]])


@primitive_multi(saves=True, hides_steps=True)
def fused_lstm(
    x: Array, h0: Array, c0: Array, W: Array, U: Array, b: Array, on: Mask = None, reverse: bool = False,
    keep: bool = True,
) -> Any:  # fmt: skip
    """y (T, B, H) and the last h and c of an LSTM: ``LSTMCell`` at every step (Hochreiter & Schmidhuber 1997).

    Without ``keep``, for a run without backward, all steps share one Z and one S, which stay in the processor's cache.
    """
    (T, B, D), H = x.shape, len(b) // 4
    shared = not keep and on is None  # a masked step needs the c before it once more
    V = g_first(np.concatenate([U, W, b[:, None]], axis=1))
    dtype = np.result_type(x, h0, c0, V)
    V, half = V.astype(dtype, copy=False), np.full((), 0.5, dtype)  # a bare 0.5 costs a ufunc twice the time
    V[H:] *= half  # of f, i and o: σ(z) = (1 + tanh(z/2)) / 2, so that one tanh serves all four
    X = np.empty((T + 1, H + D + 1, B), dtype)  # [h; x; 1]
    Z = np.empty((1 if shared else T + 1, 5, H, B), dtype)  # [c | g f i o]
    X[0, :H], X[:T, H:-1], X[:, -1] = h0.T, in_run_order(x, reverse).swapaxes(1, 2), 1
    Z[0, 0] = c0.T
    S, products = np.empty((1 if shared else T, H, B), dtype), np.empty((2, H, B), dtype)  # S = tanh c
    fc, ig = products
    dot, tanh, multiply, add = V.dot, np.tanh, np.multiply, np.add
    z_of, c_of = Z.reshape(len(Z), 5 * H, B)[:, H:], Z[:, 0] if shared else Z[1:, 0]
    # Slices are cut here for all steps: inside the loop each would cost a third of a ufunc
    slices = [z_of, Z[:, 2:], Z[:, :2], Z[:, 2:4], c_of, S, Z[:, 4]]
    by_step = [repeat(part[0]) for part in slices] if shared else slices
    views = zip(X[:T], *by_step, X[1:, :H], each(off(on, reverse), T), strict=False)
    for read, z, f_i_o, c_g, f_i, c, s, o, h, rest in views:  # the last argument of each call is where its result goes
        dot(read, z)  # 1  z = W x + U h + b
        tanh(z, z)  # 2
        multiply(f_i_o, half, f_i_o)
        add(f_i_o, half, f_i_o)
        multiply(c_g, f_i, products)  # 3  c f and g i
        add(fc, ig, c)
        tanh(c, s)  # 4
        multiply(o, s, h)
        if rest is not None:  # rows that do not count keep their state
            np.copyto(h, read[:H], where=rest)
            np.copyto(c, c_g[0], where=rest)
    y = np.ascontiguousarray(in_run_order(X[1:, :H], reverse).swapaxes(1, 2))
    return (y, X[T, :H].T.copy(), Z[-1, 0].T.copy()), None if shared else (X, Z, S)


def _fused_lstm_vjp(
    gs: Sequence[Array], saved: tuple[Array, ...], W: Array, U: Array, on: Mask, reverse: bool,
    needs_input_grad: tuple[bool, ...],
) -> tuple[Array | None, ...]:  # fmt: skip
    X, Z, S = saved
    (T, H, B), Z = S.shape, Z[:-1]
    # P, for all steps at once: what each cotangent is multiplied by. Of dc: [f | i (1-g²), c f (1-f), g i (1-i)], the
    # belt and the gates g, f, i; of dh: [S o (1-o) | o (1-S²)], the gate o and the way to c
    P, one = np.empty((T, 6, H, B), S.dtype), np.ones((), S.dtype)
    P[:, 0] = Z[:, 2]
    np.multiply(Z[:, 1:], Z[:, 1:], P[:, 1:5])  # squares of the gates,
    np.multiply(S, S, P[:, 5])  # and of S
    np.subtract(Z[:, 2:], P[:, 2:5], P[:, 2:5])  # f, i, o: a - a²
    np.subtract(one, P[:, 1::4], P[:, 1::4])  # g and S: 1 - a²
    P[:, 1::4] *= Z[:, 3:]  # ... times i, and o
    P[:, 2:4] *= Z[:, :2]  # ... times c, and g
    P[:, 4] *= S
    rests = off(on, reverse)
    if rests is not None:  # rows that do not count hand on what they get
        P[:, 1:] *= ~rests[:, None, None]
        np.copyto(P[:, 0], one, where=rests[:, None])
    dY = np.ascontiguousarray(in_run_order(gs[0], reverse).swapaxes(1, 2))
    dh, dc = np.array(gs[1].T, order="C"), np.array(gs[2].T, order="C")
    U_T, dZ = np.ascontiguousarray(g_first(U).T), P.reshape(T, 6 * H, B)[:, H : 5 * H]
    dot, multiply, add = U_T.dot, np.multiply, np.add
    views = zip(dY, P[:, 4], P[:, 5], P[:, :4], P[:, 0], dZ, each(rests, T), strict=True)
    for dy, o, to_c, of_c, belt, dz, rest in reversed(list(views)):
        add(dh, dy, dh)
        kept = None if rest is None else dh * rest
        multiply(o, dh, o)  # 4', 2'  h = o tanh c: dL/dz of o,
        multiply(to_c, dh, to_c)  # and what goes to c
        add(dc, to_c, dc)
        multiply(of_c, dc, of_c)  # 3', 2'  c = f c + i g: what stays on the belt, and dL/dz of g, f, i
        dc = belt
        dot(dz, dh)  # 1'
        if kept is not None:
            add(dh, kept, dh)
    columns = dZ.swapaxes(0, 1).reshape(4 * H, T * B)  # every column of every step
    dV = g_last(columns.dot(X[:-1].swapaxes(0, 1).reshape(X.shape[1], T * B).T))  # 1'  of U, W and b
    dx = None
    if needs_input_grad[0]:
        dx = in_run_order(g_first(W).T.dot(columns).reshape(W.shape[1], T, B).transpose(1, 2, 0), reverse)  # 1'
    return dx, dh.T, dc.T, dV[:, H:-1], dV[:, :H], dV[:, -1]


fused_lstm.defvjp_all(_fused_lstm_vjp, inputs=("x", "h0", "c0", "W", "U", "b"))
