"""How far a state reaches: Jacobians between states, their part along the belt, and how long a unit remembers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from tinygrad_lstm.arguments import ARRAY, LOSS, TENSOR, TRAJECTORY, integer, takes
from tinygrad_lstm.engine.gradients import grad
from tinygrad_lstm.engine.tensor import Tensor, TensorLike
from tinygrad_lstm.errors import ArgumentError, GradError
from tinygrad_lstm.paths.edges import composed_nodes, cut, is_crossing, name_at_step
from tinygrad_lstm.tables import Column, Table, Tabular
from tinygrad_lstm.torch_modules import also_of_torch, loss_and_trajectory

Array: TypeAlias = np.ndarray


class StateJacobian(Tabular):
    """∂y/∂x, all paths counted: ``matrix`` (*y.shape, *x.shape), ``norm`` (the largest singular value), and ``belt``.

    ``belt`` is the part that never left the carries: for C_T and C_t of an LSTM, diag(f_{t+1} ⊙ ... ⊙ f_T).
    """

    def __init__(self, y: Tensor, x: Tensor, matrix: Array) -> None:
        self.y, self.x, self.matrix = y, x, matrix
        self._name = "/".join(f"∂{name_at_step(each.source.node, each.source.index)}" for each in (y, x))

    def __getstate__(self) -> dict[str, Any]:
        """For a copy or a pickle, which leave the graph out: the belt is computed first, if the graph is there."""
        with suppress(GradError):
            self.belt  # noqa: B018  # a cached property: it is kept
        return self.__dict__ | {"y": self.y.detach(), "x": self.x.detach()}

    @cached_property
    def singular_values(self) -> Array:
        """Of the matrix with y and x laid flat, largest first."""
        return np.linalg.svd(self.matrix.reshape(self.y.size, self.x.size), compute_uv=False)

    @property
    def norm(self) -> float:
        """The largest factor by which a change of x can grow on its way to y."""
        return float(self.singular_values.max(initial=0.0))

    @cached_property
    def belt(self) -> Array:
        """The Jacobian with every crossing cut. Cost: one more backward pass for each element of y."""
        with cut(is_crossing):
            return rows_of(self.y, self.x)

    def _tables(self) -> Iterator[Table]:
        """The singular values, the factors by which changes in that many directions grow."""
        shown = self.singular_values[:8]
        rest = len(self.singular_values) - len(shown)
        yield Table(
            f"{self._name} {self.matrix.shape}: its singular values, the factors by which a change grows",
            [Column("", 5), Column("", 10)],
            [(f"{k}", f"{value:.4g}") for k, value in enumerate(shown, start=1)],
            f"  ... {rest} more, the least {self.singular_values[-1]:.4g}" if rest else "",
        )

    def __repr__(self) -> str:
        return f"StateJacobian({self._name} {self.matrix.shape}, norm {self.norm:.4g})"


@takes(y=TENSOR, x=TENSOR)
def state_jacobian(y: Tensor, x: Tensor) -> StateJacobian:
    """The Jacobian of one state by another, e.g. h_T by h_t: one backward pass for each element of y.

    ∂C_t/∂C_{t-1} is diag(f_t) only with h held fixed (``belt``); in full, h_{t-1} also moves, and with it the gates.
    Norms below 1 vanish over many steps, and above 1 may explode (Bengio 1994; Pascanu 2013, 1211.5063).

    Raises GradError where one of the two requires no gradient, UnsupportedError for a fused layer.

    >>> import numpy as np
    >>> import tinygrad_lstm as tg
    >>> steps = tg.nn.LSTM(2, 3).unroll(np.ones((5, 2))).steps
    >>> jacobian = state_jacobian(steps[3].c, steps[2].c)
    >>> np.allclose(jacobian.belt, np.diag(steps[3].f.data)), np.allclose(jacobian.matrix, jacobian.belt)
    (True, False)
    """
    if not (y.requires_grad and x.requires_grad):
        raise GradError("both states must be of a graph: make the run with parameters that require a gradient")
    composed_nodes(y)
    return StateJacobian(y, x, rows_of(y, x))


def rows_of(y: Tensor, x: Tensor) -> Array:
    """∂y/∂x, a row for each element of y."""
    matrix = np.zeros((y.size, *x.shape), y.dtype)
    for k in range(y.size):
        e = np.zeros(y.size, y.dtype)
        e[k] = 1
        (g,) = grad(y, x, e.reshape(y.shape), retain_graph=True, allow_unused=True)
        if g is not None:
            matrix[k] = g.data
    return matrix.reshape(*y.shape, *x.shape)


@takes(f=ARRAY)
def half_life(f: TensorLike) -> Array:
    """The number of steps after which a gate of f has halved the cell state: ln ½ / ln f, unit by unit.

    >>> half_life(np.array([0.5, 0.99, 0.999])).round(1).tolist()
    [1.0, 69.0, 692.8]
    """
    array: Array = np.asarray(f, float)
    if array.size and not (array.min() >= 0 and array.max() <= 1):
        raise ArgumentError(f"half_life(f) takes a gate, between 0 and 1, not {array.min():.3g} to {array.max():.3g}")
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(0.5) / np.log(array))


class Horizon(Tabular):
    """How much of a loss each state can still move: ‖dL/dh_t‖ and, where there is one, ‖dL/dc_t‖, for t = 1..T.

    ``norms["h"]`` (T,), ``norms["c"]`` (T,); ``half_lives`` (H,) of the units, from the mean of f over time and batch,
    for a cell that has an f.
    """

    def __init__(self, norms: dict[str, Array], half_lives: Array | None) -> None:
        self.norms, self.half_lives = norms, half_lives

    def _tables(self) -> Iterator[Table]:
        """The norms at every t; below them the half-lives."""
        note = ""
        if self.half_lives is not None:
            least, median, most = np.percentile(self.half_lives, [0, 50, 100])
            note = f"half-lives on the belt: {least:.3g} to {most:.3g} steps, median {median:.3g}"
        rows = enumerate(zip(*self.norms.values(), strict=True), start=1)
        yield Table(
            "",
            [Column("t", 5), *(Column(f"‖dL/d{name}‖", 11) for name in self.norms)],
            [(f"{t}", *(f"{norm:.4g}" for norm in row)) for t, row in rows],
            note,
        )

    def __repr__(self) -> str:
        return f"Horizon({', '.join(self.norms)}, {len(next(iter(self.norms.values())))} steps)"


@also_of_torch(loss_and_trajectory)
@takes(loss=LOSS, trajectory=TRAJECTORY, chain=integer(None))
def horizon(loss: Tensor, trajectory: Any, chain: int = -1) -> Horizon:
    """The norms of the gradients by the states of every step of a trajectory, ready to plot (Pascanu 2013, 1211.5063).

    ``chain``: which layer and direction, in the order of ``trajectory.chains``; the top one by default. Cost: one
    backward pass. Raises UnsupportedError for a fused layer.

    >>> import tinygrad_lstm as tg
    >>> tg.manual_seed(0)
    >>> trajectory = tg.nn.GRU(2, 3).unroll(tg.randn(3, 1, 2))
    >>> print(horizon(trajectory.output[-1].sum(), trajectory))
        t    ‖dL/dh‖
        1 ...
        2 ...
        3       1.732
    """
    chains = trajectory.chains
    if not -len(chains) <= chain < len(chains):
        raise ArgumentError(f"horizon(): no chain {chain}; this trajectory has {len(chains)}")
    one = chains[chain]
    if not one.steps:
        raise ArgumentError("horizon(): the steps of this trajectory were not kept: make it with layer.unroll(x)")
    composed_nodes(loss)
    names = one.cell.states
    states = [step.named[name] for name in names for step in one.steps]
    found = grad(loss, states, retain_graph=True, allow_unused=True)
    norms = np.array([0.0 if g is None else float(np.linalg.norm(g.data)) for g in found]).reshape(len(names), -1)
    f = [step.named["f"].data for step in one.steps if "f" in step.named]
    lives = half_life(np.mean(f, axis=tuple(range(np.ndim(f) - 1)))) if f and "c" in names else None
    return Horizon(dict(zip(names, norms, strict=True)), lives)
