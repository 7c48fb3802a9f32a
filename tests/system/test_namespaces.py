"""What Tab, dir() and help() show: all that is there for a user, loaded or not, and nothing else."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import pydoc
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import tinygrad_lstm as tg

ROOT = Path(__file__).parents[2]
PACKAGES = [
    "tinygrad_lstm", "tinygrad_lstm.nn", "tinygrad_lstm.func", "tinygrad_lstm.optim", "tinygrad_lstm.paths",
    "tinygrad_lstm.interop", "tinygrad_lstm.interop.onnx", "tinygrad_lstm.training", "tinygrad_lstm.distributed", "viz",
    "viz.plots",
]  # fmt: skip
WITH_LATE_PARTS = ["tinygrad_lstm", "viz"]


def fresh(code: str) -> list[str]:
    """The words that the code prints in a Python of its own, where nothing is loaded yet."""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return run.stdout.split()


def public(names: list[str]) -> set[str]:
    return {name for name in names if not name.startswith("_")}


def own_modules(package: ModuleType) -> set[str]:
    return {module.name for module in pkgutil.iter_modules(package.__path__)}


def imported_for_types(package: str) -> set[str]:
    """The names under ``if TYPE_CHECKING`` in the front file of a package: those that are loaded late."""
    tree = ast.parse((ROOT / package / "__init__.py").read_text("utf-8"))
    blocks = [node for node in tree.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)]
    return {
        name.name for block in blocks for node in block.body if isinstance(node, ast.ImportFrom) for name in node.names
    }


@pytest.mark.parametrize("name", PACKAGES)
def test_dir_lists_what_is_public_and_nothing_foreign(name: str) -> None:
    package = importlib.import_module(name)
    assert len(set(package.__all__)) == len(package.__all__)
    shown = public(dir(package))
    assert shown >= set(package.__all__)
    assert shown - set(package.__all__) <= own_modules(package)
    assert all(hasattr(package, part) for part in package.__all__)


@pytest.mark.parametrize("name", WITH_LATE_PARTS)
def test_before_anything_is_used_dir_and_tab_list_the_late_parts_too(name: str) -> None:
    package, late = importlib.import_module(name), imported_for_types(name)
    assert late
    assert public(fresh(f"import {name} as p; print(*dir(p))")) == set(package.__all__) >= late
    tab = "import rlcompleter; complete = rlcompleter.Completer(globals()).complete"
    found = fresh(f"import {name} as p; {tab}; print(*[complete('p.', k) for k in range(len(dir(p)))])")
    # rlcompleter asks each name for its value, so here they are found, loaded and shown
    assert {f"p.{part}" for part in late} <= {word.rstrip("()") for word in found}


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_LATE_PARTS)
def test_dir_loads_nothing_and_each_late_part_is_there_when_used(name: str) -> None:
    count = "import sys; print(len(sys.modules))"
    before, after = fresh(f"import {name} as p; {count}; dir(p); {count}")
    assert before == after
    for part in sorted(imported_for_types(name)):
        kind, twice = fresh(f"import {name} as p; print(type(p.{part}).__name__, p.{part} is p.{part})")
        assert kind in ("module", "function", "type")
        assert twice == "True"


def test_the_late_parts_are_those_that_type_checkers_are_shown() -> None:
    assert set(tg.LATE) == imported_for_types("tinygrad_lstm")


@pytest.mark.parametrize("name", WITH_LATE_PARTS)
def test_a_name_that_is_not_there_is_an_attribute_error(name: str) -> None:
    package = importlib.import_module(name)
    for missing in ("nothing", "TYPE_CHECKING_", "ns"):
        with pytest.raises(AttributeError, match=f"module '{name}' has no attribute '{missing}'"):
            getattr(package, missing)


# help(tg) -----------------------------------------------------------------------------------------------------------


def index(docstring: str) -> dict[str, list[str]]:
    """The groups of a docstring's index, ``purpose    name, name, ...``, with the lines that go on below."""
    groups: dict[str, list[str]] = {}
    purpose = ""
    for line in docstring.splitlines():
        row = re.fullmatch(r"(|\w+(?: \w+)*) {2,}((?:\w+, )*\w+,?)", line)
        if row:
            purpose = row[1] or purpose
            groups.setdefault(purpose, []).extend(re.findall(r"\w+", row[2]))
    return groups


def test_the_index_of_help_holds_every_public_name_once() -> None:
    groups = index(tg.__doc__ or "")
    names = [name for group in groups.values() for name in group]
    assert sorted(names) == sorted(tg.__all__), f"{set(names) ^ set(tg.__all__)} are in the index or in __all__ only"
    assert {"create", "arithmetic", "shapes", "reductions", "gradients", "modes", "packages"} <= groups.keys()
    assert max(len(group) for group in groups.values()) <= 20, "a group of so many is no index"


def test_help_opens_with_the_index() -> None:
    text = pydoc.plain(pydoc.render_doc(tg))
    assert 0 < text.index("create  ") < text.index("packages  ") < text.index("PACKAGE CONTENTS") < 3000
    assert "trace" in text[text.index("FUNCTIONS") :]


def test_the_index_of_pictures_names_them_all() -> None:
    import viz

    for name in viz.__all__:
        assert re.search(rf"\b{name}\b", viz.__doc__ or ""), name
