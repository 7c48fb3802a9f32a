"""Memory that several tensors look into: a change through one of them is noticed by what the others kept."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tests.support.overwriting import ops_that_borrow
from tinygrad_lstm import Tensor, nn
from tinygrad_lstm.engine.changes import memory
from tinygrad_lstm.errors import GradError


def leaf(data: Any) -> Tensor:
    return tg.tensor(np.asarray(data, float), requires_grad=True)


def unrecorded(f: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return tg.no_grad()(f)


ALIASES: dict[str, Callable[[Tensor], Tensor]] = {
    "itself": lambda w: w,
    "detached": lambda w: w.detach(),
    "detached twice": lambda w: w.detach().detach(),
    "a view under no_grad": unrecorded(lambda w: w.reshape(4)),
    "a transpose under no_grad": unrecorded(lambda w: w.T),
    "a slice of it detached": unrecorded(lambda w: w.detach()[1:]),
    "a part under no_grad": unrecorded(lambda w: tg.split(w, 2)[1]),
    "a recorded view": lambda w: w.reshape(4),
    "tagged": lambda w: tg.tag(w, "carry"),
    "a view of a view": lambda w: w.T[1:].reshape(2),
    "a copy": lambda w: w.T.reshape(4)[1:],
}


def frozen(w: Tensor) -> None:
    w.requires_grad = False


def switched(w: Tensor) -> None:
    w.requires_grad = False
    w.requires_grad = True


@pytest.mark.parametrize("between", [lambda w: None, frozen, switched], ids=["", "frozen", "switched"])
@pytest.mark.parametrize("of", ALIASES.values(), ids=ALIASES)
def test_a_write_into_memory_is_noticed_by_whatever_kept_it(of: Any, between: Callable[[Tensor], None]) -> None:
    w, x = leaf(np.ones((2, 2))), leaf(1.0)
    A = of(w)
    y = (x * A).sum()
    between(w)
    w.data -= 1
    if np.shares_memory(A.data, w.data):
        with pytest.raises(GradError, match=r"the data of .* was changed after multiply"):
            y.backward()
        assert x.grad is None
    else:
        y.backward()
        assert x.grad is not None
        assert x.grad.item() == A.data.sum() == A.size


@pytest.mark.parametrize("of", ALIASES.values(), ids=ALIASES)
def test_a_write_through_the_other_tensor_is_noticed_too(of: Any) -> None:
    w, x = leaf(np.ones((2, 2))), leaf(1.0)
    A = of(w)
    y = (x * w).sum()
    shared = np.shares_memory(A.data, w.data)
    A.data += 1
    if shared:
        with pytest.raises(GradError, match="was changed after multiply"):
            y.backward()
    else:
        y.backward()
        assert x.grad is not None
        assert x.grad.item() == 4


def test_all_but_one_of_these_share_memory() -> None:
    w = leaf(np.ones((2, 2)))
    copies_made = [name for name, of in ALIASES.items() if not np.shares_memory(of(w).data, w.data)]
    assert copies_made == ["a copy"]


def test_another_array_in_its_place_leaves_what_others_look_into() -> None:
    w, x = leaf([2.0]), leaf([3.0])
    A = w.detach()
    y = (x * A).sum()
    w.data = w.data + 1
    y.backward()
    assert x.grad is not None
    assert (x.grad.tolist(), A.tolist()) == ([2.0], [2.0])


def test_the_note_of_a_write_goes_with_the_array() -> None:
    gc.collect()
    before = len(memory)
    w = leaf([1.0])
    w.data -= 1
    assert len(memory) == before + 1
    del w
    gc.collect()
    assert len(memory) == before
    y = tg.exp(leaf([1.0]))  # a node that keeps the array that was written
    y.data -= 1
    del y
    gc.collect()
    assert len(memory) == before


def test_a_leaf_that_was_frozen_for_a_while_gets_its_gradient() -> None:
    x = leaf([2.0])
    y = (x * x).sum()
    x.requires_grad = False
    z = (x * x * 5).sum()
    x.requires_grad = True
    y.backward()
    assert x.grad is not None
    assert x.grad.tolist() == [4.0]
    assert not z.requires_grad, "made while it was a constant"
    x.requires_grad = False
    assert x.grad.tolist() == [4.0], "the gradient stays"


def test_a_leaf_that_is_frozen_at_the_time_of_backward_gets_none() -> None:
    x, w = leaf([2.0]), leaf([3.0])
    y = (x * w).sum()
    x.requires_grad = False
    y.backward()
    assert x.grad is None
    assert w.grad is not None
    assert w.grad.tolist() == [2.0]


def test_a_detached_tensor_that_learns_is_a_leaf_of_its_own() -> None:
    h = tg.exp(leaf(np.zeros((1, 2, 3))))
    start = h.detach()
    start.requires_grad = True
    output, _ = nn.GRU(3, 3).astype(float)(np.ones((4, 2, 3)), start)
    output.sum().backward()
    assert start.grad is not None
    assert np.abs(start.grad.data).min() > 0


def test_the_borrowing_interpreter_would_notice() -> None:
    """The suite runs again with --overwrite: this is a keeper of the caller's array, which that must show."""

    @tg.primitive
    def kept_elsewhere(x: Any, b: Any) -> Any:
        held.append(b)
        return x * b

    held: list[Any] = []
    kept_elsewhere.defvjp(x=lambda g: g * held[-1])
    x = leaf([1.0])
    with tg.no_grad(), ops_that_borrow():
        kept_elsewhere(x, np.array([2.0]))
    assert held[0].tolist() == [7.0]
