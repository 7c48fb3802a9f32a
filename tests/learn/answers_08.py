"""Answers to the exercises of chapter 8, right ones and wrong ones; each takes the numbers that it names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import nn, paths

Function = Callable[..., Any]


def fixed(function: Function) -> Callable[[], Function]:
    """An answer that is the same function for all numbers."""
    return lambda: function


def logit(f: Any) -> float:
    return float(np.log(f / (1 - f)))


def by_bisection(n: int) -> float:
    low, high = 0.0, 20.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (low, middle) if paths.half_life(1 / (1 + np.exp(-middle))) > n else (middle, high)
    return low


def by_the_engine(dC: Any, f: Any, i: Any, g: Any, C_prev: Any, p_f: Any, p_i: Any) -> Any:
    """A real peephole cell whose gates have these values."""
    cell = nn.PeepholeLSTMCell(1, 3, dtype=np.float64)
    a = [np.log(gate / (1 - gate)) - p * C_prev for gate, p in ((f, p_f), (i, p_i))]
    assert cell.b is not None
    cell.W.data[:], cell.U.data[:] = 0, 0
    cell.b.data = np.concatenate([*a, np.zeros(3), np.arctanh(g)])
    cell.p_f.data, cell.p_i.data = p_f, p_i
    C = tg.tensor(C_prev, requires_grad=True)
    return tg.grad((cell(np.zeros(1), (np.zeros(3), C))[1] * dC).sum(), C)[0]


def by_differences(dC: Any, f: Any, i: Any, g: Any, C_prev: Any, p_f: Any, p_i: Any) -> Any:
    a, b = np.log(f / (1 - f)) - p_f * C_prev, np.log(i / (1 - i)) - p_i * C_prev

    def loss(C: Any) -> Any:
        return dC * (C / (1 + np.exp(-a - p_f * C)) + g / (1 + np.exp(-b - p_i * C)))

    return (loss(C_prev + 1e-5) - loss(C_prev - 1e-5)) / 2e-5


def peephole(by_f: Function, by_i: Function, belt: bool = True) -> Callable[[], Function]:
    """The belt, and two other parts."""

    def gradient(dC: Any, f: Any, i: Any, g: Any, C_prev: Any, p_f: Any, p_i: Any) -> Any:
        return dC * (belt * f + by_f(f, C_prev, p_f, p_i) + by_i(i, g, p_i, p_f, C_prev))

    return fixed(gradient)


def right_f(f: Any, C: Any, p: Any, other: Any) -> Any:
    return C * f * (1 - f) * p


def right_i(i: Any, g: Any, p: Any, other: Any, C: Any) -> Any:
    return g * i * (1 - i) * p


def none(*given: Any) -> float:
    return 0.0


def by_gru(z: Any, r: Any) -> Any:
    h = tg.tensor(np.full(3, 0.3), requires_grad=True)
    after = h
    for row in z:
        after = after * (1 - row) + row
    return tg.grad(after.sum(), h)[0]


def by_loop(z: Any, r: Any) -> Any:
    left = np.ones_like(z[0])
    for row in z[::-1]:
        left *= 1 - row
    return left.tolist()


RIGHT = {
    "8.1": [by_bisection, lambda n: round(-np.log(2 ** (1 / n) - 1), 2), lambda n: -np.log(np.expm1(np.log(2) / n))],
    "8.2": [
        fixed(by_the_engine),
        fixed(by_differences),
        fixed(lambda dC, f, i, g, C, p, q: (f + C * (f - f**2) * p + g * (i - i**2) * q) * dC),
    ],
    "8.3": [fixed(by_gru), fixed(by_loop), fixed(lambda z, r: np.exp(np.log1p(-z).sum(0)))],
}
WRONG: dict[str, list[tuple[str, Function]]] = {
    "8.1": [
        ("this is the gate f", lambda n: 0.5 ** (1 / n)),
        ("1/e is left", lambda n: logit(np.exp(-1 / n))),
        ("a quarter is left", lambda n: logit(0.25 ** (1 / n))),
        ("do not add up", lambda n: logit(1 - 0.5 / n)),
        ("sign is wrong", lambda n: -logit(0.5 ** (1 / n))),
        ("half over one step", lambda n: 0.0),
        ("base 2", lambda n: np.log2(n)),
        ("σ was taken of f", lambda n: 1 / (1 + np.exp(-(0.5 ** (1 / n))))),
        ("is near, and not near enough", lambda n: logit(0.5 ** (1 / n)) - 0.033),
        ("near enough: do not round", lambda n: logit(0.5 ** (1 / n)) + 0.006),
        ("not a function", lambda n: logit),
    ],
    "8.2": [
        ("plain LSTM", peephole(none, none)),
        ("only the peepholes", peephole(right_f, right_i, belt=False)),
        ("`f, by its peephole` is missing", peephole(none, right_i)),
        ("`i, by its peephole` is missing", peephole(right_f, none)),
        ("both peepholes the slope", peephole(lambda f, C, p, q: C * p, lambda i, g, p, q, C: g * p)),
        ("at f the slope of σ", peephole(lambda f, C, p, q: C * p, right_i)),
        (
            "at both peepholes the weight p",
            peephole(lambda f, C, p, q: C * f * (1 - f), lambda i, g, *_: g * i * (1 - i)),
        ),
        ("at i the weight p", peephole(right_f, lambda i, g, *_: g * i * (1 - i))),
        ("at f the other factor is missing", peephole(lambda f, C, p, q: f * (1 - f) * p, right_i)),
        (
            "at both peepholes the other",
            peephole(lambda f, C, p, q: f * (1 - f) * p, lambda i, g, p, *_: i * (1 - i) * p),
        ),
        ("at i the factors of the two gates are swapped", peephole(right_f, lambda i, g, p, q, C: C * i * (1 - i) * p)),
        ("slope of tanh", peephole(lambda f, C, p, q: C * (1 - f**2) * p, lambda i, g, p, *_: g * (1 - i**2) * p)),
        ("factor 1 - y", peephole(lambda f, C, p, *_: C * f * p, lambda i, g, p, *_: g * i * p)),
        ("are swapped", peephole(lambda f, C, p, q: C * f * (1 - f) * q, lambda i, g, p, q, C: g * i * (1 - i) * q)),
        ("wrong sign", peephole(lambda *given: -right_f(*given), right_i)),
    ],
    "8.3": [
        ("1 - z keeps", fixed(lambda z, r: np.prod(z, axis=0))),
        ("not on the belt", fixed(lambda z, r: np.prod(r * (1 - z), axis=0))),
        ("no factors of the belt", fixed(lambda z, r: np.prod(r * z, axis=0))),
        ("from h₀ to h₁ is lacking", fixed(lambda z, r: np.prod(1 - z[1:], axis=0))),
        ("from h₃ to h₄ is lacking", fixed(lambda z, r: np.prod(1 - z[:-1], axis=0))),
        ("steps are added", fixed(lambda z, r: (1 - z).sum(axis=0))),
        ("one step only, the last", fixed(lambda z, r: 1 - z[-1])),
        ("1 minus the product", fixed(lambda z, r: 1 - np.prod(z, axis=0))),
        ("shape is (4,)", fixed(lambda z, r: np.prod(1 - z, axis=1))),
    ],
}
