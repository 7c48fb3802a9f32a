"""The gallery as a page of the site: ``docs/gallery.py`` draws it, and the directive ``gallery`` shows its cards."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

DOCS = Path(__file__).resolve().parent.parent
DRAWN = DOCS / "_build" / "gallery"
SECTION = re.compile(r'<h2 id="([^"]+)">(.*?)</h2>\n(?:<p>(.*?)</p>\n)?<section>(.*?)</section>', re.DOTALL)


class Cards(SphinxDirective):
    """Every section of the gallery, each with its cards."""

    def run(self) -> list[nodes.Node]:
        """The sections; drawing them takes half a minute."""
        subprocess.run([sys.executable, str(DOCS / "gallery.py"), str(DRAWN)], check=True, stdout=subprocess.DEVNULL)
        found = SECTION.findall((DRAWN / "index.html").read_text("utf-8"))
        return [self.section(*part) for part in found]

    def section(self, name: str, title: str, words: str, figures: str) -> nodes.section:
        """One section as docutils has it, so that the page's table of contents lists it."""
        figures = re.sub(r'(href|src|srcset)="', r'\1="gallery/', figures)
        made = nodes.section("", nodes.title("", title), ids=[name], names=[nodes.fully_normalize_name(title)])
        if words:
            made += nodes.paragraph("", words)
        made += nodes.raw("", f'<div class="gallery">{figures}</div>', format="html")
        self.state.document.note_implicit_target(made, made)
        return made


def copy(app: Sphinx, failure: Exception | None) -> None:
    """Put the pictures where the page looks for them."""
    if failure is None and app.builder.format == "html" and DRAWN.exists():
        shutil.copytree(DRAWN, Path(app.outdir) / "gallery", dirs_exist_ok=True)


def setup(app: Sphinx) -> None:
    """The directive, and a copy at the end of a build."""
    app.add_directive("gallery", Cards)
    app.connect("build-finished", copy)
