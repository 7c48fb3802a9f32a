r"""Text from outside in a generated text: one function for each language.

    printable    one line for a person: a table, a comment in code, a label. All others build on it
    identifier   a name in Python code
    markup       text, or the value of an attribute, in SVG and HTML
    element_id   the id of an element in SVG, HTML and DOT
    script_json  a record inside a <script> element

Labels, scopes, names of modules, parameters, states and classes, values of options, file names and source lines are all
text from outside. DOT's own quoting is that of ``viz.output.dot.text``, which starts from ``printable`` too.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

NO_WORD = re.compile(r"[^A-Za-z0-9_-]")
SIGNS = re.compile(r"[&<>\"']")  # what markup escapes
LONGEST = 60  # letters of a name in code


def printable(text: str) -> str:
    r"""One line that every output can hold: line breaks, control characters, lone surrogates and marks of direction
    become spaces.

    >>> printable("a\nb\x00\ud800")
    'a b  '
    """
    return text if text.isprintable() else "".join([c if c.isprintable() else " " for c in text])


def identifier(text: str) -> str:
    """A name that Python takes as it is, of at most 60 letters; other characters become underscores.

    Python compares names in the normal form NFKC, so the name is in it already. It may be a keyword, or the name of
    something else: that is for the caller to see.

    >>> identifier("f_3"), identifier("ﬁ x"), identifier("3"), identifier("")
    ('f_3', 'fi_x', '_3', '_')
    """
    letters = "".join([c if f"a{c}".isidentifier() else "_" for c in text[:LONGEST]])
    name = unicodedata.normalize("NFKC", letters)[:LONGEST]
    name = f"_{name.lstrip('_')}" if name.startswith("__") else name  # what begins so may mean something to Python
    return name if name.isidentifier() else f"_{name}"


def markup(text: str) -> str:
    """Text in SVG or HTML, between tags or in a quoted attribute.

    >>> markup('<b title="x">')
    '&lt;b title=&quot;x&quot;&gt;'
    """
    import html  # here, like json below: they are slow to import, and the engine needs neither

    return html.escape(printable(text)) if SIGNS.search(text) else printable(text)


def markup_lines(text: str) -> str:
    """The same of several lines, for ``<pre>``."""
    return "\n".join(map(markup, text.split("\n")))


def element_id(name: str) -> str:
    """An id of letters, digits, ``_`` and ``-``, different for different names; such a name stays as it is.

    >>> element_id("h_2"), element_id("a:b c")
    ('h_2', 'a.3a.b.20.c')
    """
    return name if NO_WORD.search(name) is None else NO_WORD.sub(lambda found: f".{ord(found[0]):x}.", name)


def script_json(record: Any) -> str:
    """JSON for a data block: no ``<`` in it, so no tag can end the block, and no lone surrogate.

    >>> script_json({"a": "</script>"})
    '{"a":"\\\\u003c/script>"}'
    """
    import json

    text = json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").encode("utf-8", "replace").decode()
