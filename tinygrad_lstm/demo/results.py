"""What the demo measured, as tables and sentences that the terminal and the page share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tinygrad_lstm.training import Fit, baselines, bits_per_character

COUNTED = {
    "uniform": "takes all characters to be equally likely",
    "unigram": "counts characters",
    "bigram": "counts pairs of characters",
}
SLICES = (
    "The test text is the last 5 % of the text: it has no part in the training, and is measured once, at the end. The "
    "validation text is the 5 % before it: it chooses which weights are kept. They differ, and so do their figures."
)


class Bits(NamedTuple):
    """Bits per character of one model."""

    validation: float
    test: float


@dataclass(frozen=True)
class Drawing:
    """One picture in all its files, and what it shows in words."""

    files: list[Path]
    words: str


@dataclass
class Report:
    """Everything the page shows."""

    name: str
    parameters: int
    characters: int
    updates: int
    seconds: float
    bits: dict[str, Bits]
    prompt: str
    spoken: str
    steps: int = 0  # that a network of ``left`` looks back
    left: dict[str, float] = field(default_factory=dict)  # of the gradient, network by network
    drawings: dict[str, Drawing] = field(default_factory=dict)


def measure(fit: Fit, test: np.ndarray, characters: int) -> dict[str, Bits]:
    """The models that count, and the LSTM with the weights it has now, those of ``fit.best`` if there are any."""
    train, texts = fit.train, (fit.validation, test)
    known = fit.best_bits if fit.best is not None else bits_per_character(fit.model, fit.validation)
    return {
        "uniform": Bits(*(baselines.uniform(characters) for _ in texts)),
        "unigram": Bits(*(baselines.unigram(train, text, characters) for text in texts)),
        "bigram": Bits(*(baselines.bigram(train, text, characters) for text in texts)),
        "LSTM": Bits(known, bits_per_character(fit.model, test)),
    }


def rows(bits: Mapping[str, Bits]) -> list[tuple[str, str, str]]:
    """The table: model, bits per character on the validation text and on the test text."""
    return [(name, f"{on.validation:.2f}", f"{on.test:.2f}") for name, on in bits.items()]


def verdict(bits: Mapping[str, Bits], updates: int) -> str:
    """One sentence: how the LSTM compares with the best of the models that only count, on the test text.

    >>> verdict({"bigram": Bits(3.4, 3.25), "LSTM": Bits(2.1, 1.87)}, 800)
    'On the test text the LSTM needs 1.38 bits per character less than the bigram model, the best of the others.'
    >>> print(verdict({"bigram": Bits(3.4, 3.25), "LSTM": Bits(4.7, 4.5)}, 20))
    On the test text the LSTM needs 1.25 bits per character more than the bigram model, the best of the others: after 20
    updates it is not yet better than a model that counts pairs of characters.
    """
    others = {name: on.test for name, on in bits.items() if name != "LSTM"}
    best = min(others, key=lambda name: others[name])
    more = bits["LSTM"].test - others[best]
    if not math.isfinite(more):
        return "The LSTM has no finite figure: its weights do not predict this text."
    apart, other = f"{abs(more):.2f}", f"the {best} model, the best of the others"
    if apart == "0.00":
        return f"On the test text the LSTM needs as many bits per character as {other}."
    better = f"{apart} bits per character less than {other}."
    worse = (
        f"{apart} bits per character more than {other}: after {updates} updates it is not yet better than a model that "
    )
    return f"On the test text the LSTM needs {better if more < 0 else worse + COUNTED[best] + '.'}"


def describe_ratio(left: float) -> str:
    """What is left of a gradient, as a multiple that a person reads.

    >>> [describe_ratio(left) for left in (1.3e-8, 0.02, 1.0, 41_234_000.0, 0.0, 1e-20)]
    ['77,000,000 times smaller', '50 times smaller', 'as large', '41,000,000 times larger', '0', '1e+20 times smaller']
    """
    if left == 0 or not math.isfinite(left):
        return "0" if left == 0 else "not finite"
    times = float(f"{max(left, 1 / left):.2g}")
    if times < 1.1:
        return "as large"
    shown = f"{times:.0e}" if times >= 1e15 else f"{times:,.0f}" if times >= 10 else f"{times:g}"
    return f"{shown} times {'smaller' if left < 1 else 'larger'}"
