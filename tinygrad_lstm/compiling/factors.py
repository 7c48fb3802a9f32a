"""Expressions of a line, with holes in them: which parts do not wait, and in which order to multiply.

Where a product is read once, by a line of the same step, it is written there: ``dg = dc * i; dz = dg * (1 - g * g)`` is
``dz = dc * i * (1 - g * g)``, of which ``i * (1 - g * g)`` does not wait for dc.
"""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TypeGuard

from tinygrad_lstm.compiling.lines import Line
from tinygrad_lstm.compiling.rolling import Before, Each, Here, Loop, Read

HOLE = "hole_"
TIMES = ("", " * ", "")


def fold_products(loop: Loop, needed: set[str]) -> Loop:
    """The loop, with each product that one line reads written into that line; not those that are read after the loop.

    Only products of one value that waits and one that does not are, for theirs are the factors worth collecting.
    """
    body, rows = list(loop.body), [list(reads) for reads in loop.reads]
    for q, reads in enumerate(rows):
        if any(isinstance(read, Each) for read in reads) and any(isinstance(read, Here | Before) for read in reads):
            texts, numbers = cut(ast.unparse(ordered(body[q], reads)))
            body[q] = body[q]._replace(pieces=texts, holes=tuple([0 for _ in numbers]))
            rows[q] = [reads[k] for k in numbers]
    uses = replace(loop, reads=rows).uses()
    gone: set[int] = set()
    for q in range(len(body)):
        for k in reversed(range(len(rows[q]))):
            read = rows[q][k]
            if not isinstance(read, Here) or uses[read.line] != 1 or not needed.isdisjoint(loop.made[read.line]):
                continue
            if _scales(body[read.line], rows[read.line]) and _is_factor(body[q], k):
                inner, pieces = body[read.line], list(body[q].pieces)
                inside = [*inner.pieces]
                inside[0], inside[-1] = f"{pieces[k]}({inside[0]}", f"{inside[-1]}){pieces[k + 1]}"
                rows[q][k : k + 1] = rows[read.line]
                holes = (*body[q].holes[:k], *inner.holes, *body[q].holes[k + 1 :])
                body[q] = body[q]._replace(pieces=(*pieces[:k], *inside, *pieces[k + 2 :]), holes=holes)
                gone.add(read.line)
    return replace(loop, body=body, reads=rows).only([q for q in range(len(body)) if q not in gone])


def _scales(line: Line, reads: list[Read]) -> bool:
    """Whether a line is something that waits times something that does not."""
    waits = [isinstance(read, Here | Before) for read in reads]
    return line.pieces == TIMES and sum(waits) == 1 and any(isinstance(read, Each) for read in reads)


def _is_factor(line: Line, k: int) -> bool:
    """Whether the value in this hole is only multiplied: ``x * a``, ``c + x * a``."""
    before, after = line.pieces[k].strip(), line.pieces[k + 1].strip()
    return before in ("", "+", "*") and after.startswith("*") and not after.startswith("**")


def ordered(line: Line, reads: list[Read]) -> ast.expr:
    """The expression of a line with numbered holes for what it reads, the same number for the same, in order."""
    tree = ast.parse(line.fill([f"{HOLE}{reads.index(read)}" for read in reads]), mode="eval").body
    return order(tree, {f"{HOLE}{k}" for k, read in enumerate(reads) if isinstance(read, Here | Before)})


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
