"""Sentences whose next word follows from words nearby, or far back: the examples that introduce LSTMs."""

from __future__ import annotations

import numpy as np

from tinygrad_lstm.arguments import integer, takes
from tinygrad_lstm.data.task import ACCURACY, Batch, Between, Task, ends
from tinygrad_lstm.errors import ArgumentError

LANGUAGES = {
    "France": "French", "Spain": "Spanish", "Italy": "Italian", "Germany": "German", "Japan": "Japanese",
    "Poland": "Polish", "Greece": "Greek", "Turkey": "Turkish", "Russia": "Russian", "Sweden": "Swedish",
    "Finland": "Finnish", "Denmark": "Danish",
}  # fmt: skip
PLACES = {
    "sat on the": "mat", "ran to the": "door", "jumped over the": "fence", "slept in the": "basket",
    "looked at the": "bird", "hid under the": "bed", "drank from the": "bowl", "climbed up the": "tree",
}  # fmt: skip
ANIMALS = "cat dog child"
FILLER = "and then we moved away but my family stayed for years near the old sea where I went to school"
FRAME = "I grew up in", "I speak fluent"
TEXTS = " ".join([*LANGUAGES, *LANGUAGES.values(), *PLACES, *PLACES.values(), ANIMALS, FILLER, *FRAME])
VOCABULARY = tuple(sorted(set(TEXTS.split())))  # of both sentences
NUMBERS = {word: number for number, word in enumerate(VOCABULARY)}


def numbers(text: str) -> np.ndarray:
    """The words of a text as symbols, for every row of a batch: (T, 1)."""
    return np.array([[NUMBERS[word]] for word in text.split()])


def pick(rng: np.random.Generator, text: str, shape: tuple[int, ...]) -> np.ndarray:
    """Words drawn from a text."""
    return rng.choice(numbers(text)[:, 0], shape)


@takes(countries=integer(2))
def france(between: Between = (0, 40), countries: int = 8) -> Task:
    """I grew up in France ... I speak fluent __: the answer follows from one word, ``between`` words back.

    ``between``: how many words of filler, the same for all rows of a batch; of a pair, drawn from the first to the
    last. Short distances teach what to keep, long ones how long: of 40 words alone an LSTM learns little.
    ``countries``: how many there are, at most 12, each with its language. (After Bengio 1994's latch; the sentence is
    Olah's, "Understanding LSTM networks", 2015.)

    >>> task = france(between=2)
    >>> x, y, *_ = task.batch(1, rng=0)
    >>> " ".join(task.words(x[:, 0])), task.words(y)
    ('I grew up in Greece the years I speak fluent', ['Greek'])
    """
    low, high = ends(between)
    if (K := countries) > len(LANGUAGES):
        raise ArgumentError(f"countries is a number of countries, at most {len(LANGUAGES)}, not {countries}")
    known = [(numbers(country)[0, 0], numbers(language)[0, 0]) for country, language in LANGUAGES.items()]
    country, language = np.array(known[:K]).T

    def draw(rng: np.random.Generator, B: int) -> Batch:
        which, words = rng.integers(0, K, B), int(rng.integers(low, high + 1))
        start, end = (np.tile(numbers(text), B) for text in FRAME)
        return Batch(np.concatenate([start, country[which][None], pick(rng, FILLER, (words, B)), end]), language[which])

    return Task("france", len(VOCABULARY), len(VOCABULARY), draw, ACCURACY, 1 / K, 0.99, VOCABULARY)


def cat(before: Between = (0, 8)) -> Task:
    """The cat sat on the __: the answer follows from the last three words, whatever ``before`` words came earlier.

    >>> task = cat(before=3)
    >>> x, y, *_ = task.batch(1, rng=0)
    >>> " ".join(task.words(x[:, 0])), task.words(y)
    ('years but my the dog drank from the', ['bowl'])
    """
    low, high = ends(before)
    last = np.concatenate([numbers(text) for text in PLACES], axis=1)  # (3, 8)
    place = numbers(" ".join(PLACES.values()))[:, 0]

    def draw(rng: np.random.Generator, B: int) -> Batch:
        which, words = rng.integers(0, len(PLACES), B), int(rng.integers(low, high + 1))
        subject = np.stack([np.full(B, NUMBERS["the"]), pick(rng, ANIMALS, (B,))])
        return Batch(np.concatenate([pick(rng, FILLER, (words, B)), subject, last[:, which]]), place[which])

    return Task("cat", len(VOCABULARY), len(VOCABULARY), draw, ACCURACY, 1 / len(PLACES), 0.99, VOCABULARY)
