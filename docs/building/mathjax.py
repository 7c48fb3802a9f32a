"""MathJax within the site: the one file that is needed, out of the package that brings it."""

from __future__ import annotations

import shutil
from importlib.metadata import files
from pathlib import Path

from sphinx.application import Sphinx

PATH = "tex-svg.js"  # it draws letters as paths, so that no font has to be fetched


def setup(app: Sphinx) -> None:
    """Copy it at the end of a build."""
    app.connect("build-finished", copy)


def copy(app: Sphinx, failure: Exception | None) -> None:
    """Put the file where the pages look for it."""
    if failure is None:
        (found,) = [file for file in files("sphinx-mathjax-offline") or () if file.name == PATH]
        shutil.copy(found.locate(), Path(app.outdir) / "_static" / PATH)
