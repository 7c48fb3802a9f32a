"""Several runs in one picture on one scale: RNN, GRU and LSTM one below the other, or before and after training.

The same step is at the same place in all of them, and one line is as wide as another where as much gradient goes along
it; below them the norms themselves are plotted over time on one logarithmic axis, so that what vanishes is seen.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import tinygrad_lstm as tg
from tinygrad_lstm import nn
from tinygrad_lstm.arguments import RUNS, one_of, takes
from tinygrad_lstm.errors import TinygradError
from viz.diagram.cellgraph import Unrolled
from viz.diagram.folding import Fold
from viz.diagram.names import brief
from viz.diagram.templates import Template
from viz.encode.encoding import WIDE, Gradients, scale
from viz.figures.selection import Arrangement, View, arrange, find, layer_numbers, layers_of, story
from viz.measure.gradient import Flow, flows_of
from viz.output.picture import Picture
from viz.scene.legend import Entry, draw_header
from viz.scene.marks import Node, Row, Scene, Span
from viz.style.text import in_words, letter, number, percent, subscript, width_of_text
from viz.style.theme import THEME, Theme, ThemeName, theme_of
from viz.views.cells import Layer, draw_layers, how_to_read
from viz.views.norms import Series, plot_norms
from viz.views.rows import BAR_HEIGHT, BAR_Y, Band

MOST = 5  # steps side by side; of more than these several runs with all their gates could not be read
VIEW = one_of("auto", "cell", "strip", "rolled")  # gradient_paths draws one run's operations
CAPTION, APART = 30, 34  # points: the line with a run's name, and from one run to the next


@dataclass(frozen=True)
class Trial:
    """One of the runs: what it is called, safely, and the gradient in each of its chains."""

    name: str
    id: str
    trajectory: nn.Trajectory
    flows: Sequence[Flow]

    @property
    def found(self) -> list[Unrolled]:
        """Its chains."""
        return [flow.unrolled for flow in self.flows]

    @property
    def top(self) -> Flow:
        """The top layer's; of two directions the forward one's."""
        numbers = layer_numbers(self.trajectory)
        return self.flows[numbers.index(numbers[-1])]

    @property
    def where(self) -> str:
        """Which of several chains that is, in words."""
        numbers = layer_numbers(self.trajectory)
        layer = f"layer {numbers[-1] + 1}" if numbers[-1] else ""
        direction = "forward" if len(numbers) > len(set(numbers)) else ""
        return ", ".join(filter(None, [layer, direction]))

    def norms(self, name: str) -> dict[int, float]:
        """‖∂L/∂state‖ at each step of the top layer."""
        steps = sorted(self.top.unrolled.order)
        return {t: self.top.states[name, t] for t in steps if (name, t) in self.top.states}


@takes(runs=RUNS, view=VIEW, theme=THEME)
def compare(
    runs: Mapping[str, tuple[tg.Tensor, nn.Trajectory]],
    *,
    view: View = "auto",
    fold: Fold = "auto",
    theme: ThemeName = "light",
) -> Picture:
    """The gradient of several runs, one below the other on one scale: ``{name: (loss, trajectory), ...}``.

    Views, folds and themes are those of ``gradient_paths``, but there is no op view; "auto" is the strip of states
    where more than 5 steps would be side by side. A run from before training needs its layer as it was: draw it with a
    copy (``copy.deepcopy``), for an optimizer changes the weights that the graph has kept.

    Raises ArgumentError where there are no runs, and the errors of ``gradient_paths``, which name the run.

    >>> x = tg.randn(8, 1, 2)
    >>> runs = {}
    >>> for layer in (nn.RNN, nn.LSTM):
    ...     tg.manual_seed(0)
    ...     trajectory = layer(2, 4).unroll(x)
    ...     runs[layer.__name__] = (trajectory.steps[-1].h ** 2).sum(), trajectory
    >>> print(compare(runs))
    Two runs on one scale: RNN and LSTM. Of the gradient's norm at t = 8 there is left at t = 1: RNN ... of ∂L/∂h; ...
    """
    colours, named = theme_of(theme), runs_of(runs.items())
    hows = arrangements(named, view, fold)
    scene, base, drawn = Scene(colours), 0.0, dict[str, list[Band]]()
    pictured = {run.id: _layers(run, hows[run.id], colours) for run in named}
    pitch = max(layer.paint.unrolled.template.pitch for layers in pictured.values() for layer in layers)
    for run in reversed(named):  # upwards, the first on top
        layers = [replace(one, paint=one.paint.on(partial(stretch, pitch=pitch))) for one in pictured[run.id]]
        base -= layers[0].paint.unrolled.template.bottom + BAR_Y - BAR_HEIGHT / 2
        drawn[run.id] = draw_layers(scene, layers, hows[run.id].hidden, base, f"{run.id}-")
        top = scene.extent()[3] + CAPTION / 2 + 2
        _caption(scene, run, top)
        base = top + CAPTION / 2 + APART
    longest = max(named, key=lambda run: run.top.unrolled.last)
    series = [one for k, run in enumerate(named) for one in _series(run, k)]
    plot_norms(scene, drawn[longest.id][-1].columns, pitch, longest.top.unrolled.last, series)
    aligned = ", each step at the same place" if len({run.top.unrolled.last for run in named}) == 1 else ""
    scaled = [f"One scale for all runs{aligned}."] if len(named) > 1 else []
    notes = dict.fromkeys(filter(None, (hows[run.id].note for run in named)))
    guide = " ".join([how_to_read([band for bands in drawn.values() for band in bands]), *scaled, *notes])
    left, _, right, top = scene.extent()
    title = f"Where the gradient of L flows: {list_names([run.name for run in named])}"
    draw_header(scene, left, max(right, left + 640), top, title, guide, _legend(named, colours))
    return Picture(scene, title, " ".join([_describe(named), *notes]))


def runs_of(runs: Iterable[tuple[object, tuple[tg.Tensor, nn.Trajectory]]]) -> list[Trial]:
    """The runs with their gradients, each under an id of its own; errors name the run that they are about."""
    found: list[Trial] = []
    for k, (given, (loss, trajectory)) in enumerate(runs, start=1):
        name = brief(str(given)).strip() or f"run {k}"
        try:
            flows = flows_of(loss, find(trajectory, None, loss))
        except TinygradError as error:
            raise type(error)(f"run {name!r}: {error}") from None
        found.append(Trial(name, _safe(name, {run.id for run in found}), trajectory, flows))
    return found


def _safe(name: str, taken: set[str]) -> str:
    """A name as an id: plain letters and figures, and not one that is taken.

    >>> _safe('<my "run">', set()), _safe("1", {"run_1"}), _safe("訓練前", {"run"})
    ('my_run', 'run_1_2', 'run_2')
    """
    word = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")[:24] or "run"
    word = word if word[0].isalpha() else f"run_{word}"
    return next(one for k in range(1, len(taken) + 2) if (one := word if k == 1 else f"{word}_{k}") not in taken)


def arrangements(runs: Sequence[Trial], view: View, fold: Fold) -> dict[str, Arrangement]:
    """How each run is drawn: all in one view, and those of as many steps with the same steps folded."""
    by_length: dict[int, list[Trial]] = {}
    for run in runs:
        by_length.setdefault(run.top.unrolled.last, []).append(run)

    def decide(view: View) -> dict[str, Arrangement]:
        hows: dict[str, Arrangement] = {}
        for alike in by_length.values():
            how = arrange([one for run in alike for one in run.found], [], view, fold, MOST)
            hows |= {run.id: how for run in alike}
        return hows

    hows = decide(view)
    return decide("strip") if any(how.view == "strip" for how in hows.values()) else hows


def _layers(run: Trial, how: Arrangement, theme: Theme) -> list[Layer]:
    return layers_of([Gradients(flow.unrolled, theme, flow) for flow in run.flows], run.trajectory, how)


def stretch(unrolled: Unrolled, pitch: float) -> Unrolled:
    """The chain with a step as wide as this, so that those of two cells are below one another."""
    template, by = unrolled.template, pitch / unrolled.template.pitch
    if by == 1:
        return unrolled
    wider: Template = replace(
        template,
        pitch=pitch,
        boxes={role: replace(box, x=by * box.x) for role, box in template.boxes.items()},
        caption=(by * template.caption[0], template.caption[1]),
        asides={role: (by * x, y) for role, (x, y) in template.asides.items()},
        routing={ends: tuple((by * x, y) for x, y in corners) for ends, corners in template.routing.items()},
    )
    return replace(unrolled, template=wider)


# Words


def list_names(names: Sequence[str]) -> str:
    """Names in a sentence; of many or long ones only how many there are.

    >>> list_names(["RNN", "GRU", "LSTM"])
    'RNN, GRU and LSTM'
    """
    text = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    return text if len(text) <= 90 else f"{in_words(len(names))} runs"


def left_over(norms: Mapping[int, float], order: Sequence[int]) -> str:
    """How much of a gradient's norm at the last step there is at the first.

    >>> left_over({1: 0.02, 2: 0.5}, [1, 2]), left_over({1: 3e-9, 2: 1.0}, [1, 2]), left_over({1: 0.0}, [1, 2])
    ('4.0%', '3.0e−9', 'nothing to compare')
    """
    first, last = norms.get(order[0]), norms.get(order[-1])
    if first is None or not last or not math.isfinite(first / last):
        return "nothing to compare"
    part = first / last
    if not 1e-4 <= part < 100:
        return number(part)
    return percent(part) if part >= 0.0995 else f"{100 * part:.2g}%" if part < 0.01 else f"{100 * part:.1f}%"


def _states(run: Trial) -> list[str]:
    """The states of a run, that of the belt first."""
    template = run.top.unrolled.template
    return [template.belt_state, *(name for name in template.made_in if name != template.belt_state)]


def _letter(run: Trial, name: str) -> str:
    return letter(name, run.top.unrolled.template.is_lstm)


def _caption(scene: Scene, run: Trial, y: float) -> None:
    """The name of a run above it, and what is left of its gradient."""
    order, quiet, words = run.top.unrolled.order, scene.theme.quiet, list[str]()
    for name in _states(run) if len(order) > 1 else []:
        norms, sign = run.norms(name), _letter(run, name)
        share, (first, *_, last) = left_over(norms, order), map(subscript, order)
        some = bool(norms.get(order[-1]))
        words.append(f"{share} of ‖∂L/∂{sign}{last}‖ is left at {sign}{first}" if some else f"{sign}: {share}")
    where = f" ({run.where})" if run.where else ""
    row: Row = (Span(run.name, 17, bold=True), Span(f"\u00a0\u00a0\u00a0{', '.join(words)}{where}", 13, quiet))
    wide = sum(width_of_text(span.text, span.size) for span in row)
    left = -96.0
    scene.add(Node(f"{run.id}-name", (left + wide / 2, y), (wide, CAPTION - 4), (row,), shape="text", left=True))


def _series(run: Trial, k: int) -> list[Series]:
    """The norms of a run's states, to be plotted as one of the runs."""
    names, order = _states(run), run.top.unrolled.order
    found = []
    for name in names:
        norms = run.norms(name)
        label = run.name if len(names) == 1 else f"{run.name} {_letter(run, name)}"
        tooltip = f"‖∂L/∂{_letter(run, name)}ₜ‖ of {run.name}"
        share = left_over(norms, order) if len(order) > 1 and norms.get(order[-1]) else ""
        found.append(Series(f"{run.id}-norm_{name}", label, share, tooltip, norms, k, dashed=name != names[0]))
    return found


def _legend(runs: Sequence[Trial], theme: Theme) -> list[Sequence[Entry]]:
    """One legend for all cells."""
    belts = [run for run in runs if run.top.unrolled.template.belt]
    routes = [Entry("belt, the path along C (of a GRU along h): only × its gate", theme.carry, 4)] if belts else []
    routes += [
        Entry("crossing, through h into a gate: × σ′, tanh′, Uᵀ", theme.crossing, 3, dashed=True),
        Entry("into the shared weights", theme.weight, 3),
        *([Entry("to the layer below", theme.ink, 3)] if any(len(run.flows) > 1 for run in runs) else []),
        Entry("no gradient", theme.forward, 1.1, forward=True),
    ]
    return [routes, [*scale(theme), Entry(WIDE, theme.ink, 0)]]


def _describe(runs: Sequence[Trial]) -> str:
    """The story of all runs, after a sentence that compares them."""
    names = list_names([run.name for run in runs])
    counted = (
        f"{in_words(len(runs)).capitalize()} runs on one scale: {names}." if len(runs) > 1 else f"One run: {names}."
    )
    parts = []
    for run in runs:
        order = run.top.unrolled.order
        if len(order) > 1:
            shares = [f"{left_over(run.norms(name), order)} of ∂L/∂{_letter(run, name)}" for name in _states(run)]
            where = f" ({run.where})" if run.where else ""
            parts.append((order[0], order[-1], f"{run.name} {' and '.join(shares)}{where}"))
    groups: dict[tuple[int, int], list[str]] = {}
    for first, last, share in parts:
        groups.setdefault((first, last), []).append(share)
    compared = [
        f"Of the gradient's norm at t = {last} there is left at t = {first}: {'; '.join(shares)}."
        for (first, last), shares in groups.items()
    ]
    stories = [f"{run.name}: {story(run.found, run.flows, run.trajectory)}" for run in runs]
    return " ".join([counted, *compared, *stories])
