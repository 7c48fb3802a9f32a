"""Picture: a scene that knows how to show itself in a notebook and how to get into a file."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, count
from pathlib import Path
from typing import Any

from tinygrad_lstm.escaping import markup
from tinygrad_lstm.files import file_path, whole_file
from viz.output.dot import dot_of
from viz.output.graphviz import TIMEOUT, NoGraphvizError, RenderError, render
from viz.output.notebook import beside_others, bundle
from viz.output.svg import svg_of
from viz.scene.marks import Scene
from viz.style.theme import looks_of, stylesheet

OURS = b'digraph "graph" {'  # how our texts begin
SUFFIXES = (".svg", ".png", ".pdf", ".gv", ".dot")
MANY_NODES = 500  # above this PNG and PDF take a while, and cairo may scale them down


@dataclass(frozen=True)
class Picture:
    """A drawing: ``description`` says it in words, ``source`` is its DOT text.

    SVG of a picture whose places we know is written here, without any other program.
    """

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
        scene = replace(self.scene, title=self.title, description=self.description)
        if scene.pinned:
            return svg_of(scene)
        return add_description(render(self.source, "svg").decode(), scene)

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
        if suffix in (".png", ".pdf") and self.nodes > MANY_NODES:
            said = f"a {suffix[1:].upper()} of {self.nodes} nodes is slow to draw, and may be scaled down to fit"
            warnings.warn(
                f"{said}; .svg is quicker and stays sharp, and fold= or depth= leave less to draw", stacklevel=2
            )
        try:
            content = self._bytes(suffix, timeout)
        except NoGraphvizError as missing:
            path = free_path(path.with_suffix(".gv"))
            warnings.warn(f"{missing}; saved the DOT text as {path}", stacklevel=2)
            content = self.source.encode()
        with whole_file(path) as file:
            file.write(content)
        return path

    def _bytes(self, suffix: str, timeout: float) -> bytes:
        if suffix in (".gv", ".dot"):
            return self.source.encode()
        return self.svg.encode() if suffix == ".svg" else render(self.source, suffix[1:], timeout)

    def __str__(self) -> str:
        return self.description

    @property
    def html(self) -> str:
        """The drawing as an element of an HTML page, where it changes nothing of the pictures beside it.

        Its ids are those of ``svg`` behind a word that is the picture's own, and it scrolls where the page is narrow.
        """
        return beside_others(self.svg)

    @cached_property
    def _image_and_words(self) -> tuple[str | None, str]:
        """The SVG and the words for a display, which is no place for an error: without an SVG the words say why."""
        try:
            return self.svg, self.description
        except RenderError as reason:
            return None, f"{self.description}\n({reason})"

    def _repr_svg_(self) -> str | None:
        return self._image_and_words[0]

    def _repr_html_(self) -> str | None:
        return None if self._image_and_words[0] is None else self.html

    def _repr_mimebundle_(
        self, include: Container[str] | None = None, exclude: Container[str] | None = None
    ) -> dict[str, Any]:
        """The image and the words; a notebook adds ``_repr_html_`` and shows that, for its tooltips can be read."""
        return bundle(
            {"image/svg+xml": self._repr_svg_, "text/plain": lambda: self._image_and_words[1]}, include, exclude
        )


def place_for(path: str | os.PathLike[str], suffixes: Sequence[str], what: str, example: str) -> Path:
    """The path to save something at, if it has one of its suffixes and its folder is there; errors as ``save`` has."""
    path = file_path(path)
    if os.path.isdir(path):
        raise IsADirectoryError(f"cannot save to {path}: it is a folder; name a file in it, as in {path / example}")
    if path.suffix.lower() not in suffixes:
        raise ValueError(f"{what} is saved as {', '.join(suffixes)}, not {path.suffix or 'without a suffix'!r}")
    if not os.path.isdir(path.parent):
        raise FileNotFoundError(f"cannot save {path.name}: there is no folder {path.parent}; make it first")
    return path


def add_description(svg: str, scene: Scene) -> str:
    """Graphviz's SVG as wide as the page lets it be, with our title and description in place of its own."""
    svg = svg[svg.index("<svg") :]
    style = f"\n<style>{stylesheet()}</style>" if scene.theme.adapts else ""
    svg = re.sub(r"<title>.*?</title>\n?", "", svg, count=1, flags=re.DOTALL)  # the graph's own name
    return re.sub(
        r'<svg width="([\d.]+)pt" height="[\d.]+pt"(.*?)>',
        lambda found: (
            f'<svg width="100%" style="max-width:{found[1]}pt;height:auto" role="img" '
            f"{looks_of(scene.theme)}{found[2]}>\n"
            f"<title>{markup(scene.title)}</title>\n"
            f"<desc>{markup(scene.description)}</desc>{style}"
        ),
        svg,
        count=1,
        flags=re.DOTALL,
    )


def free_path(path: Path) -> Path:
    """This path, or the first numbered one beside it, where no file is, or one that a picture was saved in."""
    numbered = (path.with_stem(f"{path.stem}-{number}") for number in count(2))
    return next(free for free in chain([path], numbered) if not free.exists() or _is_ours(free))


def _is_ours(path: Path) -> bool:
    return path.is_file() and path.read_bytes().startswith(OURS)
