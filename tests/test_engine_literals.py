"""Numbers and lists beside tensors take their dtype; complex numbers do not get into a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import Tensor, interop, nn
from tinygrad_lstm.errors import DtypeError

DTYPES = [np.float16, np.float32, np.float64]
one = np.ones

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
}  # fmt: skip
FORMS: dict[str, Any] = {"list": [0.1], "tuple": (0.1,), "nested": [np.float64(0.1)]}
NUMBERS: dict[str, Any] = {"number": 0.1, "np.float64": np.float64(0.1)}
TAKE_NUMBERS = {"+", "radd", "-", "*", "/", "**", "%", "//", "np.add", "np.add, before", "where", "np.where",
                "maximum", "index_put", "hypot", "outer", "hstack", "inner", "dot", "logaddexp", "copysign",
                "arctan2"}  # fmt: skip


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


# Complex numbers ----------------------------------------------------------------------------------------------------


def leaf() -> Tensor:
    return tg.tensor([1.0, 2.0], dtype=float, requires_grad=True)


@tg.primitive
def spectrum(x: Any) -> Any:
    return np.fft.fft(x)


spectrum.defvjp(x=lambda g: np.fft.ifft(g) * len(g))
Z = np.array([1j, 2.0])

COMPLEX: dict[str, Callable[[Tensor], Any]] = {
    "a number": lambda x: tg.abs(x * 1j), "on the left": lambda x: 1j * x, "an array": lambda x: x + Z,
    "a constant": lambda x: x - tg.tensor(Z), "a constant before": lambda x: tg.tensor(Z) * x,
    "a product": lambda x: x @ tg.tensor(Z), "where": lambda x: tg.where(np.array([True, False]), x, Z),
    "a sequence": lambda x: tg.stack([x, tg.tensor(Z)]), "concatenate": lambda x: tg.concatenate([x, Z]),
    "einsum": lambda x: tg.einsum("i,i->", x, Z), "power": lambda x: x ** 1j,
    "np.multiply": lambda x: np.multiply(Z, x),
    "an op of one's own": spectrum, "the named constant": lambda x: tg.label(z=tg.tensor(Z)),
    "index_add": lambda x: tg.index_add(x, [0], [1j]), "a list": lambda x: x + [1j, 2j],
    "a leaf": lambda x: tg.tensor(Z, requires_grad=True), "a parameter": lambda x: nn.Parameter(Z),
    "data": lambda x: setattr(x, "data", Z), "a layer": lambda x: nn.Linear(2, 1)(Z),
    "backward": lambda x: x.backward(Z), "cast": lambda x: tg.cast(x, np.dtype(complex)),
    "astype": lambda x: x.astype(complex),
    "requires_grad": lambda x: setattr(tg.tensor(Z), "requires_grad", True),
}  # fmt: skip


@pytest.mark.parametrize("f", COMPLEX.values(), ids=COMPLEX)
def test_complex_numbers_do_not_get_into_a_graph(f: Callable[[Tensor], Any]) -> None:
    x = leaf()
    with pytest.raises(DtypeError, match=r"complex|real|floating"):
        f(x)
    assert x.grad is None
    assert x.tolist() == [1.0, 2.0]


def test_complex_weights_are_refused_before_anything_is_changed() -> None:
    layer = nn.LSTM(2, 3)
    before = layer.state_dict()
    keras = [array + 1 for array in interop.keras.get_weights(layer)]
    torch = {name: array + 1 for name, array in interop.torch.state_dict(layer).items()}
    ours = {name: array + 1 for name, array in before.items()}
    last = next(reversed(ours))
    tries: list[Callable[[], Any]] = [
        lambda: layer.load_state_dict(ours | {last: ours[last] + 0j}),
        lambda: interop.keras.set_weights(layer, [*keras[:-1], keras[-1] + 0j]),
        lambda: interop.torch.load_state_dict(layer, torch | {"bias_hh_l0": torch["bias_hh_l0"] + 1j}),
    ]
    for one_try in tries:
        with pytest.raises(tg.errors.WeightsError, match=r"complex"):
            one_try()
        for name, array in layer.state_dict().items():
            np.testing.assert_array_equal(array, before[name])


def test_data_takes_what_its_dtype_can_hold() -> None:
    whole, half = tg.tensor(np.array([1, 2])), tg.tensor(one(2, np.float16))
    with pytest.raises(DtypeError, match="float64 for a tensor of int64 would lose a part"):
        whole.data = np.array([1.5, 2.5])
    half.data = np.array([1.5, 2.5])
    assert (str(half.dtype), half.tolist()) == ("float16", [1.5, 2.5])
    half.data = np.array([3, 4])
    assert half.tolist() == [3.0, 4.0]
    with pytest.raises(DtypeError):
        half.data = np.array(["a", "b"])


def test_outside_a_graph_complex_numbers_are_numbers() -> None:
    z = tg.tensor(Z)
    assert tg.abs(z * 2j).tolist() == [2.0, 4.0]
    with tg.no_grad():
        assert (leaf() * 1j).tolist() == [1j, 2j]
    assert (tg.tensor([1.0]) + [1j]).tolist() == [1 + 1j]


def test_a_complex_cotangent_is_pulled_back_since_that_is_linear() -> None:
    """``paths`` puts roots of unity on edges: the real rules are linear in g, so real and imaginary part go apart."""
    x = leaf()
    y = tg.tanh(x) * x
    (both,) = tg.grad(y, x, np.array([1.0, 2j]), retain_graph=True)
    (real,) = tg.grad(y, x, np.array([1.0, 0.0]), retain_graph=True)
    (imaginary,) = tg.grad(y, x, np.array([0.0, 2.0]))
    np.testing.assert_allclose(both.data, real.data + 1j * imaginary.data, rtol=1e-15)
