"""What a character costs without a network: the figures a model must beat. All in bits per character.

``train`` and ``text`` are texts as numbers: what is counted, and what is measured.
"""

from __future__ import annotations

import numpy as np


def uniform(characters: int) -> float:
    """log₂ V: every character as likely as any other."""
    return float(np.log2(characters))


def unigram(train: np.ndarray, text: np.ndarray, characters: int) -> float:
    """-mean log₂ p(b), with p counted on the training text, one added to every count."""
    counts = np.bincount(train, minlength=characters) + 1.0
    return float(-np.log2(counts / counts.sum())[text].mean())


def bigram(train: np.ndarray, text: np.ndarray, characters: int, added: float = 0.1) -> float:
    """-mean log₂ p(b | a), with p counted on the pairs of the training text, ``added`` to every count."""
    pairs = np.bincount(train[:-1] * characters + train[1:], minlength=characters**2)
    counts = pairs.reshape(characters, characters) + added
    p = counts / counts.sum(axis=1, keepdims=True)
    return float(-np.log2(p)[text[:-1], text[1:]].mean())
