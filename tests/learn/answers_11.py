"""Answers to the exercises of chapter 11, right ones and wrong ones; each takes the numbers that it names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

import tinygrad_lstm as tg

Function: TypeAlias = Callable[..., Any]


def through(h: Any = lambda dh, o, s, g: dh * o * (1 - s * s), join: Any = np.add, o_gets: Any = None,
            belt: Any = lambda whole, dC, f: whole * f, order: Any = (0, 1, 2, 3), change: Any = lambda *found: found,
            slope_f: Any = lambda f: f * (1 - f)) -> Callable[[], Function]:  # fmt: skip
    """A step back; ``h(dh, o, tanh C, C̃)`` is what C_t gets through h_t, joined with what comes along the belt."""

    def make() -> Function:
        def step_back(dh: Any, dC: Any, f: Any, i: Any, o: Any, g: Any, C: Any, s: Any, U: Any) -> Any:
            whole = join(dC, h(dh, o, s, g))
            at_o = dh if o_gets is None else o_gets(whole)
            parts = [whole * C * slope_f(f), whole * g * i * (1 - i), at_o * s * o * (1 - o), whole * i * (1 - g * g)]
            dz = np.concatenate([parts[k] for k in order], axis=1)
            return change(dz, dz @ U, belt(whole, dC, f))

        return step_back

    return make


def by_the_engine() -> Function:
    def step_back(dh: Any, dC: Any, f: Any, i: Any, o: Any, g: Any, C: Any, s: Any, U: Any) -> Any:
        gates = [np.log(gate / (1 - gate)) for gate in (f, i, o)]
        z = tg.tensor(np.concatenate([*gates, np.arctanh(g)], axis=1), requires_grad=True)
        before = tg.tensor(C, requires_grad=True)
        zf, zi, zo, zg = tg.split(z, 4, axis=1)
        now = tg.sigmoid(zf) * before + tg.sigmoid(zi) * tg.tanh(zg)
        h = tg.sigmoid(zo) * tg.tanh(now)
        dz, back = tg.grad((h * dh).sum() + (now * dC).sum(), [z, before])
        return dz, dz @ U, back

    return step_back


def by_parts() -> Function:
    def step_back(dh: Any, dC: Any, f: Any, i: Any, o: Any, g: Any, C: Any, s: Any, U: Any) -> Any:
        do, d_tanh = dh * s, dh * o
        dC += d_tanh - d_tanh * s**2
        df, di, dg = dC * C, dC * g, dC * i
        dz = np.hstack([df * f - df * f * f, di * i - di * i * i, do * o - do * o * o, dg - dg * g * g])
        return [dz, (U.T @ dz.T).T, f * dC]

    return step_back


def rows(dz: Any, x: Any, h: Any) -> Any:
    n = len(dz) * dz.shape[1]
    return [np.dot(dz.reshape(n, -1).T, part.reshape(n, -1)) for part in (x, h)] + [dz.sum(axis=(0, 1))]


def einsum(dz: Any, x: Any, h: Any) -> Any:
    return np.einsum("tbk,tbd->kd", dz, x), np.einsum("tbk,tbd->kd", dz, h), np.einsum("tbk->k", dz)


def all_in_one(dz: Any, x: Any, h: Any) -> Any:
    read = np.concatenate([x, h, np.ones_like(dz[..., :1])], axis=2)
    found = np.tensordot(dz, read, axes=((0, 1), (0, 1)))
    return found[:, : x.shape[2]], found[:, x.shape[2] : -1], found[:, -1]


def one_by_one(dz: Any, x: Any, h: Any) -> Any:
    dW = sum(g.T @ read for g, read in zip(dz, x, strict=True))
    return [dW, sum(g.T @ read for g, read in zip(dz, h, strict=True)), dz.sum((0, 1))]


def with_dot(dz: Any, x: Any, h: Any) -> Any:
    dW, dU, db = np.zeros((8, x.shape[2])), np.zeros((8, h.shape[2])), np.zeros(8)
    for g, read, old in zip(dz, x, h, strict=True):
        dW += g.T.dot(read)
        dU += g.T.dot(old)
        db += g.sum(0)
    return dW, dU, db


def one_sequence_after_the_other(dz: Any, x: Any, h: Any) -> Any:
    found = [[dz[:, n].T @ x[:, n], dz[:, n].T @ h[:, n], dz[:, n].sum(0)] for n in range(dz.shape[1])]
    return [sum(parts) for parts in zip(*found, strict=True)]


def weights(of_w: Any, of_b: Any = lambda dz: dz.sum((0, 1))) -> Callable[[], Function]:
    """``of_w(dz, what is read)`` for dW and dU, and ``of_b(dz)``."""
    return lambda: lambda dz, x, h_prev: [of_w(dz, x), of_w(dz, h_prev), of_b(dz)]


def product(dz: Any, read: Any) -> Any:
    return np.einsum("tbk,tbd->kd", dz, read)


RIGHT = {
    "11.1": [through(), by_the_engine, by_parts],
    "11.2": [lambda: rows, lambda: einsum, lambda: all_in_one],
}
WRONG = {
    "11.1": [
        ("the path from C_t through h_t is missing", through(join=lambda dC, through_h: dC)),
        ("the path along the belt is missing", through(join=lambda dC, through_h: through_h)),
        ("the slope of tanh, `1 - tanh_C**2`, is missing", through(lambda dh, o, s, g: dh * o)),
        ("the factor `o` is missing", through(lambda dh, o, s, g: dh * (1 - s * s))),
        ("the slope is that of σ", through(lambda dh, o, s, g: dh * o * s * (1 - s))),
        ("dh is taken as it is", through(lambda dh, o, s, g: dh)),
        ("the slope is taken of C̃", through(lambda dh, o, s, g: dh * o * (1 - g * g))),
        ("has the wrong sign", through(join=np.subtract)),
        ("multiplied with the belt", through(join=np.multiply)),
        ("is counted twice", through(join=lambda dC, through_h: dC + 2 * through_h)),
        ("o is read by h_t", through(o_gets=lambda whole: whole)),
        ("the belt multiplies by the forget gate", through(belt=lambda whole, dC, f: whole)),
        ("C_{t-1} gets f times all of it", through(belt=lambda whole, dC, f: dC * f)),
        ("the factor `f (1 - f)` is missing", through(slope_f=lambda f: 1.0)),
        ("this is that of i; the order is", through(order=(1, 0, 2, 3))),
        ("the order is ∂L/∂z, ∂L/∂h_{t-1}", through(change=lambda dz, dh, dC: (dz, dC, dh))),
        ("∂L/∂h_{t-1}: every entry", through(change=lambda dz, dh, dC: (dz, dh * 1.5, dC))),
        ("a list of 3 arrays", through(change=lambda dz, dh, dC: dz)),
        ("∂L/∂z: ", through(change=lambda dz, dh, dC: (dz.T, dh, dC))),
    ],
    "11.2": [
        ("12 steps of 2 take", lambda: one_by_one),
        ("but 4 steps of 2 sequences take", lambda: with_dot),
        ("and 4 steps of 6 take", lambda: one_sequence_after_the_other),
        ("dW: the sums over the steps and the batch are", weights(lambda dz, x: np.einsum("tbk,tbd->tbkd", dz, x))),
        ("dW: the sum over the steps is missing", weights(lambda dz, x: np.einsum("tbk,tbd->tkd", dz, x))),
        ("dW: the sum over the batch is missing", weights(lambda dz, x: np.einsum("tbk,tbd->bkd", dz, x))),
        ("this is the last step", weights(lambda dz, x: dz[-1].T @ x[-1])),
        ("this is the first step", weights(lambda dz, x: dz[0].T @ x[0])),
        ("this is one sequence", weights(lambda dz, x: dz[:, 0].T @ x[:, 0])),
        ("a product of sums", weights(lambda dz, x: np.outer(dz.sum((0, 1)), x.sum((0, 1))))),
        ("the wrong order", lambda: lambda dz, x, h_prev: [product(dz, h_prev), product(dz, x), dz.sum((0, 1))]),
        ("the rows do not match", weights(lambda dz, x: dz.reshape(-1, 8).T @ x.swapaxes(0, 1).reshape(20, -1))),
        ("shifted once more", lambda: lambda dz, x, h: [product(dz, x), product(dz[1:], h[:-1]), dz.sum((0, 1))]),
        ("it is transposed", weights(lambda dz, x: product(dz, x).T)),
        ("the mean over the steps and the batch", weights(lambda dz, x: product(dz, x) / 20)),
        ("dW: it is the mean over the batch", weights(lambda dz, x: product(dz, x) / 4)),
        ("db: the sum over the steps is missing", weights(product, lambda dz: dz.sum(1))),
        ("db: the sum over the batch is missing", weights(product, lambda dz: dz.sum(0))),
        ("db: it is summed over the units too", weights(product, lambda dz: dz.sum())),
        ("db: it is the mean over the batch", weights(product, lambda dz: dz.mean(1).sum(0))),
        ("a list of 3 arrays", lambda: lambda dz, x, h_prev: [product(dz, x), product(dz, h_prev)]),
    ],
}  # fmt: skip
