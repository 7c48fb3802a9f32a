"""Answers to the exercises of chapter 6, right ones and wrong ones; each takes the numbers that it names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import nn

Function = Callable[..., Any]


def sigma(a: Any) -> Any:
    return 1 / (1 + np.exp(-a))


def fixed(function: Function) -> Callable[[], Function]:
    """An answer that is the same function for all numbers."""
    return lambda: function


def gate(p: Any, name: str, x: Any, h: Any, act: Function = sigma) -> Any:
    return act(p[f"W_{name}"] @ x + p[f"U_{name}"] @ h + p[f"b_{name}"])


def gates(p: Any, x: Any, h: Any, f: str = "f", i: str = "i", o: str = "o") -> Any:
    """f, i, o and g; another letter swaps weights."""
    return (*(gate(p, name, x, h) for name in (f, i, o)), gate(p, "c", x, h, np.tanh))


def by_the_cell(x: Any, h: Any, C: Any, p: Any) -> Any:
    cell = nn.SeparateLSTMCell(2, 3, dtype=np.float64)
    for name, value in p.items():
        getattr(cell, name).data = value
    return cell(x, (h, C))


def stacked(x: Any, h: Any, C: Any, p: Any) -> Any:
    W, U, b = (np.concatenate([p[f"{name}_{gate}"] for gate in "fioc"]) for name in "WUb")
    f, i, o, g = np.split(W @ x + U @ h + b, 4)
    C = sigma(f) * C + sigma(i) * np.tanh(g)
    return [sigma(o) * np.tanh(C), C]


def by_dot(x: Any, h: Any, C: Any, p: Any) -> Any:
    f, i, o, g = gates(p, np.asarray(x), h)
    C *= f  # in place, as the function may
    C += i * g
    return np.array([o * np.tanh(C), C])


def changed(new_C: Function, new_h: Function = lambda o, C, old: o * np.tanh(C), **swapped: str) -> Function:
    """A step with these two lines."""

    def step(x: Any, h: Any, C: Any, p: Any) -> Any:
        f, i, o, g = gates(p, x, h, **swapped)
        new = new_C(f, i, g, C)
        return new_h(o, new, C), new

    return fixed(step)


def six_lines(f: Any, i: Any, g: Any, C: Any) -> Any:
    return f * C + i * g


def with_acts(**acts: Function) -> Function:
    def step(x: Any, h: Any, C: Any, p: Any) -> Any:
        f, i, o = (gate(p, name, x, h, acts.get(name, sigma)) for name in "fio")
        C = f * C + i * gate(p, "c", x, h, acts.get("c", np.tanh))
        return o * np.tanh(C), C

    return fixed(step)


def other_order(x: Any, h: Any, C: Any, p: Any) -> Any:
    h, C = by_the_cell(x, h, C, p)
    return C, h


def no_bias(x: Any, h: Any, C: Any, p: Any) -> Any:
    return stacked(x, h, C, {name: value * (name[0] != "b") for name, value in p.items()})


def without(name: str) -> Function:
    return fixed(lambda x, h, C, p: stacked(x, h, C, {**p, name: 0 * p[name]}))


def late_o(x: Any, h: Any, C: Any, p: Any) -> Any:
    h, C = stacked(x, h, C, p)
    return gate(p, "o", x, h) * np.tanh(C), C


def gate_by_engine(dC: Any, f: Any, C_prev: Any, C: Any) -> Any:
    a = tg.tensor(np.log(f / (1 - f)), requires_grad=True)
    return tg.grad((tg.sigmoid(a) * C_prev * dC).sum(), a)[0]


def cell_by_engine(dC: Any, dh_prev: Any, f: Any, o_prev: Any, C_prev: Any) -> Any:
    C = tg.tensor(C_prev, requires_grad=True)
    return tg.grad((C * f * dC).sum() + (o_prev * tg.tanh(C) * dh_prev).sum(), C)[0]


def slope(C: Any) -> Any:
    return 1 - np.tanh(C) ** 2


RIGHT = {
    "6.1": [fixed(by_the_cell), fixed(stacked), fixed(by_dot)],
    "6.2": [
        fixed(gate_by_engine),
        fixed(lambda dC, f, C_prev, C: C_prev * (f - f**2) * dC),
        fixed(lambda *given: (given[0] * given[2] * given[1] * (1 - given[1])).tolist()),
    ],
    "6.3": [
        fixed(cell_by_engine),
        fixed(lambda dC, dh_prev, f, o_prev, C_prev: f * dC + dh_prev * o_prev / np.cosh(C_prev) ** 2),
        fixed(lambda dC, dh, f, o, C: dC * f + dh * o - dh * o * np.tanh(C) * np.tanh(C)),
    ],
}
WRONG: dict[str, list[tuple[str, Function]]] = {
    "6.1": [
        ("weights of f and i are swapped", changed(six_lines, f="i", i="f")),
        ("weights of i and o are swapped", changed(six_lines, i="o", o="i")),
        ("the candidate has σ", with_acts(c=sigma)),
        ("f has tanh", with_acts(f=np.tanh)),
        ("all gates have tanh", with_acts(f=np.tanh, i=np.tanh, o=np.tanh)),
        ("o has tanh", with_acts(o=np.tanh)),
        ("C is changed before f ⊙ C", changed(lambda f, i, g, C: f * (C + i * g))),
        ("the factor i is lacking", changed(lambda f, i, g, C: f * C + g)),
        ("1 - f is kept", changed(lambda f, i, g, C: (1 - f) * C + i * g)),
        ("1 - f is written", changed(lambda f, i, g, C: f * C + (1 - f) * g)),
        ("what is kept is lacking", changed(lambda f, i, g, C: i * g)),
        ("output gate is lacking", changed(six_lines, lambda o, C, old: np.tanh(C))),
        ("tanh is lacking", changed(six_lines, lambda o, C, old: o * C)),
        ("h reads the old C", changed(six_lines, lambda o, C, old: o * np.tanh(old))),
        ("tanh is around all", changed(six_lines, lambda o, C, old: np.tanh(o * C))),
        ("o reads the new h", fixed(late_o)),
        ("return (h, C), in this order", fixed(other_order)),
        ("the bias is lacking in the gates and", fixed(no_bias)),
        ("the bias is lacking in i", without("b_i")),
        ("U h is lacking in the candidate", without("U_c")),
        ("W x is lacking in o", without("W_o")),
        ("C is their sum", changed(lambda f, i, g, C: f * C * i * g)),
        ("tanh is around all: C", changed(lambda f, i, g, C: np.tanh(f * C + i * g))),
        ("list of 2 arrays", fixed(lambda x, h, C, p: by_the_cell(x, h, C, p)[0])),
        ("KeyError", fixed(lambda x, h, C, p: p["W_g"] @ x)),
    ],
    "6.2": [
        ("f (1 - f), is missing", fixed(lambda dC, f, C_prev, C: dC * C_prev)),
        ("it has the new C;", fixed(lambda dC, f, C_prev, C: dC * C * f * (1 - f))),
        ("slope of tanh", fixed(lambda dC, f, C_prev, C: dC * C_prev * (1 - f**2))),
        ("factor C_prev is missing", fixed(lambda dC, f, C_prev, C: dC * f * (1 - f))),
        ("factors `C_prev` and `f` are missing", fixed(lambda dC, f, C_prev, C: dC * (1 - f))),
        ("factor `1 - f` is missing", fixed(lambda dC, f, C_prev, C: dC * C_prev * f)),
        ("factor `f` is missing", fixed(lambda dC, f, C_prev, C: dC * C_prev * (1 - f))),
        ("the sign is wrong", fixed(lambda dC, f, C_prev, C: dC * C_prev * f * (f - 1))),
        ("what C_prev gets", fixed(lambda dC, f, C_prev, C: dC * f)),
        ("summed over axis 0", fixed(lambda dC, f, C_prev, C: (dC * C_prev * f * (1 - f)).sum())),
    ],
    "6.3": [
        ("the notes' formula", fixed(lambda dC, dh, f, o, C: dC * f)),
        ("only the path through h_prev", fixed(lambda dC, dh, f, o, C: dh * o * slope(C))),
        ("the slope of tanh is missing", fixed(lambda dC, dh, f, o, C: dC * f + dh * o)),
        ("the output gate is missing", fixed(lambda dC, dh, f, o, C: dC * f + dh * slope(C))),
        ("not 1 - C²", fixed(lambda dC, dh, f, o, C: dC * f + dh * o * (1 - C**2))),
        ("tanh(C) in place of its slope", fixed(lambda dC, dh, f, o, C: dC * f + dh * o * np.tanh(C))),
        ("factor f is missing", fixed(lambda dC, dh, f, o, C: dC + dh * o * slope(C))),
        ("`h_prev` has the wrong sign", fixed(lambda dC, dh, f, o, C: dC * f - dh * o * slope(C))),
        ("dC and dh_prev are swapped", fixed(lambda dC, dh, f, o, C: dh * f + dC * o * slope(C))),
        ("nothing but f is there", fixed(lambda dC, dh, f, o, C: (dC * f + dh * o) * slope(C))),
        ("f scales both paths", fixed(lambda dC, dh, f, o, C: f * (dC + dh * o * slope(C)))),
        ("paths are multiplied", fixed(lambda dC, dh, f, o, C: dC * f * dh * o * slope(C))),
    ],
}
