"""Every test asserts something, by itself or in a function that it calls; and no test imports another."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
ASSERTING = ("pytest.raises", "pytest.warns", "pytest.fail", "np.testing.")  # calls that fail where something is wrong


Where = tuple[str, str]  # a file and the name of a function in it


def asserts(function: ast.FunctionDef) -> bool:
    return any(
        isinstance(node, ast.Assert) or (isinstance(node, ast.Call) and ast.unparse(node.func).startswith(ASSERTING))
        for node in ast.walk(function)
    )


def imported(nodes: list[ast.AST]) -> dict[str, Where]:
    """What a file has from tests/support, by the name it has there; of a module, with no name in it."""
    found: dict[str, Where] = {}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests.support"):
            module = (node.module or "").removeprefix("tests.").replace(".", "/")
            for name in node.names:
                whole = module == "support"
                found[name.asname or name.name] = (
                    (f"{module}/{name.name}.py", "") if whole else (f"{module}.py", name.name)
                )
    return found


def called(function: ast.FunctionDef, path: str, known: dict[str, Where]) -> set[Where]:
    """The functions that it calls: of its own file, imported ones, and methods of what these files have.

    Also fixtures, and what a decorator that has a name, ``in_both_ways``, parametrizes it by.
    """
    found: set[Where] = {("conftest.py", argument.arg) for argument in function.args.args}
    found |= {known.get(one.id, (path, one.id)) for one in function.decorator_list if isinstance(one, ast.Name)}
    for call in [node.func for part in function.body for node in ast.walk(part) if isinstance(node, ast.Call)]:
        if isinstance(call, ast.Name):
            found.add(known.get(call.id, (path, call.id)))
        elif isinstance(call, ast.Attribute):
            module = known.get(call.value.id) if isinstance(call.value, ast.Name) else None
            files = {module[0]} if module and not module[1] else {path, *(file for file, _ in known.values())}
            found |= {(file, call.attr if module and not module[1] else f".{call.attr}") for file in files}
    return found


def without_assertion(sources: dict[str, str]) -> list[str]:
    """The tests in these files, by path, that assert nothing. A method's name begins with a dot here."""
    found: dict[Where, tuple[ast.FunctionDef, dict[str, Where]]] = {}
    trees = {path: ast.parse(source) for path, source in sources.items()}
    for path, tree in trees.items():
        nodes = list(ast.walk(tree))
        known = imported(nodes)
        methods = {id(node) for part in nodes if isinstance(part, ast.ClassDef) for node in part.body}
        for node in nodes:
            if isinstance(node, ast.FunctionDef):
                found[path, f".{node.name}" if id(node) in methods else node.name] = node, known
    good = {where for where, (function, _) in found.items() if asserts(function)}
    calls = {where: called(function, where[0], known) for where, (function, known) in found.items()}
    for path, tree in trees.items():
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):  # a decorator, perhaps
                names = {part.id for part in ast.walk(node.value) if isinstance(part, ast.Name)}
                calls[path, node.targets[0].id] = {(path, name) for name in names}
    while more := {where for where, others in calls.items() if not good.isdisjoint(others)} - good:
        good |= more
    return [f"{path}: {name}" for path, name in found if name.startswith("test_") and (path, name) not in good]


def test_a_test_without_an_assertion_is_found() -> None:
    helper = "def check(x):\n    assert x\ndef deeper(x):\n    check(x)\n"
    assert without_assertion({"a": helper + "def test_a():\n    deeper(1)\n"}) == []
    assert without_assertion({"a": helper, "b": "def test_b():\n    print(1)\n"}) == ["b: test_b"]
    assert without_assertion({"a": helper, "b": "def test_b():\n    check(1)\n"}) == ["b: test_b"], "of another file"
    support = "from tests.support.a import check\nfrom tests.support import a\n"
    used = support + "def test_b():\n    check(1)\ndef test_c():\n    a.deeper(1)\ndef test_d():\n    b.deeper(1)\n"
    assert without_assertion({"support/a.py": helper, "b": used}) == ["b: test_d"]
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
