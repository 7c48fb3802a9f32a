"""Text as numbers, in windows for truncated BPTT, and as a task: which character comes next?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tinygrad_lstm.arguments import ARRAY, TEXT, integer, takes
from tinygrad_lstm.data.task import BITS, Batch, Draw, Task
from tinygrad_lstm.errors import ShapeError, TextError, public

LEAST_CHARACTERS = 2000  # below this there is nothing to train on and nothing left to test with


def language_reference() -> str:
    """The Python language reference that ships inside every Python: half a million characters of English and code."""
    from pydoc_data.topics import topics  # a large module, for this one use

    return "\n\n".join(topics[name] for name in sorted(topics))


@public()
def read_text(path: str | Path) -> str:
    """A text file, whole.

    Raises TextError, in one line, for one that is missing, empty, binary or too short to learn from; DtypeError or
    ArgumentError for what is not a path.
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise TextError(f"there is no file {path}") from None
    except OSError as error:
        raise TextError(f"{path} cannot be read: {error.strerror}") from None
    if not raw.strip():
        raise TextError(f"{path} is empty")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TextError(f"{path} is not UTF-8 text (byte {error.start} is {raw[error.start]:#04x})") from None
    if "\0" in text:
        raise TextError(f"{path} is binary, not text: it has NUL bytes")
    text = text.replace("\r\n", "\n")
    if len(text) < LEAST_CHARACTERS:
        raise TextError(
            f"{path} has {len(text)} characters, too short to learn from: at least {LEAST_CHARACTERS} are needed"
        )
    return text


class Vocabulary:
    """The characters of a text, each with its number.

    >>> vocabulary = Vocabulary("hello")
    >>> vocabulary.encode("hole")
    array([1, 3, 2, 0])
    >>> vocabulary.decode([1, 0, 2, 3])
    'helo'
    """

    @takes(text=TEXT)
    def __init__(self, text: str) -> None:
        self.characters = "".join(sorted(set(text)))
        self._numbers = {character: number for number, character in enumerate(self.characters)}

    def __len__(self) -> int:
        return len(self.characters)

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} characters)"

    @takes(text=TEXT)
    def encode(self, text: str) -> np.ndarray:
        """The numbers of the characters; TextError for one that the vocabulary does not have."""
        unknown = sorted(set(text) - self._numbers.keys())
        if unknown:
            raise TextError(f"the vocabulary has no {', '.join(map(repr, unknown[:5]))}")
        return np.array([self._numbers[character] for character in text], dtype=np.intp)

    @public()
    def decode(self, numbers: Sequence[int] | np.ndarray) -> str:
        """The text of the numbers; ArgumentError or DtypeError for what are no numbers of characters."""
        return "".join(self.characters[number] for number in numbers)


@takes(numbers=ARRAY, steps=integer(1), batch=integer(1))
def windows(numbers: np.ndarray, steps: int, batch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Inputs and targets (T, B), window after window: B streams side by side, each going on where it stopped.

    A target is the character after its input, so the state after one window is the state before the next. The last
    window may be shorter; only what does not give every stream one more character is left out.

    >>> for x, y in windows(np.arange(9), steps=2, batch=2):
    ...     print(x.T.tolist(), y.T.tolist())
    [[0, 1], [4, 5]] [[1, 2], [5, 6]]
    [[2, 3], [6, 7]] [[3, 4], [7, 8]]
    """
    if numbers.ndim != 1:
        raise ShapeError(f"the numbers of a text are one row, not of shape {numbers.shape}")
    length = (len(numbers) - 1) // batch
    if length < 1:
        raise TextError(f"{len(numbers)} characters do not make {batch} streams")
    x = numbers[: length * batch].reshape(batch, length).T
    y = numbers[1 : length * batch + 1].reshape(batch, length).T
    for start in range(0, length, steps):
        yield x[start : start + steps], y[start : start + steps]


@takes(text=TEXT.or_none(), T=integer(1))
def text(text: str | None = None, T: int = 50) -> Task:
    """The next character of a text, at every step of a piece of T characters; the last tenth is kept for the test.

    ``text``: ``language_reference()`` unless given. The score is in bits per character, of which chance needs log₂ V.

    Raises TextError for a text that is too short to cut a piece of T characters out of a tenth of it.

    >>> task = text("to be or not to be, " * 20, T=8)
    >>> batch = task.batch(1, rng=0)
    >>> "".join(task.words(batch.inputs[:, 0])), "".join(task.words(batch.targets[:, 0]))
    (' to be o', 'to be or')
    """
    whole = language_reference() if text is None else text
    vocabulary = Vocabulary(whole)
    numbers, V, test = vocabulary.encode(whole), len(vocabulary), len(whole) // 10
    if test <= T:
        raise TextError(f"a text of {len(whole)} characters is too short for pieces of {T}: {10 * (T + 1)} are needed")

    def draw_from(part: np.ndarray) -> Draw:
        def draw(rng: np.random.Generator, B: int) -> Batch:
            places = rng.integers(0, len(part) - T, B) + np.arange(T + 1)[:, None]
            return Batch(part[places[:-1]], part[places[1:]])

        return draw

    draw, draw_test = draw_from(numbers[:-test]), draw_from(numbers[-test:])
    known, chance = tuple(vocabulary.characters), float(np.log2(V))
    return Task("text", V, V, draw, BITS, chance, chance / 2, known, every_step=True, draw_test=draw_test)
