"""From slopes of numbers to products with arrays: what changes between chapter zero and the engine.

In chapter zero a value is a number, and what it hands back is ∂L/∂z times a slope. Let z be an array now. Then ∂L/∂z is
an array too, one number for each element of z, in z's shape. We call it **g**; the literature calls it the *cotangent*
of z. The slope would be a *Jacobian*: a table with one entry for each pair of an element of z and an element of x. The
chain rule multiplies g by that table, a vector-Jacobian product, or *vjp*:

    ∂L/∂xⱼ = Σᵢ gᵢ ∂zᵢ/∂xⱼ

The table is large, but it is never needed, only the product, which is an array in the shape of x. So an op of the
engine has no slopes. It has a *rule* for each input: a function of g, and values of the *forward pass*, which made z.

>>> g = np.array([1.0, 10.0])
>>> a, b = np.array([2.0, 3.0]), np.array([5.0, 7.0])

``z = a * b``, element by element: the Jacobian is diagonal, so each element has the product of chapter zero.

>>> multiply_vjp(g, b)
array([ 5., 70.])
>>> g @ jacobian(lambda a: a * b, a)
array([ 5., 70.])

``z = W x``: the Jacobian with respect to x is W itself. That with respect to W has an entry for each pair of an element
of z and an element of W, nearly all of them 0; the product is just gᵢ xⱼ.

>>> W, x = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([5.0, 7.0])
>>> linear_vjp_x(g, W), linear_vjp_W(g, x).tolist()
(array([31., 42.]), [[5.0, 7.0], [50.0, 70.0]])
>>> np.tensordot(g, jacobian(lambda W: W @ x, W), 1).round(6).tolist()  # g @ table, for a table of three axes
[[5.0, 7.0], [50.0, 70.0]]

``z = x + b``, where a number b is added to every element of x: NumPy *broadcasts* b. It is used several times, so its
parts add up. (In the engine the loop takes this sum, for every op; there the rule for b is just ``lambda g: g``.)

>>> float(broadcast_vjp(g))
11.0

The rest is as before: the newest array first, parts of the same array added up before it hands anything on. The class
Value becomes two. A *Node* has what the walk back needs, as Value's ``sources``. A *Tensor* is what the user holds: an
array and where it came from, a node and which of its outputs. A tensor that the user makes is a *leaf*. It needs a
gradient if it is made with ``requires_grad=True``, as a weight is; data needs none. An op with an input that needs one
is *recorded*: it makes a node, and its output needs a gradient too. Any other op just computes. The rules stand beside
their ops in ``engine/ops``; the loop is in ``engine/autodiff.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = Any


def multiply_vjp(g: Array, b: Array) -> Array:
    """∂L/∂a for z = a ⊙ b, element by element, from g = ∂L/∂z."""
    return g * b


def linear_vjp_x(g: Array, W: Array) -> Array:
    """∂L/∂x of z = W x: Wᵀ g."""
    return W.T @ g


def linear_vjp_W(g: Array, x: Array) -> Array:  # noqa: N802  # W as in the formula
    """∂L/∂W of z = W x: every gᵢ times every xⱼ."""
    return np.outer(g, x)


def broadcast_vjp(g: Array) -> Array:
    """∂L/∂b of z = x + b for a single number b."""
    return g.sum()


def jacobian(f: Callable[[Array], Array], x: Array, step: float = 1e-6) -> Array:
    """The table ∂zᵢ/∂xⱼ, in z's shape followed by x's, by finite differences: only to check the rules above."""
    table = np.empty((*f(x).shape, *x.shape))
    for j in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[j] += step
        down[j] -= step
        table[(..., *j)] = (f(up) - f(down)) / (2 * step)  # of every zᵢ, with respect to xⱼ
    return table.round(6)
