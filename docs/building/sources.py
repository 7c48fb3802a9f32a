"""Links into the code: where a page leads to a file of the package, the site has a page of that file."""

from __future__ import annotations

from sphinx.application import Sphinx


def setup(app: Sphinx) -> None:
    """Nothing yet."""
