"""The local derivative of an op in symbols, as its rule is written.

A rule maps g to g · ∂y/∂x, so with g = 1 its text is the derivative: ``g - g * (y * y)`` reads ``1 - y·y``. An op whose
rule guards against overflow, or calls functions of its own, declares the formula: ``sigmoid.defslope(x="y (1 - y)")``.
What is no multiple of g, as the sum of an axis, is shown as the rule itself.
"""

from __future__ import annotations

import ast
import inspect
from functools import lru_cache, partial

from tinygrad_lstm.engine.node import Node
from tinygrad_lstm.engine.ops.rules import Rule
from tinygrad_lstm.explain.source import definition, one_expression


def local_derivative(node: Node, position: int) -> str:
    """∂y/∂(input) of a node's op in the op's own letters; '' for a rule of several statements that declares nothing.

    Where no such text is to be had, it is that of the rule: ∂L/∂(input) of the cotangent.

    >>> import tinygrad_lstm as tg
    >>> x = tg.tensor(2.0, requires_grad=True)
    >>> [local_derivative(y.source.node, 0) for y in (tg.tanh(x), x * x, x / 3, tg.relu(x), tg.sigmoid(x))]
    ['1 - y·y', 'b', '1/b', 'where(y > 0, 1, 0)', 'y (1 - y)']
    """
    return _of(node, position)[0]


def law(node: Node, position: int, name: str) -> str:
    """The same as an equation for an input of this name, ``∂y/∂x = 1 - y·y`` or ``∂L/∂x = g[...]``."""
    text, of = _of(node, position)
    return f"∂{of}/∂{name} = {text}" if text else ""


def _of(node: Node, position: int) -> tuple[str, str]:
    """The text of the derivative, and what it is the derivative of: y, or L."""
    op, plan = node.op, node.plan
    assert op is not None
    assert plan is not None
    name = op.inputs[0] if op.sequence else op.inputs[position]
    if name in op.slopes:
        return op.slopes[name], "y"
    rule = plan.joint or next(rule for k, rule, _ in plan.calls if k == position)
    comes = rule.func if isinstance(rule, partial) else rule
    cotangent = list(inspect.signature(comes).parameters)[int(isinstance(rule, partial))]
    return _formula(comes, "" if plan.multi_output else cotangent)


@lru_cache(maxsize=1024)
def _formula(rule: Rule, g: str) -> tuple[str, str]:
    """The text, and whose derivative it is; ``g`` is the rule's own name of the cotangent, '' if it has several."""
    found = definition(rule)
    value = one_expression(found) if found is not None else None
    if value is None:
        return "", "y"
    slope = _slope(value, g) if g else None
    return (_pretty(value), "L") if slope is None else (_pretty(slope), "y")


def _slope(tree: ast.expr, g: str) -> ast.expr | None:
    """The expression at g = 1, if it is a multiple of g and nothing hides that; else None."""
    if isinstance(tree, ast.Name):
        return ast.Constant(1) if tree.id == g else None
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        inner = _slope(tree.operand, g)
        return inner and ast.UnaryOp(ast.USub(), inner)
    if isinstance(tree, ast.Call) and ast.unparse(tree) == f"np.zeros_like({g})":
        return ast.Constant(0)
    if isinstance(tree, ast.Call) and ast.unparse(tree.func) == "np.where" and len(tree.args) == 3:
        branches = [branch if _is(branch, 0) else _slope(branch, g) for branch in tree.args[1:]]
        condition = tree.args[0]
        known = [branch for branch in branches if branch is not None]
        return (
            ast.Call(ast.Name("where"), [condition, *known], [])
            if len(known) == 2 and not _has_g(condition, g)
            else None
        )
    if not isinstance(tree, ast.BinOp):
        return None
    if isinstance(tree.op, ast.Add | ast.Sub):
        left, right = _slope(tree.left, g), _slope(tree.right, g)
        return ast.BinOp(left, tree.op, right) if left is not None and right is not None else None
    if not isinstance(tree.op, ast.Mult | ast.Div) or (_has_g(tree.left, g) and _has_g(tree.right, g)):
        return None
    if _has_g(tree.left, g):
        left = _slope(tree.left, g)
        if left is None or (_is(left, 1) and isinstance(tree.op, ast.Mult)):
            return left and tree.right
        return ast.BinOp(left, tree.op, tree.right)
    right = _slope(tree.right, g)
    if right is None or isinstance(tree.op, ast.Div):
        return None
    return tree.left if _is(right, 1) else ast.BinOp(tree.left, tree.op, right)


def _is(tree: ast.expr, number: int) -> bool:
    return isinstance(tree, ast.Constant) and tree.value == number


def _has_g(tree: ast.expr, g: str) -> bool:
    return any(isinstance(node, ast.Name) and node.id == g for node in ast.walk(tree))


def _pretty(tree: ast.expr) -> str:
    return (
        ast.unparse(tree)
        .replace("np.", "")
        .replace(" * ", "·")
        .replace(" ** ", "^")
        .replace(" / ", "/")
        .replace("-1·", "-")
    )
