"""Functions in, functions out: the derivatives of f as functions of their own.

    f: x ↦ y     J = ∂y/∂x     v, a cotangent, shaped like y     t, a tangent, shaped like x

    grad      x ↦ ∂y/∂x, of one number y        vjp   v ↦ vᵀJ, one row's worth, by one backward pass
    jacobian  x ↦ J, a row for each element     jvp   t ↦ J t, one column's worth
    hessian   x ↦ ∂²y/∂x², the jacobian of grad hvp   (x, v) ↦ H v, which never builds H

Each call runs f on vertices of its own, one for each argument, and differentiates with respect to those. So only what f
does with *this* argument counts, and derivatives nest: in d/dx [x · d/dy (x + y)] the inner derivative never sees the
outer x (Siskind & Pearlmutter 2005 call the mistake perturbation confusion). Everything else that f reads is a
constant of this derivative, yet the result can be differentiated with respect to it, because it is recorded.

Like PyTorch's, a transform called inside ``no_grad`` differentiates all the same, and its result is not recorded; a
``no_grad`` inside f is respected. Nothing here touches any ``grad``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_lstm.engine.ops.shapes import cast
from tinygrad_lstm.engine.tensor import Tensor, TensorLike
from tinygrad_lstm.errors import ArgumentError, DtypeError, ShapeError
from tinygrad_lstm.func.run import Argnums, Function, run_on_leaves
from tinygrad_lstm.func.structures import map_values, rebuild, values_like


def grad(f: Function, argnums: Argnums = 0) -> Function:
    """The function x ↦ ∂f/∂x of an f that returns one number.

    The result is structured as the argument, or a tuple of such for a tuple of ``argnums``. Arguments: tensors, arrays,
    numbers, or structures of them; the others, and keywords, are handed on to f as they are.

    Raises ShapeError where f returns anything but one number, ArgumentError for an argument that is not there,
    DtypeError for one that is not floating.

    >>> cube = lambda x: x**3
    >>> grad(cube)(2.0), grad(grad(cube))(2.0), grad(grad(grad(cube)))(2.0)
    (tensor(12.), tensor(12.), tensor(6.))
    >>> grad(lambda x: x * grad(lambda y: x + y)(1.0))(5.0)
    tensor(1.)
    """
    both = value_and_grad(f, argnums)
    return lambda *xs, **options: both(*xs, **options)[1]


def value_and_grad(f: Function, argnums: Argnums = 0) -> Function:
    """The function x ↦ (f(x), ∂f/∂x): ``grad`` with the value, which it computes anyway.

    >>> weights = {"w": 2.0, "b": 1.0}
    >>> value_and_grad(lambda p, x: (p["w"] * x + p["b"]) ** 2)(weights, 3.0)
    (tensor(49.), {'w': tensor(42.), 'b': tensor(14.)})
    """
    _refuse_if_not_a_function(f)

    def both(*xs: Any, **options: Any) -> tuple[Any, Any]:
        run = run_on_leaves(f, xs, argnums, options)
        if not isinstance(run.value, Tensor) or run.value.size != 1:
            came = f"shape {run.value.shape}" if isinstance(run.value, Tensor) else f"a {type(run.value).__name__}"
            raise ShapeError(
                f"a gradient is of one number, but the function returned {came}: reduce it with .sum() or .mean(), "
                "or ask for func.jacobian or func.vjp"
            )
        ones = Tensor(np.ones_like(run.value.data))
        return run.hand_out(run.value), run.argument(run.pull_back([ones], again=False))

    return both


def vjp(f: Function, *xs: Any) -> tuple[Any, Function]:
    """f(*xs), and the function v ↦ vᵀJ that pulls a cotangent of the result back to the arguments.

    v has the structure and shape of the result; vᵀJ has that of the argument, a tuple for more than one. It can be
    called many times: the graph is kept as long as the function is.

    >>> y, pull_back = vjp(lambda a, b: a * b, [1.0, 2.0], 10.0)
    >>> y, pull_back([1.0, 1.0])
    (tensor([10., 20.]), (tensor([10., 10.]), tensor(3.)))
    """
    _refuse_if_not_a_function(f)
    run = run_on_leaves(f, xs, 0 if len(xs) == 1 else tuple(range(len(xs))), {})

    def pull_back(v: Any) -> Any:
        given = values_like(v, run.value, "the cotangent")
        vs = [_like(part, y, "a cotangent", "a result") for part, y in zip(given, run.outputs, strict=True)]
        return run.argument(run.pull_back(vs, again=True))

    return map_values(run.hand_out, run.value), pull_back


def jvp(f: Function, xs: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """f(*xs) and J t, how the result changes as the arguments move along their tangents.

    ``xs`` and ``tangents`` are tuples, one entry for each argument. There are no rules for this direction: vᵀJ is
    linear in v, so its own derivative along t is J t. Two backward passes, whatever the number of arguments.

    >>> jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 0.0))
    (tensor(6.), tensor(3.))
    """
    _refuse_if_not_a_function(f)
    for what, given in (("xs", xs), ("tangents", tangents)):
        if not isinstance(given, tuple | list):
            raise ArgumentError(
                f"{what} of jvp is a tuple with one entry for each argument, as in jvp(f, (x,), (t,)), "
                f"not a {type(given).__name__}"
            )
    run = run_on_leaves(f, xs, tuple(range(len(xs))), {})
    given = values_like(tuple(tangents), run.chosen, "the tangents")
    ts = [_like(part, x, "a tangent", "an argument") for part, x in zip(given, run.inputs, strict=True)]
    return map_values(run.hand_out, run.value), rebuild(run.value, run.push(ts))


def jacobian(f: Function, argnums: Argnums = 0) -> Function:
    """The function x ↦ J with J[i, k] = ∂yᵢ/∂xₖ, of shape y.shape + x.shape; i and k are indices of all axes.

    One run of f, and one backward pass for each element of y. Where y has parts, J has the same parts, and each of them
    is structured as the argument.

    >>> jacobian(lambda x: x * x)([1.0, 2.0])
    tensor([[2., 0.],
            [0., 4.]])
    """
    _refuse_if_not_a_function(f)

    def matrix(*xs: Any, **options: Any) -> Any:
        run = run_on_leaves(f, xs, argnums, options)
        return rebuild(run.value, [run.argument(run.rows(k)) for k in range(len(run.outputs))])

    return matrix


def hessian(f: Function, argnums: Argnums = 0) -> Function:
    """The function x ↦ H with H[i, k] = ∂²f/∂xᵢ∂xₖ, of shape x.shape + x.shape, of an f that returns one number.

    The jacobian of the gradient. For a tuple of ``argnums``, H[a][b] is the block ∂²f/∂a∂b.

    >>> hessian(lambda x: x[0] ** 2 * x[1])([3.0, 5.0])
    tensor([[10.,  6.],
            [ 6.,  0.]])
    """
    return jacobian(grad(f, argnums), argnums)


def hvp(f: Function, x: Any, v: Any) -> Any:
    """H v, the hessian of f at x times v, for the price of a few gradients (Pearlmutter 1994).

    H is symmetric, so H v is vᵀH, which pulls v back through the gradient. x may be a structure; v is shaped like it.

    >>> hvp(lambda x: (x**3).sum(), [1.0, 2.0], [1.0, 10.0])
    tensor([  6., 120.])
    """
    _, pull_back = vjp(grad(f), x)
    return pull_back(v)


def _like(given: TensorLike, tensor: Tensor, what: str, of: str) -> Tensor:
    """What was given, as a tensor with the shape and dtype of this one."""
    like: Tensor = given if isinstance(given, Tensor) else Tensor(given)
    if like.shape != tensor.shape:
        raise ShapeError(f"{what} of shape {like.shape} for {of} of shape {tensor.shape}")
    return like if like.dtype == tensor.dtype else cast(like, tensor.dtype)


def _refuse_if_not_a_function(f: object) -> None:
    if not callable(f):
        raise DtypeError(
            f"tg.func transforms functions, and got a {type(f).__name__}: for gradients of tensors there is tg.grad"
        )
