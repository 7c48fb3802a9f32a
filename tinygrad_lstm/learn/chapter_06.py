"""Chapter 6, the LSTM: the step in six lines, the gradient of the forget gate, all that arrives at a cell state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np

from tinygrad_lstm.learn.answers import as_function, as_list
from tinygrad_lstm.learn.compare import compare
from tinygrad_lstm.learn.exercise import Chapter, Numbers

chapter = Chapter(6, "The LSTM")

Array: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]
Weights: TypeAlias = dict[str, Array]
Activation: TypeAlias = Callable[[Array], Any]
GATES = "fioc"  # the candidate's weights are W_c, U_c, b_c


def weights(rng: np.random.Generator) -> Numbers:
    """The weights of a cell with D = 2 and H = 3, and what one step of it reads."""
    p = {f"{name}_{gate}": rng.standard_normal((3, *size)).round(2) for gate in GATES for name, size in SIZES.items()}
    return {"p": p, "x": rng.standard_normal(2).round(2), "h": rng.uniform(-1, 1, 3).round(2),
            "C": rng.uniform(-2, 2, 3).round(2)}  # fmt: skip


SIZES: dict[str, tuple[int, ...]] = {"W": (2,), "U": (3,), "b": ()}


@chapter.exercise("6.1", "The step in six lines", weights, hints=(
    "Three gates have one form: σ(W x + U h + b), with their own W, U and b. The candidate has tanh in place of σ.",
    "Keep the old C until both f ⊙ C and i ⊙ C̃ are computed; then h reads the new C.",
    "The fourth line is `C = f * C + i * g`, the sixth `h = o * np.tanh(C)`.",
))  # fmt: skip
def six_lines(answer: Any, p: Weights, x: Array, h: Array, C: Array) -> str:
    """Write `step(x, h, C, p)`, one step of an LSTM in NumPy, which returns the new `(h, C)`.

    `x` has shape (2,), `h` and `C` have shape (3,). `p` is a dictionary of weights: `p["W_f"]` (3, 2), `p["U_f"]` (3,
    3), `p["b_f"]` (3,), and the same for i, o, and c, the candidate. The question's `.numbers` has such a p, with
    x = «x», h = «h» and C = «C». Answer with the function.
    """
    step = as_function(answer, "x", "h", "C", "p")
    found = step(x.copy(), h.copy(), C.copy(), {name: value.copy() for name, value in p.items()})
    new_h, new_C = as_list(found, 2, "arrays, (h, C)")
    right = Step(p, x, h, C)
    wrong = {words: Step(p, x, h, C, **change) for words, change in CHANGES.items()}
    compare(new_C, right.new_C, "C", within=1e-6, mistakes={
        "this is h: return (h, C), in this order": right.new_h,
        **{words: each.new_C for words, each in wrong.items()},
        "what is kept and what is written are multiplied; C is their sum": right.f * C * right.i * right.g,
        "i and C̃ are added; what is written is their product": right.f * C + right.i + right.g,
        "what is written is subtracted": right.f * C - right.i * right.g,
        "tanh is around all: C is the sum itself, which is why it can leave -1..1": np.tanh(right.new_C),
        "what is written is lacking, i ⊙ C̃": right.f * C, "what is kept is lacking, f ⊙ C": right.i * right.g,
        "the factor i is lacking in what is written": right.f * C + right.g,
        "the factor f is lacking in what is kept": C + right.i * right.g,
        "f scales what is written as well: C is changed before f ⊙ C is computed": right.f * (C + right.i * right.g),
        "1 - f is kept, and f says what stays": (1 - right.f) * C + right.i * right.g,
        "1 - f is written, as in coupled gates; i has weights of its own": right.f * C + (1 - right.f) * right.g,
    })  # fmt: skip
    compare(new_h, right.new_h, "h", within=1e-6, mistakes={
        **{words: each.new_h for words, each in wrong.items()},
        "h reads the old C; it shows the new one": right.o * np.tanh(C),
        "the output gate is lacking: h = o ⊙ tanh(C)": np.tanh(right.new_C),
        "tanh is lacking: h = o ⊙ tanh(C)": right.o * right.new_C,
        "h goes through σ; it is o ⊙ tanh(C)": right.o * sigmoid(right.new_C),
        "tanh is around all: h = o ⊙ tanh(C)": np.tanh(right.o * right.new_C),
        "o reads the new h; all gates read the old one": new_o(p, x, right) * np.tanh(right.new_C),
    })  # fmt: skip
    return "the same numbers as nn.SeparateLSTMCell: three gates with σ, a candidate with tanh, and one sum"


class Step:
    """One step, or one with a mistake: another function or another gate's weights at a place, or a term left out."""

    def __init__(
        self, p: Weights, x: Array, h: Array, C: Array, *, act: dict[str, Activation] | None = None,
        order: str = GATES, without: str = "",
    ) -> None:  # fmt: skip
        acts: dict[str, Activation] = {"f": sigmoid, "i": sigmoid, "o": sigmoid, "c": np.tanh, **(act or {})}

        def gate(name: str) -> Array:
            used = order[GATES.index(name)]
            terms = {"W": p[f"W_{used}"] @ x, "U": p[f"U_{used}"] @ h, "b": p[f"b_{used}"]}
            left = [value for term, value in terms.items() if without not in (term, term + name)]
            return np.asarray(acts[name](np.sum(left, axis=0)))

        self.f, self.i, self.o, self.g = map(gate, GATES)
        self.new_C = self.f * C + self.i * self.g
        self.new_h = self.o * np.tanh(self.new_C)


def sigmoid(a: Array) -> Array:
    """σ."""
    return np.asarray(1 / (1 + np.exp(-a)))


def new_o(p: Weights, x: Array, step: Step) -> Array:
    """The output gate as it is if it reads the h that it makes, computed with an o of the right h."""
    return sigmoid(p["W_o"] @ x + p["U_o"] @ step.new_h + p["b_o"])


def _changes() -> Iterator[tuple[str, dict[str, Any]]]:
    for one, other in ("fi", "fo", "io", "fc", "ic", "oc"):
        names = {"c": "the candidate"}
        swapped = GATES.translate(str.maketrans(one + other, other + one))
        yield f"the weights of {one} and {names.get(other, other)} are swapped", {"order": swapped}
    yield "the candidate has σ; it needs tanh, for it has both signs", {"act": {"c": sigmoid}}
    for name in "fio":
        yield f"{name} has tanh; a gate needs σ, between 0 and 1", {"act": {name: np.tanh}}
    yield "all gates have tanh; a gate needs σ, between 0 and 1", {"act": dict.fromkeys("fio", np.tanh)}
    yield "the candidate has no tanh", {"act": {"c": np.asarray}}
    for term, words in {"W": "W x", "U": "U h", "b": "the bias"}.items():
        yield f"{words} is lacking in the gates and in the candidate", {"without": term}
        for name in GATES:
            yield f"{words} is lacking in {name.replace('c', 'the candidate')}", {"without": term + name}


CHANGES = dict(_changes())


def forget_gate(rng: np.random.Generator) -> Numbers:
    """What the backward pass meets at the forget gate of a step."""
    return {"dC": rng.standard_normal(4).round(2), "f": rng.uniform(0.15, 0.95, 4).round(2),
            "C_prev": rng.uniform(-2, 2, 4).round(2), "C": rng.uniform(-2, 2, 4).round(2)}  # fmt: skip


@chapter.exercise("6.2", "The gradient before the forget gate's σ", forget_gate, hints=(
    "Two ops lie between C_t and a_f: the product f ⊙ C_{t-1}, and σ. The chain rule has one factor for each.",
    "The product hands back the cotangent times the other factor, which is the C that it read.",
    "The slope of f = σ(a) is f (1 - f).",
))  # fmt: skip
def before_sigma(answer: Any, dC: Array, f: Array, C_prev: Array, C: Array) -> str:
    """The forget gate is `f = σ(a)`, with the preactivation a = W_f x + U_f h + b_f, and `C = f * C_prev + i * g`.

    Derive ∂L/∂a, the gradient that reaches the weights of f, from `dC` = ∂L/∂C at this step.
    Write it as a function `(dC, f, C_prev, C)` of four arrays, of which it may not need all. Answer with the function.
    It is tried with dC = «dC», f = «f», C_prev = «C_prev», C = «C».
    """
    gradient = as_function(answer, "dC", "f", "C_prev", "C")
    slope = f * (1 - f)
    compare(gradient(dC.copy(), f.copy(), C_prev.copy(), C.copy()), dC * C_prev * slope, "∂L/∂a", within=1e-6,
            factors={"dC": dC, "C_prev": C_prev, "f": f, "1 - f": 1 - f}, mistakes={
        "the slope of σ, f (1 - f), is missing: this is ∂L/∂f": dC * C_prev,
        "it has the new C; f multiplied the old one": dC * C * slope,
        "it has the new C, and no slope of σ": dC * C,
        "it has the slope of tanh, 1 - f²; f is a σ, whose slope is f (1 - f)": dC * C_prev * (1 - f * f),
        "the factor C_prev is missing: a product hands back the other factor": dC * slope,
        "this is what C_prev gets, not f": dC * f,
        "the slope of σ is taken of f, which is σ(a) already": dC * C_prev * sigmoid(f) * (1 - sigmoid(f)),
    })  # fmt: skip
    return "∂L/∂a = dC ⊙ C_prev ⊙ f (1 - f): none where the gate is saturated, or where nothing was kept"


def two_readers(rng: np.random.Generator) -> Numbers:
    """What the backward pass meets at a cell state and at its hidden state."""
    dC, dh_prev = rng.standard_normal((2, 3)).round(2)
    f, o_prev = rng.uniform(0.2, 0.9, (2, 3)).round(2)
    C_prev = (rng.uniform(0.4, 1.8, 3) * rng.choice([-1, 1], 3)).round(2)
    return {"dC": dC, "dh_prev": dh_prev, "f": f, "o_prev": o_prev, "C_prev": C_prev}


@chapter.exercise("6.3", "All that arrives at the cell state", two_readers, hints=(
    "C_prev is read twice: by f * C_prev of the next step, and by tanh(C_prev) of its own. The parts add up.",
    "Along h: the product o_prev * tanh(C_prev) hands back the other factor, then comes the slope of tanh.",
    "The slope of y = tanh(C) is 1 - y², with y = tanh(C_prev), not with C_prev.",
))  # fmt: skip
def all_readers(answer: Any, dC: Array, dh_prev: Array, f: Array, o_prev: Array, C_prev: Array) -> str:
    """Step t computed `C = f * C_prev + i * g`. One step before, `h_prev = o_prev * tanh(C_prev)`.

    `dC` = dL/dC_t and `dh_prev` = dL/dh_{t-1} are complete: everything that arrives there is in them. Derive
    dL/dC_{t-1}, from all readers of C_prev, as a function `(dC, dh_prev, f, o_prev, C_prev)`. Answer with the function.
    It is tried with dC = «dC», dh_prev = «dh_prev», f = «f», o_prev = «o_prev», C_prev = «C_prev».
    """
    gradient = as_function(answer, "dC", "dh_prev", "f", "o_prev", "C_prev")
    shown = np.tanh(C_prev)
    belt, by_h = dC * f, dh_prev * o_prev * (1 - shown * shown)
    found = gradient(dC.copy(), dh_prev.copy(), f.copy(), o_prev.copy(), C_prev.copy())
    compare(found, belt + by_h, "dL/dC_{t-1}", within=1e-6, mistakes={
        "only the path along the belt is there, the notes' formula: C_prev is also read by tanh, for h_prev": belt,
        "only the path through h_prev is there: C_prev is also read by f * C_prev of the next step": by_h,
        "on the path through h_prev the slope of tanh is missing": belt + dh_prev * o_prev,
        "on the path through h_prev the output gate is missing": belt + dh_prev * (1 - shown * shown),
        "on the path through h_prev output gate and slope of tanh are missing": belt + dh_prev,
        "the slope of tanh is 1 - tanh(C)², not 1 - C²": belt + dh_prev * o_prev * (1 - C_prev * C_prev),
        "the path through h_prev has tanh(C) in place of its slope": belt + dh_prev * o_prev * shown,
        "the slope of σ is in it, o (1 - o): that is on the way to the weights of o": (
            belt + dh_prev * o_prev * (1 - o_prev) * (1 - shown * shown)
        ),
        "the factor f is missing on the belt": dC + by_h,
        "the factor dC is missing on the belt": f + by_h,
        "on the path through h_prev is dC where dh_prev belongs": belt + dC * o_prev * (1 - shown * shown),
        "on the belt is dh_prev where dC belongs": dh_prev * f + by_h,
        "dC and dh_prev are swapped": dh_prev * f + dC * o_prev * (1 - shown * shown),
        "the slope of tanh, 1 - tanh(C)², is on the belt as well; nothing but f is there": (
            belt * (1 - shown * shown) + by_h
        ),
        "on the belt is the slope of σ, f (1 - f): that is on the way to the weights of f": dC * f * (1 - f) + by_h,
        "f scales both paths; it is on the belt alone": belt + f * by_h,
    }, paths={"f * C_prev": belt, "h_prev": by_h})  # fmt: skip
    return "dC ⊙ f along the belt and dh_prev ⊙ o_prev ⊙ (1 - tanh² C_prev) by h: claim T62', at every step"
