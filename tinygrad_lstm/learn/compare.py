"""What is wrong with a derivative: found by trying the typical mistakes on the right one.

``compare`` is the diagnosis that most exercises use. It knows the right array, the factors that it is a product of, and
the paths whose sum it is; ``paths_to`` takes those from the engine's own backward pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm.learn.answers import as_array
from tinygrad_lstm.learn.verdict import WrongAnswerError

Array: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]
Named: TypeAlias = Mapping[str, Any]  # arrays, or numbers, by what a learner calls them
Attempt: TypeAlias = tuple[str, Array, Any]  # a mistake, and two arrays that are equal if it was made
NONE: Mapping[str, Any] = MappingProxyType({})
NEAR = 0.07  # a number so near to the right one, relative to it, may have been rounded on the way


def compare(
    answer: Any, right: Any, what: str, *, factors: Named = NONE, paths: Named = NONE, mistakes: Named = NONE,
    sizes: Mapping[str, int] = NONE, within: float = 5e-3, right_within: float | None = None,
) -> None:  # fmt: skip
    """Return if an answer is right; else raise WrongAnswerError, with the typical mistake that it shows.

    ``what``: the name of the array, as "dL/dx". ``factors``: what the right array is a product of, each of which may be
    missing or too many, or two be missing. ``paths``: arrays whose sum it is, each of which may be missing, alone,
    doubled, or negative. ``mistakes``: other wrong arrays, by a sentence for each, tried first. ``sizes``: axes whose
    mean could have been taken for their sum, as {"B": 5}. ``within``: the tolerance, relative to the largest entry.
    ``right_within``: that of the right array, if it is another: a number worked out by hand is exact, and a mistake is
    named though it is rounded.

    >>> y = np.array([0.5, 0.25])
    >>> compare([0.5, 0.75], y * (1 - y), "dy/dx", factors={"y": y, "1 - y": 1 - y})
    Traceback (most recent call last):
    tinygrad_lstm.learn.verdict.WrongAnswerError: dy/dx: the factor `y` is missing
    >>> compare(3.0, 8.0, "dL/dx", paths={"x * w": 3.0, "x + b": 5.0})
    Traceback (most recent call last):
    tinygrad_lstm.learn.verdict.WrongAnswerError: dL/dx: the path through `x + b` is missing: the paths add up
    """
    found, truth = as_array(answer, what), np.asarray(right, np.float64)
    if truth.size == 1 == found.size:
        found = found.reshape(truth.shape)
    nearest = within if right_within is None else right_within
    if agree(found, truth, nearest):
        return
    for words, one, other in _attempts(found, truth, factors, paths, mistakes, sizes):
        if agree(one, np.asarray(other, np.float64), within, _scale(truth)):
            raise WrongAnswerError(f"{what}: {words}")
    raise WrongAnswerError(f"{what}: {_where(found, truth, nearest)}")


def agree(found: Array, truth: Array, within: float, scale_of_zeros: float = 1.0) -> bool:
    """Whether two arrays have one shape and differ at most by the tolerance, relative to the largest entry.

    Zeros have no largest entry: beside small numbers they need a scale of that size.
    """
    if found.shape != truth.shape:
        return False
    return bool((np.abs(found - truth) <= within * _scale(truth, scale_of_zeros)).all())


def _scale(array: Array, of_zeros: float = 1.0) -> float:
    return float(np.abs(array).max(initial=0.0)) or of_zeros


def _attempts(
    found: Array, truth: Array, factors: Named, paths: Named, mistakes: Named, sizes: Mapping[str, int]
) -> Iterator[Attempt]:
    yield from ((words, found, wrong) for words, wrong in mistakes.items())
    yield from _path_attempts(found, truth, paths)
    yield from _shape_attempts(found, truth)
    if found.shape != truth.shape:
        return
    yield "the sign is wrong", found, -truth
    for name, factor in factors.items():
        for sign, also in ((1, ""), (-1, ", and the sign is wrong")):
            yield f"the factor `{name}` is missing{also}", sign * found * factor, truth
            yield f"the factor `{name}` is there once too often{also}", sign * found, truth * factor
    for (one, first), (other, second) in combinations(factors.items(), 2):
        yield f"the factors `{one}` and `{other}` are missing", found * first * second, truth
    for name, size in sizes.items():
        yield f"it is the mean over the {size} of {name}, where the sum belongs", found, truth / size
    yield "it is twice the right value: a path is counted twice, or a factor 1/2 is missing", found, 2 * truth
    yield "it is half of the right value: a path, or a factor 2, is missing", found, truth / 2
    yield "it is zero: nothing arrives", found, np.zeros_like(truth)


def _path_attempts(found: Array, truth: Array, paths: Named) -> Iterator[Attempt]:
    for name, part in paths.items():
        yield f"the path through `{name}` is missing: the paths add up", found, truth - part
    for name, part in paths.items():
        yield f"only the path through `{name}` is there: the paths add up", found, part
        yield f"the path through `{name}` is counted twice", found, truth + part
        yield f"the path through `{name}` has the wrong sign", found, truth - 2 * np.asarray(part)
    if len(paths) > 1:
        parts = list(paths.values())
        yield "the paths are multiplied; between two points the paths add up", found, np.multiply.reduce(parts)
        yield f"it is the mean of the {len(parts)} paths; the paths add up", found, truth / len(parts)


def _shape_attempts(found: Array, truth: Array) -> Iterator[Attempt]:
    if truth.ndim == 2 and truth.size > max(truth.shape):
        yield "it is transposed", found.T, truth
        yield "it is transposed, and the sign is wrong", -found.T, truth
    for axis in range(found.ndim):
        for keep in (False, True):
            summed, averaged = found.sum(axis, keepdims=keep), found.mean(axis, keepdims=keep)
            yield f"the sum over axis {axis} is missing: what was broadcast is read once for each", summed, truth
            if found.shape[axis] > 1:
                yield f"the axis {axis} is left, and holds {found.shape[axis]} times the sum", averaged, truth
    for axis in range(truth.ndim):
        for keep in (False, True):
            yield (
                f"it is summed over axis {axis}, which nothing was broadcast along",
                found,
                truth.sum(axis, keepdims=keep),
            )
    if truth.ndim:
        yield "it is the sum of all entries; every entry is needed", found, truth.sum()


def _where(found: Array, truth: Array, within: float) -> str:
    """Which entries are wrong, where no typical mistake explains it."""
    if found.shape != truth.shape:
        return f"its shape is {found.shape}, and {truth.shape} is needed, the shape of what it is the derivative of"
    if not truth.ndim:
        if truth and agree(found, truth, NEAR):
            return f"{found:.6g} is near, and not near enough: do not round on the way, and use no approximation"
        sign = "the sign is right, the size is not" if found * truth > 0 else "not even the sign is right"
        return f"it is not {found:.4g}; {sign if truth else 'it is zero'}"
    wrong = np.abs(found - truth) > within * _scale(truth)
    first = tuple(map(int, np.argwhere(wrong)[0]))
    ratio = found[wrong] / np.where(truth[wrong] == 0, np.nan, truth[wrong])
    if wrong.all() and np.ptp(ratio) < 1e-3 * abs(ratio[0]):
        return f"every entry is {ratio[0]:.4g} times the right one: a constant factor is wrong"
    rest = f"; the other {wrong.size - wrong.sum()} are right" if not wrong.all() else ""
    return f"{wrong.sum()} of {wrong.size} entries are wrong, the first at {first}, yours {found[first]:.4g}{rest}"


def paths_to(loss: tg.Tensor, tensor: tg.Tensor) -> dict[str, Array]:
    """What each reader of a tensor hands back to it in the backward pass: the paths whose sum is dL/dtensor.

    A path has the name of its reader: the label, or the op and the input.

    >>> x = tg.tensor(3.0, requires_grad=True)
    >>> {name: float(part) for name, part in paths_to(x * 2 + x**3, x).items()}
    {'power(a)': 27.0, 'multiply(a)': 2.0}
    """
    found: dict[str, Array] = {}
    for event in tg.backward_events(loss, retain_graph=True, accumulate=False):
        for part in event.contributions:
            if part.source is tensor.source.node:
                op = event.node.op.name if event.node.op else ""
                name = event.node.label or f"{op}({part.name})"
                found[name] = found.get(name, 0.0) + np.asarray(part.array, np.float64)
    return found
