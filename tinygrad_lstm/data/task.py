"""A task: batches drawn from a seed, and the loss and the score that belong to them.

    T  steps      B  rows, one sequence each      D  numbers at a step      O  classes, or numbers, of an answer

The inputs of a batch are symbols (T, B), whole numbers, or numbers (T, B, D). There is one answer for each sequence or,
where the task says ``every_step``, one for each step. A model answers with scores of O classes, or with O numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from tinygrad_lstm.arguments import integer, takes
from tinygrad_lstm.engine.creation import generator
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import ArgumentError, ShapeError
from tinygrad_lstm.losses import cross_entropy, mse_loss

Array: TypeAlias = Any
Between: TypeAlias = int | tuple[int, int]  # a length, or the least and the most
Random: TypeAlias = "int | Sequence[int] | np.random.Generator | None"


class Batch(NamedTuple):
    """Sequences side by side, their answers, and which of these count."""

    inputs: Array  # (T, B) symbols, or (T, B, D)
    targets: Array  # classes (B,), numbers (B, O); at every step (T, B), (T, B, O)
    lengths: Array = None  # (B,) steps of each row that are no padding; None: all
    mask: Array = None  # bools, (B,) or (T, B): the answers that count in the loss; None: all
    scored: Array = None  # the same for the score; None: those of the mask

    def windows(self, steps: int) -> Iterator[Batch]:
        """The batch in pieces of so many steps, for truncated BPTT; the last may be shorter.

        A piece in which no answer counts is part of the next.

        Raises ShapeError for a batch without a target at each step, and for one with lengths.

        >>> [piece.inputs.tolist() for piece in Batch(np.ones((3, 1)), np.ones((3, 1))).windows(2)]
        [[[1.0], [1.0]], [[1.0]]]
        """
        if np.shape(self.targets)[:2] != np.shape(self.inputs)[:2] or self.lengths is not None:
            raise ShapeError("only full sequences with a target at each step can be learned in windows")
        T, begin = len(self.inputs), 0
        for end in range(steps, T + steps, steps):
            if self.mask is None or self.mask[begin:end].any():
                yield Batch(*(part if part is None else part[begin:end] for part in self))
                begin = end


Draw: TypeAlias = Callable[[np.random.Generator, int], Batch]


@dataclass(frozen=True)
class Measure:
    """How answers are compared with targets: a loss to descend, and a score that a person reads."""

    score: str  # what it is called
    higher: bool  # whether a higher score is better
    loss_of: Callable[..., Tensor]  # (answers, targets, mask=...)
    score_of: Callable[[Array, Array, Array | None], float]


def mean_where(values: Array, mask: Array | None) -> float:
    """The mean of the values that count."""
    return float(values.mean() if mask is None else values[mask].mean())


def is_right(answers: Array, targets: Array) -> Array:
    """Whether the class with the highest score is the target."""
    return answers.argmax(axis=-1) == targets


def rows_right(answers: Array, targets: Array, mask: Array | None) -> float:
    """The share of the rows in which every answer that counts is right."""
    right = is_right(answers, targets)
    return float((right if mask is None else right | ~mask).all(axis=0).mean())


def bits(answers: Array, targets: Array, mask: Array | None) -> float:
    """-mean log₂ p(target)."""
    return float(cross_entropy(Tensor(answers), targets, mask=mask).item() / np.log(2))


ACCURACY = Measure("accuracy", True, cross_entropy, lambda y, target, mask: mean_where(is_right(y, target), mask))
WHOLE_ROWS = Measure("sequences right", True, cross_entropy, rows_right)
BITS = Measure("bits per character", False, cross_entropy, bits)
ERROR = Measure("squared error", False, mse_loss, lambda y, target, mask: mean_where((y - target) ** 2, mask))


@dataclass(frozen=True)
class Task:
    """What a network can learn; ``chance`` is the score of one that knows nothing, ``goal`` of one that has learned.

    The functions of this package make tasks; one of your own is ``Task("parity", 2, 2, draw, ACCURACY, chance=0.5,
    goal=0.99)`` with a ``draw(rng, B) -> Batch``.

    >>> from tinygrad_lstm.data import adding
    >>> task = adding(T=4)
    >>> task
    Task('adding', 2 numbers -> 1 number, squared error: chance 0.167, goal 0.01)
    >>> task.batch(2, rng=0).targets
    array([[0.6476093],
           [0.7460242]], dtype=float32)
    """

    name: str
    inputs: int  # D, or how many symbols there are
    outputs: int  # O
    draw: Draw = field(repr=False)
    measure: Measure = field(repr=False)
    chance: float
    goal: float
    symbols: tuple[str, ...] = ()  # what each symbol reads; without them the inputs are numbers
    every_step: bool = False
    draw_test: Draw | None = field(default=None, repr=False)

    @takes(B=integer(1))
    def batch(self, B: int = 32, rng: Random = None, *, test: bool = False) -> Batch:
        """B sequences. ``rng``: a seed, a generator, or by default the one that ``tg.manual_seed`` starts.

        ``test``: of the part of a data set that is kept for measuring; other tasks draw new sequences.
        """
        draw = self.draw_test if test and self.draw_test else self.draw
        return draw(generator() if rng is None else np.random.default_rng(rng), B)

    def loss(self, answers: Tensor, batch: Batch) -> Tensor:
        """The loss of a model's answers: cross-entropy for classes, squared error for numbers."""
        self._check(answers.shape, batch)
        return self.measure.loss_of(answers, batch.targets, mask=batch.mask)

    def score(self, answers: Tensor | Array, batch: Batch) -> float:
        """The score of a model's answers."""
        array = answers.data if isinstance(answers, Tensor) else np.asarray(answers)
        self._check(array.shape, batch)
        return self.measure.score_of(array, batch.targets, batch.mask if batch.scored is None else batch.scored)

    def better(self, one: float, other: float) -> bool:
        """Whether one score is better than another; NaN is better than none."""
        return one > other if self.measure.higher else one < other

    def words(self, numbers: Array) -> list[str]:
        """Symbols as a person reads them; ArgumentError for a task whose inputs are numbers."""
        if not self.symbols:
            raise ArgumentError(f"the inputs of the task {self.name!r} are numbers, not symbols")
        return [self.symbols[number] for number in numbers]

    def _check(self, shape: tuple[int, ...], batch: Batch) -> None:
        T, B = np.shape(batch.inputs)[:2]
        expected = (T, B, self.outputs) if self.every_step else (B, self.outputs)
        if shape != expected:
            raise ShapeError(f"the task {self.name!r} takes answers of shape {expected}, not {shape}")

    def __repr__(self) -> str:
        def count(number: int, what: str) -> str:
            return f"{number} {what}{'s' if number > 1 else ''}"

        answer = "number" if self.measure is ERROR else "choice"
        read = count(self.inputs, "symbol" if self.symbols else "number")
        each = " at every step" if self.every_step else ""
        known = f"{self.measure.score}: chance {self.chance:.3g}, goal {self.goal:.3g}"
        return f"Task({self.name!r}, {read} -> {count(self.outputs, answer)}{each}, {known})"


def ends(between: Between) -> tuple[int, int]:
    """The least and the most of a length that may be one number; ArgumentError unless 0 <= least <= most.

    >>> ends(40), ends((0, 40))
    ((40, 40), (0, 40))
    """
    low, high = pair = between if isinstance(between, tuple) else (between, between)
    if not all(isinstance(end, int | np.integer) for end in pair) or not 0 <= low <= high:
        raise ArgumentError(f"a length is a whole number, or the pair (least, most) to draw it from, not {between!r}")
    return low, high


def pad(rows: Sequence[Sequence[int]], fill: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows of different lengths side by side, filled up at the end: (T, B), and their lengths (B,).

    >>> symbols, lengths = pad([[1, 2, 3], [4]])
    >>> symbols.T.tolist(), lengths.tolist()
    ([[1, 2, 3], [4, 0, 0]], [3, 1])
    """
    lengths = np.array([len(row) for row in rows])
    padded = np.full((lengths.max(initial=0), len(rows)), fill)
    for b, row in enumerate(rows):
        padded[: len(row), b] = row
    return padded, lengths
