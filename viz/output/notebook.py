"""What a notebook shows of an object: the kinds that it asks for, and an SVG that shares its page and can be moved."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping
from functools import cache
from typing import Any

ID = re.compile(r'(?<=\s)id="')  # no text holds it: quotes in a text are escaped


def bundle(
    kinds: Mapping[str, Callable[[], str | bytes | None]],
    include: Container[str] | None,
    exclude: Container[str] | None,
) -> dict[str, Any]:
    """The contents by their MIME types, as IPython asks for them: those of ``include``, without those of ``exclude``.

    None stands for no choice, and so does nothing in ``include``. What is not asked for is not made, and a kind that
    cannot be made is left out.

    >>> kinds = {"text/plain": lambda: "words", "image/png": lambda: b"...", "text/html": lambda: None}
    >>> bundle(kinds, include=None, exclude=None)
    {'text/plain': 'words', 'image/png': b'...'}
    >>> bundle(kinds, include=["text/plain", "image/png"], exclude=["image/png"])
    {'text/plain': 'words'}
    """
    asked = [kind for kind in kinds if (not include or kind in include) and not (exclude and kind in exclude)]
    made = {kind: kinds[kind]() for kind in asked}
    return {kind: content for kind, content in made.items() if content is not None}


def beside_others(svg: str, opened: str = "") -> str:
    """An SVG as an element of a page that has more of them: every id begins with a word that no other picture has.

    The word is made of the SVG itself, so it is the same in any process, and only equal pictures share it. Where the
    picture is wider than its place, it scrolls. A script, the same for every picture, adds pan, zoom, search, and the
    closing of frames, and takes ``opened`` in its place, the same with folds opened; where no script runs, all of the
    picture is there, still.

    >>> html = beside_others('<svg><g class="node" id="h_2"></g></svg>')
    >>> html.partition("<script>")[0]
    '<div class="viz-picture"><div style="overflow-x:auto"><svg><g class="node" id="viz-839cfde1-h_2"></g></svg></div>'
    """
    still = f'<div style="overflow-x:auto">{_with_own_ids(svg)}</div>'
    other = f"<template>{_with_own_ids(opened)}</template>" if opened else ""
    return f'<div class="viz-picture">{still}{other}<script>{script()}</script></div>'


def _with_own_ids(svg: str) -> str:
    from hashlib import blake2b

    own_id = f'id="viz-{blake2b(svg.encode(), digest_size=4).hexdigest()}-'
    return ID.sub(own_id, svg)


@cache
def script() -> str:
    """What makes the pictures of a page move."""
    from importlib.resources import files  # here, like hashlib above: the first picture is needed without them

    return files("viz.output").joinpath("live.js").read_text("utf-8")
