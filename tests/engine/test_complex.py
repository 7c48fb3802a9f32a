"""Complex numbers do not get into a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import Tensor, interop, nn
from tinygrad_lstm.errors import DtypeError

one = np.ones


def leaf() -> Tensor:
    return tg.tensor([1.0, 2.0], dtype=float, requires_grad=True)


@tg.primitive
def spectrum(x: Any) -> Any:
    return np.fft.fft(x)


def hooked(x: Tensor, hook: Callable[[Tensor], Any]) -> Tensor:
    x.register_hook(hook)
    return x


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
    "grad": lambda x: setattr(x, "grad", tg.tensor(Z)), "full": lambda x: tg.full((2,), 1j),  # type: ignore[arg-type]  # wrong on purpose
    "arange": lambda x: tg.arange(0, 1j),  # type: ignore[arg-type]  # and so is this
    "a real dtype": lambda x: tg.tensor(Z, dtype=float),
    "a list in a real dtype": lambda x: tg.tensor([1j], dtype=np.float16),
    "a real dtype of a tensor": lambda x: Tensor(tg.tensor(Z), dtype=float),
    "mse_loss": lambda x: tg.losses.mse_loss(x, Z), "l1_loss": lambda x: tg.losses.l1_loss(x, [1j, 2]),
    "huber_loss": lambda x: tg.losses.huber_loss(x, tg.tensor(Z)),
    "a loss of two classes": lambda x: tg.losses.binary_cross_entropy_with_logits(x, Z),
    "class weights": lambda x: tg.losses.cross_entropy(x, np.array(0), weight=Z),
    "a hook": lambda x: (hooked(x, lambda g: Z) * 1).sum().backward(),
    "a hook, recorded": lambda x: tg.grad((hooked(x, lambda g: tg.tensor(Z)) * 1).sum(), x, create_graph=True),
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


LINEAR: dict[str, Callable[[Tensor], Tensor]] = {
    "a product": lambda x: tg.tanh(x) * x, "a read and all": lambda x: x[0] + x,
    "a sum and a read": lambda x: x + x[1:],
    "repeated indices": lambda x: x[[0, 0]] * x, "many indices": lambda x: x[[0] * 20][:2] + x[[1, 0]],
    "rows": lambda x: tg.embedding(tg.stack([x, x], 1), [1, 1])[0], "three uses": lambda x: x + tg.exp(x) + x * x,
    "0-d": lambda x: tg.stack([x[0], x[0] * x[1]]), "parts": lambda x: tg.concatenate(tg.unstack(x[:, None])[::-1]),
    "saved": lambda x: tg.softmax_cross_entropy(tg.stack([x, x * x]), np.array([0, 1])),
}  # fmt: skip


@pytest.mark.parametrize("f", LINEAR.values(), ids=LINEAR)
def test_a_complex_cotangent_is_pulled_back_since_that_is_linear(f: Callable[[Tensor], Tensor]) -> None:
    """The real rules are linear in g, so real and imaginary part go apart."""
    x = leaf()
    y = f(x)
    (both,) = tg.grad(y, x, np.array([1.0, 2j]), retain_graph=True)
    (real,) = tg.grad(y, x, np.array([1.0, 0.0]), retain_graph=True)
    (imaginary,) = tg.grad(y, x, np.array([0.0, 2.0]))
    np.testing.assert_allclose(both.data, real.data + 1j * imaginary.data, rtol=1e-15)
