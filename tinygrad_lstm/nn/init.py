"""Initial weights, drawn from the generator that ``manual_seed`` starts: arrays, and schemes for recurrent cells.

A recurrent cell takes ``init``, a word or a scheme: "orthogonal", "uniform" (PyTorch's), "identity" or "chrono", of
which ``nn.init.chrono(T_max)`` is the one for dependencies of T_max steps. ``nn.LSTM(8, 16, init="chrono")`` hands the
word to its cells. Without it a cell begins as ``Scheme`` says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from tinygrad_lstm.engine.absent import getattr_of
from tinygrad_lstm.engine.arrays import get_default_dtype
from tinygrad_lstm.engine.creation import generator
from tinygrad_lstm.errors import ArgumentError, public
from tinygrad_lstm.nn.options import is_number, real_dtype


def floating_dtype(dtype: DTypeLike | None) -> np.dtype:
    """The dtype of new weights: the default one, if none is given; DtypeError for one that is not floating."""
    return get_default_dtype() if dtype is None else real_dtype(dtype)


@public()
def uniform(shape: tuple[int, ...], bound: float, dtype: DTypeLike | None = None) -> np.ndarray:
    """Uniform in (-bound, bound)."""
    return generator().uniform(-bound, bound, shape).astype(floating_dtype(dtype))


@public()
def normal(shape: tuple[int, ...], scale: float = 1.0, dtype: DTypeLike | None = None) -> np.ndarray:
    """Normal, with mean 0 and this standard deviation."""
    return (scale * generator().standard_normal(shape)).astype(floating_dtype(dtype))


@public()
def glorot(rows: int, columns: int, dtype: DTypeLike | None = None) -> np.ndarray:
    """Uniform with variance 2 / (rows + columns), which keeps values and gradients in scale (Glorot 2010, eq. 16)."""
    return uniform((rows, columns), float(np.sqrt(6 / max(1, rows + columns))), dtype)


@public()
def orthogonal(n: int, dtype: DTypeLike | None = None) -> np.ndarray:
    """A random rotation (n, n): a vector multiplied by it again and again keeps its length (Saxe 2013)."""
    q, r = np.linalg.qr(generator().standard_normal((n, n)))
    return (q * np.sign(np.diag(r))).astype(floating_dtype(dtype))


# How a recurrent cell begins -----------------------------------------------------------------------------------------


class Scheme:
    """W Glorot-uniform and U orthogonal, gate by gate; b at 0, that of a forget gate at 1 (``forget_bias``).

    A U that is not square, as beside a projection, is Glorot-uniform too. Another scheme is a subclass that says what
    differs; n gates of H units see inputs of width D and a state of width P.

    >>> class Small(Scheme):
    ...     def recurrent(self, n, H, P, dtype):
    ...         return normal((n * H, P), 0.01, dtype)
    >>> from tinygrad_lstm import nn
    >>> bool((abs(nn.GRU(3, 5, init=Small()).layers[0].U.data) < 0.1).all())
    True
    """

    def check(self, cell: str, square: bool, memory: tuple[int, ...], bias: bool) -> None:
        """ArgumentError for a cell for which the scheme has no meaning.

        ``square`` is whether it has a U (nH, H). ``memory`` has a number for each gate: 1 where the gate keeps the old
        state, -1 where it writes the new one, 0 where it does neither.
        """

    def inputs(self, n: int, H: int, D: int, dtype: DTypeLike | None) -> np.ndarray:
        """W (nH, D)."""
        return np.concatenate([glorot(H, D, dtype) for _ in range(n)])

    def recurrent(self, n: int, H: int, P: int, dtype: DTypeLike | None) -> np.ndarray:
        """U (nH, P)."""
        return np.concatenate([orthogonal(H, dtype) if P == H else glorot(H, P, dtype) for _ in range(n)])

    def projection(self, P: int, H: int, dtype: DTypeLike | None) -> np.ndarray:
        """W_h (P, H)."""
        return glorot(P, H, dtype)

    def biases(self, memory: tuple[int, ...], H: int, dtype: DTypeLike | None) -> np.ndarray:
        """b (nH,), of n gates with these parts in the memory."""
        return np.zeros(len(memory) * H, floating_dtype(dtype))

    def forget(self, b: np.ndarray, forget_bias: float | None) -> None:
        """Set the biases of a forget gate, (H,), to the number that is given, or to 1."""
        b[:] = 1.0 if forget_bias is None else forget_bias


class Orthogonal(Scheme):
    """How every cell with a square U begins anyway; given as ``init``, it is an error for a cell without one."""

    def check(self, cell: str, square: bool, memory: tuple[int, ...], bias: bool) -> None:
        """ArgumentError for a cell without a square U."""
        if not square:
            raise ArgumentError(f"init={type(self).__name__.lower()!r} is of a square U, and a {cell} has none")


class Uniform(Scheme):
    """Everything uniform in ± 1/√H, as in PyTorch: the biases of a forget gate too, unless ``forget_bias`` is given.

    PyTorch has two biases for each gate, of which b is the sum; here b itself is drawn.
    """

    def inputs(self, n: int, H: int, D: int, dtype: DTypeLike | None) -> np.ndarray:
        """W (nH, D)."""
        return uniform((n * H, D), H**-0.5, dtype)

    def recurrent(self, n: int, H: int, P: int, dtype: DTypeLike | None) -> np.ndarray:
        """U (nH, P)."""
        return uniform((n * H, P), H**-0.5, dtype)

    def projection(self, P: int, H: int, dtype: DTypeLike | None) -> np.ndarray:
        """W_h (P, H)."""
        return uniform((P, H), H**-0.5, dtype)

    def biases(self, memory: tuple[int, ...], H: int, dtype: DTypeLike | None) -> np.ndarray:
        """b (nH,)."""
        return uniform((len(memory) * H,), H**-0.5, dtype)

    def forget(self, b: np.ndarray, forget_bias: float | None) -> None:
        """Set the biases where a number is given; else they stay as drawn."""
        if forget_bias is not None:
            b[:] = forget_bias


class Identity(Orthogonal):
    """U the identity, gate by gate, and W normal with deviation 0.001: with relu an RNN remembers (Le 2015, IRNN)."""

    def inputs(self, n: int, H: int, D: int, dtype: DTypeLike | None) -> np.ndarray:
        """W (nH, D)."""
        return normal((n * H, D), 0.001, dtype)

    def recurrent(self, n: int, H: int, P: int, dtype: DTypeLike | None) -> np.ndarray:
        """U (nH, H)."""
        return np.tile(np.eye(H, dtype=floating_dtype(dtype)), (n, 1))


class Chrono(Scheme):
    """Biases by which units remember for 1 to ``T_max`` steps, all lengths alike: see ``chrono``."""

    def __init__(self, T_max: float) -> None:
        self.T_max = T_max

    def check(self, cell: str, square: bool, memory: tuple[int, ...], bias: bool) -> None:
        """ArgumentError for a cell without a gate that keeps or writes, or without biases."""
        if not any(memory):
            raise ArgumentError(f"init='chrono' is of a gate that keeps or writes the state, and a {cell} has none")
        if not bias:
            raise ArgumentError("init='chrono' is about biases: bias=False leaves it nothing to set")

    def biases(self, memory: tuple[int, ...], H: int, dtype: DTypeLike | None) -> np.ndarray:
        """log U(1, T_max - 1) at a gate that keeps, less that at one that writes, 0 elsewhere."""
        if not any(memory):
            return super().biases(memory, H, dtype)
        lasting = np.log(generator().uniform(1, self.T_max - 1, H))
        return np.concatenate([part * lasting for part in memory]).astype(floating_dtype(dtype))

    def forget(self, b: np.ndarray, forget_bias: float | None) -> None:
        """Nothing, for the biases are drawn; ArgumentError if a number is given as well."""
        if forget_bias is not None:
            raise ArgumentError("init='chrono' draws the biases of the forget gate: no forget_bias beside it")


def chrono(T_max: float = 100) -> Chrono:
    """b_f = log u, b_i = -b_f with u uniform in 1..T_max - 1: memories of up to T_max steps (Tallec & Ollivier 2018).

    A gate f = σ(b_f) alone forgets with a time constant of about e^b_f steps. T_max is the longest dependency that is
    expected, 100 steps unless given. In a GRU it is the update gate: the bias of z, which keeps. Raises ArgumentError
    for a T_max below 2.

    >>> from tinygrad_lstm import nn
    >>> b = nn.MinLSTM(3, 1000, init=nn.init.chrono(50)).layers[0].b.data
    >>> f, i = b[:1000], b[1000:2000]
    >>> bool((f == -i).all()), float(np.exp(f.min()).round()), float(np.exp(f.max()).round())
    (True, 1.0, 49.0)
    """
    if not is_number(T_max) or not 2 <= T_max < np.inf:
        raise ArgumentError(f"T_max is the longest dependency in steps, at least 2, not {T_max!r}")
    return Chrono(T_max)


Init: TypeAlias = Scheme | Literal["orthogonal", "uniform", "identity", "chrono"] | None
SCHEMES: dict[str, Callable[[], Scheme]] = {
    "orthogonal": Orthogonal,
    "uniform": Uniform,
    "identity": Identity,
    "chrono": chrono,
}


def scheme(init: Init) -> Scheme:
    """The scheme of this name, or the given one; ArgumentError for another word."""
    if init is None or isinstance(init, Scheme):
        return init or Scheme()
    if not isinstance(init, str) or init not in SCHEMES:
        words = ", ".join(map(repr, SCHEMES))
        raise ArgumentError(f"init is one of {words}, or a scheme such as nn.init.chrono(200), not {init!r}")
    return SCHEMES[init]()


if not TYPE_CHECKING:  # to a type checker, what is not here does not exist
    __getattr__ = getattr_of("nn.init", __name__)
