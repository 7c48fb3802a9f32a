"""Answers to the exercises of chapter 3, right ones and wrong ones; each takes the numbers that it names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_lstm as tg


def sigma(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def swish(
    rule: Callable[..., Any] | None, forward: Callable[[Any, float], Any] | None = None
) -> Callable[[float], Any]:
    """The op with a rule of g, x, σ(k x) and k."""

    def make(k: float) -> Any:
        def swish(x: Any) -> Any:
            return forward(x, k) if forward else x * sigma(k * x)

        op = tg.primitive(swish)
        if rule is not None:
            op.defvjp(x=lambda g, x: rule(g, x, sigma(k * x), k))
        return op

    return make


def from_the_output(k: float) -> Any:
    @tg.primitive
    def swish(x: Any) -> Any:
        return x * (np.tanh(k * x / 2) + 1) / 2

    swish.defvjp(x=lambda g, x, y: g * (y / x + k * y * (1 - y / x)))
    return swish


def in_one_rule(k: float) -> Any:
    @tg.primitive
    def swish(v: Any) -> Any:
        return v / (np.exp(-k * v) + 1)

    swish.defvjp_all(lambda g, v: (g * sigma(k * v) * (1 + k * v * sigma(-k * v)),))
    return swish


def saving(k: float) -> Any:
    swish = tg.primitive(lambda x: x * sigma(k * x))
    swish.defvjp(x=lambda g, x: g * (sigma(k * x) + k * x * sigma(k * x) - k * x * sigma(k * x) ** 2))
    return swish


def frozen(k: float) -> Any:
    """The second derivative is lost: the slope is computed beside the rule's own arguments."""
    kept: dict[str, Any] = {}

    @tg.primitive
    def swish(x: Any) -> Any:
        s = sigma(k * np.array(x))
        kept["slope"] = s + k * x * s * (1 - s)
        return x * s

    swish.defvjp(x=lambda g: g * kept["slope"])
    return swish


def fails_at(ops: Any, candidates: Any = (-1.5, -0.5, 0.5, 1.5)) -> tuple[str, float]:
    for name, op in ops.items():
        for x in candidates:
            if not tg.gradcheck(op, tg.tensor(np.array(x), requires_grad=True), raise_exception=False):
                return name, x
    raise AssertionError


def other_name(ops: Any) -> str:
    return next(str(name) for name in ops if name != fails_at(ops)[0])


RIGHT = {
    "3.1": [from_the_output, in_one_rule, saving],
    "3.2": [
        lambda ops: list(fails_at(ops)),
        lambda ops: (fails_at(ops, (-0.3, -0.9))[0].upper(), np.array([-0.3])),
        lambda ops: [fails_at(ops)[0], tg.tensor(np.array(-0.7))],
    ],
    "3.3": [lambda: 1e-6, lambda: np.array([3e-6]), lambda: np.finfo(float).eps ** (1 / 3)],
}
WRONG = {
    "3.1": [
        ("put @tg.primitive above it", lambda k: lambda x: x * tg.sigmoid(k * x)),
        ("no rule for x", swish(None)),
        ("the path through `σ(k x)` is missing", swish(lambda g, x, s, k: g * s)),
        ("the path through `the factor x` is missing", swish(lambda g, x, s, k: g * k * x * s * (1 - s))),
        ("the factor `g` is missing", swish(lambda g, x, s, k: s + k * x * s * (1 - s))),
        ("the factor `k` is missing in the slope", swish(lambda g, x, s, k: g * (s + x * s * (1 - s)))),
        ("the factor `1 - σ` is missing", swish(lambda g, x, s, k: g * (s + k * x * s))),
        ("the path through `σ(k x)` has the wrong sign", swish(lambda g, x, s, k: g * (s - k * x * s * (1 - s)))),
        ("the factor `x` is missing in the path", swish(lambda g, x, s, k: g * (s + k * s * (1 - s)))),
        ("∂L/∂x: the sign is wrong", swish(lambda g, x, s, k: -g * (s + k * x * s * (1 - s)))),
        ("swish(x): k is missing", swish(lambda g, x, s, k: g, lambda x, k: x * sigma(x))),
        ("swish(x): the factor `x` is missing", swish(lambda g, x, s, k: g, lambda x, k: sigma(k * x))),
        ("the second is not", frozen),
    ],
    "3.2": [
        ("is right: gradcheck passes", lambda ops: [other_name(ops), -0.5]),
        ("the name is right; but at x = 0.7", lambda ops: [fails_at(ops)[0], 0.7]),
        ("at x = 0, at 0 or beside it, are kinks", lambda ops: [fails_at(ops)[0], 0.0]),
        ("at x = 1e-09, at 0 or beside it, are kinks", lambda ops: [fails_at(ops)[0], 1e-9]),
        ("at x = -1e-06, at 0 or beside it, are kinks", lambda ops: [fails_at(ops)[0], -1e-6]),
        ("at x = -1e+200 the difference is no slope", lambda ops: [fails_at(ops)[0], -1e200]),
        ("x is one number, not an array of shape (2,)", lambda ops: [fails_at(ops)[0], [-0.3, -0.9]]),
        ("a list of 2 parts", lambda ops: fails_at(ops)[0]),
        ("one of 'hat', 'leaky', 'root', 'softsign'", lambda ops: ["tanh", -0.5]),
        ("x is of type str", lambda ops: [fails_at(ops)[0], "-0.5"]),
    ],
    "3.3": [
        ("too large: the formula itself", lambda: 1e-2),
        ("ε is too large", lambda: 1e-4),
        ("too small: the rounding", lambda: 1e-9),
        ("the rounding of f", lambda: 1e-12),
        ("the difference is zero", lambda: 1e-17),
        ("has to be positive", lambda: 0),
        ("positive", lambda: -1e-5),
        ("one number", lambda: [1e-5, 1e-6]),
    ],
}  # fmt: skip
