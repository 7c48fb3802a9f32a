"""The steps of a run as plots read them: one layer and direction, its values by name, and which step is the last."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinygrad_lstm.errors import ArgumentError
from tinygrad_lstm.nn import Chain, Step, Trajectory
from viz.plots.canvas import Array


def chain_of(trajectory: Trajectory, chain: int) -> Chain:
    """One layer and direction of a run; ArgumentError if there is none of that number, or its steps were not kept."""
    chains = trajectory.chains
    if not -len(chains) <= chain < len(chains):
        raise ArgumentError(f"no chain {chain}: the run has {len(chains)}, layer by layer, forward before reverse")
    if not chains[chain].steps:
        raise ArgumentError("the steps of this run were not kept: make it with layer.unroll(x)")
    return chains[chain]


def check_names(one: Chain, names: Sequence[str]) -> None:
    """ArgumentError unless every step has values of these names."""
    for name in names:
        if name not in one.steps[0].named:
            raise ArgumentError(
                f"no {name!r} in the steps of a {type(one.cell).__name__}; there are {', '.join(one.steps[0].named)}"
            )


def by_unit(one: Chain, name: str, row: int) -> Array:
    """A value of one row of the batch, units down and time right: (H, T)."""
    values = np.stack([step.named[name].data for step in one.steps])
    rows = values.reshape(len(values), -1, values.shape[-1] if values.ndim > 1 else 1)
    if not -rows.shape[1] <= row < rows.shape[1]:
        raise ArgumentError(f"no row {row} in a batch of {rows.shape[1]}")
    return np.asarray(rows[:, row].T)


def last_first(one: Chain) -> list[Step]:
    """The steps from the last that was made to the first: of a reverse chain, which runs from T to 1, t = 1 first."""
    last = one.state[0] if isinstance(one.state, tuple) else one.state
    reverse = one.steps[0].named[one.cell.states[0]] is last
    return list(one.steps) if reverse else list(one.steps)[::-1]
