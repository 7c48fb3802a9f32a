"""The pages of docs/ tell the truth: names are those of the code, and what they show running runs."""

from __future__ import annotations

import ast
import doctest
import importlib
import re
import runpy
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any, cast

import pytest

from tests.support.imports import every_import, modules, within

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted({*DOCS.rglob("*.md")} - {*(DOCS / "_build").rglob("*")} - {*(DOCS / "auto_examples").rglob("*")})
READING = runpy.run_path(str(DOCS / "reading_order.py"))
ORDER: list[Path] = [path for names in READING["CHAPTERS"].values() for path in READING["files"](names)]


def holds_code(path: Path) -> bool:
    """Whether it is more than the front door of a package."""
    if not path.name.startswith("__"):
        return True
    body = ast.parse(path.read_text("utf-8")).body
    return any(isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("__") for node in body)


CODE = {path: name for package in ("tinygrad_lstm", "viz") for name, path in modules(package) if holds_code(path)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(DOCS).as_posix())
def test_what_a_page_shows_running_runs(page: Path) -> None:
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    failed, _ = doctest.testfile(str(page), module_relative=False, optionflags=flags, encoding="utf-8")
    assert not failed


# The reading order -------------------------------------------------------------------------------------------------


def test_every_file_is_in_the_reading_order_once() -> None:
    missing = [str(path.relative_to(ROOT)) for path in CODE if path not in ORDER]
    assert not missing, f"add {missing} to CHAPTERS in docs/reading_order.py, after what they import, then run it"
    gone = [str(path.relative_to(ROOT)) for path in ORDER if path not in CODE]
    assert not gone, f"take {gone} out of CHAPTERS in docs/reading_order.py: there is no such file; then run it"
    assert len(set(ORDER)) == len(ORDER)
    assert ORDER[0].name == "micro.py"


def only_errors(name: str, needed: str) -> bool:
    """Whether a module imports nothing of another but exceptions and functions that make them, by their annotations."""
    taken = [found.removeprefix(f"{needed}.") for found in every_import()[name] if found.startswith(f"{needed}.")]
    module = importlib.import_module(needed)
    return bool(taken) and all(is_error(getattr(module, one), vars(module)) for one in taken)


def is_error(thing: object, names: dict[str, Any]) -> bool:
    if isinstance(thing, tuple):
        return all(is_error(part, names) for part in thing)
    if isinstance(thing, FunctionType):
        made = [part for part in thing.__annotations__["return"].split(" | ") if part != "None"]
        return bool(made) and all(is_error(names.get(part), names) for part in made)
    return isinstance(thing, type) and issubclass(thing, BaseException)


def test_what_makes_an_error_is_known_from_what_does_more() -> None:
    names: dict[str, Any] = {"Bad": ValueError, "Other": dict}

    def made() -> Bad: ...  # type: ignore[name-defined]  # noqa: F821  # in ``names``
    def perhaps() -> Bad | None: ...  # type: ignore[name-defined]  # noqa: F821
    def more() -> Bad | Other: ...  # type: ignore[name-defined]  # noqa: F821
    def nothing() -> None: ...

    assert [is_error(one, names) for one in (made, perhaps, more, nothing, KeyError, (KeyError, IndexError), dict)] == [
        True, True, False, False, True, True, False,
    ]  # fmt: skip
    assert not only_errors("tinygrad_lstm.engine.autodiff", "tinygrad_lstm.engine.contributions")


def test_the_way_to_the_backward_loop_is_short() -> None:
    """Chapter zero, an op, forward, backward: what a learner reads in one evening."""
    loop = ORDER.index(ROOT / "tinygrad_lstm" / "engine" / "autodiff.py")
    assert sum(map(READING["lines"], ORDER[: loop + 1])) <= 1500


def test_the_readme_names_the_evening_by_chapter() -> None:
    """Its list has the numbers of the chapters, and in each the files of that chapter, in their order."""
    readme = (ROOT / "README.md").read_text("utf-8")
    evening = readme.split("\n## One evening\n")[1].split("\nAfter that,")[0]
    parts = re.split(r"\n(\d)\. ", evening)[1:]
    shown = [(int(n), re.findall(r"\]\(([\w/]+\.py)\)", text)) for n, text in zip(parts[::2], parts[1::2], strict=True)]
    chapters = list(READING["CHAPTERS"].values())[:4]
    assert shown == [(n, [str(p.relative_to(ROOT)) for p in READING["files"](c)]) for n, c in enumerate(chapters)]


def test_every_file_needs_only_files_before_it() -> None:
    places = {CODE[path]: place for place, path in enumerate(ORDER) if path in CODE}
    late = [
        f"{name} imports {needed}, which comes after it"
        for name, place in places.items()
        for needed in every_import()[name]
        if places.get(needed, -1) > place
        and not within(name, needed)  # a package is no import of its parts
        and not only_errors(name, needed)
    ]
    assert not late, "move files in CHAPTERS in docs/reading_order.py, then run it"


def test_every_file_says_in_a_line_what_it_holds() -> None:
    mute = [path.name for path in CODE if not READING["idea"](path).endswith((".", "?"))]
    assert not mute, f"the docstrings of {mute} should begin with a line that is a sentence"


def test_the_page_is_that_of_the_script() -> None:
    if not all(path.exists() for path in ORDER):
        pytest.fail("a listed file is gone: see the test above")
    assert (DOCS / "reading-order.md").read_text("utf-8") == READING["page"](), "run: python docs/reading_order.py"


def test_a_longer_file_leaves_the_page_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    before = READING["page"]()
    read = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda path, *given: read(path, *given) + "\n# a line more\n")
    assert READING["page"]() == before


def test_the_script_prints_how_long_files_are() -> None:
    printed = READING["lengths"]().splitlines()
    counts = {name: int(count.replace(",", "")) for count, name in (line.split(maxsplit=1) for line in printed)}
    assert counts["tinygrad_lstm/micro.py"] == len(
        (ROOT / "tinygrad_lstm" / "micro.py").read_text("utf-8").splitlines()
    )
    first, second = (line.split() for line in printed[1:3])
    assert int(printed[0].split()[0]) == int(first[0]) + int(second[0]), "a chapter is as long as its files together"


# What the table says of PyTorch ------------------------------------------------------------------------------------


@pytest.mark.oracle
def test_what_the_table_says_of_pytorch_is_so() -> None:
    torch = pytest.importorskip("torch")
    ones = torch.ones(2)

    def slopes(f: Callable[[Any], Any]) -> list[float]:
        x = torch.tensor([1.0, 1.0, 0.0], requires_grad=True)
        f(x).backward()
        return cast("list[float]", x.grad.tolist())

    assert slopes(lambda x: x.max(dim=0).values) == [1.0, 0.0, 0.0]
    assert slopes(lambda x: x.amax(dim=0)) == [0.5, 0.5, 0.0]
    assert [len(part) for part in torch.split(torch.arange(6), 2)] == [2, 2, 2]
    assert torch.tensor([1, 2]).dtype == torch.int64
    assert (ones * torch.tensor(2.0, dtype=torch.float64)).dtype == torch.float32
    assert torch.std(torch.tensor([1.0, 3.0])).item() == pytest.approx(2**0.5)
    assert isinstance(ones == 1, torch.Tensor)
    assert len(torch.max(ones, dim=0)) == 2
    leaf = torch.tensor([3.0], requires_grad=True)
    y = leaf * leaf
    leaf.data -= 1
    y.backward()  # no complaint
    assert leaf.grad.item() == 4.0  # and wrong: it was 3 when y was computed
    with pytest.raises(RuntimeError, match="retain_graph"):
        y.backward()
    with pytest.raises(RuntimeError, match="in-place"):
        leaf += 1
    value, product = torch.autograd.functional.hvp(lambda x: (x**3).sum(), ones, ones)
    assert (value.item(), product.tolist()) == (2.0, [6.0, 6.0])
    lstm, gru = torch.nn.LSTM(2, 3), torch.nn.GRU(2, 3)
    shapes = [(12, 2), (12, 3), (12,), (12,)]
    assert [tuple(p.shape) for p in lstm.parameters()] == shapes
    assert [name for name, _ in lstm.named_parameters()] == ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
    assert [tuple(p.shape) for p in gru.parameters()] == [(9, 2), (9, 3), (9,), (9,)]
    assert max(p.abs().max().item() for p in lstm.parameters()) <= 3**-0.5
    loss = torch.nn.functional.cross_entropy
    assert loss(torch.zeros(5, 4, 7), torch.zeros(5, 7, dtype=torch.int64)).item() == pytest.approx(1.3862944)
