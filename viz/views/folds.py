"""A run of folded steps as one narrow panel: "... 46 steps", with what its states' gradients do meanwhile."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from viz.diagram.folding import Run
from viz.geometry import Box, Place
from viz.scene.marks import Curve, Frame, Node, Span
from viz.style.text import number
from viz.views.rows import Band

MOST = 120  # pieces of a belt; of a longer run each piece stands for several steps
PLOT = 74  # points that a small plot is high


def fold_column(band: Band, run: Run) -> None:
    """Put the panel of a run into the picture: belts as wide as the gradients in it, and a small plot of each."""
    (first, last), theme = run, band.theme
    box = band.fold_box(first)
    masked = first in band.unrolled.masked  # all compute the same, so all are, or none
    caption = [Span(f"... {last - first + 1} steps", 14, theme.quiet, bold=True)]
    caption += [Span("\u00a0\u00a0masked", 12, theme.quiet, italic=True)] if masked else []
    tooltip = (f"t = {first} to {last}, which all compute the same",)
    frame = Frame(
        f"{band.prefix}fold_{first}_{last}", box, theme.panel, theme.frame, tuple(caption), tooltip, "", masked
    )
    band.scene.add(frame)
    names = [band.template.belt_state, *(n for n in band.template.made_in if n != band.template.belt_state)]
    room = PLOT + 14.0  # of each plot, between the two belts
    if len(names) > 1:
        room = min(room, (band.height(names[0]) - band.height(names[1]) - 60) / 2)
    for k, name in enumerate(names):
        series = {t: size for t, size in sorted(band.paint.series(name).items()) if first <= t <= last}
        hue = band.paint.belt(name, 1.0).colour
        _belt(band, name, series, box, hue)
        middle = band.height(name)
        top = middle - 30 if k == 0 else middle + 30 + room
        if series and k < 2:
            _plot(band, name, series, (box[0] + 16, max(top - room, box[1] + 6), box[2] - 16, top), hue)
    _product(band, run, box)


def _belt(band: Band, name: str, series: Mapping[int, float], box: Box, hue: str) -> None:
    """A state's line through the run, piece by piece as wide as ‖∂L/∂state‖ there."""
    y, (left, _, right, _) = band.height(name), box
    if not series:
        band.scene.add(Curve(((left, y), (right, y)), hue, 2.6, dashed=band.paint.belt(name, 1.0).dashed))
        return
    steps = list(series)
    each = max(1, math.ceil(len(steps) / MOST))
    wide = (right - left) / len(steps)
    for k in range(0, len(steps), each):
        stroke = band.paint.belt(name, series[steps[k]])
        many = min(each, len(steps) - k) * (0.6 if stroke.dashed else 1)
        piece = ((left + wide * k, y), (left + wide * (k + many) + 0.4, y))
        tooltip = (f"{band.paint.measured(name, band.index(steps[k]))} {band.paint.figure(series[steps[k]])}",)
        band.scene.add(Curve(piece, stroke.colour, stroke.width, tooltip=tooltip))


def _plot(band: Band, name: str, series: Mapping[int, float], box: Box, hue: str) -> None:
    """The number of each step on the paint's scale, its ends in figures; what has no place there is left out."""
    left, bottom, right, top = box
    scene, quiet = band.scene, band.theme.quiet
    levels = {t: level for t, size in series.items() if (level := band.paint.level(size)) is not None}
    sign = band.paint.measured(name, "ₜ")
    if len(levels) < 2:
        _word(band, f"plot_{name}_{min(series)}", (left, bottom + 20), Span(f"{sign} 0 or not finite", 11, quiet))
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
    for piece in _pieces(points, (right - left) / (end - begin)):
        scene.add(Curve(tuple(piece), hue, 1.6, tooltip=(f"{sign} at t = {begin} to {end}, {band.paint.scale}",)))
    first, last = min(levels), max(levels)
    figure = band.paint.figure
    ends = f"{sign} {figure(series[first])} at t = {first}, {figure(series[last])} at {last}"
    _word(band, f"plot_{name}_{begin}", (left, top - 6), Span(ends, 10.5, quiet))


def _pieces(points: Sequence[Place], step: float) -> list[list[Place]]:
    """The points in runs without a gap."""
    pieces: list[list[Place]] = []
    for point in points:
        if pieces and point[0] - pieces[-1][-1][0] < 1.5 * step:
            pieces[-1].append(point)
        else:
            pieces.append([point])
    return [piece for piece in pieces if len(piece) > 1]


def _product(band: Band, run: Run, box: Box) -> None:
    """What the belt is multiplied by over the whole run."""
    gate = band.template.gate
    if not gate:
        return
    products = []
    for one in band.paint.runs:
        products.append(number(math.prod(one.mean_gate(t) for t in range(run[0], run[1] + 1))))
    text = f"product of mean {gate}: {' → '.join(products)}"
    colour = band.theme.text_of(band.theme.carry)
    place = box[0] + 16, band.height(band.template.belt_state) + 20
    _word(band, f"product_{run[0]}", place, Span(text, 12, colour))


def _word(band: Band, name: str, left: Place, span: Span) -> None:
    width = 0.56 * span.size * len(span.text)
    node = Node(
        f"{band.prefix}{name}", (left[0] + width / 2, left[1]), (width, 14), ((span,),), shape="text", left=True
    )
    band.scene.add(node)
