"""Picture: a scene that knows how to show itself in a notebook and how to get into a file."""

from __future__ import annotations

import os
import warnings
from collections.abc import Container
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from viz.output.dot import dot_of
from viz.output.files import free_path, place_for, write_file
from viz.output.graphviz import TIMEOUT, NoGraphvizError, render
from viz.output.notebook import beside_others, bundle
from viz.output.svg import svg_of
from viz.scene.marks import Scene

SUFFIXES = (".svg", ".png", ".pdf", ".gv", ".dot")
MANY_NODES = 500  # above this PNG and PDF take a while, and cairo may scale them down


@dataclass(frozen=True)
class Picture:
    """A drawing: ``description`` says it in words, ``source`` is its DOT text, ``svg`` needs no other program."""

    scene: Scene = field(repr=False)
    title: str
    description: str

    @property
    def nodes(self) -> int:
        """How many nodes it has; words above them do not count."""
        return sum(node.shape != "text" for node in self.scene.nodes.values())

    @cached_property
    def source(self) -> str:
        """The drawing as DOT text, the same for the same graph in any process."""
        return dot_of(self.scene)

    @cached_property
    def svg(self) -> str:
        """The drawing as SVG that fits any width, with title and description for those who cannot see it.

        It is a document by itself, and its ids are the plain names of what it shows; a page of several takes ``html``.
        """
        return svg_of(replace(self.scene, title=self.title, description=self.description))

    def save(self, path: str | os.PathLike[str], *, timeout: float = TIMEOUT) -> Path:
        """Write the picture in the format of the suffix, whole or not at all; returns the path that was written.

        Graphviz draws PNG and PDF, and has ``timeout`` seconds for it. Where no Graphviz is found the DOT text is saved
        beside it as ``.gv``, under another name if another program's file is there, with a warning that names it and
        says what to install.

        Raises ValueError for another suffix, FileNotFoundError for a folder that is not there, IsADirectoryError for
        one that is, DtypeError or ArgumentError for what is no path, another OSError where the system refuses to write;
        RenderError where Graphviz fails, takes too long or gives no whole picture.
        """
        path = place_for(path, SUFFIXES, "a picture", "graph.svg")
        suffix = path.suffix.lower()
        if suffix in (".gv", ".dot"):
            return write_file(path, self.source.encode())
        if suffix == ".svg":
            return write_file(path, self.svg.encode())
        if self.nodes > MANY_NODES:
            said = f"a {suffix[1:].upper()} of {self.nodes} nodes is slow to draw, and may be scaled down to fit"
            warnings.warn(
                f"{said}; .svg is quicker and stays sharp, and fold= or depth= leave less to draw", stacklevel=2
            )
        try:
            return write_file(path, render(self.source, suffix[1:], timeout))
        except NoGraphvizError as missing:
            path = free_path(path.with_suffix(".gv"))
            warnings.warn(f"{missing}; saved the DOT text as {path}", stacklevel=2)
            return write_file(path, self.source.encode())

    def __str__(self) -> str:
        return self.description

    @property
    def html(self) -> str:
        """The drawing as an element of an HTML page, where it changes nothing of the pictures beside it.

        Its ids are those of ``svg`` behind a word that is the picture's own, and it scrolls where the page is narrow.
        """
        return beside_others(self.svg)

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        return self.html

    def _repr_mimebundle_(
        self, include: Container[str] | None = None, exclude: Container[str] | None = None
    ) -> dict[str, Any]:
        """The image and the words; a notebook adds ``_repr_html_`` and shows that, for its tooltips can be read."""
        return bundle({"image/svg+xml": self._repr_svg_, "text/plain": lambda: self.description}, include, exclude)
