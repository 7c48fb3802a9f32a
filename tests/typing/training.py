"""A training loop: data, a model, a loss, clipping, an optimiser with a schedule."""

from collections.abc import Iterator

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import losses, nn, optim


class Reader(nn.Module):
    """Characters in, scores of the next character out."""

    def __init__(self, characters: int, hidden: int) -> None:
        self.embedding = nn.Embedding(characters, hidden)
        self.lstm = nn.LSTM(hidden, hidden, num_layers=2, dropout=0.1)
        self.norm = nn.LayerNorm(hidden)
        self.head = nn.Linear(hidden, characters)

    def forward(self, text: np.ndarray) -> tg.Tensor:
        output, (h, c) = self.lstm(self.embedding(text))
        assert h.shape == c.shape
        return self.head(self.norm(output))


def batches(count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    text = np.arange(6) % 5
    for _ in range(count):
        yield text[:-1, None], text[1:, None]


def train(updates: int) -> list[float]:
    tg.manual_seed(0)
    model = Reader(5, 8).train()
    optimizer = optim.AdamW(model.parameters(), lr=1e-2, weight_decay=1e-3)
    schedule = optim.lr_scheduler.StepLR(optimizer, step_size=2)
    history: list[float] = []
    for x, y in batches(updates):
        optimizer.zero_grad()
        loss = losses.cross_entropy(model(x), y, label_smoothing=0.1)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        history.append(loss.item())
        assert float(norm) >= 0
    with tg.no_grad():
        scores = model.eval()(np.zeros((1, 1), int))
    assert scores.shape == (1, 1, 5)
    return history


print(f"{train(3)[-1]:.3f}")
