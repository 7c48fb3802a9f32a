"""The cards of the gallery: each draws what it shows into a folder and gives its HTML; and the page around them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Any, NamedTuple, TypeAlias

import numpy as np

import viz
from tinygrad_lstm.errors import MissingExtraError
from tinygrad_lstm.escaping import markup
from tinygrad_lstm.files import whole_file
from viz.output.graphviz import NoGraphvizError

Section: TypeAlias = tuple[str, str, Iterator["Card"]]  # heading, a sentence below it, cards


class Card(NamedTuple):
    """Something to show: given a folder and a name, ``draw`` writes its files there and gives its HTML."""

    caption: str
    draw: Callable[[Path, str], str]


def picture(caption: str, draw: Callable[..., viz.Picture], *args: Any, **options: Any) -> Card:
    """A picture that follows the reader's theme."""

    def write(folder: Path, name: str) -> str:
        write_text(folder / f"{name}.svg", draw(*args, theme="auto", **options).svg)
        return link(f"{name}.svg", image(f"{name}.svg", caption))

    return Card(caption, write)


def plot(caption: str, draw: Callable[..., Any], *args: Any, **options: Any) -> Card:
    """A plot, drawn once for each theme."""

    def write(folder: Path, name: str) -> str:
        for theme in ("light", "dark"):
            axes = np.atleast_1d(np.asarray(draw(*args, theme=theme, **options), object))
            with whole_file(folder / f"{name}-{theme}.svg") as file:
                axes.flat[0].get_figure().savefig(file, format="svg", metadata={"Date": None})
        dark = f'<source srcset="{markup(name)}-dark.svg" media="(prefers-color-scheme: dark)">'
        light = f"{name}-light.svg"
        return link(light, f"<picture>{dark}{image(light, caption)}</picture>")

    return Card(caption, write)


def play(caption: str, poster: viz.Picture, *args: Any) -> Card:
    """A player: its card is a picture of what it plays, and leads to the page."""

    def write(folder: Path, name: str) -> str:
        viz.player(*args).save(folder / f"{name}.html")
        write_text(folder / f"{name}.svg", poster.svg)
        return link(f"{name}.html", image(f"{name}.svg", caption), "plays")

    return Card(caption, write)


def write_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all."""
    with whole_file(path) as file:
        file.write(text.encode())


def link(to: str, inside: str, look: str = "opens") -> str:
    """Something that leads to a file."""
    return f'<a class="{look}" href="{markup(to)}">{inside}</a>'


def image(name: str, caption: str) -> str:
    """A picture on the page."""
    return f'<img src="{markup(name)}" alt="{markup(caption)}" loading="lazy">'


def show(sections: Iterable[Section], folder: Path) -> None:
    """Draw all cards into the folder, and the page; for what cannot be drawn here there is one line for each reason."""
    folder.mkdir(parents=True, exist_ok=True)
    shown, missing = dict[str, str](), Counter[str]()
    for title, words, cards in sections:
        figures = [*filter(None, (figure(folder, title, card, missing) for card in cards))]
        print(f"{title}: {len(figures)}")
        if figures:
            shown[title] = f"<p>{markup(words)}</p>\n<section>{''.join(figures)}</section>"
    said = [f"{count} not drawn: {reason}" for reason, count in missing.items()]
    write_text(folder / "index.html", page(shown, said))
    print(*said, folder / "index.html", sep="\n")


def figure(folder: Path, title: str, card: Card, missing: Counter[str]) -> str:
    """One card of the page; nothing where it cannot be drawn here."""
    try:
        inside = card.draw(folder, slug(f"{title} {card.caption}"))
    except (NoGraphvizError, MissingExtraError) as reason:
        missing[str(reason)] += 1
        return ""
    return f"<figure>{inside}<figcaption>{markup(card.caption)}</figcaption></figure>"


def slug(words: str) -> str:
    """Words as the name of a file, or of a place on the page."""
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")


def page(shown: Mapping[str, str], missing: Iterable[str]) -> str:
    """The index."""
    template = Template(Path(__file__).with_name("gallery_page.html").read_text(encoding="utf-8"))
    return template.substitute(
        links="".join(f'<a href="#{slug(title)}">{markup(title)}</a>' for title in shown),
        sections="\n".join(f'<h2 id="{slug(title)}">{markup(title)}</h2>\n{cards}' for title, cards in shown.items()),
        missing="".join(f"<p>{markup(line)}</p>" for line in missing),
    )
