"""A character language model: it reads one character at a time and says how likely each next one is."""

from __future__ import annotations

import numpy as np

from tinygrad_lstm.data import Vocabulary, windows
from tinygrad_lstm.engine.creation import generator
from tinygrad_lstm.engine.modes import no_grad
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.losses import cross_entropy
from tinygrad_lstm.nn import LSTM, Embedding, Linear, Module, Trajectory
from tinygrad_lstm.nn.cells import State


class CharModel(Module):
    """Scores of the next character at every step: indices (T, B) -> logits (T, B, V), and the state to go on from."""

    def __init__(self, characters: int, hidden: int, embedding: int = 32) -> None:
        self.embedding = Embedding(characters, embedding)
        self.lstm = LSTM(embedding, hidden)
        self.head = Linear(hidden, characters)

    def forward(self, indices: np.ndarray, state: State = None) -> tuple[Tensor, State]:
        """Logits and the state after the last step."""
        h, state = self.lstm(self.embedding(indices), state)
        return self.head(h), state

    def unroll(self, indices: np.ndarray) -> tuple[Tensor, Trajectory]:
        """Logits after the last step (B, V), and every step's states and gates, to look at."""
        with self.scope():
            trajectory = self.lstm.unroll(self.embedding(indices))
            return self.head(trajectory.steps[-1].h), trajectory


@no_grad()
def bits_per_character(model: CharModel, numbers: np.ndarray, batch: int = 16, steps: int = 200) -> float:
    """-mean log₂ p(next character), over the text read in long streams with the state carried."""
    total, count, state = 0.0, 0, None
    for x, y in windows(numbers, steps, min(batch, max(1, len(numbers) // 50))):
        logits, state = model(x, state)
        total += cross_entropy(logits, y, "sum").item()
        count += y.size
    return float(total / count / np.log(2))


@no_grad()
def sample(model: CharModel, vocabulary: Vocabulary, prompt: str, length: int, temperature: float = 0.7) -> str:
    """The prompt, continued: each next character drawn from the model's probabilities, sharpened by 1/temperature."""
    numbers = list(vocabulary.encode(prompt))
    logits, state = model(np.array(numbers)[:, None])
    for _ in range(length):
        scores = logits.data[-1, 0].astype(float) / temperature
        p = np.exp(scores - scores.max())
        numbers.append(int(generator().choice(len(p), p=p / p.sum())))
        logits, state = model(np.array([[numbers[-1]]]), state)
    return vocabulary.decode(numbers)
