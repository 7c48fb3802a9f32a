"""Answers to the exercises of chapter 9, right ones and wrong ones; each takes the numbers that it names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_lstm as tg


def by_the_engine(f: float, T: int, bound: float) -> int:
    w, h, losses = tg.tensor(1.0, requires_grad=True, dtype=float), tg.tensor(0.0, dtype=float), []
    for t in range(1, T + 1):
        with tg.scope("t", step=t):
            h = f * h + w * 1.0
            losses.append(h + 0.0)
    return tg.paths.lag_matrix(losses, w).smallest_k(bound)


def matrix(f: float, T: int) -> Any:
    return np.tril(f ** np.abs(np.subtract.outer(np.arange(T), np.arange(T))))


def by_blocks(f: float, T: int, bound: float) -> Any:
    G, k = matrix(f, T), 1
    while abs(sum(G[s : s + k, s : s + k].sum() for s in range(0, T, k)) - G.sum()) / G.sum() > bound:
        k += 1
    return np.array([k])


def by_formula(f: float, T: int, bound: float) -> float:
    def kept(n: int) -> float:
        return (n - f * (1 - f**n) / (1 - f)) / (1 - f)

    return float(min(k for k in range(1, T) if (T // k * kept(k) + kept(T % k)) / kept(T) >= 1 - bound))


def window(f: float, T: int, bound: float) -> int:
    G = matrix(f, T)
    return next(k for k in range(1, T) if np.tril(G, -k).sum() / G.sum() <= bound)


def keeps_the_bound(f: float, T: int, bound: float) -> int:
    G = matrix(f, T)
    blocks = [sum(G[s : s + k, s : s + k].sum() for s in range(0, T, k)) / G.sum() for k in range(1, T)]
    return next(k for k, share in enumerate(blocks, 1) if share >= bound)


def by_rows(losses: Any, lengths: Any) -> Any:
    return sum(losses[:n, row].sum() for row, n in enumerate(lengths)) / sum(lengths)


def by_joining(losses: Any, lengths: Any) -> Any:
    return np.concatenate([row[:n] for row, n in zip(losses.T, lengths, strict=True)]).mean()


def as_tensors(losses: Any, lengths: Any) -> Any:
    mask = tg.tensor((np.arange(len(losses)) < np.array(lengths)[:, None]).T.astype(float))
    return (tg.tensor(losses) * mask).sum() / mask.sum()


def mean(of: Callable[[Any, Any, Any], Any]) -> Callable[[], Any]:
    """A function that gets the losses, the mask and the lengths."""
    return lambda: lambda losses, lengths: of(losses, np.arange(len(losses))[:, None] < lengths, lengths)


RIGHT = {
    "9.1": [by_the_engine, by_blocks, by_formula],
    "9.2": [lambda: by_rows, lambda: by_joining, lambda: as_tensors],
}
WRONG = {
    "9.1": [
        ("on both sides of a border", window),
        ("where one path has faded", lambda f, bound: int(np.ceil(np.log(bound) / np.log(f)))),
        ("the error is what they drop", keeps_the_bound),
        ("nothing is truncated", lambda T: T),
        ("which is above", lambda f, T, bound: by_blocks(f, T, bound) - 1),
        ("a smaller k will do too", lambda T: T - 1),
        ("a chunk has 1 to", lambda T: T + 1),
        ("one whole number", lambda: 2.5),
    ],
    "9.2": [
        ("there is no mask", lambda: lambda losses, lengths: losses.mean()),
        ("the padding is not in the sum, but it is counted", mean(lambda x, valid, n: (x * valid).mean())),
        ("the padding is in the sum", mean(lambda x, valid, n: x.sum() / valid.sum())),
        ("it is the sum", mean(lambda x, valid, n: x[valid].sum())),
        ("steps of short sequences count more", mean(lambda x, valid, n: ((x * valid).sum(0) / n).mean())),
        ("the number of sequences", mean(lambda x, valid, n: x[valid].sum() / len(n))),
        ("the number of steps", mean(lambda x, valid, n: x[valid].sum() / len(x))),
        ("one step too many", lambda: lambda x, n: x[np.arange(len(x))[:, None] <= n].mean()),
        ("one step is missing", lambda: lambda x, n: x[np.arange(len(x))[:, None] < n - 1].mean()),
        ("the valid steps are left out", mean(lambda x, valid, n: x[~valid].mean())),
        ("one entry for each sequence", mean(lambda x, valid, n: (x * valid).sum(0) / n)),
        ("ValueError", lambda: lambda x, n: x[np.arange(len(x)) < n].mean()),
    ],
}  # fmt: skip
