"""Cells of random lines, once or twice over a sequence, compiled: rolled, and right on data that was not recorded."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import Tensor

T, B, H = 6, 2, 4


@pytest.fixture(autouse=True)
def in_float64() -> Iterator[None]:
    tg.set_default_dtype("float64")
    yield
    tg.set_default_dtype("float32")


class RandomCell:
    """Lines drawn by a seed, of two values each, and what of them goes into the loss."""

    def __init__(self, seed: int) -> None:
        draw, rng = random.Random(seed), np.random.default_rng(seed)

        def leaf(*shape: int) -> Tensor:
            return tg.tensor(rng.normal(0, 0.5, shape), requires_grad=True)

        self.U, self.V, self.gates, self.v = leaf(H, H), leaf(H, 2 * H), leaf(4 * H, H), leaf(H)
        self.starts = [leaf(B, H) for _ in range(draw.randint(1, 3))]
        self.lines = [(draw.choice(list(LINES)), draw.random(), draw.random()) for _ in range(draw.randint(3, 9))]
        self.next = [draw.randint(1, 3) for _ in self.starts]  # which of the last lines each state takes
        self.collected = [k for k in range(len(self.starts)) if draw.random() < 0.6]
        self.layers, self.backwards, self.reads_start = draw.randint(1, 2), draw.random() < 0.3, draw.random() < 0.5

    @property
    def parameters(self) -> list[Tensor]:
        return [self.U, self.V, self.gates, self.v, *self.starts]

    def __call__(self, x: Tensor) -> Tensor:
        """The loss."""
        total, states = tg.zeros(), list(self.starts)
        for _ in range(self.layers):
            steps = list(tg.unstack(x))
            outputs = []
            for x_t in reversed(steps) if self.backwards else steps:
                states = self.step(x_t, states)
                outputs += [states[k] for k in self.collected]
            if outputs:
                total = total + (tg.stack(outputs) ** 2).mean()
                x = tg.stack(outputs[:: len(self.collected)])
        for state in states:
            total = total + (state * state).sum()
        return total + (self.starts[0] * states[0]).sum() if self.reads_start else total

    def step(self, x_t: Tensor, states: list[Tensor]) -> list[Tensor]:
        values = [x_t, *states]
        for name, a, b in self.lines:
            values.append(LINES[name](self, values[int(a * len(values))], values[int(b * len(values))]))
        return [tg.tanh(values[-k] + 0.3 * state) for k, state in zip(self.next, states, strict=True)]

    def lstm(self, u: Tensor, v: Tensor) -> Tensor:
        f, i, o, g = tg.split(tg.linear(u, self.gates), 4, axis=-1)
        return tg.sigmoid(f) * v + tg.sigmoid(i) * tg.tanh(g) * tg.sigmoid(o)


LINES: dict[str, Callable[[Any, Tensor, Tensor], Tensor]] = {
    "product": lambda cell, u, v: u * v,
    "sum": lambda cell, u, v: u + v,
    "difference": lambda cell, u, v: u - v,
    "quotient": lambda cell, u, v: u / (1 + v * v),
    "square": lambda cell, u, v: u * u,
    "tanh": lambda cell, u, v: tg.tanh(u),
    "sigmoid": lambda cell, u, v: tg.sigmoid(u),
    "relu": lambda cell, u, v: tg.relu(u),
    "larger": lambda cell, u, v: tg.maximum(u, v),
    "linear": lambda cell, u, v: tg.linear(u, cell.U),
    "peephole": lambda cell, u, v: u * cell.v,
    "beside": lambda cell, u, v: tg.linear(tg.concatenate([u, v], axis=-1), cell.V),
    "halves": lambda cell, u, v: tg.concatenate([u[:, :2], v[:, 2:]], axis=-1),
    "centred": lambda cell, u, v: u - u.mean(axis=-1, keepdims=True),
    "scaled": lambda cell, u, v: u * 0.5 + 0.1,
    "lstm": RandomCell.lstm,
}


@pytest.mark.parametrize("seed", range(12))
def test_random_cells(seed: int) -> None:
    cell, rng = RandomCell(seed), np.random.default_rng(seed)
    step = tg.compile(cell.__call__)
    for _ in range(3):
        x = rng.normal(size=(T, B, H))
        loss = cell(tg.tensor(x))
        expected = tg.grad(loss, cell.parameters, allow_unused=True)
        for p in cell.parameters:
            p.grad = None
        assert step(x).item() == pytest.approx(loss.item(), rel=1e-12)
        for p, g in zip(cell.parameters, expected, strict=True):
            if g is None:
                assert p.grad is None
                continue
            assert p.grad is not None
            np.testing.assert_allclose(p.grad.data, g.data, rtol=1e-9, atol=1e-12 * max(1.0, np.abs(g.data).max()))
        for p in cell.parameters:
            p.data = p.data + rng.normal(0, 0.1, p.shape)
    assert all(compiled.rolled for known in step.programs.values() for compiled in known)
