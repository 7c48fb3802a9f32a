"""Functions in, functions out: the derivatives of f as functions of their own.

    f: x ↦ y     J = ∂y/∂x     v, a cotangent, shaped like y     t, a tangent, shaped like x

    grad      x ↦ ∂y/∂x, of one number y        vjp   v ↦ vᵀJ, one row's worth, by one backward pass
    jacobian  x ↦ J, a row for each element     jvp   t ↦ J t, one column's worth
    hessian   x ↦ ∂²y/∂x², the jacobian of grad hvp   (x, v) ↦ H v, which never builds H

Each call runs f on vertices of its own, one for each argument, and differentiates with respect to those. So only what f
does with *this* argument counts, and derivatives nest: in d/dx [x · d/dy (x + y)] the inner derivative never sees the
outer x (Siskind & Pearlmutter 2005 call the mistake perturbation confusion). Everything else that f reads is a
constant of this derivative, yet the result can be differentiated with respect to it, for it is recorded like any other.

Like PyTorch's, a transform called inside ``no_grad`` differentiates all the same, and its result is not recorded; a
``no_grad`` inside f is respected. Nothing here touches any ``grad``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from tinygrad_lstm.engine.creation import zeros
from tinygrad_lstm.engine.gradients import grad as gradients_of
from tinygrad_lstm.engine.node import Node, topological_order
from tinygrad_lstm.engine.ops.shapes import cast, reshape, stack
from tinygrad_lstm.engine.scope import enable_grad, grad_enabled
from tinygrad_lstm.engine.tensor import Tensor, TensorLike
from tinygrad_lstm.errors import ArgumentError, DtypeError, ShapeError
from tinygrad_lstm.func.structures import mapped, rebuilt, values_like, values_of

Function: TypeAlias = Callable[..., Any]
Argnums: TypeAlias = int | tuple[int, ...]
_inside_the_engine = True


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
    """The function x ↦ (f(x), ∂f/∂x): ``grad`` with the value that it comes by anyway.

    >>> weights = {"w": 2.0, "b": 1.0}
    >>> value_and_grad(lambda p, x: (p["w"] * x + p["b"]) ** 2)(weights, 3.0)
    (tensor(49.), {'w': tensor(42.), 'b': tensor(14.)})
    """
    _refuse_if_not_a_function(f)

    def both(*xs: Any, **options: Any) -> tuple[Any, Any]:
        run = _run(f, xs, argnums, options)
        if not isinstance(run.value, Tensor) or run.value.size != 1:
            came = f"shape {run.value.shape}" if isinstance(run.value, Tensor) else f"a {type(run.value).__name__}"
            raise ShapeError(
                f"a gradient is of one number, but the function returned {came}: reduce it with .sum() or .mean(), "
                "or ask for func.jacobian or func.vjp"
            )
        ones = Tensor(np.ones_like(run.value.data))
        return run.seen(run.value), run.argument(run.pull_back([ones], again=False))

    return both


def vjp(f: Function, *xs: Any) -> tuple[Any, Function]:
    """f(*xs), and the function v ↦ vᵀJ that pulls a cotangent of the result back to the arguments.

    v is structured and shaped as the result; vᵀJ as the argument, a tuple for several. It can be called many times: the
    graph is kept as long as the function is.

    >>> y, pull_back = vjp(lambda a, b: a * b, [1.0, 2.0], 10.0)
    >>> y, pull_back([1.0, 1.0])
    (tensor([10., 20.]), (tensor([10., 10.]), tensor(3.)))
    """
    _refuse_if_not_a_function(f)
    run = _run(f, xs, 0 if len(xs) == 1 else tuple(range(len(xs))), {})

    def pull_back(v: Any) -> Any:
        given = values_like(v, run.value, "the cotangent")
        vs = [_like(part, y, "a cotangent", "a result") for part, y in zip(given, run.outputs, strict=True)]
        return run.argument(run.pull_back(vs, again=True))

    return mapped(run.seen, run.value), pull_back


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
    run = _run(f, xs, tuple(range(len(xs))), {})
    given = values_like(tuple(tangents), run.chosen, "the tangents")
    ts = [_like(part, x, "a tangent", "an argument") for part, x in zip(given, run.inputs, strict=True)]
    vs = [Tensor(np.zeros_like(y.data), requires_grad=y.requires_grad) for y in run.outputs]
    with enable_grad():  # vᵀJ, recorded, for it is about to be differentiated
        pulled = gradients_of(run.outputs, run.inputs, vs, create_graph=True, allow_unused=True)
    pairs = [(g, t) for g, t in zip(pulled, ts, strict=True) if g is not None and g.requires_grad]
    moving = [v for v in vs if v.requires_grad]
    pushed: Sequence[Tensor | None] = []
    if pairs and moving:
        gs, along = zip(*pairs, strict=True)
        recorded = run.leads_out or any(t.requires_grad for t in along)
        pushed = gradients_of(gs, moving, along, create_graph=recorded, allow_unused=True)
    found = dict(zip(map(id, moving), pushed, strict=bool(pushed)))
    changes = [_or_zeros(found.get(id(v)), y) for v, y in zip(vs, run.outputs, strict=True)]
    return mapped(run.seen, run.value), rebuilt(run.value, map(run.seen, changes))


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
        run = _run(f, xs, argnums, options)
        return rebuilt(run.value, [run.argument(run.rows(k)) for k in range(len(run.outputs))])

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


# One run of f -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Run:
    """What f made of arguments of its own."""

    chosen: Any  # the arguments to differentiate by, as f got them
    inputs: list[Tensor]  # the same, without the structure
    value: Any  # what f returned
    outputs: list[Tensor]

    @property
    def leads_out(self) -> bool:
        """Whether the derivative could itself be differentiated by something outside this call."""
        return any(self._leads_out(y) for y in self.outputs)

    def _leads_out(self, tensor: Tensor) -> bool:
        own: set[Node] = {x.source.node for x in self.inputs}
        order = topological_order([tensor.source.node]) if tensor.requires_grad else []
        return any(node.op is None and node not in own for node in order)

    def seen(self, tensor: Tensor) -> Tensor:
        """A tensor as the caller gets it: a constant, unless something of the caller's leads to it."""
        return tensor if grad_enabled.get() and self._leads_out(tensor) else tensor.detach()

    def pull_back(self, vs: Sequence[Tensor], *, again: bool) -> list[Tensor]:
        """vᵀJ for each input; zeros where none of the outputs depends on it."""
        recorded = self.leads_out or any(v.requires_grad for v in vs)
        found = gradients_of(self.outputs, self.inputs, vs, again or recorded, recorded, allow_unused=True)
        return [self.seen(_or_zeros(g, x)) for g, x in zip(found, self.inputs, strict=True)]

    def rows(self, k: int) -> list[Tensor]:
        """The jacobian of output number k by each input, from one backward pass for each of its elements."""
        y, recorded = self.outputs[k], self.leads_out
        rows: list[list[Tensor]] = []
        for one in range(y.size):
            v = np.zeros(y.size, y.dtype)
            v[one] = 1
            found = gradients_of(y, self.inputs, v.reshape(y.shape), True, recorded, allow_unused=True)
            rows.append([_or_zeros(g, x) for g, x in zip(found, self.inputs, strict=True)])
        if not rows:
            return [zeros(y.shape + x.shape, dtype=x.dtype) for x in self.inputs]
        return [
            self.seen(reshape(stack(column), y.shape + x.shape))
            for column, x in zip(zip(*rows, strict=True), self.inputs, strict=True)
        ]

    def argument(self, gradients: Sequence[Tensor]) -> Any:
        """One tensor for each input, in the structure of the arguments."""
        return rebuilt(self.chosen, gradients)


def _run(f: Function, xs: Sequence[Any], argnums: Argnums, options: dict[str, Any]) -> _Run:
    """Run f with the chosen arguments replaced by vertices that are nobody else's."""
    chosen = _chosen(xs, argnums)
    arguments = list(xs)
    with enable_grad():
        for k in chosen:
            arguments[k] = mapped(lambda x, k=k: _own_vertex(x, k), xs[k])
        value = mapped(_as_output, f(*arguments, **options))
    picked = arguments[chosen[0]] if isinstance(argnums, int) else tuple([arguments[k] for k in chosen])
    return _Run(picked, values_of(picked), value, values_of(value))


def _chosen(xs: Sequence[Any], argnums: Argnums) -> list[int]:
    """The positions of the arguments to differentiate by."""
    asked = argnums if isinstance(argnums, tuple) else (argnums,)
    for k in asked:
        if not isinstance(k, int):
            raise ArgumentError(f"argnums is a position or a tuple of positions, not {argnums!r}")
        if not -len(xs) <= k < len(xs):
            raise ArgumentError(f"argnums {k}, but the function was called with {len(xs)} positional arguments")
    chosen = [k % len(xs) for k in asked]
    if len(set(chosen)) < len(chosen):
        raise ArgumentError(f"argnums {argnums} names an argument twice")
    return chosen


def _own_vertex(x: TensorLike, k: int) -> Tensor:
    tensor: Tensor = x if isinstance(x, Tensor) else Tensor(x)
    if tensor.dtype.kind not in "fc":
        raise DtypeError(
            f"argument {k} is {tensor.dtype}, which has no derivative: make it floating, or leave it out of argnums"
        )
    if tensor.requires_grad:
        return reshape(tensor, tensor.shape)  # a view: the result still depends on the tensor it came from
    own = tensor.detach()
    own.requires_grad = True
    return own


def _as_output(y: Any) -> Tensor:
    if y is None or isinstance(y, str):
        raise DtypeError(f"the function must return tensors, or tuples and dicts of them, not {type(y).__name__}")
    return y if isinstance(y, Tensor) else Tensor(y)


def _like(given: TensorLike, tensor: Tensor, what: str, of: str) -> Tensor:
    """What was given, as a tensor with the shape and dtype of this one."""
    like: Tensor = given if isinstance(given, Tensor) else Tensor(given)
    if like.shape != tensor.shape:
        raise ShapeError(f"{what} of shape {like.shape} for {of} of shape {tensor.shape}")
    return like if like.dtype == tensor.dtype else cast(like, tensor.dtype)


def _or_zeros(g: Tensor | None, x: Tensor) -> Tensor:
    return Tensor(np.zeros_like(x.data)) if g is None else g


def _refuse_if_not_a_function(f: object) -> None:
    if not callable(f):
        raise DtypeError(
            f"tg.func transforms functions, and got a {type(f).__name__}: for gradients of tensors there is tg.grad"
        )
