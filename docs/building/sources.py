"""The code as pages: where a page leads to a file of the packages, the site has that file, with numbered lines."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from sphinx.addnodes import download_reference
from sphinx.application import Sphinx

from tinygrad_lstm.escaping import markup

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("tinygrad_lstm", "viz")


def page_of(path: Path) -> str:
    """The name of the page that shows a file; '' for a file that is none of ours.

    >>> page_of(ROOT / "viz" / "style" / "theme.py"), page_of(ROOT / "Makefile")
    ('code/viz/style/theme', '')
    """
    inside = path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in PACKAGES and path.suffix == ".py"
    return f"code/{path.relative_to(ROOT).with_suffix('').as_posix()}" if inside else ""


def link(app: Sphinx, tree: nodes.document) -> None:
    """Lead to the page of a file, where Markdown leads to the file: before Sphinx copies the file for a download."""
    here = Path(app.env.doc2path(app.env.docname)).parent
    for found in list(tree.findall(download_reference)):
        if page := page_of((here / found["reftarget"]).resolve()):
            to = app.builder.get_relative_uri(app.env.docname, page)
            found.replace_self(nodes.reference("", "", *found.children, internal=True, refuri=to))


def pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """A page for every file of the packages."""
    lexer, form = PythonLexer(), HtmlFormatter(linenos="inline", lineanchors="line", anchorlinenos=False)
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            text, name = path.read_text("utf-8"), path.relative_to(ROOT).as_posix()
            idea = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
            code = highlight(text, lexer, form).replace("<pre>", '<pre tabindex="0">', 1)
            body = f'<h1>{markup(name)}</h1>\n<p>{markup(idea)}</p>\n<div class="highlight-python source">{code}</div>'
            yield page_of(path), {"title": name, "body": body}, "page.html"


def setup(app: Sphinx) -> None:
    """Links while pages are read, and the pages at the end."""
    app.connect("doctree-read", link, priority=400)
    app.connect("html-collect-pages", pages)
