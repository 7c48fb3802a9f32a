"""A claim: one sentence of the teaching notes that runs, and says whether the sentence holds.

A section of the notes is one file, and a claim in it is one function::

    @section.identity("P6", "Gradients grow exponentially.", broken=["U scaled down"])
    def gradients_grow(run: Run) -> None:
        \"\"\"U orthogonal times 1.5, x = 0: over 99 steps the gradient grows by 1.5 to the 99th.\"\"\"
        ...
        run.expect("growth", growth, near(1.5**99, within=1e-12))

The docstring says what is set up and what should be seen. The function measures it, states each figure with its
condition, and names the picture that shows it, if a picture helps.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import DTypeLike

import tinygrad_lstm as tg
from tinygrad_lstm.arguments import TEXT, integer, takes
from tinygrad_lstm.errors import ArgumentError
from tinygrad_lstm.lab.conditions import Condition, below, difference
from tinygrad_lstm.lab.result import Check, Drawing, Result, ThemeName

Kind: TypeAlias = Literal["identity", "count", "experiment"]
T = TypeVar("T")
SHARED = 8  # experiments that are kept for the claims that ask for the same one
shared: dict[tuple[object, ...], Any] = {}  # by experiment, seed and variant


class Run:
    """What a claim's function has at hand: the seed, random numbers, the variant to break, and where its figures go."""

    def __init__(self, seed: int, broken: str | None) -> None:
        self.seed, self.broken = seed, broken
        self.rng = np.random.default_rng([seed, 1000])
        self.checks: list[Check] = []
        self.picture: Callable[..., Any] | None = None

    def expect(self, name: str, value: Any, condition: Condition) -> None:
        """State a figure, and the condition that it has to meet."""
        self.checks.append(Check(name, value, condition.words, bool(condition.holds(value))))

    def compare(self, name: str, found: Any, wanted: Any, within: float = 1e-12) -> None:
        """State how far two arrays differ, relative to the largest element; ``within=0`` demands them bit for bit."""
        condition = below(within) if within else Condition("bit for bit", lambda value: value == 0)
        self.expect(name, difference(found, wanted), condition)

    def is_broken(self, variant: str) -> bool:
        """Whether this run is to show the claim fail, with this variant."""
        return self.broken == variant

    def draw(self, plot: Callable[..., Any], *shown: Any, **options: Any) -> None:
        """Name the picture: a plot, and what it is to show; it is called with a theme only if it is looked at."""
        self.picture = partial(plot, *shown, **options)

    def share(self, experiment: Callable[[Run], T]) -> T:
        """What an experiment finds with this seed and variant; claims that ask for the same one share it."""
        key = experiment, self.seed, self.broken
        if key not in shared:
            with _from_seed(self.seed):
                found = experiment(Run(self.seed, self.broken))
            shared[key] = found
            while len(shared) > SHARED:
                del shared[next(iter(shared))]
        return shared[key]  # type: ignore[no-any-return]  # of what this experiment gives


@dataclass(frozen=True)
class Claim:
    """A sentence of the notes, and the function that measures it; ``correction`` says where the notes are loose."""

    id: str
    section: Section
    kind: Kind
    sentence: str
    measure: Callable[[Run], None] = field(repr=False)
    broken: tuple[str, ...] = ()
    correction: str = ""
    topic: str = ""  # the word by which ``lab.show`` finds it
    dtype: DTypeLike = np.float64

    @property
    def expected(self) -> str:
        """What is set up, and what should be seen."""
        return " ".join((self.measure.__doc__ or "").split())

    @takes(seed=integer(0), broken=TEXT.or_none())
    def run(self, seed: int = 0, broken: str | None = None) -> Result:
        """Measure it; with ``broken``, one of the variants in ``self.broken``, the result has to be a failure.

        The same seed gives the same figures. The random generator and the default dtype are afterwards as before.
        Raises ArgumentError for a variant that the claim does not have.

        >>> from tinygrad_lstm import lab
        >>> lab.claims["P6"].run().passed, lab.claims["P2"].run(broken="no tanh'").passed
        (True, False)
        """
        if broken is not None and broken not in self.broken:
            there = f"there are {', '.join(map(repr, self.broken))}" if self.broken else "it has none"
            raise ArgumentError(f"claim {self.id} has no broken variant {broken!r}: {there}")
        started, run = time.perf_counter(), Run(seed, broken)
        with self._surroundings(seed):
            self.measure(run)
        seconds = time.perf_counter() - started
        return Result(self, seed, broken, tuple(run.checks), seconds, run.picture and self._later(run.picture, seed))

    @contextmanager
    def _surroundings(self, seed: int) -> Iterator[None]:
        """Within the block numbers are of the claim's dtype, and random ones begin at the seed."""
        with _dtype(self.dtype), _from_seed(seed):
            yield

    def _later(self, picture: Callable[..., Any], seed: int) -> Drawing:
        """A picture that is drawn in the surroundings of the claim, whenever it is looked at."""

        def draw(theme: ThemeName) -> Any:
            with self._surroundings(seed):
                return picture(theme=theme)

        return draw


@dataclass(frozen=True)
class Section:
    """A section of the notes: its name, its title, and the decorators that make its claims."""

    name: str
    title: str
    claims: list[Claim] = field(default_factory=list, repr=False, compare=False)

    def identity(self, id: str, sentence: str, **options: Any) -> Callable[[Callable[[Run], None]], Claim]:
        """A claim that holds exactly, up to rounding; run in float64."""
        return self._claim(id, "identity", sentence, **options)

    def count(self, id: str, sentence: str, **options: Any) -> Callable[[Callable[[Run], None]], Claim]:
        """A claim about whole numbers, sizes or ranges; run in float64."""
        return self._claim(id, "count", sentence, **options)

    def experiment(self, id: str, sentence: str, **options: Any) -> Callable[[Callable[[Run], None]], Claim]:
        """A claim that a random or trained network has to show; run in float32 unless ``dtype`` says otherwise."""
        return self._claim(id, "experiment", sentence, **{"dtype": np.float32, **options})

    def _claim(
        self, id: str, kind: Kind, sentence: str, *, broken: Sequence[str] = (), correction: str = "", topic: str = "",
        dtype: DTypeLike = np.float64,
    ) -> Callable[[Callable[[Run], None]], Claim]:  # fmt: skip
        def make(measure: Callable[[Run], None]) -> Claim:
            claim = Claim(id, self, kind, sentence, measure, tuple(broken), correction, topic, dtype)
            self.claims.append(claim)
            return claim

        return make


@contextmanager
def _from_seed(seed: int) -> Iterator[None]:
    """Within the block the package's random numbers begin at the seed; afterwards they go on as if nothing was."""
    bits = tg.generator().bit_generator
    before = bits.state
    bits.state = np.random.default_rng(seed).bit_generator.state
    try:
        yield
    finally:
        bits.state = before


@contextmanager
def _dtype(dtype: DTypeLike) -> Iterator[None]:
    """Within the block numbers and new weights are of this dtype."""
    before = tg.get_default_dtype()
    tg.set_default_dtype(dtype)
    try:
        yield
    finally:
        tg.set_default_dtype(before)
