"""A run of folded steps as one narrow panel: "... 46 steps", with what its states' gradients do meanwhile."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from viz.diagram.folding import Run
from viz.layout.geometry import Box, Place
from viz.scene.marks import Cluster, Path, Scene, Span, text_from
from viz.style.steps import MASKED, at_step
from viz.style.stroke import Stroke
from viz.style.text import number
from viz.views.rows import TEXT, Row

MOST = 120  # pieces of a belt; of a longer run each piece stands for several steps
ROOM = 120  # points between two belts that are enough for two plots
PLOT = 74  # points that a small plot is high


def draw_fold(scene: Scene, row: Row, run: Run) -> None:
    """Put the panel of a run into the picture: belts as wide as the gradients in it, and a small plot of each."""
    (first, last), theme = run, row.theme
    box = row.fold_box(first)
    masked = first in row.cells.masked  # all compute the same, so all are, or none
    caption = [Span(f"... {last - first + 1} steps", 14, theme.quiet, bold=True)]
    caption += [Span(f"\u00a0\u00a0{MASKED}", 12, theme.quiet, italic=True)] if masked else []
    tooltip = (f"{at_step(first, last)}, which all compute the same",)
    scene.add(
        Cluster(f"{row.prefix}fold_{first}_{last}", box, theme.panel, theme.frame, tuple(caption), tooltip, "", masked)
    )
    names = row.template.states
    tops, room = _plots(row, box)
    for k, name in enumerate(names):
        series = {t: size for t, size in sorted(row.encoding.series(name).items()) if first <= t <= last}
        _belt(scene, row, name, series, box)
        if series and k < len(tops):
            _plot(scene, row, name, series, (box[0] + 16, max(tops[k] - room, box[1] + 6), box[2] - 16, tops[k]))
    _product(scene, row, run, box)


def _plots(row: Row, box: Box) -> tuple[list[float], float]:
    """The tops of the plots of the first two states, and their height: between the two, or where most room is."""
    first, *others = (row.height(name) for name in row.template.states)
    if not others:
        return [first - 30], PLOT + 14.0
    borders = sorted([box[1] - 24, first, *others, box[3] - 20], reverse=True)
    bands = [(first, others[0]), *sorted(pairwise(borders), key=lambda band: band[1] - band[0])]
    high, low = next((band for band in bands[:2] if band[0] - band[1] > ROOM), bands[0])
    room = min(PLOT + 14.0, (high - low - 60) / 2)
    return ([high - 30, low + 30 + room] if room > 0 else []), room


def _belt(scene: Scene, row: Row, name: str, series: Mapping[int, float], box: Box) -> None:
    """A state's line through the run, piece by piece as wide as its number there."""
    y, (left, _, right, _), encoding = row.height(name), box, row.encoding
    if not series:
        scene.add(Path(((left, y), (right, y)), encoding.fold_stroke(name, None)))
        return
    steps = list(series)
    each = max(1, math.ceil(len(steps) / MOST))
    wide = (right - left) / len(steps)
    for k in range(0, len(steps), each):
        stroke = encoding.fold_stroke(name, series[steps[k]])
        many = min(each, len(steps) - k) * (0.6 if stroke.dashed else 1)
        piece = ((left + wide * k, y), (left + wide * (k + many) + 0.4, y))
        tooltip = (f"{encoding.measured(name, row.cells.index(steps[k]))} {encoding.figure(series[steps[k]])}",)
        scene.add(Path(piece, _without_gaps(stroke), tooltip=tooltip))


def _without_gaps(stroke: Stroke) -> Stroke:
    """A piece is too short to have gaps of its own: gaps are between the pieces."""
    return replace(stroke, dashed=False)


def _plot(scene: Scene, row: Row, name: str, series: Mapping[int, float], box: Box) -> None:
    """The number of each step on the encoding's axis, its ends in figures; what has no place there is left out."""
    (left, bottom, right, top), encoding, quiet = box, row.encoding, row.theme.quiet
    levels = {t: level for t, size in series.items() if (level := encoding.level(size)) is not None}
    sign = encoding.measured(name, "ₜ")
    if len(levels) < 2:
        words = Span(f"{sign} 0 or not finite", TEXT, quiet)
        scene.add(text_from(f"{row.prefix}plot_{name}_{min(series)}", (left, bottom + 20), words, high=14))
        return
    low, high = min(levels.values()), max(levels.values())
    middle, half = (low + high) / 2, max((high - low) / 2, 0.25)
    begin, end, tall = min(series), max(series), top - 14 - bottom
    points = [
        (
            left + (right - left) * (t - begin) / (end - begin),
            bottom + tall * (0.5 + (level - middle) / (2.6 * half)),
        )
        for t, level in levels.items()
    ]
    stroke = Stroke(encoding.fold_stroke(name, None).colour, 1.6)
    for piece in _pieces(points, (right - left) / (end - begin)):
        scene.add(Path(tuple(piece), stroke, tooltip=(f"{sign} at {at_step(begin, end)}, {encoding.plotted_on}",)))
    first, last = min(levels), max(levels)
    ends = f"{sign} {encoding.figure(series[first])} at {at_step(first)}, {encoding.figure(series[last])} at {last}"
    scene.add(text_from(f"{row.prefix}plot_{name}_{begin}", (left, top - 6), Span(ends, TEXT, quiet), high=14))


def _pieces(points: Sequence[Place], step: float) -> list[list[Place]]:
    """The points in runs without a gap."""
    pieces: list[list[Place]] = []
    for point in points:
        if pieces and point[0] - pieces[-1][-1][0] < 1.5 * step:
            pieces[-1].append(point)
        else:
            pieces.append([point])
    return [piece for piece in pieces if len(piece) > 1]


def _product(scene: Scene, row: Row, run: Run, box: Box) -> None:
    """What the belt is multiplied by over the whole run."""
    gate = row.template.gate
    if not gate:
        return
    products = []
    for one in row.encoding.runs:
        products.append(number(math.prod(one.mean_gate(t) for t in range(run[0], run[1] + 1))))
    text = f"product of mean {gate}: {' → '.join(products)}"
    colour = row.theme.text_of(row.theme.carry)
    left = box[0] + (16 if not row.mirrored else 40)  # there the line to a loss is at the left
    place = left, row.height(row.template.belt_state) + 20
    scene.add(text_from(f"{row.prefix}product_{run[0]}", place, Span(text, 12, colour), high=14))
