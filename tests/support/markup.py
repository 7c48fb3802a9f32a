"""The tags of markup, as a parser sees them."""

from __future__ import annotations

from html.parser import HTMLParser


def tags(page: str) -> list[str]:
    """The elements that a browser would see."""
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            found.append(tag)

    Reader().feed(page)
    return found
