"""Masks as Keras has them: one layer says which steps count, for every recurrent layer after it.

A step that is off leaves the state as it was. Its output is the one before, in a Bidirectional 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinygrad_lstm import nn
from tinygrad_lstm.engine.tensor import Tensor, TensorLike
from tinygrad_lstm.nn.options import array_of


def differs_from(x: Any, value: float, steps: bool) -> np.ndarray:
    """Which elements of x are not this value; with ``steps``, in which steps one of them is not.

    >>> differs_from([[3, 0, 7]], 0, steps=False).tolist(), differs_from([[[0.0, 2.0], [0.0, 0.0]]], 0, True).tolist()
    ([[True, False, True]], [[True, False]])
    """
    differs: np.ndarray = np.not_equal(array_of(x), value)
    return np.any(differs, axis=-1) if steps else differs


class Masking(nn.Module):
    """x, with 0 in the steps that are off: those in which all elements are ``mask_value``.

    >>> Masking(7.0)(np.array([[[7.0, 7.0], [7.0, 1.0]]])).tolist()
    [[[0.0, 0.0], [7.0, 1.0]]]
    """

    def __init__(self, mask_value: float) -> None:
        self.mask_value = mask_value

    def forward(self, x: TensorLike) -> Tensor:
        """x (B, T, D)."""
        on = differs_from(x, self.mask_value, steps=True)
        return self.floating(x) * np.expand_dims(on, -1)


class Masked(nn.Sequential[Any]):
    """Layers one after the other; ``masks`` says of which places the input makes a mask, and how."""

    def __init__(self, layers: list[Any], masks: Mapping[int, Callable[[Any], np.ndarray]]) -> None:
        super().__init__(*layers)
        self.masks = dict(masks)

    def forward(self, x: Any) -> Any:
        """What the last layer gives."""
        mask = None
        for place, layer in enumerate(self):
            if place in self.masks:
                mask = self.masks[place](x)
            if mask is None or not isinstance(layer, nn.Recurrent):
                x = layer(x)
                continue
            x = layer(x, mask=mask, outside="zero" if len(layer.directions) > 1 else "repeat")
        return x
