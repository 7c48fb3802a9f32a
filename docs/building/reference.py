"""The reference: the directive ``names``, which shows all that is to be known of some public names.

A docstring of this project is plain text: sentences, formulas in Unicode, indented tables, doctests. Sphinx reads
reStructuredText, so what has a meaning there is escaped, and an indented table is kept as it stands.
"""

from __future__ import annotations

import importlib
import inspect
import re
import tomllib
from pathlib import Path
from textwrap import indent
from types import ModuleType
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from tinygrad_lstm.engine.ops.primitive import Primitive

PACKAGE = "tinygrad_lstm"
TABLE = Path(__file__).resolve().parent.parent / "reference" / "formulas.toml"
FORMULAS = {name: found for part in tomllib.loads(TABLE.read_text("utf-8")).values() for name, found in part.items()}
HOMES = [PACKAGE, *(f"{PACKAGE}.{name}" for name in ("losses", "nn", "nn.utils", "nn.functional", "optim"))]


class Names(SphinxDirective):
    """``{names} MODULE`` with names of the module below it: each with signature, formula, text and doctest."""

    has_content = True
    required_arguments = 1
    option_spec = {"inherited": directives.flag}  # noqa: RUF012  # as docutils has it

    def run(self) -> list[nodes.Node]:
        """Everything as reStructuredText, which ``eval-rst`` reads within a page in Markdown."""
        place = self.arguments[0]
        module = importlib.import_module(place)
        names = " ".join(self.content).split()
        text = "\n\n".join(self.entry(module, place, name) for name in names)
        return self.parse_text_to_nodes(f"`````{{eval-rst}}\n{text}\n`````")

    def entry(self, module: ModuleType, place: str, name: str) -> str:
        """One name."""
        thing = getattr(module, name)
        first = home_of(name, thing, place)
        if first != place:
            kind = "class" if inspect.isclass(thing) else "function"
            return f".. py:{kind}:: {place}.{name}\n\n   Another name of :py:obj:`{first}.{name}`."
        if getattr(thing, "__module__", "").partition(".")[0] == "numpy":
            return f".. py:function:: {place}.{name}(x, ...)\n\n   NumPy's own function, which takes tensors too."
        if isinstance(thing, type):
            members = "\n   :members:" + "\n   :inherited-members: object" * ("inherited" in self.options)
            return f".. autoclass:: {place}.{name}{members}"
        if callable(thing):
            return f".. autofunction:: {place}.{name}"
        return f".. py:data:: {place}.{name}\n   :type: {type(thing).__name__}"


def home_of(name: str, thing: Any, place: str) -> str:
    """The first place that offers the thing under this name: there is its entry."""
    for home in HOMES:
        if home == place:
            break
        offered = importlib.import_module(home)
        if name in getattr(offered, "__all__", ()) and getattr(offered, name) is thing:
            return home
    return place


# What autodoc reads ---------------------------------------------------------------------------------------------------


def add_formula(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """A docstring as reStructuredText, with the name's formula behind its first paragraph."""
    text = as_rst("\n".join(lines))
    if formulas := FORMULAS.get(name.removeprefix(f"{PACKAGE}.")):
        first, _, rest = text.partition("\n\n")
        shown = "\n   ".join(f":math:`\\displaystyle {formula}`" for formula in formulas)
        text = f"{first}\n\n.. rst-class:: formulas\n\n   {shown}\n\n{rest}"
    lines[:] = text.splitlines()


def as_rst(docstring: str) -> str:
    """Plain text as reStructuredText that shows it.

    >>> as_rst("(x * y)_ of ``a * b``.\\n>>> 2 * 3\\n6").splitlines()[:2]
    ['(x \\\\* y)\\\\_ of ``a * b``.', '']
    """
    shown, table = [], False
    for block in blocks_of(docstring):
        inset = block.startswith("    ")
        if not inset and re.search(r"\n +(?![ ])", block) and not block.startswith((">>>", "- ")):
            inset, table, block = True, False, indent(block, "    ")  # aligned lines: a table of its own
        if block.lstrip().startswith(">>>") or (inset and table):
            shown.append(block)
        else:
            shown.append(f"::\n\n{block}" if inset else escaped(block))
        table = inset and not block.lstrip().startswith(">>>")
    return "\n\n".join(shown)


def blocks_of(docstring: str) -> list[str]:
    """Its paragraphs, tables and doctests; a doctest begins one even without an empty line before it."""
    blocks: list[list[str]] = [[]]
    for line in docstring.splitlines():
        inside = bool(blocks[-1]) and blocks[-1][0].lstrip().startswith(">>>")
        if not line.strip() or (line.lstrip().startswith(">>>") and not inside):
            blocks.append([])
        if line.strip():
            blocks[-1].append(line)
    return ["\n".join(block) for block in blocks if block]


def escaped(block: str) -> str:
    """A paragraph in which only ``literals`` are marked up."""
    parts = re.split(r"(``.+?``)", block, flags=re.DOTALL)
    plain = [re.sub(r"\\|[*|`]|_(?=\W|$)|(?<=\s)\[(?=\w+\]_)", r"\\\g<0>", part) for part in parts[::2]]
    literals = [" ".join(part.split()) for part in parts[1::2]]
    return "".join(text for pair in zip(plain, [*literals, ""], strict=True) for text in pair)


def plain_signature(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, signature: str | None, returned: str | None
) -> tuple[str, str] | None:
    """An op takes Tensors, whatever its NumPy function is annotated with: only the names of its arguments are shown."""
    if not isinstance(thing, Primitive):
        return None
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in inspect.signature(thing).parameters.values()]
    return str(inspect.Signature(bare)), ""


def skip(app: Sphinx, what: str, name: str, thing: Any, skipped: bool, options: Any) -> bool | None:
    """What says nothing of its own is left out: the fields of a named tuple, and an op in an attribute."""
    words = inspect.getdoc(thing) or ""
    return True if words.startswith("Alias for field number") or isinstance(thing, Primitive) else None


def setup(app: Sphinx) -> None:
    """The directive, and what autodoc asks."""
    app.add_directive("names", Names)
    app.connect("autodoc-process-docstring", add_formula)
    app.connect("autodoc-process-signature", plain_signature)
    app.connect("autodoc-skip-member", skip)
