"""Expressions of a line, with holes in them: which parts do not wait, and in which order to multiply."""

from __future__ import annotations

import ast
from typing import TypeGuard

HOLE = "hole_"


def order(tree: ast.expr, waits: set[str]) -> ast.expr:
    """The expression with ``g - g * z`` as ``g * (1 - z)``, and what does not wait multiplied first."""
    if not isinstance(tree, ast.BinOp):
        return tree
    left, right = order(tree.left, waits), order(tree.right, waits)
    if isinstance(tree.op, ast.Sub) and _is_product(right):
        z = right.right
        if ast.unparse(left) == ast.unparse(right.left) and not does_wait(z, waits):
            return ast.BinOp(left, ast.Mult(), ast.BinOp(ast.Constant(1), ast.Sub(), z))
    if isinstance(tree.op, ast.Mult) and _is_product(left):
        g, z = left.left, left.right
        if does_wait(g, waits) and not does_wait(z, waits) and not does_wait(right, waits):
            return ast.BinOp(g, ast.Mult(), ast.BinOp(z, ast.Mult(), right))
    return ast.BinOp(left, tree.op, right)


def _is_product(tree: ast.expr) -> TypeGuard[ast.BinOp]:
    return isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Mult)


def does_wait(tree: ast.expr, waits: set[str]) -> bool:
    """Whether one of these holes is in the expression."""
    return any(isinstance(node, ast.Name) and node.id in waits for node in ast.walk(tree))


def cut(text: str) -> tuple[tuple[str, ...], list[int]]:
    """A text cut at its holes, and their numbers."""
    first, *others = text.split(HOLE)
    pieces, holes = [first], []
    for other in others:
        digits = len(other) - len(other.lstrip("0123456789"))
        holes.append(int(other[:digits]))
        pieces.append(other[digits:])
    return tuple(pieces), holes
