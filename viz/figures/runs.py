"""Several runs: each with its name, its chains, and the gradient in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.errors import TinygradError
from viz.diagram.names import brief
from viz.figures.cell_views import MANY_STEPS
from viz.figures.composition import Arrangement, arrange, opened
from viz.figures.options import Options
from viz.figures.selection import Selection, select
from viz.measure.backward import Delivered, watch_backward
from viz.measure.gradient import ChainGradient, measure_chains
from viz.views.words import describe_gradients

MOST = 5  # steps side by side; of more than these several runs with all their gates could not be read


@dataclass(frozen=True)
class Run:
    """One of the runs: what it is called, safely, and the gradient in each of its chains, as they were found."""

    name: str
    id: str
    selection: Selection
    delivered: Delivered
    gradients: Sequence[ChainGradient]

    @property
    def top(self) -> ChainGradient:
        """The top layer's; of two directions the forward one's."""
        numbers = self.selection.layers
        return self.gradients[numbers.index(numbers[-1])]

    @property
    def last(self) -> int:
        """The number of time steps."""
        return self.top.cells.last

    @property
    def where(self) -> str:
        """Which of several chains the top one is, in words."""
        numbers = self.selection.layers
        layer = f"layer {numbers[-1] + 1}" if numbers[-1] else ""
        direction = "forward" if len(numbers) > len(set(numbers)) else ""
        return ", ".join(filter(None, [layer, direction]))

    @property
    def states(self) -> list[str]:
        """The states of the top layer, that of the belt first."""
        return self.top.cells.template.states

    def norms(self, name: str) -> Mapping[int, float]:
        """‖∂L/∂state‖ at each step of the top layer."""
        found = self.top.state_norms(name)
        return {t: found[t] for t in sorted(self.top.cells.order) if t in found}

    def describe(self) -> str:
        """The run in words."""
        return describe_gradients(self.gradients, self.selection.captions)


def runs_of(runs: Iterable[tuple[object, tuple[tg.Tensor, nn.Trajectory]]]) -> list[Run]:
    """The runs with their gradients, each under an id of its own; errors name the run that they are about."""
    found: list[Run] = []
    for k, (given, (loss, trajectory)) in enumerate(runs, start=1):
        name = brief(str(given)).strip() or f"run {k}"
        try:
            selection = select(trajectory, None, loss)
            delivered = watch_backward(loss, selection.graph)
            gradients = measure_chains(selection.chains, delivered)
        except TinygradError as error:
            raise type(error)(f"run {name!r}: {error}") from None
        found.append(Run(name, _safe(name, {run.id for run in found}), selection, delivered, gradients))
    return found


def _safe(name: str, taken: set[str]) -> str:
    """A name as an id: plain letters and figures, and not one that is taken.

    >>> _safe('<my "run">', set()), _safe("1", {"run_1"}), _safe("訓練前", {"run"})
    ('my_run', 'run_1_2', 'run_2')
    """
    word = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")[:24] or "run"
    word = word if word[0].isalpha() else f"run_{word}"
    return next(one for k in range(1, len(taken) + 2) if (one := word if k == 1 else f"{word}_{k}") not in taken)


def arrange_runs(runs: Sequence[Run], options: Options) -> dict[str, Arrangement]:
    """How each run is drawn: all in one view, and those of as many steps with the same steps folded."""
    by_length: dict[int, list[Run]] = {}
    for run in runs:
        by_length.setdefault(run.last, []).append(run)

    def decide(options: Options) -> dict[str, Arrangement]:
        found: dict[str, Arrangement] = {}
        for alike in by_length.values():
            how = arrange([one for run in alike for one in run.selection.chains], options, most=MOST)
            found |= {run.id: how for run in alike}
        return found

    found = decide(options)
    many = any(how.view == MANY_STEPS for how in found.values())
    return decide(replace(options, view=MANY_STEPS)) if many else found


def open_runs(runs: Sequence[Run], hows: Mapping[str, Arrangement], options: Options) -> dict[str, Arrangement]:
    """The same runs with their folds opened, alike in those of as many steps."""
    count = sum(len(run.selection.chains) for run in runs)
    found: dict[str, Arrangement] = {}
    for last in dict.fromkeys(run.last for run in runs):
        alike = [run for run in runs if run.last == last]
        how = hows[alike[0].id]
        if how.hidden:
            how = opened([one for run in alike for one in run.selection.chains], how, options, count)
        found |= {run.id: how for run in alike}
    return found
