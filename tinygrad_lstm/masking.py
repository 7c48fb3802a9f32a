"""Which elements of a loss count: input and target are checked and masked, and losses are reduced to one number."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from tinygrad_lstm.engine.arrays import numpy_array
from tinygrad_lstm.engine.ops.indexing import index, scatter
from tinygrad_lstm.engine.tensor import Tensor, TensorLike
from tinygrad_lstm.errors import ArgumentError, DtypeError, PositionError, ShapeError

Reduction: TypeAlias = Literal["mean", "sum", "none"]
Mask: TypeAlias = np.ndarray | None  # None: everything counts


def check_floating(x: Tensor) -> Tensor:
    """x, if it is of a floating dtype."""
    if not isinstance(x, Tensor) or x.dtype.kind != "f":
        raise DtypeError(f"a loss is of floating numbers in a Tensor, not {getattr(x, 'dtype', type(x).__name__)}")
    return x


def select_classes(
    input: Tensor, target: TensorLike, mask: TensorLike | None, ignore_index: int
) -> tuple[Tensor, np.ndarray, Mask, tuple[int, ...]]:
    """The scores (..., V) and classes that count, the mask that says which do, and the shape of all losses."""
    x, classes = check_floating(input), np.asarray(target.data if isinstance(target, Tensor) else target)
    if classes.dtype.kind not in "iu":
        raise DtypeError(f"targets are whole numbers, the index of the right class, not {classes.dtype}")
    if not x.ndim:
        raise ShapeError("input (..., V) has an axis of classes, a single number has none")
    if classes.shape != x.shape[:-1]:
        raise ShapeError(f"input {x.shape} goes with targets {x.shape[:-1]}, not {classes.shape}")
    V, shape = x.shape[-1], classes.shape
    on = check_mask(mask, shape)
    counts = classes != ignore_index
    if not counts.all():
        on = counts if on is None else counts & np.reshape(on, on.shape + (1,) * (counts.ndim - on.ndim))
    if on is not None:
        x, classes = index(x, on), classes[on]
    if classes.size and not (classes.min() >= 0 and classes.max() < V):
        raise PositionError(f"targets {classes.min()}..{classes.max()} for {V} classes, 0..{V - 1}")
    return x, classes, on, shape


def broadcast_weights(name: str, weight: TensorLike, x: Tensor, on: Mask) -> np.ndarray:
    """Weights for the elements of x that count, in the dtype of x."""
    w = np.asarray(numpy_array(weight.data if isinstance(weight, Tensor) else weight, x.dtype))
    try:
        everywhere = np.broadcast_to(w, x.shape)
    except ValueError:
        raise ShapeError(f"{name} broadcasts to the input {x.shape}, which {w.shape} does not") from None
    return w if on is None else everywhere[on]


def class_weights(weight: TensorLike, x: Tensor) -> np.ndarray:
    """One weight for each class of x (..., V), in its dtype."""
    w = np.asarray(numpy_array(weight.data if isinstance(weight, Tensor) else weight, x.dtype))
    if w.shape != x.shape[-1:]:
        raise ShapeError(f"one weight for each of the {x.shape[-1]} classes, not {w.shape}")
    return w


def check_mask(mask: TensorLike | None, shape: tuple[int, ...]) -> Mask:
    """The mask as an array of bools over the first axes of this shape; None if it is on everywhere."""
    if mask is None:
        return None
    on = np.asarray(mask.data if isinstance(mask, Tensor) else mask)
    if on.dtype != bool or not on.ndim or on.shape != shape[: on.ndim]:
        raise ShapeError(f"a mask holds bools over the first axes of {shape}, one or more, not {on.dtype} {on.shape}")
    return None if on.all() else on


def pair(input: Tensor, target: TensorLike, mask: TensorLike | None) -> tuple[Tensor, Tensor, Mask]:
    """The elements of input and target that count, and the mask.

    A target that is an array or a list is taken in the input's dtype: float64 data widen no float32 loss.
    """
    x = check_floating(input)
    y = target if isinstance(target, Tensor) and target.dtype.kind == "f" else Tensor(target, dtype=x.dtype)
    if y.shape != x.shape:
        raise ShapeError(f"an input {x.shape} goes with a target of the same shape, not {y.shape}")
    on = check_mask(mask, x.shape)
    return (x, y, on) if on is None else (index(x, on), index(y, on), on)


def reduce(
    losses: Tensor, reduction: Reduction, on: Mask, shape: tuple[int, ...], shares: np.ndarray | None = None
) -> Tensor:
    """The mean of the losses that count, weighted if there are ``shares``; or their sum; or each in its place."""
    if not (isinstance(reduction, str) and reduction in ("mean", "sum", "none")):
        came = reduction if isinstance(reduction, str | bool | None) else f"a {type(reduction).__name__}"
        raise ArgumentError(f"reduction is 'mean', 'sum' or 'none', not {came!r}; weights are given by name: weight=")
    if reduction == "none":
        return losses if on is None else scatter(losses, on, shape)
    if reduction == "sum":
        return losses.sum()
    if not (losses.size if shares is None else shares.sum()):
        raise ArgumentError(f"the mean of no losses: of {shape} no element counts; reduction='sum' gives 0 there")
    return losses.mean() if shares is None else losses.sum() / shares.sum()
