"""The cards of the gallery: each draws what it shows into a folder and gives its HTML; and the page around them."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote

import numpy as np

import viz
from tinygrad_lstm.errors import MissingExtraError
from tinygrad_lstm.escaping import markup
from tinygrad_lstm.files import whole_file
from viz import plots
from viz.output.png_by_graphviz import NoGraphvizError

Section: TypeAlias = tuple[str, str, Iterator["Card"]]  # heading, a sentence below it, cards


class Card(NamedTuple):
    """Something to show: given a folder and a name, ``draw`` writes its files there."""

    caption: str
    draw: Callable[[Path, str], None]


def picture(caption: str, draw: Callable[..., viz.Picture], *args: Any, **options: Any) -> Card:
    """A picture that follows the reader's theme."""

    def write(folder: Path, name: str) -> None:
        write_text(folder / f"{name}.svg", draw(*args, theme="auto", **options).svg)

    return Card(caption, write)


def plot(caption: str, draw: Callable[..., Any], *args: Any, **options: Any) -> Card:
    """A plot, drawn once for each theme."""

    def write(folder: Path, name: str) -> None:
        for theme in ("light", "dark"):
            axes = np.atleast_1d(np.asarray(draw(*args, theme=theme, **options), object))
            plots.save(axes.flat[0], folder / f"{name}-{theme}.svg")

    return Card(caption, write)


def play(caption: str, poster: viz.Picture, *args: Any) -> Card:
    """A player: its card is a picture of what it plays, and leads to the page."""

    def write(folder: Path, name: str) -> None:
        viz.player(*args).save(folder / f"{name}.html")
        write_text(folder / f"{name}.svg", poster.svg)

    return Card(caption, write)


def write_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all."""
    with whole_file(path) as file:
        file.write(text.encode())


class Gallery(NamedTuple):
    """A folder of drawn cards, and the way to it from the page that shows them."""

    folder: Path
    way: str = ""

    def names(self) -> list[str]:
        """The cards that are in it."""
        stems = sorted(path.stem for path in self.folder.glob("*.svg"))
        return list(dict.fromkeys(re.sub("-(light|dark)$", "", stem) for stem in stems))

    def card(self, name: str, caption: str) -> str:
        """The card of this name: a picture that opens in full, or leads to its player; '' if it is not there."""
        if not (self.folder / (light := f"{name}-light.svg")).exists():
            if not (self.folder / (drawn := f"{name}.svg")).exists():
                return ""
            plays = (self.folder / f"{name}.html").exists()
            return self._link(f"{name}.html" if plays else drawn, self._image(drawn, caption), plays)
        dark = f'<source srcset="{markup(self.way)}{markup(name)}-dark.svg" media="(prefers-color-scheme: dark)">'
        return self._link(light, f"<picture>{dark}{self._image(light, caption)}</picture>", False)

    def _link(self, to: str, inside: str, plays: bool) -> str:
        return f'<a class="{"plays" if plays else "opens"}" href="{markup(self.way + to)}">{inside}</a>'

    def _image(self, name: str, caption: str) -> str:
        return f'<img src="{markup(self.way + name)}" alt="{markup(caption)}" loading="lazy">'


def show(sections: Iterable[Section], folder: Path, beside: Path | None = None) -> None:
    """Draw all cards into the folder, and the page; for what cannot be drawn here there is one line for each reason.

    With another gallery ``beside`` it, each card shows the other's picture at the left and this one's at the right.
    """
    folder.mkdir(parents=True, exist_ok=True)
    new = Gallery(folder)
    old = Gallery(beside, f"{quote(os.path.relpath(beside, folder))}/") if beside is not None else None
    shown, missing, drawn = dict[str, str](), Counter[str](), set[str]()
    for title, words, cards in sections:
        figures = []
        for card in cards:
            name = slug(f"{title} {card.caption}")
            drawn.add(name)
            if write_card(card, folder, name, missing) or old is not None:
                figures.append(figure(name, card.caption, new, old))
        print(f"{title}: {len(figures)}")
        if figures:
            shown[title] = f"<p>{markup(words)}</p>\n<section>{''.join(figures)}</section>"
    if old is not None and (left := [name for name in old.names() if name not in drawn]):
        figures = [figure(name, name.replace("-", " "), Gallery(folder / "nothing"), old) for name in left]
        shown["Only in the other gallery"] = f"<p></p>\n<section>{''.join(figures)}</section>"
    said = [f"{count} not drawn: {reason}" for reason, count in missing.items()]
    write_text(folder / "index.html", page(shown, said, paired=old is not None))
    print(*said, folder / "index.html", sep="\n")


def write_card(card: Card, folder: Path, name: str, missing: Counter[str]) -> bool:
    """Draw a card's files; False where it cannot be drawn here, with the reason counted."""
    try:
        card.draw(folder, name)
    except (NoGraphvizError, MissingExtraError) as reason:
        missing[str(reason)] += 1
        return False
    return True


def figure(name: str, caption: str, new: Gallery, old: Gallery | None) -> str:
    """One card of the page, the other gallery's at its left if there is one; what one of them lacks is said."""
    inside = new.card(name, caption)
    if old is not None:
        absent = '<p class="absent">not in this gallery</p>'
        inside = f"{old.card(name, caption) or absent}{inside or absent}"
    return f"<figure>{inside}<figcaption>{markup(caption)}</figcaption></figure>"


def slug(words: str) -> str:
    """Words as the name of a file, or of a place on the page."""
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")


def page(shown: Mapping[str, str], missing: Iterable[str], paired: bool = False) -> str:
    """The index."""
    template = Template(Path(__file__).with_name("gallery_page.html").read_text(encoding="utf-8"))
    return template.substitute(
        links="".join(f'<a href="#{slug(title)}">{markup(title)}</a>' for title in shown),
        sections="\n".join(f'<h2 id="{slug(title)}">{markup(title)}</h2>\n{cards}' for title, cards in shown.items()),
        look="paired" if paired else "single",
        missing="".join(f"<p>{markup(line)}</p>" for line in missing),
    )
