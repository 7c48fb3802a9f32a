"""Picture: a scene that knows how to show itself in a notebook and how to get into a file."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Container
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import tinygrad_lstm as tg
from tinygrad_lstm.errors import ArgumentError
from viz.output.dot import dot_of
from viz.output.files import free_path, place_for, write_file
from viz.output.notebook import beside_others, bundle
from viz.output.png_by_graphviz import TIMEOUT, NoGraphvizError, render
from viz.output.sizes import size_in_file
from viz.output.svg import svg_of
from viz.scene.marks import Scene

SUFFIXES = (".svg", ".png", ".pdf", ".gv", ".dot")


@dataclass(frozen=True)
class Picture:
    """A drawing: ``description`` says it in words, ``source`` is its DOT text, ``svg`` needs no other program.

    Where steps are folded, ``opened`` draws it with the folds opened, once ``html`` shows it.
    """

    scene: Scene = field(repr=False)
    title: str
    description: str
    width: float | None = None  # that was asked for; else it is as wide as its page, or in a file as by itself
    opened: Callable[[], Picture] | None = field(default=None, repr=False, compare=False)

    @property
    def nodes(self) -> int:
        """How many nodes it has; words above them do not count."""
        return sum(node.shape != "text" for node in self.scene.nodes.values())

    @cached_property
    @tg.collector_paused
    def source(self) -> str:
        """The drawing as DOT text, the same for the same graph in any process."""
        return dot_of(self.scene)

    @cached_property
    @tg.collector_paused
    def svg(self) -> str:
        """The drawing as SVG that fits any width, with title and description for those who cannot see it.

        It is a document by itself, and its ids are the plain names of what it shows; a page of several takes ``html``.
        """
        return svg_of(self.scene, self.title, self.description, self.width)

    def save(
        self, path: str | os.PathLike[str], *, width: float | None = None, scale: float | None = None,
        timeout: float = TIMEOUT,
    ) -> Path:  # fmt: skip
        """Write the picture in the format of the suffix, whole or not at all; returns the path that was written.

        It is ``width`` pixels wide, points of a PDF, or ``scale`` times as large as by itself. Where neither is given,
        it has the ``width`` that it was drawn with, and an SVG without one is as wide as its page. A size at which its
        words cannot be read, or that the format does not have, is warned of. Graphviz draws PNG and PDF, and has
        ``timeout`` seconds for it. Where no Graphviz is found the DOT text is saved beside it as ``.gv``, under another
        name if another program's file is there, with a warning that names it and says what to install.

        Raises ValueError for another suffix, FileNotFoundError for a folder that is not there, IsADirectoryError for
        one that is, DtypeError or ArgumentError for what is no path or no size, another OSError where the system
        refuses to write; RenderError where Graphviz fails, takes too long or gives no whole picture.
        """
        path = place_for(path, SUFFIXES, "a picture", "graph.svg")
        format = path.suffix.lower()[1:]
        if format in ("gv", "dot"):
            if not width == scale is None:
                raise ArgumentError(f"a .{format} is text, of no size; width= and scale= are for .svg, .png and .pdf")
            return write_file(path, self.source.encode())
        if width == scale is None:
            if format == "svg":
                return write_file(path, self.svg.encode())
            width = self.width
        size = size_in_file(self.scene, format, width, scale)
        if format == "svg":
            return write_file(path, replace(self, width=size.wide).svg.encode())
        try:
            return write_file(path, render(self.source, format, timeout, **size.attributes))
        except NoGraphvizError as missing:
            path = free_path(path.with_suffix(".gv"))
            warnings.warn(f"{missing}; saved the DOT text as {path}", stacklevel=2)
            return write_file(path, self.source.encode())

    @cached_property
    def _svg_opened(self) -> str:
        """The drawing with its folds opened, if it has any."""
        return self.opened().svg if self.opened else ""

    def __str__(self) -> str:
        return self.description

    @property
    def html(self) -> str:
        """The drawing as an element of an HTML page, where it changes nothing of the pictures beside it.

        Its ids are those of ``svg`` behind a word that is the picture's own. It is zoomed by buttons, by + and -, by
        Ctrl and the wheel, and by two fingers; a click on a step's or a module's caption closes it, a click on folded
        steps opens them, as far as a page can carry; and a search finds what bears a name. Where no script may run it
        is the still picture, which scrolls where the page is narrow.
        """
        return beside_others(self.svg, self._svg_opened)

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        return self.html

    def _repr_mimebundle_(
        self, include: Container[str] | None = None, exclude: Container[str] | None = None
    ) -> dict[str, Any]:
        """The image and the words; a notebook adds ``_repr_html_`` and shows that, for its tooltips can be read."""
        return bundle({"image/svg+xml": self._repr_svg_, "text/plain": lambda: self.description}, include, exclude)
