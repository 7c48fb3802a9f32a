"""Texts of expressions in which the names of values are marked, so that a value can be found without parsing.

``\\0c_1\\0 + \\0v15\\0`` is the text of ``c_1 + v15``: split at the marks, every second part is a name. What remains
without the names is the same at every step of a network, so what must be parsed is parsed once for all steps.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

HOLE = re.compile(r"hole_(\d+)_")


def mark(name: str) -> str:
    """The name of a value in a text."""
    return f"\0{name}\0"


def unmarked(text: str) -> str:
    """The text as Python reads it.

    >>> unmarked(mark("a") + " + " + mark("b"))
    'a + b'
    """
    return text.replace("\0", "")


def rewrite(text: str, change: Callable[[str], str]) -> str:
    """What ``change``, which looks at the syntax alone, makes of a text.

    >>> unmarked(rewrite(mark("a") + "+" + mark("b"), lambda text: f"({text})"))
    '(a+b)'
    """
    parts = text.split("\0")
    parts[::2] = _rewritten(tuple(parts[::2]), change)
    return "\0".join(parts)


@lru_cache(maxsize=4096)
def _rewritten(pieces: tuple[str, ...], change: Callable[[str], str]) -> list[str]:
    """The pieces of text around the values, changed."""
    text = pieces[0] + "".join([f"hole_{k}_{piece}" for k, piece in enumerate(pieces[1:])])
    return HOLE.split(change(text))[::2]
