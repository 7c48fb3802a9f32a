"""Numbers and lists beside tensors take their dtype; complex numbers do not get into a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import Tensor, nn
from tinygrad_lstm.errors import DtypeError

DTYPES = [np.float16, np.float32, np.float64]
one = np.ones


def leaf() -> Tensor:
    return tg.tensor([1.0, 2.0], dtype=float, requires_grad=True)


def hooked(x: Tensor, hook: Callable[[Tensor], Any]) -> Tensor:
    x.register_hook(hook)
    return x


# Each with x (1,) and the literal v, a tenth in some form of one element
BESIDE: dict[str, Callable[[Tensor, Any], Any]] = {
    "+": lambda x, v: x + v, "radd": lambda x, v: v + x, "-": lambda x, v: x - v, "*": lambda x, v: x * v,
    "/": lambda x, v: x / v, "**": lambda x, v: x**v, "@": lambda x, v: x @ v, "%": lambda x, v: x % v,
    "//": lambda x, v: x // v, "np.add": lambda x, v: np.add(x, v), "np.add, before": lambda x, v: np.add(v, x),
    "where": lambda x, v: tg.where(np.array([False]), x, v), "np.where": lambda x, v: np.where([False], x, v),
    "concatenate": lambda x, v: tg.concatenate([x, v]), "np.concatenate": lambda x, v: np.concatenate([v, x]),
    "stack": lambda x, v: tg.stack([x, v]), "np.stack": lambda x, v: np.stack([v, x]),
    "index_put": lambda x, v: tg.index_put(x, slice(0, 1), v), "index_add": lambda x, v: tg.index_add(x * 0, [0], v),
    "einsum": lambda x, v: tg.einsum("i,i->i", x, v), "dot": lambda x, v: tg.dot(x, v),
    "inner": lambda x, v: tg.inner(v, x), "outer": lambda x, v: tg.outer(v, x), "vdot": lambda x, v: tg.vdot(v, x),
    "tensordot": lambda x, v: tg.tensordot(v, x, 1), "matmul": lambda x, v: tg.matmul(v, x),
    "maximum": lambda x, v: tg.maximum(x * 0, v), "hypot": lambda x, v: tg.hypot(x, v),
    "vstack": lambda x, v: tg.vstack([x, v]), "hstack": lambda x, v: tg.hstack([v, x]),
    "column_stack": lambda x, v: tg.column_stack([x, v]), "logaddexp": lambda x, v: tg.logaddexp(v, x),
    "copysign": lambda x, v: tg.copysign(v, x), "arctan2": lambda x, v: np.arctan2(v, x),
    "clip": lambda x, v: tg.clip(x * 0, v, None), "np.clip": lambda x, v: np.clip(x, -1, v),
}  # fmt: skip
FORMS: dict[str, Any] = {"list": [0.1], "tuple": (0.1,), "nested": [np.float64(0.1)]}
NUMBERS: dict[str, Any] = {"number": 0.1, "np.float64": np.float64(0.1)}
TAKE_NUMBERS = {"+", "radd", "-", "*", "/", "**", "%", "//", "np.add", "np.add, before", "where", "np.where",
                "maximum", "index_put", "hypot", "outer", "hstack", "inner", "dot", "logaddexp", "copysign",
                "arctan2", "clip", "np.clip"}  # fmt: skip


@pytest.mark.parametrize("requires_grad", [False, True], ids=["constant", "leaf"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("f", BESIDE.values(), ids=BESIDE)
def test_a_list_or_a_number_takes_the_dtype_of_its_partner(f: Any, dtype: Any, requires_grad: bool) -> None:
    name = next(name for name, g in BESIDE.items() if g is f)
    x = tg.tensor(one(1, dtype), requires_grad=requires_grad)
    expected = f(x, np.array([0.1], dtype))
    for v in [*FORMS.values(), *(NUMBERS.values() if name in TAKE_NUMBERS else ())]:
        y = f(x, v)
        assert y.dtype == dtype
        np.testing.assert_array_equal(np.ravel(y.data), np.ravel(expected.data))


@pytest.mark.parametrize("dtype", DTYPES)
def test_numbers_in_a_sequence_do_not_widen_it(dtype: Any) -> None:
    x = tg.tensor(dtype(1), requires_grad=True)
    for y in (tg.stack([x, 0.1]), tg.stack([2, x]), tg.stack([x, np.float64(0.1)]), np.stack([x, 0.1])):
        assert y.dtype == dtype
    assert tg.einsum(",->", x, 0.1).dtype == dtype
    assert tg.contract([x, 0.1], ",->").data == dtype(0.1)


def test_whole_numbers_beside_whole_numbers_stay_whole() -> None:
    counts = tg.tensor(np.array([1, 2], np.int64))
    assert (counts + [1, 1]).tolist() == [2, 3]
    assert (counts + [1, 1]).dtype == np.int64
    assert (counts + [0.1, 0.1]).tolist() == [1.1, 2.1]
    assert (tg.tensor([1.0]) * [True]).dtype == np.float32
    with pytest.raises(DtypeError, match="300 out of bounds for int8"):
        tg.tensor(np.array([1], np.int8)) + [300]


def test_literals_alone_take_the_default_dtype() -> None:
    assert tg.add(1, [2]).dtype == np.float32
    assert tg.exp(0.5).dtype == np.float32
    assert tg.stack([1, 2.5]).dtype == np.float32
    assert tg.outer([1], [2.5]).dtype == np.float32
    assert tg.add(np.array([0.5]), [0.1]).tolist() == [0.6], "an array keeps its dtype, and a list takes that"


# Rules and hooks that return plain arrays while the backward pass is recorded ---------------------------------------


PLAIN_RULES: dict[str, Callable[[Any], Any]] = {
    "0-d array": lambda g: np.array(0.1), "NumPy number": lambda g: np.float64(0.1),
    "view": lambda g: np.full(3, 0.1)[1:2].reshape(()),
}  # fmt: skip


@pytest.mark.parametrize("rule", PLAIN_RULES.values(), ids=PLAIN_RULES)
def test_a_rule_that_returns_a_plain_number_array_keeps_the_dtype_of_the_input(rule: Any) -> None:
    @tg.primitive
    def steps(x: Any) -> Any:
        return np.floor(x)

    steps.defvjp(x=rule)
    x = tg.tensor(np.float64(0.7), requires_grad=True)
    for y in (steps(x), steps(-x), steps(x * 1.0) + x * 0, steps(tg.stack([x, x])[0])):
        (g,) = tg.grad(y, x, create_graph=True)
        assert g.dtype == np.float64
        assert abs(g.item()) == 0.1


def test_a_hook_that_returns_a_plain_number_array_keeps_the_dtype() -> None:
    x = tg.tensor(np.float64(0.7), requires_grad=True)
    h = x * 1.0
    h.register_hook(lambda g: np.array(0.1))
    with tg.through(lambda edge, g: np.float64(0.1) if edge.name == "x" else g):
        for y in (h, tg.exp(h), -h):
            for create_graph in (False, True):
                (g,) = tg.grad(y, x, create_graph=create_graph, retain_graph=True)
                assert (str(g.dtype), g.item()) == ("float64", 0.1)


@pytest.mark.parametrize("b", [np.array([-1.0])[0:1].reshape(()), np.float64(-1.0), tg.tensor(np.array([-1.0]))[0], -1])
def test_copysign_with_a_view_of_one_number_has_a_float64_gradient(b: Any) -> None:
    x = tg.tensor(np.float64(0.1), requires_grad=True)
    (g,) = tg.grad(tg.copysign(x, b) * 0.1, x, create_graph=True)
    assert (str(g.dtype), g.item()) == ("float64", -0.1)


# Arrays with a class of their own, and what is no number -------------------------------------------------------------


BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "*": lambda a, b: a * b, "before *": lambda a, b: b * a, "/": lambda a, b: a / b, "**": lambda a, b: a**b,
    "@": lambda a, b: a @ b, "before @": lambda a, b: b @ a, "-": lambda a, b: b - a,
    "np.multiply": np.multiply, "where": lambda a, b: tg.where(np.asarray(b) > 1, a, b),
    "concatenate": lambda a, b: tg.concatenate([a, b]), "einsum": lambda a, b: tg.einsum("ij,jk->ik", a, b),
    "maximum": tg.maximum, "clip": lambda a, b: tg.clip(a, b, None), "linear": tg.linear,
    "a cotangent": lambda a, b: tg.grad(a * a, a, b, create_graph=True)[0],
    "a hook": lambda a, b: hooked(a * 1, lambda g: b) * 2, "mse_loss": tg.losses.mse_loss,
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:the matrix subclass is not the recommended way:PendingDeprecationWarning")
@pytest.mark.parametrize("f", BINARY.values(), ids=BINARY)
@pytest.mark.parametrize("of_class", [np.asmatrix, lambda b: b.view(Mine)], ids=["matrix", "one's own"])
def test_an_array_of_another_class_is_the_array_that_it_is(f: Any, of_class: Any) -> None:
    """A matrix would make a matrix product of each rule's ``g * b``."""
    given = np.array([[1.0, 2.0], [3.0, 4.0]])
    results = []
    for b in (given, of_class(given)):
        a = tg.tensor([[0.5, 2.0], [1.5, 3.0]], dtype=float, requires_grad=True)
        y = f(a, b)
        assert type(y.data) is np.ndarray
        results.append((y.data, tg.grad(y, a, np.cos(y.data))[0].data))
    for one_result, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one_result, other)


class Mine(np.ndarray):
    """An array with a product of its own."""

    def __rmul__(self, other: Any) -> Any:
        return self


@pytest.mark.parametrize(
    "f",
    [*BINARY.values(), lambda a, b: np.ma.add(b, a), lambda a, b: tg.tensor(b),
     lambda a, b: setattr(a, "data", b), lambda a, b: a[b > 1],
     lambda a, b: nn.Linear(2, 2)(b), lambda a, b: nn.Parameter(b)],
)  # fmt: skip
def test_a_mask_of_numpys_is_refused_where_it_would_be_lost(f: Any) -> None:
    masked: Any = np.ma.array([[1.0, 2.0], [3.0, 4.0]], mask=[[False, True], [False, False]])
    a = tg.tensor([[0.5, 2.0], [1.5, 3.0]], dtype=float, requires_grad=True)
    with pytest.raises(DtypeError, match=r"lose its mask here: give its .filled\(0\)"):
        f(a, masked).sum().backward()


@pytest.mark.parametrize("value", [[None, 1.0], ["1.5", "2"], np.array([None, 2.0]), np.array(["1", "2"]), [b"1", 2]])
@pytest.mark.parametrize(
    "f",
    [lambda x, v: tg.tensor(v, dtype=float), lambda x, v: x + v, lambda x, v: tg.stack([x, v]),
     lambda x, v: hooked(x, lambda g: v).sum().backward(), lambda x, v: tg.losses.mse_loss(x, v)],
    ids=["tensor", "+", "stack", "hook", "mse_loss"],
)  # fmt: skip
def test_what_is_no_number_becomes_none(f: Any, value: Any) -> None:
    """NumPy makes NaN of None, and a number of a text, where a dtype is given."""
    x = leaf()
    with pytest.raises(DtypeError):
        f(x, value)
    assert x.grad is None


RULES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "complex": (lambda g: g * 1j, "gave a cotangent of complex128"),
    "text": (lambda g: np.array(["1", "2"]), "gave a cotangent of <U1"),
    "objects": (lambda g: np.array([1.0, 2.0], object), "gave a cotangent of object"),
    "number": (lambda g: 2.0, "gave a float, not an array"),
    "list": (lambda g: [1.0, 1.0], "gave a list, not an array"),
    "masked": (lambda g: np.ma.array([1.0, 2.0], mask=[True, False]), "lose its mask"),
}  # fmt: skip


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("rule", RULES)
def test_a_rule_gives_an_array_of_real_numbers(rule: str, create_graph: bool) -> None:
    @tg.primitive
    def same(x: Any) -> Any:
        return x * 1

    same.defvjp(x=RULES[rule][0])
    x = leaf()
    with pytest.raises(DtypeError, match=RULES[rule][1] if (rule, create_graph) != ("complex", True) else "complex"):
        same(x * 2).sum().backward(create_graph=create_graph)
    assert x.grad is None


@pytest.mark.filterwarnings("ignore:the matrix subclass is not the recommended way:PendingDeprecationWarning")
def test_a_matrix_that_a_rule_gives_multiplies_as_an_array() -> None:
    @tg.primitive
    def same(x: Any) -> Any:
        return x * 1

    same.defvjp(x=lambda g: np.asmatrix(g))
    x = tg.tensor(np.ones((2, 2)), requires_grad=True)
    same(x * np.full((2, 2), 3.0)).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[3.0, 3.0], [3.0, 3.0]]


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize(
    "hook",
    [lambda e, g: g * 1j, lambda e, g: np.full(g.shape, None), lambda e, g: np.full(g.shape, "1"),
     lambda e, g: np.ma.array(np.ones(g.shape), mask=np.ones(g.shape))],
    ids=["complex", "None", "text", "masked"],
)  # fmt: skip
def test_a_hook_of_through_gives_real_numbers_where_backward_adds_to_grad(hook: Any, create_graph: bool) -> None:
    x, w = leaf(), leaf()
    with pytest.raises(DtypeError), tg.through(lambda edge, g: hook(edge, g) if edge.source is x.source.node else g):
        (x * w).sum().backward(create_graph=create_graph)
    assert x.grad is w.grad is None, "nothing half done"


@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize("given", [None, "abc", [None], np.ma.array([1.0], mask=[True]), np.array([1.0], object)])
def test_the_forward_of_an_op_gives_numbers(given: Any, requires_grad: bool) -> None:
    @tg.primitive
    def odd(x: Any) -> Any:
        return given

    odd.defvjp(x=lambda g: g)
    with pytest.raises(DtypeError, match=r"the forward of odd gave .*, not numbers|lose its mask"):
        odd(tg.ones(1, requires_grad=requires_grad))
