"""The local derivative of an op in symbols, as its rule is written.

A rule maps g to g · ∂y/∂x, so with g = 1 its text is the derivative: ``g - g * (y * y)`` reads ``1 - y·y``. An op whose
rule guards against overflow, or calls functions of its own, declares the formula: ``sigmoid.defslope(x="y (1 - y)")``.
What is no multiple of g, as the sum of an axis, is shown as the rule itself.
"""

from __future__ import annotations

import ast
from functools import lru_cache, partial

from tinygrad_lstm.engine.node import Node
from tinygrad_lstm.engine.ops.plan import Rule
from tinygrad_lstm.explain.source import definition, one_expression


def local_derivative(node: Node, position: int) -> str:
    """∂y/∂(input) of a node's op in the op's own letters; '' for a rule of several statements that declares nothing.

    >>> import tinygrad_lstm as tg
    >>> x = tg.tensor(2.0, requires_grad=True)
    >>> [local_derivative(y.source.node, 0) for y in (tg.tanh(x), x * x, x / 3, tg.relu(x), tg.sigmoid(x))]
    ['1 - y·y', 'b', '1/b', 'where(y > 0, 1, 0)', 'y (1 - y)']
    """
    op, plan = node.op, node.plan
    assert op is not None
    assert plan is not None
    name = op.inputs[0] if op.sequence else op.inputs[position]
    if name in op.slopes:
        return op.slopes[name]
    rule = plan.joint or next(rule for k, rule, _ in plan.calls if k == position)
    return _formula(rule.func if isinstance(rule, partial) else rule)


@lru_cache(maxsize=1024)
def _formula(rule: Rule) -> str:
    found = definition(rule)
    value = one_expression(found) if found is not None else None
    if value is None:
        return ""
    slope = _slope(value)
    return _pretty(value if slope is None else slope)


def _slope(tree: ast.expr) -> ast.expr | None:
    """The expression at g = 1, if it is a multiple of g and nothing hides that; else None."""
    if isinstance(tree, ast.Name):
        return ast.Constant(1) if tree.id == "g" else None
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        inner = _slope(tree.operand)
        return inner and ast.UnaryOp(ast.USub(), inner)
    if isinstance(tree, ast.Call) and ast.unparse(tree) == "np.zeros_like(g)":
        return ast.Constant(0)
    if isinstance(tree, ast.Call) and ast.unparse(tree.func) == "np.where" and len(tree.args) == 3:
        branches = [branch if _is(branch, 0) else _slope(branch) for branch in tree.args[1:]]
        condition = tree.args[0]
        known = [branch for branch in branches if branch is not None]
        return (
            ast.Call(ast.Name("where"), [condition, *known], []) if len(known) == 2 and not _has_g(condition) else None
        )
    if not isinstance(tree, ast.BinOp):
        return None
    if isinstance(tree.op, ast.Add | ast.Sub):
        left, right = _slope(tree.left), _slope(tree.right)
        return ast.BinOp(left, tree.op, right) if left is not None and right is not None else None
    if not isinstance(tree.op, ast.Mult | ast.Div) or (_has_g(tree.left) and _has_g(tree.right)):
        return None
    if _has_g(tree.left):
        left = _slope(tree.left)
        if left is None or (_is(left, 1) and isinstance(tree.op, ast.Mult)):
            return left and tree.right
        return ast.BinOp(left, tree.op, tree.right)
    right = _slope(tree.right)
    if right is None or isinstance(tree.op, ast.Div):
        return None
    return tree.left if _is(right, 1) else ast.BinOp(tree.left, tree.op, right)


def _is(tree: ast.expr, number: int) -> bool:
    return isinstance(tree, ast.Constant) and tree.value == number


def _has_g(tree: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "g" for node in ast.walk(tree))


def _pretty(tree: ast.expr) -> str:
    return (
        ast.unparse(tree)
        .replace("np.", "")
        .replace(" * ", "·")
        .replace(" ** ", "^")
        .replace(" / ", "/")
        .replace("-1·", "-")
    )
