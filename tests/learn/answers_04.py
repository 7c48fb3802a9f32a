"""Answers to the exercises of chapter 4, right ones and wrong ones; each takes the numbers that it names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

import tinygrad_lstm as tg

Function: TypeAlias = Callable[..., Any]


def back(hand_back: Function, direct_too: bool = True) -> Callable[[], Function]:
    """A walk from the last step to the first; ``hand_back(U, g, next h, this h)``."""

    def make() -> Function:
        def walk(U: Any, h: Any, direct: Any) -> Any:
            dh = [direct[-1]]
            for k in reversed(range(len(h) - 1)):
                dh.insert(0, direct_too * direct[k] + hand_back(U, dh[0], h[k + 1], h[k]))
            return dh

        return walk

    return make


def with_gradients_before_the_tanh() -> Function:
    def walk(U: Any, h: Any, direct: Any) -> Any:
        out, da = np.empty_like(h), np.zeros(h.shape[1])
        for k in range(len(h))[::-1]:
            out[k] = direct[k] + da @ U
            da = out[k] * (1 - h[k] * h[k])
        return out

    return walk


def with_jacobians() -> Function:
    def walk(U: Any, h: Any, direct: Any) -> Any:
        T = len(h)
        rows = []
        for s in range(T):
            total, jacobian = np.zeros(h.shape[1]), np.eye(h.shape[1])
            for t in range(s, T):
                jacobian = jacobian if t == s else np.diag(1 - h[t] ** 2) @ U @ jacobian
                total = total + jacobian.T @ direct[t]
            rows.append(total)
        return np.stack(rows)

    return walk


def with_the_engine() -> Function:
    def walk(U: Any, h: Any, direct: Any) -> Any:
        moved = [tg.tensor(np.zeros(h.shape[1]), requires_grad=True) for _ in h]  # what is added to each state
        state, loss = tg.tensor(h[0]) + moved[0], tg.tensor(0.0)
        for k in range(len(h)):
            if k:
                a = np.arctanh(h[k]) - U @ h[k - 1]
                state = tg.tanh(tg.tensor(U) @ state + a) + moved[k]
            loss = loss + (state * direct[k]).sum()
        return np.array([g.data for g in tg.grad(loss, moved)])

    return walk


def gradient(part: Function, combine: Function = sum) -> Callable[[], Function]:
    """What the parts ``part(h_t, h_{t-1}, ∂L/∂h_t)`` of the steps give."""

    def make() -> Function:
        def function(h0: Any, h: Any, dh: Any) -> Any:
            before = np.concatenate([[h0], h[:-1]])
            return combine([part(now, old, g) for now, old, g in zip(h, before, dh, strict=True)])

        return function

    return make


def outer(now: Any, old: Any, g: Any) -> Any:
    return np.outer((1 - now**2) * g, old)


RIGHT = {
    "4.1": [with_gradients_before_the_tanh, with_jacobians, with_the_engine],
    "4.2": [
        lambda: lambda h0, h, dh: ((1 - h * h) * dh).T @ np.vstack([h0, h[:-1]]),
        lambda: lambda h0, h, dh: np.einsum("ti,tj->ij", (1 - h * h) * dh, np.concatenate([h0[None], h])[:-1]),
        gradient(lambda now, old, g: ((1 - now) * (1 + now) * g)[:, None] * old),
    ],
    "4.3": [
        lambda H, T: [H ** (T - 1), (H**T - 1) // (H - 1)],
        lambda H, T: np.array([float(H) ** (T - 1), sum(float(H) ** k for k in range(T))]),
        lambda H, T: (
            np.linalg.matrix_power(np.ones((H, H)), T - 1)[0].sum(),
            sum(np.linalg.matrix_power(np.ones((H, H)), k)[0].sum() for k in range(T)),
        ),
    ],
}
WRONG = {
    "4.1": [
        ("the path through the next step is missing", lambda: lambda U, h, direct: direct),
        ("the path from the loss at step t is missing", back(lambda U, g, after, h: U.T @ ((1 - after**2) * g), False)),
        ("U is not transposed", back(lambda U, g, after, h: U @ ((1 - after**2) * g))),
        ("the slope of tanh, is missing", back(lambda U, g, after, h: U.T @ g)),
        ("the slope is that of h_t", back(lambda U, g, after, h: U.T @ ((1 - h**2) * g))),
        ("applied after Uᵀ", back(lambda U, g, after, h: (1 - after**2) * (U.T @ g))),
        ("from step t + 2 is missing", lambda: lambda U, h, direct: (
            direct + np.vstack([((1 - h[1:] ** 2) * direct[1:]) @ U, 0 * h[:1]]))),
        ("through the next step has the wrong sign", back(lambda U, g, after, h: -U.T @ ((1 - after**2) * g))),
        ("row 0 is step 1", lambda: lambda *inputs: with_jacobians()(*inputs)[::-1]),
        ("it is transposed", lambda: lambda *inputs: with_jacobians()(*inputs).T),
        ("the gradient before the tanh", lambda: lambda U, h, direct: with_jacobians()(U, h, direct) * (1 - h * h)),
        ("function takes (U, h)", lambda: lambda U, h: h),
    ],
    "4.2": [
        ("only the path through `step 4`", lambda: lambda h0, h, dh: outer(h[-1], h[-2], dh[-1])),
        ("the path through `step 1` is missing", lambda: lambda h0, h, dh: ((1 - h * h) * dh)[1:].T @ h[:-1]),
        ("yours takes h_t", lambda: lambda h0, h, dh: ((1 - h * h) * dh).T @ h),
        ("it is transposed", gradient(lambda now, old, g: outer(now, old, g).T)),
        ("the slope of tanh, is missing", gradient(lambda now, old, g: np.outer(g, old))),
        ("the slope is that of h_{t-1}", gradient(lambda now, old, g: np.outer((1 - old**2) * g, old))),
        ("the mean over the steps", gradient(outer, lambda parts: np.mean(parts, axis=0))),
        ("an axis for the steps", gradient(outer, np.array)),
        ("the sign is wrong", gradient(lambda now, old, g: -outer(now, old, g))),
    ],
    "4.3": [
        ("one step too many", lambda H, T: [H**T, sum(H**k for k in range(T))]),
        ("choices are added", lambda H, T: [H * (T - 1), sum(H**k for k in range(T))]),
        ("between units there are more", lambda H, T: [1, T]),
        ("this is the length of a path", lambda H, T: [T - 1, T]),
        ("the loss also reads the states before", lambda H, T: [H ** (T - 1), H ** (T - 1)]),
        ("they are fewer", lambda H, T: [H ** (T - 1), T * H ** (T - 1)]),
        ("straight to the loss is missing", lambda H, T: [H ** (T - 1), sum(H**k for k in range(1, T))]),
        ("a path cannot end before", lambda H, T: [sum(H**k for k in range(T)), H ** (T - 1)]),
    ],
}  # fmt: skip
