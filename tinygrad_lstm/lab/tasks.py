"""The tasks of the notes, drawn at random: inputs (T, B) or (T, B, D), and what is to be said of them."""

from __future__ import annotations

import numpy as np

from tinygrad_lstm.data import adding_problem

Array = np.ndarray
Batch = tuple[Array, Array]
Generator = np.random.Generator

COUNTRIES = "France Spain Italy Germany Japan Poland Greece Turkey"
LANGUAGES = "French Spanish Italian German Japanese Polish Greek Turkish"
FILLER = "and then we moved away but my family stayed for years near the old sea where I went to school"
ENDINGS = {
    "sat on the": "mat", "ran to the": "door", "jumped over the": "fence", "slept in the": "basket",
    "looked at the": "bird", "hid under the": "bed", "drank from the": "bowl", "climbed up the": "tree",
}  # fmt: skip
TEXTS = (COUNTRIES, LANGUAGES, FILLER, *ENDINGS, *ENDINGS.values(), "I grew up in speak fluent the cat dog child")
WORDS = sorted({word for text in TEXTS for word in text.split()})
NUMBER = {word: number for number, word in enumerate(WORDS)}


def numbers(text: str) -> Array:
    """The numbers of the words of a text."""
    return np.array([NUMBER[word] for word in text.split()])


def france(rng: Generator, distance: int, B: int = 32) -> Batch:
    """I grew up in France, ``distance`` other words, I speak fluent: the language (B,)."""
    which, filler = rng.integers(0, 8, B), numbers(FILLER)
    parts = [
        np.tile(numbers("I grew up in")[:, None], B), numbers(COUNTRIES)[which][None],
        filler[rng.integers(0, len(filler), (distance, B))], np.tile(numbers("I speak fluent")[:, None], B),
    ]  # fmt: skip
    return np.concatenate(parts), numbers(LANGUAGES)[which]


def cat(rng: Generator, before: int, B: int = 32) -> Batch:
    """``before`` other words, the cat sat on the: the word that the last three call for (B,)."""
    which, filler = rng.integers(0, len(ENDINGS), B), numbers(FILLER)
    animals = numbers("cat dog child")[rng.integers(0, 3, B)]
    last = np.array([numbers(ending) for ending in ENDINGS])[which].T
    words = [filler[rng.integers(0, len(filler), (before, B))], np.full((1, B), NUMBER["the"]), animals[None], last]
    return np.concatenate(words), numbers(" ".join(ENDINGS.values()))[which]


def adding(rng: Generator, T: int = 50, B: int = 32) -> Batch:
    """Two marked numbers among T: their sum (B, 1)."""
    x, y = adding_problem(T, B, rng)
    return x.astype(np.float32), y[:, None].astype(np.float32)


def running_sum(rng: Generator, T: int = 40, B: int = 32) -> Batch:
    """Steps of -1, 0 and 1 with a reset now and then: a fifth of the sum since the last reset (T, B, 1)."""
    steps, resets = rng.choice([-1.0, 0.0, 1.0], (T, B)), rng.random((T, B)) < 0.08
    y, total = np.zeros((T, B, 1)), np.zeros(B)
    for t in range(T):
        total = np.where(resets[t], 0, total) + steps[t]
        y[t, :, 0] = total
    return np.stack([steps, resets], axis=-1).astype(np.float32), (0.2 * y).astype(np.float32)


def first_and_last(rng: Generator, between: int, B: int = 32) -> Batch:
    """Numbers in (-1, 1), the first one marked: the first and the last of them (B, 2)."""
    values = rng.uniform(-1, 1, (between + 2, B))
    marks = np.zeros_like(values)
    marks[0] = 1
    return np.stack([values, marks], axis=-1).astype(np.float32), values[[0, -1]].T.astype(np.float32)


def copy_memory(rng: Generator, K: int = 3, T: int = 20, B: int = 32) -> Batch:
    """K symbols, a silence of T steps, a signal: then the symbols again (T + 2K, B)."""
    x, y = np.full((2, T + 2 * K, B), 8)
    x[:K] = y[-K:] = rng.integers(0, 8, (K, B))
    x[T + K] = 9
    return x, y


def recall(rng: Generator, K: int, B: int = 64) -> Batch:
    """K of eight symbols, then the place of one of them: that symbol (B,)."""
    x, asked = rng.integers(0, 8, (K, B)), rng.integers(0, K, B)
    return np.concatenate([x, (8 + asked)[None]]), x[asked, np.arange(B)]


def counting(counts: Array) -> tuple[Array, Array, Array]:
    """S aⁿ bⁿ E as numbers 0 1 2 3 (T, B); what is still to be matched at each step; where the next is determined."""
    T = 2 * int(max(counts)) + 2
    t, n = np.arange(T)[:, None], np.asarray(counts)[None]
    x = np.select([t == 0, t <= n, t <= 2 * n], [0, 1, 2], 3)
    open_now = np.where(t <= n, t, np.maximum(2 * n - t, 0))
    return x, open_now, ((t > n) & (t <= 2 * n))[:-1]


REBER = {0: "T1 P2", 1: "S1 X3", 2: "T2 V4", 3: "X2 S5", 4: "P3 V5", 5: "E6"}  # from each node: a letter, the next node
LETTERS = "BTPSXVE"


def embedded_reber(rng: Generator, least: int = 0, B: int = 32) -> tuple[Array, Array]:
    """Words of the grammar, at least so long inside, E behind their ends (T, B), and their lengths (B,)."""
    words: list[str] = []
    while len(words) < B:
        inside, node = "B", 0
        while node != 6:
            edges = REBER[node].split()
            edge = edges[rng.integers(len(edges))]
            inside, node = inside + edge[0], int(edge[1])
        if len(inside) >= least:
            outer = "TP"[rng.integers(2)]
            words.append("B" + outer + inside + outer + "E")
    lengths = np.array([len(word) for word in words])
    rows = [[LETTERS.index(letter) for letter in word.ljust(max(lengths), "E")] for word in words]
    return np.array(rows).T, lengths
