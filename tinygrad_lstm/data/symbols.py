"""Tasks on symbols: copying, recall, order, grammars; what has to be remembered is which, when, or how many."""

from __future__ import annotations

import numpy as np

from tinygrad_lstm.arguments import integer, takes
from tinygrad_lstm.data.task import ACCURACY, WHOLE_ROWS, Batch, Task, pad
from tinygrad_lstm.errors import ArgumentError

REBER = "BTPSXVE"
EDGES = (  # from each node of the Reber grammar the symbols that may follow, and where they lead
    (("T", 1), ("P", 2)), (("S", 1), ("X", 3)), (("T", 2), ("V", 4)), (("X", 2), ("S", 5)), (("P", 3), ("V", 5)),
)  # fmt: skip
LETTERS = tuple("abcdefghijklmnopqrstuvwxyz")


def letters(S: int) -> tuple[str, ...]:
    """The first S letters; ArgumentError for more than there are."""
    if len(LETTERS) < S:
        raise ArgumentError(f"S is a number of different symbols, at most {len(LETTERS)}, not {S}")
    return LETTERS[:S]


@takes(K=integer(1), T=integer(0), S=integer(2))
def copy_memory(K: int = 3, T: int = 20, S: int = 8) -> Task:
    """K symbols, T blanks, a sign, and then the same K symbols to say (Hochreiter & Schmidhuber 1997; Arjovsky 2016).

    The answer is a blank before that, which counts in the loss; the score is that of the K symbols.

    >>> task = copy_memory(K=2, T=3)
    >>> x, y, *_ = task.batch(1, rng=0)
    >>> "".join(task.words(x[:, 0])), "".join(task.words(y[:, 0]))
    ('gf___?_', '_____gf')
    """
    symbols = (*letters(S), "_", "?")

    def draw(rng: np.random.Generator, B: int) -> Batch:
        said = rng.integers(0, S, (K, B))
        x, y = np.full((2, T + 2 * K, B), S)
        x[:K], x[T + K], y[-K:] = said, S + 1, said
        return Batch(x, y, scored=np.tile(np.arange(len(x))[:, None] >= T + K, B))

    return Task("copy_memory", S + 2, S + 1, draw, ACCURACY, 1 / S, 0.9, symbols, every_step=True)


@takes(K=integer(1), S=integer(2))
def recall(K: int = 8, S: int = 8) -> Task:
    """K symbols and the number of one of them: which was it? A state of fixed size has to hold all K (Graves 2014).

    >>> task = recall(K=4)
    >>> x, y, *_ = task.batch(1, rng=0)
    >>> task.words(x[:, 0]), task.words(y)
    (['g', 'f', 'e', 'c', '2'], ['f'])
    """
    symbols = (*letters(S), *(str(k + 1) for k in range(K)))

    def draw(rng: np.random.Generator, B: int) -> Batch:
        x, asked = rng.integers(0, S, (K, B)), rng.integers(0, K, B)
        return Batch(np.concatenate([x, S + asked[None]]), x[asked, np.arange(B)])

    return Task("recall", S + K, S, draw, ACCURACY, 1 / S, 0.99, symbols)


@takes(least=integer(0))
def reber(least: int = 0) -> Task:
    """The embedded Reber grammar: the next symbol at every step (Hochreiter & Schmidhuber 1997).

    The last symbol but one repeats the second, T or P, and between them is a word of the Reber grammar, of at least
    ``least`` symbols. The score is that of this one answer: a network that knows only the grammar guesses it.

    >>> task = reber()
    >>> batch = task.batch(2, rng=0)
    >>> ["".join(task.words(row[:length])) for row, length in zip(batch.inputs.T, batch.lengths)]
    ['BPBPVPXTTTTVVEP', 'BPBPVVEP']
    """

    def word(rng: np.random.Generator) -> str:
        said, node = "B", 0
        while node < len(EDGES):
            symbol, node = EDGES[node][rng.integers(2)]
            said += symbol
        return said + "E" if len(said) + 1 >= least else word(rng)

    def draw(rng: np.random.Generator, B: int) -> Batch:
        rows = []
        for _ in range(B):
            kept = "TP"[rng.integers(2)]
            rows.append([REBER.index(symbol) for symbol in f"B{kept}{word(rng)}{kept}E"])
        x, lengths = pad([row[:-1] for row in rows])
        y, _ = pad([row[1:] for row in rows])
        t = np.arange(len(x))[:, None]
        return Batch(x, y, lengths, mask=t < lengths, scored=t == lengths - 2)

    return Task("reber", len(REBER), len(REBER), draw, ACCURACY, 0.5, 0.98, tuple(REBER), every_step=True)


@takes(N=integer(1))
def counting(N: int = 12) -> Task:
    """aⁿ bⁿ, n drawn from 1 to N: from the first b on it is certain what follows, if the a's were counted (Gers 2001).

    x is S aⁿ bⁿ, the answers are the next symbols up to the end E. Those that are certain count, and the score is the
    share of the sequences in which all of them are right.

    >>> task = counting()
    >>> batch = task.batch(2, rng=0)
    >>> ["".join(task.words(row[:length])) for row, length in zip(batch.inputs.T, batch.lengths)]
    ['Saaaaaaaaaaabbbbbbbbbbb', 'Saaaaaaaabbbbbbbb']
    """

    def draw(rng: np.random.Generator, B: int) -> Batch:
        n = rng.integers(1, N + 1, B)
        x, lengths = pad([[0] + [1] * k + [2] * k for k in n], fill=3)
        y, _ = pad([[1] * k + [2] * k + [3] for k in n], fill=3)
        t = np.arange(len(x))[:, None]
        return Batch(x, y, lengths, mask=(t > n) & (t <= 2 * n))

    return Task("counting", 4, 4, draw, WHOLE_ROWS, 1 / N, 0.9, tuple("SabE"), every_step=True)


@takes(T=integer(10))
def temporal_order(T: int = 60) -> Task:
    """In which order came the two marks, X and Y each: XX, XY, YX or YY? (Hochreiter & Schmidhuber 1997, task 6a.)

    The first stands between T/10 and T/5, the second between T/2 and 3T/5, among the symbols a, b, c and d.

    >>> task = temporal_order(T=12)
    >>> x, y, *_ = task.batch(1, rng=0)
    >>> "".join(task.words(x[:, 0])), y
    ('dYcbbaYaadcd', array([3]))
    """
    symbols = (*letters(4), "X", "Y")

    def draw(rng: np.random.Generator, B: int) -> Batch:
        x, marks, rows = rng.integers(0, 4, (T, B)), rng.integers(0, 2, (2, B)), np.arange(B)
        x[rng.integers(T // 10, T // 5, B), rows] = 4 + marks[0]
        x[rng.integers(T // 2, 3 * T // 5, B), rows] = 4 + marks[1]
        return Batch(x, 2 * marks[0] + marks[1])

    return Task("temporal_order", 6, 4, draw, ACCURACY, 0.25, 0.95, symbols)
