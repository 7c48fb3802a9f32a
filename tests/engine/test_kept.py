"""What backward needs is the node's own: arrays that the caller fills anew, memory that several tensors look into."""

from __future__ import annotations

import copy
import gc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.cases import Case, cases, cotangents_of
from tests.support.overwriting import copied, overwrite
from tinygrad_lstm import Tensor, nn
from tinygrad_lstm.engine.literals import LARGE, copies
from tinygrad_lstm.engine.node import topological_order


def leaf(data: Any) -> Tensor:
    return tg.tensor(np.asarray(data, float), requires_grad=True)


# Arrays of the caller's ----------------------------------------------------------------------------------------------


def test_a_mask_filled_anew_at_every_step_counts_as_it_was_at_each() -> None:
    x, b, s = leaf([1.0, 1.0]), np.zeros(2), tg.tensor(0.0)
    for t in range(3):
        b[:] = t
        s = s + (x * b).sum()
    (g,) = tg.grad(s, x)
    assert g.tolist() == [3.0, 3.0]


@cases(suits=lambda case: bool(case.slots))
def test_what_an_op_was_given_may_be_overwritten_at_once(case: Case) -> None:
    """Every sample of every op, with one input a leaf and all else bare arrays of the caller's."""
    for k in range(len(case.slots)):

        def values(k: int = k) -> list[Any]:
            return [leaf(array) if j == k else array.copy() for j, array in enumerate(case.arrays)]

        plain = values()
        outputs = case.op(*plain)
        vs = cotangents_of(outputs)
        expected = tg.grad(outputs, plain[k], vs)[0].data
        borrowed = values()
        lent: list[Any] = []
        again = Case(case.record, copied_call(case, lent), case.slots, case.arrays)
        outputs = again.op(*borrowed)
        for one in [*lent, *(value for value in borrowed if isinstance(value, np.ndarray))]:
            overwrite(one)
        np.testing.assert_array_equal(tg.grad(outputs, borrowed[k], vs)[0].data, expected)


def copied_call(case: Case, lent: list[Any]) -> Any:
    call = copy.copy(case.call)
    call.args = tuple(copied(value, lent) for value in case.call.args)
    call.kwargs = {name: copied(value, lent) for name, value in case.call.kwargs.items()}
    return call


INDICES: dict[str, Any] = {
    "integers": np.array([0, 2]), "mask": np.array([True, False, True]), "list": [0, 2], "tuple": (np.array([0, 2]),),
    "list in a tuple": ([0, 2], slice(None)), "uint8": np.array([0, 2], np.uint8),
    "tensor": tg.tensor(np.array([0, 2])), "slice of 0-d arrays": slice(np.array(0), np.array(2)),
    "slice in a tuple": (slice(np.array(0), None, np.array(2)), 0),
    "slice of a tensor": slice(tg.tensor(np.array(0)), 2),
}  # fmt: skip


@pytest.mark.parametrize("key", INDICES.values(), ids=INDICES)
@pytest.mark.parametrize(
    "read",
    [lambda z, key: z[key], lambda z, key: tg.index_put(z, key, 5.0), lambda z, key: tg.index_add(z, key, 5.0)],
    ids=["index", "index_put", "index_add"],
)
def test_an_index_may_be_changed_after_the_read(key: Any, read: Callable[[Tensor, Any], Tensor]) -> None:
    def changed(value: Any) -> None:
        if isinstance(value, tuple):
            changed(value[0])
        elif isinstance(value, slice):
            for end in (value.start, value.stop, value.step):
                if not isinstance(end, int | None):
                    changed(end)
        elif isinstance(value, Tensor):
            value.data[...] = 1
        elif isinstance(value, list):
            value[0] = 1
        else:
            value[...] = 1

    z = leaf(np.arange(6.0).reshape(3, 2))
    expected = tg.grad((read(z, copy.deepcopy(key)) ** 2).sum(), z)[0].data
    key = copy.deepcopy(key)
    y = (read(z, key) ** 2).sum()
    changed(key)
    np.testing.assert_array_equal(tg.grad(y, z)[0].data, expected)


def test_the_cotangent_that_was_given_may_be_overwritten_while_its_graph_lives() -> None:
    x, gradient = leaf([1.0, 2.0]), np.ones(2)
    (g,) = tg.grad(x * x, x, gradient, create_graph=True)
    gradient[...] = 7
    assert tg.grad(g.sum(), x)[0].tolist() == [2.0, 2.0]


def bare_arrays() -> Iterator[Any]:
    x = np.array([[0.5, -1.0], [2.0, 0.25]])
    targets, lengths = np.array([1, 0]), np.array([2, 1])

    def loss(name: str, *args: Any, **kwargs: Any) -> Callable[[Tensor], Tensor]:
        return lambda w: getattr(tg.losses, name)(w, *args, **kwargs)

    for name, arrays in {"mse_loss": [x], "l1_loss": [x], "huber_loss": [x]}.items():
        yield pytest.param(arrays, loss(name, *arrays), id=name)
    yield pytest.param([targets], loss("cross_entropy", targets), id="cross_entropy")
    weights = np.array([1.0, 2.0])
    yield pytest.param([weights], loss("cross_entropy", targets.copy(), weight=weights), id="class weights")
    mask = np.array([[True, False], [True, True]])
    yield pytest.param([mask], loss("mse_loss", 0 * x, mask=mask), id="mask of a loss")
    condition = np.array([True, False])
    yield pytest.param([condition], lambda w: (tg.where(condition, w, 0) * w).sum(), id="where")
    low = np.array([0.0, 0.0])
    yield pytest.param([low], lambda w: (w.clip(low, None) * 2).sum(), id="clip")
    lstm, sequence = nn.LSTM(2, 2).astype(float), np.ones((2, 2, 2))
    yield pytest.param([sequence], lambda w: (lstm(sequence * w)[0] * w).sum(), id="sequence")
    yield pytest.param([lengths], lambda w: (lstm(tg.stack([w, w]), lengths=lengths)[0] * w).sum(), id="lengths")
    fused = nn.LSTM(2, 2, fused=True).astype(float)
    on = np.array([[True, True], [False, True]])
    yield pytest.param([on], lambda w: (fused(tg.stack([w, w]), mask=on)[0] * w).sum(), id="mask of a fused layer")
    yield pytest.param([x], lambda w: (np.multiply(x, w) * w).sum(), id="np.multiply")
    yield pytest.param([x], lambda w: (tg.reshape(x, (2, 2)) * w).sum(), id="a view of a bare array")
    yield pytest.param([x], lambda w: (tg.split(x, 2)[0] * w).sum(), id="parts of a bare array")
    yield pytest.param([x], lambda w: (identity(x) * w).sum(), id="handed through by an op of the user's")
    yield pytest.param([x], lambda w: tg.einsum("ij,jk->", x, w), id="einsum")
    yield pytest.param([x], lambda w: scaled(w, {"by": x}).sum(), id="in a dict")


@tg.primitive
def identity(x: Any) -> Any:
    return x


@tg.primitive
def scaled(x: Any, options: Any = None) -> Any:
    return x * options["by"]


identity.defvjp(x=lambda g: g)
scaled.defvjp(x=lambda g, options: g * options["by"])


@pytest.mark.parametrize(("arrays", "f"), list(bare_arrays()))
def test_every_array_a_function_was_given_may_be_overwritten(arrays: list[Any], f: Callable[[Tensor], Tensor]) -> None:
    w = leaf([[0.3, 0.7], [-0.2, 1.5]])
    before = [array.copy() for array in arrays]
    expected = tg.grad(f(w), w)[0].data
    y = f(w)
    for array in arrays:
        overwrite(array)
    try:
        np.testing.assert_array_equal(tg.grad(y, w)[0].data, expected)
    finally:
        for array, old in zip(arrays, before, strict=True):
            array[...] = old


def test_data_set_from_an_array_is_a_copy_of_it() -> None:
    p, mine = leaf([0.0, 0.0]), np.array([1.0, 2.0])
    p.data = mine
    y = (p * p).sum()
    mine[:] = 9
    (g,) = tg.grad(y, p)
    assert (p.tolist(), g.tolist()) == ([1.0, 2.0], [2.0, 4.0])


def test_cotangents_and_what_hooks_return_may_be_used_again() -> None:
    x, buffer = leaf([1.0, 2.0]), np.zeros(2)

    def hook(g: Tensor) -> Any:
        buffer[:] = 2 * g.data
        return buffer

    h = x + 0
    k = x * 3
    h.register_hook(hook)
    k.register_hook(hook)
    (h + k).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [8.0, 8.0]

    given = np.ones(2)
    events = tg.backward_events(x * x, given, accumulate=False)
    given[:] = 100
    assert [event.cotangent.tolist() for event in events][-1] == [2.0, 4.0]

    buffers = {(): np.zeros(()), (2,): np.zeros(2)}

    def doubled(edge: Any, g: Any) -> Any:
        return np.multiply(2, g, out=buffers[g.shape])

    with tg.through(doubled):
        (g,) = tg.grad((x + x * 3).sum() * 1.0, x)
    assert g.tolist() == [2 * 2 * (2 + 2 * 3 * 2)] * 2, "times 2 along each edge"


def test_a_hook_cannot_write_into_the_gradient_of_another_tensor() -> None:
    x, y = leaf([1.0]), leaf([1.0])

    def in_place(g: Any) -> None:
        g.data[:] = 5

    remove = x.register_hook(in_place)
    with pytest.raises(ValueError, match="read-only"):
        (x + y).sum().backward()
    remove()
    with tg.through(lambda edge, g: np.multiply(g, 5, out=g)), pytest.raises(ValueError, match="read-only"):
        (x + y).sum().backward()
    seen: list[Any] = []
    x.register_hook(seen.append)
    (x + y).sum().backward()
    assert x.grad is not None
    x.grad.data[:] = 7
    assert seen[0].tolist() == [1.0]


def test_a_large_constant_read_at_every_step_is_copied_once(pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption("--overwrite"):
        pytest.skip("with --overwrite every op gets an array of its own")
    A, h = np.random.default_rng(0).standard_normal((64, 64)) / 8, leaf(np.ones(64))
    assert A.nbytes > LARGE
    gc.collect()
    before = len(copies)

    def constants_of(y: Tensor) -> set[int]:
        return {id(node.params["b"]) for node in topological_order([y.source.node]) if "b" in node.params}

    for _ in range(20):
        h = tg.tanh(h @ A) + tg.tanh(h @ A.T)
    assert len(constants_of(h)) == 2, "A, and its transpose"
    A[0, 0] += 1.0
    h = h @ A
    assert len(constants_of(h)) == 3, "it has changed, so it is another constant"
    del h
    gc.collect()
    assert len(copies) == before, "copies go with the graph"


def test_with_nans_and_negative_zeros_a_copy_is_told_apart_by_its_bits() -> None:
    zeros = np.zeros(LARGE)
    x = leaf(np.ones(LARGE))
    first = tg.copysign(x, zeros).sum()
    zeros[:] = -0.0
    second = tg.copysign(x, zeros).sum()
    assert tg.grad(first, x)[0].data.min() == 1.0
    assert tg.grad(second, x)[0].data.max() == -1.0
