"""The local derivative of an op in symbols, as its rule is written.

A rule maps g to g · ∂y/∂x, so with g = 1 its text is the derivative: ``g - g * (y * y)`` reads ``1 - y·y``. An op whose
rule guards against overflow, or calls functions of its own, declares the formula: ``sigmoid.defslope(x="y (1 - y)")``.
What is no multiple of g, as the sum of an axis, is shown as the rule itself.
"""

from __future__ import annotations

import ast
import inspect
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from tinygrad_lstm.engine.node import Node
from tinygrad_lstm.engine.ops.rules import Rule
from tinygrad_lstm.engine.rule_calls import call_rules
from tinygrad_lstm.explain.source import definition, one_expression


class Derivative(NamedTuple):
    """The derivative by one input of an op in the op's own letters; ``text`` is '' for a rule that shows none."""

    text: str
    of: str  # y: ∂y/∂(input), by which the cotangent is multiplied; L: ∂L/∂(input) itself, in g

    @property
    def by_element(self) -> bool:
        """Whether each element of y depends on the same element of the input alone, so that g ⊙ ∂y/∂x is ∂L/∂x."""
        return self.of == "y" and bool(self.text) and "G" not in self.text  # a matrix product is written in capitals


def derivative(node: Node, position: int) -> Derivative:
    """The derivative of a node's op by the input at a position.

    Where the rule is no multiple of g, its text is that of the rule: ∂L/∂(input) of the cotangent.

    >>> import tinygrad_lstm as tg
    >>> x = tg.tensor([1.0, 2.0], requires_grad=True)
    >>> [derivative(y.source.node, 0).by_element for y in (tg.tanh(x), x @ x, x.sum())]
    [True, False, False]
    """
    op = node.op
    assert op is not None
    name = op.inputs[0] if op.sequence else op.inputs[position]
    if name in op.slopes:
        return Derivative(op.slopes[name], "y")
    rule, _ = op.rule_for(position)
    return _formula(rule, int(op.sequence and op.joint is None), op.multi_output)


def local_derivative(node: Node, position: int) -> str:
    """∂y/∂(input) of a node's op in the op's own letters; '' for a rule of several statements that declares nothing.

    Where no such text is to be had, it is that of the rule: ∂L/∂(input) of the cotangent.

    >>> import tinygrad_lstm as tg
    >>> x = tg.tensor(2.0, requires_grad=True)
    >>> [local_derivative(y.source.node, 0) for y in (tg.tanh(x), x * x, x / 3, tg.relu(x), tg.sigmoid(x))]
    ['1 - y·y', 'b', '1/b', 'where(y > 0, 1, 0)', 'y (1 - y)']
    """
    return derivative(node, position).text


def slope_at_ones(node: Node, position: int) -> Any:
    """∂y/∂(input) in numbers, of an op that works element by element: what its rule gives for ones.

    >>> import tinygrad_lstm as tg
    >>> slope_at_ones(tg.sigmoid(tg.tensor([0.0], requires_grad=True)).source.node, 0)
    array([0.25], dtype=float32)
    """
    ones = np.ones(node.shapes[0], node.dtypes[0])
    only = [k == position for k in range(len(node.sources))]
    return next((c for _, c in call_rules(node, ones, node.kept, only)), None)


@lru_cache(maxsize=1024)
def _formula(rule: Rule, bound: int, multi_output: bool) -> Derivative:
    """What the text of a rule says, whose own name of the cotangent is its first after those that are bound."""
    found = definition(rule)
    value = one_expression(found) if found is not None else None
    if value is None:
        return Derivative("", "y")
    slope = None if multi_output else _slope(value, list(inspect.signature(rule).parameters)[bound])
    return Derivative(_pretty(value), "L") if slope is None else Derivative(_pretty(slope), "y")


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
