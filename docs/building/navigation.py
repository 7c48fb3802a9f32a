"""The menu for those who hear it: the captions of its parts are headings of a level."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx


def add_level(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: object) -> None:
    """Sphinx calls a caption a heading, and does not say of which level."""
    menu = context.get("furo_navigation_tree", "")
    context["furo_navigation_tree"] = menu.replace('role="heading"', 'role="heading" aria-level="2"')


def setup(app: Sphinx) -> None:
    """After the theme has made its menu."""
    app.connect("html-page-context", add_level, priority=900)
