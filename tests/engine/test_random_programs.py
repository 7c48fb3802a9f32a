"""Random programs of any shapes against PyTorch: value, gradient, and the gradient of the gradient.

Hypothesis writes a program one line at a time: it picks an op, operands that fit it among the values so far, and its
options. Each line is then run by both. (``test_oracles`` has random graphs against a naive engine, without
PyTorch.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import tinygrad_lstm as tg

pytestmark = pytest.mark.oracle
Array: TypeAlias = Any
Shape: TypeAlias = tuple[int, ...]
Draw: TypeAlias = Callable[[st.SearchStrategy[Any]], Any]
Line: TypeAlias = Callable[[Any, list[Any]], Any]  # (which library, the values so far) -> one more value
MANY = 40  # elements: no value grows beyond this
PLAIN = ("negative", "absolute", "sin", "cos", "arctan", "arcsinh", "square")  # called alike by both


class Ours:
    """The library's own spelling of what both have."""

    unary: ClassVar = {
        name: getattr(tg, name) for name in ("tanh", "sigmoid", "softplus", "relu", "negative", "absolute")
    }
    binary: ClassVar = {
        name: getattr(tg, name)
        for name in ("add", "subtract", "multiply", "maximum", "minimum", "arctan2", "hypot", "logaddexp")
    }
    softmax, log_softmax, logsumexp = tg.softmax, tg.log_softmax, tg.logsumexp
    concatenate, stack, where, matmul, linear = tg.concatenate, tg.stack, tg.where, tg.matmul, tg.linear

    @staticmethod
    def split(x: Any, parts: int, axis: int) -> Any:
        return tg.split(x, parts, axis=axis)

    @staticmethod
    def reduce(name: str, x: Any, axis: Any, keepdims: bool) -> Any:
        return getattr(tg, name)(x, axis=axis, keepdims=keepdims)

    @staticmethod
    def transpose(x: Any, axes: Any) -> Any:
        return tg.transpose(x, axes)

    @staticmethod
    def index(key: Array) -> Array:
        return key

    einsum, flip, roll, cumsum, prod = tg.einsum, tg.flip, tg.roll, tg.cumsum, tg.prod


class Theirs:
    """PyTorch's."""

    def __init__(self, torch: Any) -> None:
        f = torch.nn.functional
        self.torch = torch
        self.unary = {name: getattr(torch, name) for name in ("tanh", "sigmoid", *PLAIN)}
        self.unary |= {"softplus": f.softplus, "relu": torch.relu}
        self.binary = {
            name: getattr(torch, name)
            for name in ("add", "subtract", "multiply", "maximum", "minimum", "arctan2", "hypot", "logaddexp")
        }
        self.softmax, self.log_softmax, self.logsumexp = torch.softmax, torch.log_softmax, torch.logsumexp
        self.concatenate, self.stack, self.matmul, self.linear = torch.cat, torch.stack, torch.matmul, f.linear

    def split(self, x: Any, parts: int, axis: int) -> Any:
        return self.torch.chunk(x, parts, axis)

    def where(self, mask: Array, a: Any, b: Any) -> Any:
        return self.torch.where(self.torch.tensor(mask), a, b)

    def reduce(self, name: str, x: Any, axis: Any, keepdims: bool) -> Any:
        if axis is None:
            axis = tuple(range(x.ndim))
        if x.ndim == 0:
            return x * 1.0
        return getattr(self.torch, name)(x, dim=axis, keepdim=keepdims)

    def transpose(self, x: Any, axes: Any) -> Any:
        return x.permute(axes)

    def index(self, key: Array) -> Array:
        return self.torch.tensor(key)

    def einsum(self, subscripts: str, *operands: Any) -> Any:
        return self.torch.einsum(subscripts, *operands)

    def flip(self, x: Any, axis: int) -> Any:
        return self.torch.flip(x, (axis,))

    def roll(self, x: Any, shift: int, axis: int) -> Any:
        return self.torch.roll(x, shift, axis)

    def cumsum(self, x: Any, axis: int) -> Any:
        return self.torch.cumsum(x, axis)

    def prod(self, x: Any, axis: int) -> Any:
        return self.torch.prod(x, axis)


# One line of a program -----------------------------------------------------------------------------------------------


def pick(draw: Draw, values: list[Array], fits: Callable[[Array], bool] = lambda x: True) -> int:
    """The place of one of the values that fit, the last most likely, so that programs grow deep."""
    found = [k for k, x in enumerate(values) if fits(x)]
    assume(found)
    return int(draw(st.sampled_from([*found, *found[-2:], found[-1]])))


def broadcasts_with(shape: Shape) -> Callable[[Array], bool]:
    def fits(x: Array) -> bool:
        try:
            return int(np.prod(np.broadcast_shapes(shape, x.shape))) <= MANY
        except ValueError:
            return False

    return fits


def unary(draw: Draw, values: list[Array]) -> Line:
    k, name = pick(draw, values), draw(st.sampled_from(sorted(Ours.unary)))
    return lambda lib, xs: lib.unary[name](xs[k])


def binary(draw: Draw, values: list[Array]) -> Line:
    k = pick(draw, values)
    j = pick(draw, values, broadcasts_with(values[k].shape))
    names = sorted(Ours.binary) if j != k else ["add", "multiply", "subtract"]  # max(x, x): PyTorch's tie, and ours
    name = draw(st.sampled_from(names))
    return lambda lib, xs: lib.binary[name](xs[k], xs[j])


def choose(draw: Draw, values: list[Array]) -> Line:
    k = pick(draw, values)
    j = pick(draw, values, broadcasts_with(values[k].shape))
    mask = np.resize([True, False, False], np.broadcast_shapes(values[k].shape, values[j].shape))
    return lambda lib, xs: lib.where(mask, xs[k], xs[j])


def reduction(draw: Draw, values: list[Array]) -> Line:
    k = pick(draw, values)
    name = draw(st.sampled_from(["sum", "mean"]))
    axes = st.sampled_from(range(values[k].ndim)) if values[k].ndim else st.none()
    axis, keepdims = draw(st.none() | axes), draw(st.booleans())
    return lambda lib, xs: lib.reduce(name, xs[k], axis, keepdims)


def along_an_axis(draw: Draw, values: list[Array]) -> Line:
    k = pick(draw, values, lambda x: x.ndim > 0)
    axis = draw(st.sampled_from(range(-values[k].ndim, values[k].ndim)))
    name = draw(st.sampled_from(["softmax", "log_softmax", "logsumexp"]))
    return lambda lib, xs: getattr(lib, name)(xs[k], axis)


def product(draw: Draw, values: list[Array]) -> Line:
    k = pick(draw, values, lambda x: x.ndim > 0)

    def fits(x: Array) -> bool:
        try:
            return bool(x.ndim) and (values[k] @ x).size <= MANY
        except ValueError:
            return False

    if not any(map(fits, values)):
        return lambda lib, xs: lib.matmul(xs[k], lib.unary["tanh"](xs[k]).swapaxes(-1, -2) if xs[k].ndim > 1 else xs[k])
    j = pick(draw, values, fits)
    return lambda lib, xs: lib.matmul(xs[k], xs[j])


def layer(draw: Draw, values: list[Array]) -> Line:
    k = pick(draw, values, lambda x: x.ndim > 0)
    j = pick(draw, values, lambda x: x.ndim == 2 and x.shape[1] == values[k].shape[-1])
    return lambda lib, xs: lib.linear(xs[k], xs[j])


def rearranged(draw: Draw, values: list[Array]) -> Line:
    k = pick(draw, values)
    if draw(st.booleans()):
        axes = tuple(draw(st.permutations(range(values[k].ndim))))
        return lambda lib, xs: lib.transpose(xs[k], axes)
    n = values[k].size
    first = draw(st.sampled_from([d for d in range(1, n + 1) if n % d == 0]))
    return lambda lib, xs: xs[k].reshape((first, n // first))


def joined(draw: Draw, values: list[Array]) -> Line:
    k = pick(draw, values, lambda x: x.size * 2 <= MANY)
    name = draw(st.sampled_from(["concatenate", "stack"] if values[k].ndim else ["stack"]))
    j = pick(draw, values, lambda x: x.shape == values[k].shape)
    axis = draw(st.sampled_from(range(-values[k].ndim, values[k].ndim) if name == "concatenate" else [0, -1]))
    return lambda lib, xs: getattr(lib, name)([xs[k], xs[j]], axis)


def parted(draw: Draw, values: list[Array]) -> Line:
    k = pick(draw, values, lambda x: x.ndim > 0)
    axis = draw(st.sampled_from(range(-values[k].ndim, values[k].ndim)))
    n = values[k].shape[axis]
    parts = draw(st.sampled_from([d for d in range(1, n + 1) if n % d == 0]))
    which = draw(st.sampled_from(range(parts)))
    return lambda lib, xs: lib.split(xs[k], parts, axis)[which]


def looked_up(draw: Draw, values: list[Array]) -> Line:
    k = pick(draw, values, lambda x: x.ndim > 0)
    n = values[k].shape[0]
    inner = int(np.prod(values[k].shape[1:]))
    places = st.integers(-n, n - 1)
    if draw(st.booleans()):
        place = draw(places)
        return lambda lib, xs: xs[k][place]
    key = np.array(draw(st.lists(places, min_size=1, max_size=max(1, MANY // max(inner, 1)))))
    return lambda lib, xs: xs[k][lib.index(key)]


def moved(draw: Draw, values: list[Array]) -> Line:
    k = pick(draw, values, lambda x: x.ndim > 0)
    axis = draw(st.sampled_from(range(-values[k].ndim, values[k].ndim)))
    name = draw(st.sampled_from(["flip", "cumsum", "prod"]))
    if draw(st.booleans()):
        shift = draw(st.integers(-3, 3))
        return lambda lib, xs: lib.roll(xs[k], shift, axis)
    return lambda lib, xs: getattr(lib, name)(xs[k], axis)


def contracted(draw: Draw, values: list[Array]) -> Line:
    """An operand with itself, so that every index fits: all of it, but for some axes."""
    k = pick(draw, values, lambda x: x.ndim > 0)
    letters = "abc"[: values[k].ndim]
    kept = "".join(draw(st.permutations(draw(st.lists(st.sampled_from(letters), unique=True)))))
    if draw(st.booleans()):
        return lambda lib, xs: lib.einsum(f"{letters},{letters}->{kept}", xs[k], xs[k])
    return lambda lib, xs: lib.einsum(f"{letters}->{kept}", xs[k])


LINES = (
    unary, binary, binary, choose, reduction, along_an_axis, product, layer, rearranged, joined, parted, looked_up,
    moved, contracted,
)  # fmt: skip
SHAPES: list[list[Shape]] = [
    [(2, 3), (3,), (3, 2)],
    [(), (2, 1), (1, 3)],
    [(2, 2, 3), (4, 3), (3, 1)],
    [(5,), (1,), (2,)],
]


@settings(
    max_examples=200, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)  # fmt: skip
@given(data=st.data())
def test_random_programs_agree_with_torch(data: st.DataObject) -> None:
    torch = pytest.importorskip("torch")
    theirs = Theirs(torch)
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    arrays = [rng.uniform(-1.5, 1.5, shape) for shape in data.draw(st.sampled_from(SHAPES))]
    leaves = [tg.tensor(x, requires_grad=True) for x in arrays]
    torch_leaves = [torch.tensor(x, requires_grad=True) for x in arrays]
    xs: list[Any] = list(leaves)
    zs: list[Any] = list(torch_leaves)
    for _ in range(data.draw(st.integers(1, 14))):
        line = data.draw(st.sampled_from(LINES))(data.draw, [x.data for x in xs])
        xs.append(line(Ours, xs))
        zs.append(line(theirs, zs))
        assume(xs[-1].size and np.abs(xs[-1].data).max() < 1e3)
        np.testing.assert_allclose(xs[-1].data, zs[-1].detach().numpy(), rtol=1e-10, atol=1e-12)
    y, z = xs[-1], zs[-1]
    v = rng.standard_normal(y.shape)
    gs = tg.grad(y, leaves, v, create_graph=True, allow_unused=True)
    torch_gs = torch.autograd.grad(z, torch_leaves, torch.tensor(v), create_graph=True, allow_unused=True)
    assert [g is None for g in gs] == [g is None for g in torch_gs]
    again, torch_again = tg.tensor(0.0, dtype=float), torch.tensor(0.0, dtype=torch.float64)
    for g, h in zip(gs, torch_gs, strict=True):
        if g is not None:
            np.testing.assert_allclose(g.data, h.detach().numpy(), rtol=1e-9, atol=1e-10)
            again, torch_again = again + (g * g).sum(), torch_again + (h * h).sum()
    if again.requires_grad and torch_again.requires_grad:
        second = tg.grad(again, leaves, allow_unused=True)
        torch_second = torch.autograd.grad(torch_again, torch_leaves, allow_unused=True)
        for leaf, g, h in zip(leaves, second, torch_second, strict=True):
            ours = np.zeros(leaf.shape) if g is None else g.data
            other = np.zeros(leaf.shape) if h is None else h.numpy()
            np.testing.assert_allclose(ours, other, rtol=1e-7, atol=1e-8 * max(1, np.abs(other).max(initial=0)))
