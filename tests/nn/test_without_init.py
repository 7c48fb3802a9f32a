"""Modules whose __init__ does not call super().__init__()."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.errors import MissingInitError


def linear() -> nn.Linear:
    return nn.Linear(2, 2, bias=False)


class Holder(nn.Module):
    """A module with one attribute, whatever is put there."""

    def __init__(self, held: Any) -> None:
        self.held = held

    def forward(self, x: Any) -> Any:
        for _, part in self.children():
            x = part(x)
        return x


class BareCell(nn.Cell):
    def __init__(self, D: int, H: int) -> None:
        self.k = 1

    def forward(self, x: Any, h: Any) -> Any:
        return h


class BareLSTM(nn.LSTMCell):
    def __init__(self, D: int, H: int, bias: bool = True) -> None:
        self.input_size, self.hidden_size = D, H


class Early(nn.LSTMCell):
    def __init__(self, D: int, H: int) -> None:
        self.twice = 2 * self.hidden_size
        super().__init__(D, H)


def bare(kind: type[nn.Module]) -> Any:
    """A subclass whose ``__init__`` does nothing."""
    return type(f"Bare{kind.__name__}", (kind,), {"__init__": lambda self: None, "__module__": __name__})


@dataclass(eq=False)
class DataCell(nn.Cell):
    width: int

    def forward(self, x: Any, h: Any) -> Any:
        return h


class Grandchild(BareCell):
    """Its parent is to blame."""

    def __init__(self) -> None:
        super().__init__(2, 2)


x = np.ones((2, 3), np.float32)
BARE: list[tuple[Callable[[], Any], str, str]] = [
    (lambda: BareCell(3, 3)(x), "hidden_size", "BareCell"),
    (lambda: nn.unroll(BareCell(3, 3), x), "input_size", "BareCell"),
    (lambda: nn.RNN(3, 3, cell=BareCell), "hidden_size", "BareCell"),
    (lambda: nn.Zoneout(BareCell(3, 3)), "input_size", "BareCell"),
    (lambda: repr(BareCell(3, 3)), "input_size", "BareCell"),
    (lambda: BareCell(3, 3).state_sizes, "hidden_size", "BareCell"),
    (lambda: BareLSTM(3, 3)(x), "W", "BareLSTM"),
    (lambda: Early(3, 3), "hidden_size", "Early"),
    (lambda: bare(nn.Dropout)()(x), "p", "BareDropout"),
    (lambda: bare(nn.Linear)()(x), "W", "BareLinear"),
    (lambda: bare(nn.RNN)()(x), "input_size", "BareRNN"),
    (lambda: bare(nn.Embedding)()([1]), "weight", "BareEmbedding"),
    (lambda: bare(nn.LayerNorm)()(x), "features", "BareLayerNorm"),
    (lambda: bare(nn.Residual)()(x), "layer", "BareResidual"),
    (lambda: bare(nn.Zoneout)()(x), "cell", "BareZoneout"),
    (lambda: bare(nn.SeparateLSTMCell)()(x), "hidden_size", "BareSeparateLSTMCell"),
    (lambda: DataCell(3)(x), "hidden_size", "DataCell"),
    (lambda: Grandchild()(x), "hidden_size", "BareCell"),
]


@pytest.mark.parametrize(("use", "name", "to_blame"), BARE)
def test_a_class_that_forgot_super_init_is_named_at_its_first_use(use: Any, name: str, to_blame: str) -> None:
    with pytest.raises(MissingInitError, match=rf"has no {name}, .*: {to_blame}\.__init__ calls super\(\)\.__init__"):
        use()


def test_any_other_missing_attribute_is_an_attribute_error() -> None:
    cell = nn.LSTMCell(3, 3)
    with pytest.raises(AttributeError, match="'LSTMCell' object has no attribute 'zzz'"):
        _ = cell.zzz  # type: ignore[attr-defined]  # the point
    del cell.U
    with pytest.raises(AttributeError, match="'LSTMCell' object has no attribute 'U'"):
        cell(x)
    assert not hasattr(BareCell(3, 3), "hidden_size")
    assert getattr(BareCell(3, 3), "zzz", 7) == 7


def test_a_module_without_super_init_works() -> None:
    net = Holder([linear()])
    assert net(tg.ones(1, 2)).shape == (1, 2)
