"""Every test asserts something, by itself or in a function that it calls; and no test imports another."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
ASSERTING = ("pytest.raises", "pytest.warns", "pytest.fail", "np.testing.")  # calls that fail where something is wrong


def functions(source: str) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)}


def asserts(function: ast.FunctionDef) -> bool:
    calls = [ast.unparse(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)]
    return any(isinstance(node, ast.Assert) for node in ast.walk(function)) or any(
        name.startswith(ASSERTING) for name in calls
    )


def called(function: ast.FunctionDef) -> set[str]:
    """The names of the functions that it calls."""
    calls = [node.func for part in function.body for node in ast.walk(part) if isinstance(node, ast.Call)]
    return {call.id if isinstance(call, ast.Name) else getattr(call, "attr", "") for call in calls}


def without_assertion(sources: dict[str, str]) -> list[str]:
    """The tests in these files, by path, that assert nothing."""
    found = [(path, function) for path, source in sources.items() for function in functions(source).values()]
    good = {function.name for _, function in found if asserts(function)}
    while more := {function.name for _, function in found if not good.isdisjoint(called(function))} - good:
        good |= more
    return [f"{path}: {function.name}" for path, function in found
            if function.name.startswith("test_") and function.name not in good]  # fmt: skip


def test_a_test_without_an_assertion_is_found() -> None:
    helper = "def check(x):\n    assert x\ndef deeper(x):\n    check(x)\n"
    assert without_assertion({"a": helper + "def test_a():\n    deeper(1)\n"}) == []
    assert without_assertion({"a": helper, "b": "def test_b():\n    print(1)\n"}) == ["b: test_b"]
    assert without_assertion({"a": "def test_c():\n    with pytest.raises(ValueError):\n        f()\n"}) == []


SOURCES = {str(path.relative_to(TESTS)): path.read_text("utf-8") for path in sorted(TESTS.rglob("*.py"))}


def test_every_test_asserts_something() -> None:
    assert len(SOURCES) > 100
    assert without_assertion(SOURCES) == []


def test_what_tests_share_is_in_support() -> None:
    found = {path: re.findall(r"^from (tests[\w.]*)", source, re.MULTILINE) for path, source in SOURCES.items()}
    assert sum(map(len, found.values())) > 50
    assert [
        (path, name) for path, names in found.items() for name in names if not name.startswith("tests.support")
    ] == []
