"""Chapter 0, a scalar engine: a derivative by hand, a value that is read twice, and the slope of a new operation."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm.learn.answers import as_array, as_function
from tinygrad_lstm.learn.compare import compare, paths_to
from tinygrad_lstm.learn.exercise import Chapter, Numbers
from tinygrad_lstm.learn.verdict import WrongAnswerError
from tinygrad_lstm.micro import Value

chapter = Chapter(0, "A scalar engine")
EXACT = 1e-6  # a number worked out by hand has only the error of rounding in float32


def line(rng: np.random.Generator) -> Numbers:
    """A line w x + b, and the number y that it should give."""
    w, x = rng.choice([-3.0, -2.0, 3.0, 4.0]), rng.choice([1.5, 2.5, 3.5])
    b = rng.choice([0.5, 1.0, 2.0])
    return {"w": float(w), "x": float(x), "b": float(b), "y": float(w * x + b + rng.choice([-11.0, -9.0, 9.0, 11.0]))}


@chapter.exercise("0.1", "A derivative by hand", line, hints=(
    "Name the values on the way: e = w * x + b - y, then L = e². Which numbers is e made from?",
    "Walk back: ∂L/∂e first, then multiply it by the slope ∂e/∂w.",
    "Move w by 1: by how much does w * x move?",
))  # fmt: skip
def derivative_by_hand(answer: Any, w: float, x: float, b: float, y: float) -> str:
    """`L = (w * x + b - y) ** 2` with w = «w», x = «x», b = «b», y = «y».

    What is ∂L/∂w? Answer with a number, worked out by hand and not rounded.
    """
    e = w * x + b - y
    factors = {"2": 2, "x": x, "w * x + b - y": e}
    compare(answer, 2 * e * x, "∂L/∂w", factors=factors, right_within=EXACT, mistakes={
        "this is ∂L/∂x: it has the slope ∂(w x)/∂x = w": 2 * e * w,
        "this is L itself": e * e,
        "the square is still there: the slope of e² is 2e": 2 * e * e * x,
    })  # fmt: skip
    return "∂L/∂w = 2 (w x + b - y) · x, the slope of the square times the slope of the line"


def reads(rng: np.random.Generator) -> Numbers:
    """Three numbers."""
    w, x, b = rng.choice([-2.0, 3.0, 5.0]), rng.choice([2.5, 4.5, 6.5]), rng.choice([-1.0, 4.0, 6.0])
    return {"w": float(w), "x": float(x), "b": float(b)}


@chapter.exercise("0.2", "Values that are read twice", reads, hints=(
    "Draw it: which operations read x, and which read a? Each of them hands a part back.",
    "a is read by `a * x` and by the sum: ∂L/∂a has two parts. It must have both before it hands anything on to x.",
    "x is read by `w * x` and by `a * x`: add what the two hand back.",
))  # fmt: skip
def read_twice(answer: Any, w: float, x: float, b: float) -> str:
    """`a = w * x + b`, then `L = a * x + a`, with w = «w», x = «x», b = «b». Both x and a are read twice.

    What is ∂L/∂x? Answer with a number, not rounded.
    """
    tensor = tg.tensor(np.array(x), requires_grad=True)
    line = tensor * w
    a = line + b
    product = a * tensor
    tg.label(**{"w * x": line, "a * x": product})
    value = w * x + b
    paths = paths_to(product + a, tensor)
    compare(answer, w * (x + 1) + value, "∂L/∂x", paths=paths, right_within=EXACT, mistakes={
        "a is read twice too: ∂L/∂a lacks what the sum `a * x + a` hands back": w * x + value,
        "a is read twice too: ∂L/∂a lacks what `a * x` hands back": w + value,
        "only one of three paths is there, from `a * x` to a to x: the sum reads a too, and `a * x` reads x": w * x,
        "only one of three paths is there, from the sum to a to x: `a * x` reads a too, and x": w,
        "this is ∂L/∂a": x + 1,
        "this is ∂L/∂w": x * x + x,
    })  # fmt: skip
    return "the parts of both readers add up, at a and at x: w (x + 1) + a"


def gain(rng: np.random.Generator) -> Numbers:
    """How steep a gate is."""
    return {"k": float(rng.choice([2.0, 3.0, 4.0]))}


@chapter.exercise("0.3", "The slope of a new operation", gain, hints=(
    "`tanh` in tinygrad_lstm/micro.py is the pattern: compute y, then `Value(y, ((self, slope),))`.",
    "The slope of σ at z is y (1 - y), where y = σ(z) is the result.",
    "z = k x moves k times as much as x: the chain rule within one operation.",
))  # fmt: skip
def new_operation(answer: Any, k: float) -> str:
    """Write `gate(x)`, which takes a `Value` and gives σ(k x) = 1 / (1 + exp(-k x)) with k = «k», as *one* operation.

    The new `Value` is made from x alone, with the slope that you write: `Value(y, ((x, slope),))`.
    Answer with the function.
    """
    gate, points = as_function(answer, "x"), np.array([-0.7, 0.2, 0.9])
    y = 1 / (1 + np.exp(-k * points))
    found = [_one_operation(gate, Value(float(x))) for x in points]
    compare([value for value, _ in found], y, "the value of gate(x)", within=1e-5, mistakes={
        "k is missing in it": 1 / (1 + np.exp(-points)), "the sign of k x is wrong": 1 - y,
        "this is tanh(k x), not σ(k x)": np.tanh(k * points),
    })  # fmt: skip
    compare([slope for _, slope in found], k * y * (1 - y), "the slope of gate(x)", within=1e-4,
            factors={"k": k, "y": y, "1 - y": 1 - y}, mistakes={
        "this is the slope of tanh, 1 - y²": 1 - y * y, "this is k times the slope of tanh, 1 - y²": k * (1 - y * y),
        "it is computed from x; σ' is y (1 - y), with the result y": k * points * (1 - points),
    })  # fmt: skip
    return "the slope k y (1 - y) needs the result y only, so nothing else has to be kept"


def _one_operation(gate: Any, x: Value) -> tuple[float, float]:
    """The value of gate(x), and the slope that it noted for x."""
    y: Any = gate(x)
    if not isinstance(y, Value):
        raise WrongAnswerError(f"gate(x) gives a value of type {type(y).__name__}; it has to give a Value")
    if not y.sources:
        raise WrongAnswerError("the new Value has no sources: nothing can walk back from it to x")
    if len(y.sources) != 1 or y.sources[0][0] is not x:
        raise WrongAnswerError("gate(x) has to be one operation: its only source is x, as in Value(y, ((x, slope),))")
    data: Any = y.data
    slope: Any = y.sources[0][1]
    if isinstance(data, Value) or isinstance(slope, Value):
        raise WrongAnswerError("inside an operation are plain numbers: compute with x.data, not with x")
    return as_array(data, "the value of gate(x)").item(), as_array(slope, "the slope of gate(x)").item()
