"""The header of a picture: its title, how to read it, and a legend of the lines that are there and of their scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from viz.encode.encoding import Encoding, KeyOfLines, Scale
from viz.encode.legend_words import SHARES
from viz.scene.legend import LegendItem, draw_header
from viz.scene.marks import Scene
from viz.style.stroke import Stroke
from viz.views.rows import TEXT, Row

SLIDE, SMALL = 1280, 6.5  # pixels: a slide's width, and a size of text that is hardly read on it


def add_header(
    scene: Scene, title: str, guide: str, key: KeyOfLines | None = None, scale: Sequence[LegendItem] = (),
    least: float = 640,
) -> None:  # fmt: skip
    """Say above a picture what it is and how to read it; of its key only the kinds of lines that are in it."""
    left, _, right, _ = scene.extent()
    kinds, theme = scene.kinds(), scene.theme
    items = [LegendItem(words, stroke) for kind, (words, stroke) in (key or {}).items() if kind in kinds]
    if any("share_" in name for name in scene.nodes):
        items.append(LegendItem(SHARES, bar=((theme.carry, 0.65), (theme.crossing, 0.35))))
    draw_header(scene, left, max(right, left + least), title, guide, [row for row in (items, scale) if row])


def add_header_of_rows(
    scene: Scene, title: str, rows: Sequence[Row], notes: Sequence[str] = (), least: float = 800
) -> None:
    """The header of a cell view; of its legend all rows share what they have in common."""
    encodings = [row.encoding for row in rows]
    encoding = encodings[-1]
    guide = " ".join(
        filter(None, [encoding.guide, _mirrored(rows), _list_undrawn(rows), *notes, _width_in_words(scene)])
    )
    widths = encoding.widths()
    scale = scale_items(widths, encoding.sample) if widths else []
    add_header(scene, title, guide, shared_key(encodings), scale, least)


def shared_key(encodings: Sequence[Encoding]) -> KeyOfLines:
    """The kinds of lines of several chains: where their words differ, words that hold for all of them."""
    found: dict[str, tuple[str, Stroke]] = {}
    general: Mapping[str, str] = encodings[-1].general
    for encoding in reversed(encodings):
        for kind, (words, stroke) in encoding.key.items():
            there = found.setdefault(kind, (words, stroke))
            if there[0] != words and kind in general:
                found[kind] = general[kind], stroke
    return found


def scale_items(scale: Scale, sample: Callable[[float], Stroke]) -> list[LegendItem]:
    """Samples of the one scale of widths, and its formula."""
    samples = [LegendItem(scale.label(size), replace(sample(size), data={})) for size in scale.samples()]
    return [*samples, LegendItem(scale.formula)]


def _width_in_words(scene: Scene) -> str:
    """What a slide would make of a picture that is very wide, and what draws less."""
    left, _, right, _ = scene.extent()
    pixels = TEXT * SLIDE / (right - left)
    if pixels >= SMALL:
        return ""
    return (
        f'On a slide of {SLIDE} pixels its text would be {pixels:.0f} pixels high: fold= and view="rolled" draw less.'
    )


def _mirrored(rows: Sequence[Row]) -> str:
    return "In the reverse layer all runs the other way." if any(row.mirrored for row in rows) else ""


def _list_undrawn(rows: Sequence[Row]) -> str:
    """What is read from outside and has no line, in a sentence."""
    parts = list(dict.fromkeys([row.cells.sign(*part) for row in rows for part in row.cells.elsewhere]))
    return f"Read from outside as well, which is not drawn: {', '.join(parts)}." if parts else ""
