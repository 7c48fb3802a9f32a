"""Products summed over what the operands share: einsum, and the products of NumPy that are einsums.

Each operand has a word of letters, one for each axis: "ij,jk->ik" is y[i,k] = Σⱼ a[i,j] b[j,k].
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from string import ascii_letters
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from tinygrad_lstm.engine.ops.arithmetic import multiply
from tinygrad_lstm.engine.ops.dtypes import alike
from tinygrad_lstm.engine.ops.linear import matmul
from tinygrad_lstm.engine.ops.more.composite import composite
from tinygrad_lstm.engine.ops.primitive import Array, primitive
from tinygrad_lstm.engine.ops.shapes import reshape
from tinygrad_lstm.engine.ops.wide import wide

if TYPE_CHECKING:  # for types only
    from tinygrad_lstm.engine.call_types import Tensor

Axes: TypeAlias = int | Sequence[int]


@primitive
def contract(operands: Sequence[Array], subscripts: str) -> Array:
    """``einsum`` with its operands in a list: every letter that the output lacks is summed over.

    The cotangent of an operand is again an einsum, of g with all the other operands.
    """
    words, out = spelled_out(subscripts, tuple(map(np.ndim, operands)))
    dtype = np.result_type(*operands)
    y = np.einsum(",".join(words) + "->" + out, *map(wide, operands), optimize=True)
    return y.astype(dtype, copy=len(operands) == 1)  # of one operand it may be a view


def _contract_vjp(k: int, g: Array, operands: Sequence[Array], subscripts: str) -> Array:
    words, out = spelled_out(subscripts, tuple(map(np.ndim, operands)))
    g, operands = wide(g), [wide(x) for x in operands]
    factors = [(g, out)] + [(x, word) for j, (x, word) in enumerate(zip(operands, words, strict=True)) if j != k]
    fresh = (letter for letter in ascii_letters if letter not in "".join(words))
    wanted = ""
    for letter, n in zip(words[k], operands[k].shape, strict=True):
        if letter in wanted:  # a repeated letter reads the diagonal only: the identity matrix
            wanted += next(fresh)
            factors.append((np.eye(n, dtype=g.dtype), letter + wanted[-1]))
        else:
            if not any(letter in word for _, word in factors):  # summed away by itself: g goes to each alike
                factors.append((np.ones(n, g.dtype), letter))
            wanted += letter
    return np.einsum(",".join(word for _, word in factors) + "->" + wanted, *[x for x, _ in factors], optimize=True)


contract.defvjp_args(_contract_vjp)


@lru_cache
def spelled_out(subscripts: str, ndims: tuple[int, ...]) -> tuple[list[str], str]:
    """The words of the operands and of the output, with letters for what an ellipsis hides."""
    inputs, arrow, out = subscripts.replace(" ", "").partition("->")
    words = inputs.split(",")
    if len(words) != len(ndims):
        raise ValueError(f"{len(words)} words for {len(ndims)} operands")
    hidden = [n - len(word.replace("...", "")) for word, n in zip(words, ndims, strict=True)]
    for word, n, more in zip(words, ndims, hidden, strict=True):
        if more < 0 or (more and "..." not in word):
            raise ValueError(f"the word {word!r} for an operand with {n} axes")
    free = [letter for letter in ascii_letters if letter not in subscripts]
    if len(free) < max(hidden):
        raise ValueError(f"more than {len(ascii_letters)} axes to tell apart, a letter each")
    ellipsis = "".join(free[: max(hidden)])
    if not arrow:  # what appears once, in the order of the alphabet
        out = "..." + "".join(sorted(letter for letter in ascii_letters if inputs.count(letter) == 1))
    elif ellipsis and "..." not in out:
        raise ValueError("the output must have '...', like the inputs")
    words = [word.replace("...", ellipsis[len(ellipsis) - more :]) for word, more in zip(words, hidden, strict=True)]
    return words, out.replace("...", ellipsis)


@composite(np.einsum)
def einsum(subscripts: str, *operands: Any, optimize: Any = True) -> Tensor:
    """The sum of products that the subscripts describe, as NumPy's; the best order is always looked for.

    Raises ShapeError for words that do not fit the operands.

    >>> import numpy as np, tinygrad_lstm as tg
    >>> x = tg.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> tg.grad(tg.einsum("ii->", x), x)  # the trace reads the diagonal
    (tensor([[1., 0.],
            [0., 1.]]),)
    """
    if not isinstance(subscripts, str):
        raise ValueError("the subscripts come first, as a string like 'ij,jk->ik'")
    return contract(operands, subscripts)


@composite(np.tensordot)
def tensordot(a: Any, b: Any, axes: int | tuple[Axes, Axes] = 2) -> Tensor:
    """Σ over pairs of axes: (axes of a, axes of b), or how many, the last of a with the first of b.

    Raises ShapeError where the axes do not pair up.

    >>> import tinygrad_lstm as tg
    >>> tg.tensordot(tg.ones((2, 3, 4)), tg.ones((4, 3, 5)), axes=([1, 2], [1, 0])).shape
    (2, 5)
    """
    n, m = np.ndim(a), np.ndim(b)
    if isinstance(axes, int) and 0 <= axes <= min(n, m):
        of_a, of_b = list(range(n - axes, n)), list(range(axes))
    elif isinstance(axes, tuple | list) and len(axes) == 2:
        of_a, of_b = (np.atleast_1d(given).tolist() for given in axes)
    else:
        raise ValueError(f"axes is how many to pair, 0 to {min(n, m)}, or a pair: (axes of a, axes of b)")
    for of, count in ((of_a, n), (of_b, m)):
        if wrong := [k for k in of if not -count <= k < count]:
            raise IndexError(f"axis {wrong[0]} is out of bounds for an array of dimension {count}")
    lengths = [np.shape(a)[k] for k in of_a], [np.shape(b)[k] for k in of_b]
    if lengths[0] != lengths[1]:
        raise ValueError(f"the paired axes differ in length: {lengths[0]} and {lengths[1]}")
    if n + m > len(ascii_letters):
        raise ValueError(f"{n + m} axes in all, but at most {len(ascii_letters)} have a letter each")
    left, right = list(ascii_letters[:n]), list(ascii_letters[n : n + m])
    for i, j in zip(of_a, of_b, strict=True):
        right[j] = left[i]
    out = [letter for letter in left + right if (letter in left) != (letter in right)]
    return contract([a, b], f"{''.join(left)},{''.join(right)}->{''.join(out)}")


@composite(np.dot)
def dot(a: Any, b: Any) -> Tensor:
    """The sum over the last axis of a and the last but one (or only) of b; of a number, the product."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return multiply(a, b)
    return matmul(a, b) if np.ndim(b) < 3 else tensordot(a, b, (-1, -2))


@composite(np.inner)
def inner(a: Any, b: Any) -> Tensor:
    """The sum over the last axes of both; of a number, the product."""
    return multiply(a, b) if np.ndim(a) == 0 or np.ndim(b) == 0 else tensordot(a, b, (-1, -1))


@composite(np.outer)
def outer(a: Any, b: Any) -> Tensor:
    """y[i, j] = aᵢ bⱼ, of the elements of a and b in row order."""
    a, b = alike(a, b)
    return multiply(reshape(a, (-1, 1)), reshape(b, -1))


@composite(np.vdot)
def vdot(a: Any, b: Any) -> Tensor:
    """Σ a ⊙ b over all elements, in row order."""
    a, b = alike(a, b)
    return matmul(reshape(a, -1), reshape(b, -1))
