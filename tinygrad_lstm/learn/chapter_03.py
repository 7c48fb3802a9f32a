"""Chapter 3, your own op: a primitive with its rule, a wrong rule found by gradcheck, the step of a difference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm.errors import GradcheckError, TinygradError
from tinygrad_lstm.learn.answers import as_array, as_list, as_number, choose
from tinygrad_lstm.learn.compare import compare
from tinygrad_lstm.learn.exercise import Chapter, Numbers
from tinygrad_lstm.learn.verdict import WrongAnswerError

chapter = Chapter(3, "Your own op, and how to check a gradient")


def steepness(rng: np.random.Generator) -> Numbers:
    """How steep the op is."""
    return {"k": float(rng.choice([1.5, 2.0, 3.0]))}


@chapter.exercise("3.1", "A primitive with its rule", steepness, hints=(
    "`@tg.primitive` above `def swish(x): ...` makes the op, in NumPy; then `swish.defvjp(x=lambda g, x: ...)`.",
    "x is read twice, in the product and in σ: two paths, the product rule.",
    "The slope is s + k x s (1 - s) with s = σ(k x); the rule returns g times the slope.",
))  # fmt: skip
def swish(answer: Any, k: float) -> str:
    """Make an op `swish(x)` = x σ(k x) with k = «k», where σ(z) = 1 / (1 + exp(-z)): a `tg.primitive` with its rule.

    Its forward and its rule are written with `np`, on whole arrays. Answer with the primitive.
    """
    if not isinstance(answer, tg.Primitive):
        kind = (
            "a plain function: put @tg.primitive above it" if callable(answer) else f"of type {type(answer).__name__}"
        )
        raise WrongAnswerError(f"the answer is a tg.primitive, and yours is {kind}")
    if not answer.inputs:
        raise WrongAnswerError("the op has no rule for x: give it one with `defvjp(x=lambda g, ...: ...)`")
    x = tg.tensor(np.random.default_rng(2).standard_normal((2, 3)), requires_grad=True)
    s, g = 1 / (1 + np.exp(-k * x.data)), np.random.default_rng(3).standard_normal((2, 3))
    y = answer(x)
    compare(y, x.data * s, "swish(x)", factors={"x": x.data, "σ(k x)": s}, within=1e-6, mistakes={
        "k is missing in it": x.data / (1 + np.exp(-x.data)), "the sign of k x is wrong": x.data * (1 - s),
    })  # fmt: skip
    found = tg.grad(y, [x], g, create_graph=True)[0]
    direct, through = g * s, g * k * x.data * s * (1 - s)
    compare(found, direct + through, "∂L/∂x", factors={"g": g}, paths={"the factor x": direct, "σ(k x)": through},
            within=1e-6, mistakes={
        "the factor `k` is missing in the slope of σ(k x)": direct + through / k,
        "the factor `x` is missing in the path through σ(k x)": direct + g * k * s * (1 - s),
        "the factor `1 - σ` is missing in the path through σ(k x)": direct + g * k * x.data * s,
        "the factor `g` is missing in the path through σ(k x)": direct + through / g,
        "the factor `g` is missing in the path through the factor x": direct / g + through,
        "this is the rule of σ(k x) alone": g * k * s * (1 - s),
    })  # fmt: skip
    try:
        tg.gradgradcheck(answer, x)
    except TinygradError:
        raise WrongAnswerError(
            "the first derivative is right, and the second is not: the rule has to be written with `np` functions of "
            "g, x and y, which work on tensors too"
        ) from None
    return "both paths of x add up, and written with np the rule serves second derivatives as well"


Op = Callable[..., tg.Tensor]


def ops_with_a_bug(rng: np.random.Generator) -> Numbers:
    """Four ops, three of them right; the rule of the fourth is wrong for some inputs only."""
    wrong = str(rng.choice(list(RULES)))
    return {"ops": {name: _op(name, broken=name == wrong) for name in RULES}}


RULES: dict[str, tuple[Any, Any, Any]] = {  # the forward, its rule, and a rule that is wrong for some x
    "softsign": (lambda x: x / (1 + np.abs(x)), lambda g, x: g / (1 + np.abs(x)) ** 2, lambda g, x: g / (1 + x) ** 2),
    "leaky": (lambda x: np.where(x > 0, x, 0.1 * x), lambda g, x: g * np.where(x > 0, 1.0, 0.1),
              lambda g, x: g * np.where(x > -1, 1.0, 0.1)),
    "hat": (lambda x: np.exp(-np.abs(x)), lambda g, x, y: -g * y * np.sign(x), lambda g, x, y: -g * y),
    "root": (lambda x: np.sqrt(1 + x * x), lambda g, x, y: g * x / y, lambda g, x, y: g * np.abs(x) / y),
}  # fmt: skip
KINK = 1e-5  # nearer to 0 a difference from both sides reads both sides of a kink there


def _op(name: str, *, broken: bool = False) -> Op:
    forward, right, wrong = RULES[name]

    def function(x: Any) -> Any:
        return forward(x)

    function.__name__ = function.__qualname__ = name
    function.__module__ = "__main__"  # an op of the learner's, none of this package's
    op = tg.primitive(function)
    op.defvjp(x=wrong if broken else right)
    return op


@chapter.exercise("3.2", "The rule that is wrong for some inputs", ops_with_a_bug, hints=(
    "`tg.gradcheck(op, x)` takes `x = tg.tensor(np.array([...]), requires_grad=True)`, in float64.",
    "With positive x all four pass. Which inputs does a test need besides?",
    "Try x from -2 to 2, without 0, where some of them have a kink.",
))  # fmt: skip
def planted(answer: Any, ops: dict[str, Op]) -> str:
    """The question's `.numbers["ops"]` has four ops by name: softsign, leaky, hat, root. The rule of one is wrong.

    Find it with `tg.gradcheck`. Answer with its name and one number x, away from the kinks, at which gradcheck
    fails: `[name, x]`.
    """
    name, place = as_list(answer, 2, "parts, a name and a number")
    x = as_array(place, "x")
    passing = [other for other, op in ops.items() if _passes(op, np.array([-1.7, -0.6, 0.4, 1.9]))]
    (wrong,) = set(ops) - set(passing)
    reason = "is right: gradcheck passes for x = -1.7, -0.6, 0.4 and 1.9"
    choose(name, wrong, {other: f"the rule of {other} {reason}" for other in passing})
    if x.size != 1:
        raise WrongAnswerError(f"x is one number, not an array of shape {x.shape}")
    at = f"at x = {x.item():g}"
    if abs(x.item()) < KINK:
        raise WrongAnswerError(
            f"the name is right; but {at}, at 0 or beside it, are kinks: a difference reads both sides of one, and is "
            "no slope: choose another x"
        )
    if _passes(ops[wrong], x):
        raise WrongAnswerError(f"the name is right; but {at} gradcheck of {wrong} passes: try another x")
    if not _passes(_op(wrong), x):
        raise WrongAnswerError(
            f"the name is right; but {at} the difference is no slope: with the right rule gradcheck fails there too"
        )
    return f"{wrong} passes for some x and fails at yours: a gradient is checked where the rule has different branches"


def _passes(op: Op, x: Any) -> bool:
    try:
        return tg.gradcheck(op, tg.tensor(x, requires_grad=True))
    except GradcheckError:
        return False


def bent(rng: np.random.Generator) -> Numbers:
    """The factor in the exponent, and the place."""
    return {"k": float(rng.choice([2.0, 3.0, 4.0])), "x": float(rng.choice([0.7, 1.1, 1.3]))}


@chapter.exercise("3.3", "The step of a difference", bent, hints=(
    "Two errors add up: that of the formula grows as ε², and that of rounding as 1/ε, about 1e-16 |f| / ε.",
    "Compute the error for ε = 1e-1, 1e-2, ... 1e-14, and look where it is smallest.",
))  # fmt: skip
def step(answer: Any, k: float, x: float) -> str:
    """`(f(x + ε) - f(x - ε)) / 2ε` approximates the slope of `f(x) = exp(k x)`, k = «k», at x = «x», in float64.

    Choose ε such that the result is right to nine digits: a relative error below 1e-9. Answer with ε.
    """
    eps = as_number(answer, "ε")
    if eps <= 0:
        raise WrongAnswerError(f"ε is {eps:g}; it has to be positive")
    if x + eps == x:
        raise WrongAnswerError(f"with ε = {eps:g} x + ε is x itself in float64: the difference is zero")
    slope = k * np.exp(k * x)
    error = abs((np.exp(k * (x + eps)) - np.exp(k * (x - eps))) / (2 * eps) - slope) / slope
    if error >= 1e-9:
        of_formula = (k * eps) ** 2 / 6
        reason = (
            f"ε is too large: the formula itself is off by f''' ε² / 6, here {of_formula:.0e} of the slope"
            if of_formula > error / 2
            else f"ε is too small: the rounding of f, about 1e-16 |f|, is divided by ε; the error is {error:.0e}"
        )
        raise WrongAnswerError(reason)
    return f"the error is {error:.0e}: ε is small enough for the formula and large enough for the rounding"
