"""Chapter 2, tensors: the next cotangent, the rule of an add that broadcasts, the rule of a matrix product."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lstm.learn.answers import as_function, as_list
from tinygrad_lstm.learn.compare import compare
from tinygrad_lstm.learn.exercise import Chapter, Numbers

chapter = Chapter(2, "Tensors, broadcasting, the vjp")
EXACT = 1e-5  # what the learner's code computes has only the error of rounding, in float32 too


def cotangents(rng: np.random.Generator) -> Numbers:
    """The output of a tanh, and the cotangent that arrived at it."""
    y = rng.choice([-0.8, -0.6, -0.4, 0.2, 0.5, 0.9], 6, replace=False).reshape(2, 3)
    return {"y": y, "g": rng.choice([-3.0, -2.0, 1.5, 2.0, 2.5, 4.0], 6, replace=False).reshape(2, 3)}


@chapter.exercise("2.1", "The next cotangent", cotangents, hints=(
    "tanh works entry by entry: entry (0, 1) of the cotangent of z depends on entry (0, 1) of g and y only.",
    "The slope of tanh is 1 - tanh², which is 1 - y² here. You do not need z.",
))  # fmt: skip
def next_cotangent(answer: Any, y: Any, g: Any) -> str:
    """The backward pass comes to `y = tanh(z)`. There

    - `y = «y»`
    - the cotangent ∂L/∂y that arrived is `g = «g»`

    Which cotangent ∂L/∂z does it hand on? The question's `.numbers` has y and g. Answer with a (2, 3) array, not
    rounded.
    """
    factors = {"g": g, "1 - y²": 1 - y * y, "y": y}
    compare(answer, g * (1 - y * y), "∂L/∂z", factors=factors, right_within=EXACT, mistakes={
        "this is the slope of σ, y (1 - y), times g; tanh has the slope 1 - y²": g * y * (1 - y),
        "the slope is taken at y, as if y were z: 1 - tanh(y)²; y is already the tanh": g * (1 - np.tanh(y) ** 2),
        "g is squared in place of y": y * (1 - g * g),
        "the square is missing: the slope is 1 - y²": g * (1 - y),
        "g and 1 - y² are added; the chain rule multiplies": g + 1 - y * y,
    })  # fmt: skip
    return "g times the slope, entry by entry: the vector-Jacobian product of an op that works entry by entry"


SHAPES = [((4, 3), (3,)), ((4, 3), (4, 1)), ((4, 3), (1, 3)), ((4, 3), ()), ((4, 3), (4, 3)), ((2, 4, 3), (4, 3)),
          ((2, 4, 3), (3,)), ((2, 4, 3), (2, 1, 3)), ((2, 4, 3), (4, 1)), ((4, 4), (4,))]  # fmt: skip


@chapter.exercise("2.2", "The rule of an add that broadcasts", hints=(
    "With x (4, 3) and b (3,), each b[j] is read four times, once for each row: four parts arrive at it.",
    "NumPy lines shapes up from the right. Axes that b does not have at the left were added: sum over them away.",
    "Where b has length 1 and g more, sum with `keepdims=True`, so that the axis stays.",
))  # fmt: skip
def broadcast(answer: Any) -> str:
    """`y = x + b`, where b is broadcast to the shape of x. g is the cotangent of y, so it has the shape of x.

    Write `rule(g, shape)`, which gives the cotangent of b; `shape` is the shape of b, any that can be broadcast to g's:
    (3,) or (4, 1) or () with g (4, 3), and so on. g is a NumPy array. Answer with the function.
    """
    rule, rng = as_function(answer, "g", "shape"), np.random.default_rng(0)
    for large, small in SHAPES:
        g = rng.standard_normal(large)
        new = len(large) - len(small)
        axes = tuple(k for k in range(len(large)) if k < new or (small[k - new] == 1 < large[k]))
        times = g.size // int(np.prod(small, dtype=int))
        kept = g.sum(axes, keepdims=True)
        mistakes = {
            "the sum is missing: b is broadcast, so one entry of it is read several times, and the parts add up": g,
            "it is the mean over what was broadcast; the parts add up": kept.reshape(small) / times,
            "the axes that were summed are still there, with length 1: b does not have them": kept,
            "the axis of length 1 is gone, so it has not the shape of b": g.sum(axes),
            "it is one of the parts, where their sum belongs": g[(0,) * new],
            "it is the number of the parts, where their sum belongs": np.full(small, float(times)),
        }  # fmt: skip
        if times == 1:
            mistakes = {"nothing was broadcast here, so there is nothing to sum": g.sum(0)}
        compare(rule(g.copy(), small), kept.reshape(small), f"with g {large} and b {small}, ∂L/∂b", mistakes=mistakes,
                within=EXACT)  # fmt: skip
    return "what broadcasting read several times gets the sum of the parts: the sum is the rule of broadcasting"


PAIR = "arrays, the pair (cotangent of A, cotangent of B)"


@chapter.exercise("2.3", "The rule of a matrix product", hints=(
    "Shapes decide nearly everything: with A (2, 3), B (3, 4), g is (2, 4), and ∂L/∂A has to be (2, 3).",
    "y[i, k] = Σⱼ A[i, j] B[j, k], so A[i, j] is read by the whole row i of y: ∂L/∂A[i, j] = Σₖ g[i, k] B[j, k].",
    "Σₖ g[i, k] B[j, k] is the matrix product of g with B transposed.",
))  # fmt: skip
def matrix_product(answer: Any) -> str:
    """`y = A @ B` with matrices A and B; g is the cotangent of y.

    Write `rule(g, A, B)`, which gives the pair (cotangent of A, cotangent of B). Answer with the function.
    """
    rule, rng = as_function(answer, "g", "A", "B"), np.random.default_rng(1)
    for m, n, p in ((3, 3, 3), (2, 3, 4)):  # first with squares: there a wrong product is computed, and can be named
        A, B, g = rng.standard_normal((m, n)), rng.standard_normal((n, p)), rng.standard_normal((m, p))
        dA, dB = as_list(rule(g.copy(), A.copy(), B.copy()), 2, PAIR)
        square = m == n == p
        of_A: dict[str, Any] = {
            "B is not transposed": g @ B, "the order of the product is wrong": B.T @ g,
            "the order of the product is wrong, and B is not transposed": B @ g, "this is the cotangent of B": A.T @ g,
            "it is multiplied entry by entry; a matrix product is needed": g * B,
            "g is transposed in place of B": g.T @ B, "A is in place of B": g @ A.T, "A stands in place of Bᵀ": g @ A,
        } if square else {}  # fmt: skip
        of_B: dict[str, Any] = {
            "A is not transposed": A @ g, "the order of the product is wrong": g @ A.T,
            "the order of the product is wrong, and A is not transposed": g @ A, "this is the cotangent of A": g @ B.T,
            "it is multiplied entry by entry; a matrix product is needed": g * A,
            "g is transposed in place of A": A @ g.T, "B is in place of A": B.T @ g, "B stands in place of Aᵀ": B @ g,
        } if square else {}  # fmt: skip
        shapes = f"with A {A.shape}, B {B.shape}"
        compare(dA, g @ B.T, f"{shapes}, ∂L/∂A", mistakes={**of_A, "the product with g is missing": B.T}, within=EXACT)
        compare(dB, A.T @ g, f"{shapes}, ∂L/∂B", mistakes={**of_B, "the product with g is missing": A.T}, within=EXACT)
    return "g @ Bᵀ and Aᵀ @ g: each has the shape of what it is the derivative of, and sums over what read it"
