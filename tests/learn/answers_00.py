"""Answers to the exercises of chapter 0, right ones and wrong ones; each takes the numbers that it names."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm.micro import Value

Gate: TypeAlias = Callable[[Value], Value]


def by_micro(w: float, x: float, b: float, y: float) -> float:
    value = Value(w)
    ((value * x + b - y) ** 2).backward()
    return value.grad


def by_tensors(w: float, x: float, b: float) -> tg.Tensor:
    tensor = tg.tensor(np.array(x), requires_grad=True)
    a = tensor * w + b
    return tg.grad(a * tensor + a, [tensor])[0]


def sigma(z: float) -> float:
    return 1 / (1 + math.exp(-z))


def gate(slope: Callable[[float, float, float], Any]) -> Callable[[float], Gate]:
    """A gate with a right value, and this slope."""
    return lambda k: lambda x: Value(sigma(k * x.data), ((x, slope(x.data, sigma(k * x.data), k)),))


def other_gate(k: float) -> Gate:
    def gate(v: Value) -> Value:
        e = np.exp(-k * v.data)
        return Value(1 / (1 + e), ((v, k * e / (1 + e) ** 2),))

    return gate


def gate_by_tanh(k: float) -> Gate:
    def gate(x: Value) -> Value:
        y = (np.tanh(k * x.data / 2) + 1) / 2
        return Value(y, [(x, k * (y - y**2))])  # type: ignore[arg-type]  # a list does as well

    return gate


RIGHT = {
    "0.1": [
        by_micro,
        lambda w, x, b, y: [2 * x * (w * x + b - y)],
        lambda w, x, b, y: np.float32(2 * x * x * w + 2 * x * (b - y)),
    ],
    "0.2": [by_tensors, lambda w, x, b: 2 * w * x + w + b, lambda w, x, b: [w * (x + 1) + w * x + b]],
    "0.3": [other_gate, gate_by_tanh, gate(lambda x, y, k: np.array(k * y - k * y * y))],
}
WRONG = {
    "0.1": [
        ("factor `2` is missing", lambda w, x, b, y: (w * x + b - y) * x),
        ("factor `x` is missing", lambda w, x, b, y: 2 * (w * x + b - y)),
        ("sign is wrong", lambda w, x, b, y: -2 * (w * x + b - y) * x),
        ("this is ∂L/∂x", lambda w, x, b, y: 2 * (w * x + b - y) * w),
        ("this is L itself", lambda w, x, b, y: (w * x + b - y) ** 2),
        ("`w * x + b - y` is missing", lambda x: 2 * x),
        ("the factors `2` and `x` are missing", lambda w, x, b, y: w * x + b - y),
        ("is near, and not near enough", lambda w, x, b, y: 2 * (w * x + b - y) * x * (44.8 / 45)),
        ("near enough: do not round", lambda w, x, b, y: 2 * (w * x + b - y) * x * (1 + 2e-6)),
    ],
    "0.2": [
        ("path through `w * x` is missing", lambda w, x, b: w * x + b),
        ("path through `a * x` is missing", lambda w, x, b: w * (x + 1)),
        ("∂L/∂a lacks what the sum", lambda w, x, b: 2 * w * x + b),
        ("∂L/∂a lacks what `a * x`", lambda w, x, b: w + w * x + b),
        ("`w * x` is counted twice", lambda w, x, b: 2 * w * (x + 1) + w * x + b),
        ("sign is wrong", lambda w, x, b: -w * (2 * x + 1) - b),
        ("this is ∂L/∂w", lambda x: x * x + x),
        ("from `a * x` to a to x", lambda w, x: w * x),
        ("from the sum to a to x", lambda w: w),
        ("is near, and not near enough", lambda w, x, b: 1.004 * (w * (2 * x + 1) + b)),
    ],
    "0.3": [
        ("factor `k` is missing", gate(lambda x, y, k: y * (1 - y))),
        ("factors `k` and `1 - y` are missing", gate(lambda x, y, k: y)),
        ("factor `1 - y` is missing", gate(lambda x, y, k: k * y)),
        ("slope of tanh", gate(lambda x, y, k: 1 - y * y)),
        ("computed from x", gate(lambda x, y, k: k * x * (1 - x))),
        ("sign is wrong", gate(lambda x, y, k: -k * y * (1 - y))),
        ("no sources", lambda k: lambda x: Value(sigma(k * x.data))),
        ("one operation", lambda k: lambda x: 1 / ((x * -k).exp() + 1)),
        ("has to give a Value", lambda k: lambda x: sigma(k * x.data)),
        ("k is missing", lambda: lambda x: Value(sigma(x.data), ((x, 0.1),))),
        ("ValueError: math domain error", lambda: lambda x: Value(math.log(-abs(x.data)))),
        ("line", lambda: lambda x: math.exp(x)),
    ],
}  # fmt: skip
