"""Text from outside in generated text: whatever a name is, it stays a name."""

from __future__ import annotations

import json
import keyword
import unicodedata
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings

from tests.support.hostile import NAMES, any_text, ids
from tests.support.markup import tags
from tinygrad_lstm.escaping import element_id, identifier, markup, markup_lines, printable, script_json


@pytest.mark.parametrize("name", NAMES, ids=ids)
def test_each_language_of_each_name(name: str) -> None:
    check(name)


@settings(deadline=None)
@given(any_text)
def test_each_language_of_any_text(text: str) -> None:
    check(text)


def check(text: str) -> None:
    """What every one of the functions promises."""
    line = printable(text)
    assert line.isprintable()
    assert len(line) == len(text)
    line.encode()
    name = identifier(text)
    assert name.isidentifier()
    assert unicodedata.normalize("NFKC", name) == name
    assert len(name) <= 61
    if not keyword.iskeyword(name) and name != "__debug__":
        namespace: dict[str, object] = {}
        exec(f"{name} = 1", namespace)
        assert name in namespace
    root = ElementTree.fromstring(f'<a id="{element_id(text)}" b="{markup(text)}">{markup(text)}</a>')
    assert root.text in (line or None, line)
    assert root.attrib == {"id": element_id(text), "b": line}
    assert not list(root)
    assert tags(f'<pre title="{markup(text)}">{markup_lines(text)}</pre>') == ["pre"]
    assert json.loads(script_json({"a": text})) == {"a": text.encode("utf-8", "replace").decode()}
    assert "<" not in script_json(text)


@settings(deadline=None)
@given(any_text, any_text)
def test_two_names_have_two_ids(one: str, other: str) -> None:
    assert (element_id(one) == element_id(other)) == (one == other)
    assert element_id(one).isascii()
