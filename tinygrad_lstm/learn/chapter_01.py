"""Chapter 1, topological order: an order that waits for every reader, a backward pass that does, and what it saves."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_lstm.learn.answers import as_function, as_list, count
from tinygrad_lstm.learn.exercise import Chapter, Numbers
from tinygrad_lstm.learn.verdict import WrongAnswerError
from tinygrad_lstm.learn.walks import check_walk

chapter = Chapter(1, "Why topological order")


def program(rng: np.random.Generator) -> Numbers:
    """A computation of six lines in which several values are read twice, and who reads each value."""
    names = [str(name) for name in rng.permutation(list("abcde"))] + ["L"]
    reads = [["x", "x"], ["x", names[0]], [names[0], names[1]], [names[1], "x"], [names[2], names[3]],
             [names[4], names[int(rng.integers(1, 3))]]]  # fmt: skip
    lines = [f"{name} = {' * '.join(read)}" for name, read in zip(names, reads, strict=True)]
    readers = {
        value: [name for name, read in zip(names, reads, strict=True) if value in read] for value in ["x", *names]
    }
    return {"program": "\n".join(lines), "readers": readers}


@chapter.exercise("1.1", "An order for the walk back", program, hints=(
    "For each value list who reads it: ∂L/∂value is complete when all of them have been visited.",
    "L has no readers, so it comes first. Strike it out: which value has no reader left now?",
    "The order in which the lines were run, read backwards, always works.",
))  # fmt: skip
def order(answer: Any, program: str, readers: dict[str, list[str]]) -> str:
    """In which order may the backward pass visit the values of this program? Each value is visited once.

    ```
    «program»
    ```

    Answer with the list of all names, L first, as in `["L", ..., "x"]`.
    """
    names = [name for name in as_list(answer, len(readers), "names") if isinstance(name, str)]
    if unknown := [name for name in names if name not in readers]:
        raise WrongAnswerError(f"there is no value `{unknown[0]}`; the names are {', '.join(readers)}")
    if lacking := [name for name in readers if name not in names]:
        raise WrongAnswerError(f"`{lacking[0]}` is not visited: every value is, and each once")
    if names[0] != "L":
        raise WrongAnswerError(
            f"the walk starts at L, with ∂L/∂L = 1; yours starts at `{names[0]}`, where nothing arrived"
        )
    for k, name in enumerate(names):
        late = [reader for reader in readers[name] if reader not in names[:k]]
        if late:
            there = [reader for reader in readers[name] if reader in names[:k]]
            had = f"it has only the part from {' and '.join(map(_code, there))}" if there else "nothing has arrived"
            raise WrongAnswerError(
                f"`{name}` comes before `{late[0]}`, which reads it: when `{name}` hands on, {had}; "
                f"the part through `{late[0]}` is missing"
            )
    return "every value comes after all its readers, so it has all its parts when it hands on"


def _code(name: str) -> str:
    return f"`{name}`"


@chapter.exercise("1.2", "The planted bug: a walk that does not wait", hints=(
    "Take `a = x * 1.0`, `b = a * 2.0`, `L = a * b`: when does this walk visit a, and what has arrived there?",
    "A value must not hand on before every reader was visited. First find all values, then walk them in an order.",
    "`number` is larger the newer a value is: sorted by it, newest first, each value comes after all its readers.",
    "Keep what has arrived at each value in a dict; `value.grad` may hold the parts of an earlier walk.",
))  # fmt: skip
def backward(answer: Any) -> str:
    """This backward pass of the scalar engine is right for some computations and wrong for others.

    ```
    def backward(loss):
        loss.grad = 1.0
        to_visit, seen = [loss], {loss}
        while to_visit:
            value = to_visit.pop()
            for source, slope in value.sources:
                source.grad += value.grad * slope
                if source not in seen:
                    seen.add(source)
                    to_visit.append(source)
    ```

    Write one that is right for all, also for graphs of many thousand values in a row. A `Value` has `data`, `grad`,
    `sources` (pairs of a value and a slope) and `number` (the newer, the larger); `grad` is 0.0 before. Do not call
    `Value.backward`. Answer with the function.
    """
    check_walk(as_function(answer, "loss"))
    return "every value hands on once, after all its parts have arrived, with a loop that works at any depth"


def squarings(rng: np.random.Generator) -> Numbers:
    """How often x is squared."""
    return {"n": int(rng.integers(4, 9))}


@chapter.exercise("1.3", "What waiting saves", squarings, hints=(
    "Draw n = 2: x, x₁, x₂ = L. Both inputs of `x₁ * x₁` are x₁: two parts come to x₁.",
    "Without waiting, the two parts come to x₁ one after the other, and each visit of x₁ hands two parts on to x.",
    "Without waiting L is visited once, the value before it twice, the next four times: 1 + 2 + 4 + ...",
))  # fmt: skip
def visits(answer: Any, n: int) -> str:
    """x is squared n = «n» times: `for k in range(n): x = x * x`. The last one is L.

    How many visits of values does the walk back from L to x take, L and x included,

    1. in topological order, where each value waits for all its parts,
    2. where a value hands each part on as soon as it arrives, and so is visited once for each part?

    Answer with the two numbers, `[first, second]`.
    """
    waiting, at_once = as_list(answer, 2, "numbers")
    count(waiting, n + 1, "the first number", {
        n: "the first number: L and x are both visited; count values, not multiplications",
        2 * n: "the first number: these are the edges, two for each multiplication; count values",
        2 * n + 1: "the first number: these are parts, two for each multiplication; waiting, a value is visited once",
        2 ** (n + 1) - 1: "the first number: in topological order each value is visited once",
    })  # fmt: skip
    count(at_once, 2 ** (n + 1) - 1, "the second number", {
        2**n: "the second number: this is how often x alone is visited; add the visits of the values after it",
        2 ** (n + 1): "the second number: one too many, 1 + 2 + 4 + ... up to 2ⁿ is 2ⁿ⁺¹ - 1",
        2 ** (n + 1) - 2: "the second number: the visit of L is missing",
        2**n - 1: "the second number: the visits of x are missing",
        2 * n + 1: "the second number: each part that comes is handed on twice, so the visits double at every value",
        n + 1: "the second number: without waiting a value is visited once for each part that comes",
    })  # fmt: skip
    return f"{n + 1} visits instead of {2 ** (n + 1) - 1}: the number of paths doubles with each value"
