"""docs/glossary.md has every special word that is used and no other; texts are free of words that readers stop at."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import viz
from tinygrad_lstm import func, paths, tags

ROOT = Path(__file__).parents[2]
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text("utf-8")
ROWS = [
    (cells[1].strip(), cells[2].strip())
    for line in GLOSSARY.splitlines()
    if len(cells := line.split("|")) == 4 and not cells[1].startswith(("---", " word"))
]

# The field's words. Where one of them stands in README, docs or a docstring, the glossary has it, as a word of its own
# or behind "Also:". A new word of the field goes in here.
FIELD = """
adjoint, anomaly, backpropagation, backward pass, belt, bidirectional, BPTT, broadcasting, call site, candidate, carry,
cell state, chain rule, checkpoint, composed, contribution, constant error carousel, conveyor belt, cotangent, crossing,
data-parallel, detach, direct derivative, directional derivative, dropout, exploding, finite differences, forget gate,
forward mode, forward pass, fused, gain, gradient clipping, h-detach, half-life, handle, Hessian, hidden state, hook,
horizon, HVP, initial state, input gate, Jacobian, JVP, kept, kink, label, lag, leaf, learning rate, ledger, legend,
literal, mask, optimiser, output gate, packed, padded, peephole, pill, player, primitive, pull-back, reset gate, reverse
mode, rolled, saturated, saved tensor, scan, scope, shard, slope, stale, state Jacobian, strip, strongest path, tag,
tangent, tape, template, theme, time step, topological order, total derivative, trajectory, truncated BPTT, unbroadcast,
unrolled, update gate, vanishing, vector-Jacobian product, vertex, VJP, Wengert list, zoneout
""".replace("\n", " ").split(",")  # fmt: skip

# Words and phrases that readers stopped at, each with what is written instead
BANNED = {
    r"told": "shown, said, named",
    r"whoever": "a reader, a user, the caller",
    r"as the way (there|back)": "as the forward (backward) pass",
    r"ways (there|back)": "directions, or paths",
    r"three doors": "three ways",
    r"for want of": "because there is no",
    r"in (our|one's) (own )?words": "as an error of this package",
    r"this floor knows": "this module does not import",
    r"as much time again": "double the cost",
    r"nobody|somebody|anybody|everybody": "the subject: a user, a caller, another process; or say it without one",
    r"in silence|without a word": "without a warning",
    r"under (its|their) feet": "(say what changes, and when)",
    r"has changed hands": "another thread continues it",
    r"said aloud": "given explicitly",
    r"half as long again": "1.5 times as long",
    r"witness": "an independent check",
    r"the wrong cure": "the wrong fix",
    r"of the weights of today": "of the current weights",
    r"seen running": "examples",
    r"ways of (its|the|a) gradient|gradient's ways?": "paths of the gradient",
    r"cary|seperate|recieve": "(a misspelling)",
}
QUOTED = {"docs/reading-order.md": "made of docstrings, which are read where they stand"}
SHOWN_AS_WRONG = {"tinygrad_lstm/tags.py": "cary"}  # the doctest of the error for a misspelling


def pages() -> list[Path]:
    found = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return [page for page in found if str(page.relative_to(ROOT)) not in QUOTED]


def sources() -> list[Path]:
    return [path for folder in ("tinygrad_lstm", "viz") for path in sorted((ROOT / folder).rglob("*.py"))]


def docstrings(path: Path) -> str:
    tree = ast.parse(path.read_text("utf-8"))
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef
    return "\n".join(ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, kinds))


@cache
def corpus() -> str:
    """All prose in which a reader meets a word: pages, docstrings, and the texts of pictures."""
    texts = [page.read_text("utf-8") for page in pages() if page.name != "glossary.md"]
    texts += map(docstrings, sources())
    for path in (ROOT / "viz").rglob("*.py"):
        constants = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Constant)]
        texts += [node.value for node in constants if isinstance(node.value, str)]
    return " ".join(" ".join(texts).split()).lower()


@cache
def corpus_with_names() -> str:
    """The same with comments and names, in which ``edge_weight`` reads "edge weight"."""
    code = " ".join(path.read_text("utf-8") for path in sources()).replace("_", " ")
    return corpus() + " ".join(code.split()).lower()


def occurs(word: str, text: str) -> bool:
    """Whether a word stands in a text, in the singular, in the plural, or as a verb with an ending."""
    return re.search(rf"\b{re.escape(word.lower())}(e?s|ed|ing)?\b", text) is not None


def words_of(head: str) -> list[str]:
    """The words that a row of the glossary is about, without letters: ``forget gate, f; input gate, i``."""
    words = [re.sub(r"\(.*?\)|[*`‖∇]", "", word).strip() for word in re.split(r"[,;]", head)]
    short = re.findall(r"\((\w+)\)", head)
    return [word for word in (*words, *short) if len(word.replace("̃", "")) > 1]


def test_the_glossary_is_read() -> None:
    assert len(ROWS) > 80
    assert words_of("forget gate, f; input gate, i") == ["forget gate", "input gate"]
    assert words_of("backpropagation through time (BPTT)") == ["backpropagation through time", "BPTT"]
    assert words_of("candidate, C̃ or `g`") == ["candidate", "C̃ or g"]
    heads = [word.lower() for head, _ in ROWS for word in words_of(head)]
    assert len(set(heads)) == len(heads), "a word has one row"
    assert all(meaning and not meaning.endswith(".") for _, meaning in ROWS), "one line, without a full stop"


def test_a_word_of_the_field_that_is_used_is_in_the_glossary() -> None:
    also = [synonyms for _, meaning in ROWS for synonyms in re.findall(r"\*[Aa]lso:\*([^)]*)", meaning)]
    known = ", ".join([*(", ".join(words_of(head)) for head, _ in ROWS), *also]).lower()
    missing = [word for each in FIELD if occurs(word := each.strip(), corpus()) and not occurs(word, known)]
    assert not missing, f"{missing} are used and not in docs/glossary.md"


@pytest.mark.parametrize("head", [head for head, _ in ROWS])
def test_a_word_of_the_glossary_is_used(head: str) -> None:
    words = words_of(head)
    used = [word for word in words if occurs(word, corpus_with_names())]
    assert used or not words, f"{words}: in docs/glossary.md, and used nowhere"


def test_what_a_program_can_name_is_in_the_glossary() -> None:
    """The classes of edges, the tags, and the questions that ``tg.paths`` answers."""
    functions = [name for name in paths.__all__ if name.islower()]
    names = {*tags.TAGS, *tags.UNTAGGED, *functions} - {"edge_classes", "is_crossing"}
    missing = [name for name in sorted(names) if name not in GLOSSARY and not occurs(name.replace("_", " "), GLOSSARY)]
    assert not missing


def test_what_the_glossary_names_is_there() -> None:
    """``tg.paths.cut("crossing")`` in a row: there is such a function."""
    import tinygrad_lstm as tg

    for code in re.findall(r"`((?:tg|nn|viz)\.[\w.]+)", GLOSSARY):
        first, *names = code.split(".")
        value: object = {"tg": tg, "nn": tg.nn, "viz": viz}[first]
        for name in names:
            value = getattr(value, name)
    assert func.checkpoint is tg.func.checkpoint


# Words that are not written -----------------------------------------------------------------------------------------


CHECKED = [*pages(), *sources(), *sorted((ROOT / "examples").glob("*.py"))]


@pytest.mark.parametrize("path", CHECKED, ids=lambda path: str(path.relative_to(ROOT)))
def test_words_that_readers_stop_at_are_not_written(path: Path) -> None:
    text = " ".join(re.sub(r"^\s*#", " ", path.read_text("utf-8"), flags=re.MULTILINE).split()).lower()
    text = text.replace(SHOWN_AS_WRONG.get(str(path.relative_to(ROOT)), "\0"), "")
    for words, instead in BANNED.items():
        found = re.search(rf"\b(?:{words})\b", text)
        assert found is None, f"{text[max(0, found.start() - 30) : found.end() + 30]!r}: write {instead}"
    for found in re.finditer("forward mode", text):
        around = text[max(0, found.start() - 80) : found.end() + 80]
        assert "jvp" in around, f"{around!r}: forward mode is the JVP; the other is the forward pass"
