"""Arguments of NumPy's functions on tensors: each works as NumPy's own does, or is refused by name."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import tinygrad_lstm as tg
from tinygrad_lstm.errors import UnsupportedError

a = np.arange(6.0).reshape(2, 3) - 2

WORKS = """
np.clip(t, a_min=0, a_max=1)
np.clip(a=t, a_min=0, a_max=None)
np.clip(t, 0, 1, None)
np.clip(t, min=0, max=1)
np.clip(t, 0, None)
np.sum(t, axis=0, keepdims=True)
np.sum(a=t, axis=1, dtype=None, out=None)
np.sum(t, 0, None, None, True)
np.max(t, 0, None, True)
np.amax(t, axis=1)
np.mean(t, axis=1, dtype=None, keepdims=True)
np.mean(t, 0, None, None, True)
np.var(t, 0, None, None, 1)
np.std(t, axis=0, correction=1)
np.prod(t, 0, None, None, True)
np.cumsum(t, 0, None, None)
np.concatenate([t, t], axis=1)
np.concatenate([t, t], 1, None)
np.stack([t, t], axis=1)
np.stack(arrays=[t, t], axis=-1, casting="same_kind")
np.vstack((t, t))
np.vstack(tup=(t, t))
np.reshape(t, (3, 2), order="C")
np.reshape(t, shape=(3, 2))
np.reshape(t, (3, 2), "C")
np.reshape(t, (6,), copy=False)
np.ravel(t, order="C")
np.take(t, [0], axis=1, mode="raise")
np.sort(t, axis=0, kind="stable")
np.sort(t, stable=True)
np.sort(t, 0)
np.round(t, decimals=1, out=None)
np.where(a > 0, t, 0.0)
np.pad(t, 1, constant_values=2)
np.pad(t, 1, "edge")
np.einsum("ij,ij->i", t, t)
np.einsum("ij,ij->i", t, t, optimize=True)
np.einsum("ij->j", t, out=None)
np.dot(t, a.T)
np.dot(t, a.T, out=None)
np.outer(t, t)
np.tensordot(t, t, axes=2)
np.linalg.norm(t, axis=1)
np.linalg.norm(t, None, 1, True)
np.linalg.vector_norm(t, axis=1, ord=1)
np.trace(t, dtype=None)
np.diag(v=t, k=1)
np.tril(m=t, k=1)
np.tile(A=t, reps=2)
np.split(ary=t, indices_or_sections=2)[0]
np.broadcast_to(t, (4, 2, 3), subok=False)
np.astype(t, np.float32)
np.astype(t, np.float32, copy=True)
np.flip(m=t)
np.swapaxes(t, axis1=0, axis2=1)
np.transpose(a=t)
np.roll(t, shift=1, axis=0)
np.squeeze(t[:1], axis=0)
np.expand_dims(t, axis=0)
np.repeat(t, repeats=2, axis=0)
np.unstack(t, axis=1)[0]
np.take_along_axis(arr=t, indices=np.array([[0], [1]]), axis=1)
np.moveaxis(t, source=0, destination=1)
np.atleast_1d(t)
np.diagonal(t, offset=1)
np.array_split(t, 2, axis=1)[0]
np.permute_dims(t, axes=(1, 0))
np.pow(t, 2)
np.concat([t, t])
"""
REFUSED = """
np.clip(t, 0, 1, out=np.zeros((2, 3)))
np.sum(t, 0, np.float32)
np.sum(t, initial=3.0)
np.sum(t, where=a > 0)
np.sum(t, dtype=np.float64)
np.max(t, initial=0)
np.var(t, axis=0, ddof=1, keepdims=True, mean=np.mean(a, 0, keepdims=True))
np.cumsum(t, axis=1, dtype=np.float32)
np.concatenate([t, t], axis=0, dtype=np.float64)
np.reshape(t, (3, 2), order="F")
np.ravel(t, "F")
np.take(t, [9], mode="clip")
np.pad(t, 1, mode="reflect", reflect_type="even")
np.pad(t, 1, mode="maximum", stat_length=2)
"""


def called(text: str, t: Any) -> Any:
    return eval(text, {"np": np, "a": a, "t": t})


def known(text: str) -> bool:
    """Whether this NumPy has the function: some are new in 2.1 and later."""
    return all(hasattr(np, name) for name in re.findall(r"np\.([a-z]\w*)", text))


@pytest.mark.parametrize("text", [*filter(known, WORKS.strip().splitlines())])
def test_an_argument_works_as_numpys_own_does(text: str) -> None:
    t = tg.tensor(a, requires_grad=True)
    y, want = called(text, t), called(text, a)
    assert isinstance(y, tg.Tensor)
    assert y.shape == want.shape
    np.testing.assert_allclose(y.data, want)
    y.sum().backward()
    assert t.grad is not None


@pytest.mark.parametrize("text", [*filter(known, REFUSED.strip().splitlines())])
def test_an_argument_without_derivative_is_refused_by_name(text: str) -> None:
    words = r"^np\.\w+ of a tensor has no derivative with \w+=: \w|into an array.*not out="
    with pytest.raises(UnsupportedError, match=words):
        called(text, tg.tensor(a, requires_grad=True))
