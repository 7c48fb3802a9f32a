"""Reading source text: the line behind a call site in the user's code, and the definition behind a function.

Everything here is read from the files, and only when a report needs it.
"""

from __future__ import annotations

import ast
import inspect
import linecache
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeAlias

from tinygrad_lstm.engine.call_site import CallSite
from tinygrad_lstm.engine.source_line import SourceLine, source_line

Definition: TypeAlias = ast.Lambda | ast.FunctionDef


def underline(site: CallSite) -> str:
    """File and line of a call site, the line's text, and the part of it that ran, underlined.

    >>> import tinygrad_lstm as tg
    >>> y = 3 + tg.log(tg.tensor(2.0, requires_grad=True)) * 4
    >>> print(underline(y.source.node.call_site))
    <doctest ...>:1
        y = 3 + tg.log(tg.tensor(2.0, requires_grad=True)) * 4
            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    """
    where = source_line(site)
    text = linecache.getline(where.file, where.line).rstrip()
    if not text.strip():
        return str(where)
    lead = len(text) - len(text.lstrip())
    lines = [str(where), "    " + text.lstrip()]
    if where.first_column is not None and where.last_column is not None:
        first, last = (_characters(text, column) - lead for column in (where.first_column, where.last_column))
        if last > first:  # else it goes on for several lines
            lines.append("    " + " " * first + "^" * (last - first))
    return "\n".join(lines)


def _characters(text: str, column: int) -> int:
    """Python counts columns in bytes of UTF-8."""
    return len(text.encode()[:column].decode(errors="ignore"))


def assigned_name(site: CallSite) -> str:
    """The name that the statement at this call site gives its value, e.g. ``f`` of ``f = sigmoid(z)``; else ''."""
    where = source_line(site)
    tree = _parse(where.file)
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Assign) and node.lineno <= where.line <= (node.end_lineno or 0):
            target = node.targets[0]
            return target.id if isinstance(target, ast.Name) else ""
    return ""


def caller_of(scope: Any) -> SourceLine | None:
    """Where the outermost module of a scope was called from."""
    found = None
    while scope is not None:
        found, scope = scope.caller or found, scope.parent
    return source_line(found) if found is not None else None


@lru_cache(maxsize=256)
def _parse(file: str) -> ast.Module | None:
    try:
        return ast.parse("".join(linecache.getlines(file)))
    except SyntaxError:
        return None


def definition(function: Callable[..., Any]) -> Definition | None:
    """The lambda or def of a function, as its file has it; None where there is no source, as for a builtin."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    tree = _parse(code.co_filename) if code is not None else None
    if code is None or tree is None:
        return None
    spans = set(code.co_positions())  # of each instruction; one of them covers just the body of a lambda
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda) and code.co_name == "<lambda>":
            body = node.body
            if (body.lineno, body.end_lineno, body.col_offset, body.end_col_offset) in spans:
                return node
        elif isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            if first == code.co_firstlineno:
                return node
    return None


def module_level(function: Callable[..., Any], name: str) -> ast.expr | None:
    """What the function's module assigns to this name at its top level."""
    tree = _parse(inspect.unwrap(function).__code__.co_filename)
    for node in tree.body if tree is not None else ():
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                return node.value
    return None


def one_expression(found: Definition) -> ast.expr | None:
    """What a function returns, if it does nothing else."""
    if isinstance(found, ast.Lambda):
        return found.body
    body = drop_docstring(found.body)
    return body[0].value if len(body) == 1 and isinstance(body[0], ast.Return) else None


def drop_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements of a function that do something."""
    first = body[0]
    is_text = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    return body[1:] if is_text else body
