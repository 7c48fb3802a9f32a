"""Losses to play, a label that would like to run, and how to read a player that is open in a browser."""

from __future__ import annotations

import re
import time
from typing import Any

import numpy as np

import tinygrad_lstm as tg
from tinygrad_lstm import nn

HOSTILE = (
    "</script><script>window.bad=1</script>\"'&\n<!--\u2028<img src=x onerror=window.bad=1>💥${bad}" + "<b>" * 3400
)


def unrolled(kind: str = "LSTM", steps: int = 2, hidden: int = 3, **options: Any) -> tuple[tg.Tensor, nn.Trajectory]:
    tg.manual_seed(0)
    layer = getattr(nn, kind)(2, hidden, **options)
    trajectory = layer.unroll(tg.randn(steps, 1, 2))
    return (trajectory.steps[-1].h ** 2).sum(), trajectory


def small() -> tg.Tensor:
    """(tanh(w x) + x)², summed: x is read twice."""
    x, w = tg.tensor([1.0, -2.0], requires_grad=True), tg.tensor([0.5, 0.25], requires_grad=True)
    tg.label(x=x, w=w)
    return ((tg.tanh(w * x) + x) ** 2).sum()


def numbers(text: str) -> list[float]:
    """The numbers in a text, the minus sign being a minus sign."""
    return [float(found.replace("−", "-")) for found in re.findall(r"−?\d[\d.]*(?:e−?\d+)?", text)]


def close(shown: Any, exact: Any) -> bool:
    return bool(np.allclose(shown, exact, rtol=6e-4, atol=1e-30))  # four digits


def status(page: Any) -> str:
    return str(page.locator("[aria-live]").text_content())


def until(page: Any, true: str) -> None:
    """Waits for an expression of the page to be true.

    Playwright's own wait_for_function evaluates a text inside the page, which the page's content policy forbids.
    """
    end = time.monotonic() + 10
    while not page.evaluate(true):
        assert time.monotonic() < end, f"after ten seconds this is not true: {true}"
        page.wait_for_timeout(20)


def press(page: Any, *keys: str) -> str:
    for key in keys:
        page.keyboard.press(key)
    return status(page)


def cards(page: Any) -> list[dict[str, Any]]:
    """What the panel shows: of each card its heading, its text, and its table by the label of each row."""
    found = page.evaluate(
        """[...document.querySelectorAll('#play-panel .card')].map((card) => ({
             head: card.querySelector('h2, h3').firstChild.textContent, text: card.textContent,
             rows: [...card.querySelectorAll('tr')].map((row) => [row.querySelector('th').textContent,
                   [...row.querySelectorAll('.number')].map((cell) => cell.textContent).join(' ')])}))"""
    )
    return [{**card, "rows": {label: numbers(cells) for label, cells in card["rows"]}} for card in found]
