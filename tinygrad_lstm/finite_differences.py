"""Is this gradient right? Reverse mode against finite differences, which need no chain rule.

For y = f(x) and a random cotangent v, reverse mode gives v·J, where J = ∂y/∂x. Differences give the same numbers, one
element of x at a time, at the price of two evaluations each:

    (v·J)ₖ  ≈  v · (f(x + εeₖ) - f(x - εeₖ)) / 2ε

The cotangent is random because a constant one misses errors: Σ softmax(x) = 1, so with v = 1 the gradient of softmax is
0, and so is any wrong multiple of it. In float64 with ε = 1e-6 the differences carry about nine digits, so that a rule
wrong by one part in ten thousand stands out; in float32 they would carry none, hence it is refused.

After torch.autograd.gradcheck, with tighter tolerances: PyTorch's (atol 1e-5, rtol 1e-3) let an error of 0.05 % pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from tinygrad_lstm.engine.gradients import grad
from tinygrad_lstm.engine.modes import enable_grad
from tinygrad_lstm.engine.ops.primitive import Array
from tinygrad_lstm.engine.tensor import Tensor
from tinygrad_lstm.errors import DtypeError, GradcheckError, GradError

Function: TypeAlias = Callable[..., Any]  # of Tensors (and constants), which returns one Tensor or more
_SHOWN = 12  # rows of the table
# A seed of its own: inputs drawn from the same one would equal the cotangent, and AᵀA hides a transposition
_SEED = 8_061_997


def gradcheck(
    f: Function, inputs: Any, *, eps: float = 1e-6, atol: float = 1e-7, rtol: float = 1e-5, raise_exception: bool = True
) -> bool:
    """True if every element of every gradient of f agrees with central differences: |a - n| ≤ atol + rtol |n|.

    ``inputs``: one value or a sequence, the arguments of f; those Tensors that require a gradient are checked, and
    moved in place while f is evaluated, so f may also read them from elsewhere, as a module reads its parameters. f
    returns one Tensor or more. A gradient of None counts as zero. The cotangent comes from a seed of its own, so the
    answer is the same each time.

    Raises GradcheckError, with a table of analytic, numeric and their ratio, where they disagree or f is not
    deterministic (``raise_exception=False`` returns False instead); DtypeError for anything but float64.

    >>> import numpy as np, tinygrad_lstm as tg
    >>> @tg.primitive
    ... def cube(x):
    ...     return x**3
    >>> cube.defvjp(x=lambda g, x: g * 3 * x)  # forgot the square
    >>> x = tg.tensor(np.array([1.0, 2.0, 4.0]), requires_grad=True)
    >>> gradcheck(cube, x)
    Traceback (most recent call last):
    tinygrad_lstm.errors.GradcheckError: 2 of 3 elements of the gradient are wrong
    input  index        analytic         numeric       ratio
        0   (1,)      -10.415805      -20.831611         0.5
        0   (2,)       19.557807       78.231226        0.25
    """
    inputs = _as_list(inputs)
    checked = _choose_inputs(inputs)
    try:
        _compare(f, inputs, checked, eps, atol, rtol)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    f: Function, inputs: Any, *, eps: float = 1e-6, atol: float = 1e-7, rtol: float = 1e-5, raise_exception: bool = True
) -> bool:
    """True if the second derivatives of f are right: ``gradcheck`` of (x, v) -> v·J, which create_graph records.

    Errors as in ``gradcheck``; the inputs after those of f are the cotangents v of its outputs.

    >>> import numpy as np, tinygrad_lstm as tg
    >>> x = tg.tensor(np.array([0.5, -1.0]), requires_grad=True)
    >>> gradgradcheck(lambda x: (tg.tanh(x) * x).sum(), x)
    True
    """
    inputs = _as_list(inputs)
    checked = [inputs[k] for k in _choose_inputs(inputs)]
    outputs = [y for y in _outputs(f, inputs) if y.requires_grad]
    random = np.random.default_rng(_SEED + 1)
    cotangents = [Tensor(random.standard_normal(y.shape), requires_grad=True) for y in outputs]

    def pull_back(*arguments: Any) -> tuple[Tensor, ...]:
        xs, vs = arguments[: len(inputs)], arguments[len(inputs) :]
        ys = [y for y in _outputs(f, xs) if y.requires_grad]
        gradients = grad(ys, checked, vs, create_graph=True, allow_unused=True) if ys else ()
        return tuple(g for g in gradients if g is not None)

    return gradcheck(pull_back, [*inputs, *cotangents], eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception)


class _Wrong(NamedTuple):
    """One element on which the two disagree."""

    input: int
    place: tuple[int, ...]
    analytic: float
    numeric: float

    @property
    def ratio(self) -> float:
        return self.analytic / self.numeric if self.numeric else float("nan")


def _compare(f: Function, inputs: list[Any], checked: list[int], eps: float, atol: float, rtol: float) -> None:
    tensors = [inputs[k] for k in checked]
    random = np.random.default_rng(_SEED)
    outputs = _outputs(f, inputs)
    values = _values(outputs)
    cotangents = [random.standard_normal(y.shape) for y in outputs]
    analytic = _analytic(outputs, tensors, cotangents)
    again = _outputs(f, inputs)
    if not _same(values, _values(again)):
        raise GradcheckError("f is not deterministic: two calls with the same inputs gave different outputs")
    if not _same(analytic, _analytic(again, tensors, cotangents)):
        raise GradcheckError("the gradient of f is not deterministic: two backward passes gave different results")

    wrong: list[_Wrong] = []
    for k, tensor, gradient in zip(checked, tensors, analytic, strict=True):
        for index in np.ndindex(tensor.shape):
            a = 0.0 if gradient is None else float(gradient[index])
            n = _numeric(f, inputs, tensor, index, cotangents, eps)
            if not abs(a - n) <= atol + rtol * abs(n):  # written so that NaN is wrong
                wrong.append(_Wrong(k, index, a, n))
    if wrong:
        unreached = [k for k, gradient in zip(checked, analytic, strict=True) if gradient is None]
        raise GradcheckError(_report(wrong, sum(tensor.size for tensor in tensors), unreached))


def _analytic(outputs: list[Tensor], tensors: list[Tensor], cotangents: list[Array]) -> list[Array | None]:
    """v·J by reverse mode, over the outputs that need a gradient at all."""
    reached = [(y, v) for y, v in zip(outputs, cotangents, strict=True) if y.requires_grad]
    if not reached:
        return [None] * len(tensors)
    ys, vs = zip(*reached, strict=True)
    gradients = grad(ys, tensors, vs, allow_unused=True)
    return [None if gradient is None else gradient.data for gradient in gradients]


def _numeric(
    f: Function, inputs: list[Any], tensor: Tensor, index: tuple[int, ...], cotangents: list[Array], eps: float
) -> float:
    """The slope of v · f along one element, from both sides of it."""
    x = tensor.data
    centre = x[index]
    try:
        x[index] = centre + eps
        right, above = x[index], _values(_outputs(f, inputs))
        x[index] = centre - eps
        left, below = x[index], _values(_outputs(f, inputs))
    finally:
        x[index] = centre
    rise = sum(float((v * (a - b)).sum()) for v, a, b in zip(cotangents, above, below, strict=True))
    return float(rise / (right - left))


def _report(wrong: list[_Wrong], elements: int, unreached: list[int]) -> str:
    lines = [
        f"{len(wrong)} of {elements} elements of the gradient are wrong",
        f"{'input':>5}  {'index':<7}{'analytic':>14}  {'numeric':>14}  {'ratio':>10}",
    ]
    lines += [
        f"{row.input:>5}  {row.place!s:>5}  {row.analytic:>14.8g}  {row.numeric:>14.8g}  {row.ratio:>10.6g}"
        for row in wrong[:_SHOWN]
    ]
    if len(wrong) > _SHOWN:
        lines.append(f"... and {len(wrong) - _SHOWN} more")
    lines += [f"hint: {hint}" for hint in _hints(wrong, unreached)]
    return "\n".join(lines)


_TELLING = {
    2.0: "twice the right value: a path counted twice, or a factor 1/2 forgotten",
    0.5: "half of the right value: one of two paths missing, as when x is read twice",
    -1.0: "the right value with the wrong sign",
    0.0: "nothing arrives: a path is cut, as by detach() or .data, or a rule gives zero",
}


def _hints(wrong: list[_Wrong], unreached: list[int]) -> list[str]:
    """What it means if the ratio is the same in every wrong element."""
    hints = []
    for k in sorted({row.input for row in wrong}):
        ratios = [row.ratio for row in wrong if row.input == k]
        if k in unreached:
            hints.append(f"no gradient reaches input {k}, though f depends on it: look for detach(), .data or numpy()")
        elif np.ptp(ratios) <= 1e-3 * max(1.0, abs(ratios[0])) and (len(ratios) > 1 or _cause_of(ratios[0])):
            hints.append(f"input {k}: {_cause_of(ratios[0]) or f'off by the same factor {ratios[0]:.6g} everywhere'}")
    return hints


def _cause_of(ratio: float) -> str | None:
    return next((text for known, text in _TELLING.items() if abs(ratio - known) < 1e-4), None)


def _as_list(inputs: Any) -> list[Any]:
    return list(inputs) if isinstance(inputs, list | tuple) else [inputs]


def _choose_inputs(inputs: list[Any]) -> list[int]:
    """Which inputs are to be checked; refuses those on which differences would mean nothing."""
    checked = [k for k, value in enumerate(inputs) if isinstance(value, Tensor) and value.requires_grad]
    if not checked:
        raise GradError("gradcheck: no input requires a gradient, so there is nothing to check")
    for k in checked:
        _refuse_if_not_float64(inputs[k], f"input {k}")
        if not inputs[k].data.flags.writeable:
            raise GradError(f"gradcheck: the data of input {k} is read-only, so it cannot be moved: pass a copy")
        for other in range(len(inputs)):
            shared = inputs[other].data if isinstance(inputs[other], Tensor) else inputs[other]
            if (
                inputs[other] is not inputs[k]
                and isinstance(shared, np.ndarray)
                and np.shares_memory(shared, inputs[k].data)
            ):
                raise GradError(f"gradcheck: inputs {k} and {other} share memory, so one moves the other: pass copies")
    return checked


def _outputs(f: Function, inputs: Sequence[Any]) -> list[Tensor]:
    if not callable(f):
        raise DtypeError(f"gradcheck: f is a function, not a {type(f).__name__}")
    with enable_grad():
        outputs = f(*inputs)
    outputs = list(outputs) if isinstance(outputs, list | tuple) else [outputs]
    for k, y in enumerate(outputs):
        if not isinstance(y, Tensor):
            raise DtypeError(f"gradcheck: f must return Tensors; output {k} is of type {type(y).__name__}")
        _refuse_if_not_float64(y, f"output {k}")
    return outputs


def _values(outputs: list[Tensor]) -> list[Array]:
    return [y.data.copy() for y in outputs]  # copies: an output may be a view of the input that is about to be moved


def _refuse_if_not_float64(tensor: Tensor, what: str) -> None:
    if tensor.dtype != np.float64:
        raise DtypeError(
            f"gradcheck: {what} is {tensor.dtype}, in which differences drown in rounding; use float64 throughout"
        )


def _same(these: Sequence[Array | None], those: Sequence[Array | None]) -> bool:
    """Bit for bit, NaN equal to NaN."""
    return len(these) == len(those) and all(
        a is b or (a is not None and b is not None and np.array_equal(a, b, equal_nan=True))
        for a, b in zip(these, those, strict=True)
    )
