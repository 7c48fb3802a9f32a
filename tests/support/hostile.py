"""Names that could do harm where a text is generated: in Python code, DOT, SVG, HTML, JSON and tables."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType

import pytest
from hypothesis import strategies as st

TOUCHED: list[str] = []  # what ran that should not: names that are code append to it
sys.modules["touched_by_names"] = module = ModuleType("touched_by_names")
module.__dict__["now"] = TOUCHED.append
CODE = "__import__('touched_by_names').now('ran')"

NAMES = [
    'say "no"', r"back\slash\n\l\N", "trailing\\", "<b>bold</b>", "a & b", "two\nlines\r\n", "héllo ⊙", "v1 -> v2; }",
    "<html>", "]]>", "--", "-->", "&lt;x&gt; &amp; &#160;", "<script>alert(1)</script>", "</script><!--",
    '"/><script>alert(1)</script>', "' onload='alert(1)", "<![CDATA[x", "<TABLE><TR><TD>", "a:b:c", "node:n", ";}{",
    "🙂👩‍👩‍👧 \u202e right to left", "nul\x00 bell\x07 escape\x1b \x7f \x85 \ufffe \ud800", "%s {0} ${x}", " ", "\x0c",
    "x" * 10_000, "<" * 10_000, "😀" * 5_000, "\ufdfa" * 500,
    f"x\n    {CODE}\n    #", f"x\r{CODE}", f"x\x0c{CODE}", f"x\u2028{CODE}", f"'); {CODE}; ('", f'"""\n{CODE}\n"""',
    f"x):\n    {CODE}\ndef f(y", f"={CODE}",
    "\ufdfa", "ﬁ", "fi", "ℌ", "H", "Å", "Å", "Å", "²", "1", "٣", "\u0d70", "\u0301", "a\u0301",
    "class", "None", "match", "type", "_", "__", "__debug__", "__import__", "__builtins__", "__class__", "self",
    "np", "numpy", "builtins", "list", "sum", "float", "slice", "range", "len", "tuple", "print", "program", "math",
    "x", "dx", "dx_parts", "x_saved", "dv1", "v1", "v1_0", "dv1_0", "k0", "p0", "g", "y", "ddx", "x__2",
]  # fmt: skip
ids = [ascii(name[:12]) for name in NAMES]


def each_name(keep: Callable[[str], bool] = lambda name: True) -> pytest.MarkDecorator:
    """A test of a picture, which takes a while, for each name that is kept: of six, five are slow tests."""
    kept = [name for name in NAMES if keep(name)]
    return pytest.mark.parametrize(
        "name",
        [pytest.param(name, marks=() if k % 6 == 0 else pytest.mark.slow) for k, name in enumerate(kept)],
        ids=ascii,
    )


any_text = st.text(st.characters(codec=None, categories=None), max_size=30) | st.sampled_from(NAMES)
