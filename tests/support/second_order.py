"""Second derivatives against differences: along one random direction at once, or element by element."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import Tensor

Check = Callable[[Callable[..., Any], Sequence[Tensor]], None]


def along_a_direction(f: Callable[..., Any], leaves: Sequence[Tensor], eps: float = 1e-5) -> None:
    """Along a direction d the outputs move as J d says, v·f as g·d says, and its gradients g as H d says.

    Each number of H d holds a whole row of second derivatives, so four backward passes see them all.
    """
    rng = np.random.default_rng(20)
    d = [rng.standard_normal(leaf.shape) for leaf in leaves]
    at = [leaf.data.copy() for leaf in leaves]
    vs = [tg.tensor(rng.standard_normal(y.shape), requires_grad=True) for y in f(*leaves)]

    def pull_back(**options: Any) -> tuple[list[Tensor], list[Tensor]]:
        outputs = list(f(*leaves))
        return list(tg.grad(outputs, list(leaves), vs, **options)), outputs

    gradients, _ = pull_back(create_graph=True)
    moved = sum(((g * one).sum() for g, one in zip(gradients, d, strict=True)), tg.tensor(0.0, dtype=float))
    products = tg.grad(moved, [*leaves, *vs])
    ends = []
    for step in (eps, -eps):
        for leaf, start, one in zip(leaves, at, d, strict=True):
            leaf.data = start + step * one
        gradients, outputs = pull_back()
        ends.append([part.data for part in (*gradients, *outputs)])
    for leaf, start in zip(leaves, at, strict=True):
        leaf.data = start
    for product, up, down in zip(products, *ends, strict=True):
        np.testing.assert_allclose(product.data, (up - down) / (2 * eps), rtol=1e-5, atol=1e-7)
    rise = sum((v.data * product.data).sum() for v, product in zip(vs, products[len(leaves) :], strict=True))
    np.testing.assert_allclose(moved.item(), rise, rtol=1e-9)


def element_by_element(f: Callable[..., Any], leaves: Sequence[Tensor]) -> None:
    assert tg.gradcheck(f, leaves)
    assert tg.gradgradcheck(f, leaves)


in_both_ways = pytest.mark.parametrize(
    "check_second_order", [along_a_direction, pytest.param(element_by_element, marks=pytest.mark.slow)],
    ids=lambda check: check.__name__,
)  # fmt: skip
