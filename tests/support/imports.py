"""Which module imports which, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


def modules(package: str) -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and any(
        isinstance(part, ast.Name | ast.Attribute) and "TYPE_CHECKING" in ast.unparse(part)
        for part in ast.walk(node.test)
    )


def imports(source: str, module: str = "", is_package: bool = False) -> set[str]:
    """The modules (or names in them) a source imports, also inside functions, but not for type checkers only."""
    return imported_by(ast.parse(source), module, is_package)


def imported_by(tree: ast.AST, module: str, is_package: bool) -> set[str]:
    found: set[str] = set()
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if is_type_checking(node):
            assert isinstance(node, ast.If)
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = module.split(".")[: len(module.split(".")) - node.level + is_package]
                base = ".".join([*parents, *([node.module] if node.module else [])])
            found.update({base} | {f"{base}.{alias.name}" for alias in node.names})
        waiting += ast.iter_child_nodes(node)
    return found


@cache
def every_import() -> dict[str, set[str]]:
    """What each module imports."""
    return {
        name: imports(path.read_text(encoding="utf-8"), name, path.name == "__init__.py")
        for package in ("tinygrad_lstm", "viz", "examples", "benchmarks")
        for name, path in modules(package)
    }


def within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)
