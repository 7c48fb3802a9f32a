"""The cell view: every part of every step pinned in its place, a band for each layer and direction.

Time runs to the right in every band; in that of a layer which runs from T to 1 the step is mirrored, so that its
states still move away from where they start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from viz.diagram.cellgraph import ABOVE
from viz.diagram.folding import Run
from viz.diagram.templates import Box
from viz.encode.encoding import Paint
from viz.scene.legend import draw_header
from viz.scene.marks import Frame, Node, Scene, Shape, Span
from viz.style.text import letter, number, percent
from viz.style.theme import Theme
from viz.views.folds import fold_column
from viz.views.links import draw_line, draw_link, draw_loops, draw_scissors, draw_weights
from viz.views.rows import BAR_HEIGHT, BAR_Y, Band, Columns

BETWEEN = 44  # points between two bands
SHARES = "what never crossed from h into a gate, projected on the whole, and the rest: together 100%"


@dataclass(frozen=True)
class Layer:
    """A chain to draw: its paint, the number of its layer, and what the band is called where there are several."""

    paint: Paint
    number: int = 0
    caption: str = ""


def cell_view(layers: Sequence[Layer], hidden: Sequence[Run], theme: Theme, title: str, note: str = "") -> Scene:
    """A picture of chains, from the lowest layer up; the last is the one whose ids have no prefix."""
    scene = Scene(theme, title)
    bands = draw_layers(scene, layers, hidden)
    left, _, right, top = scene.extent()
    guide = how_to_read(bands, note)
    deep = len({layer.number for layer in layers}) > 1
    draw_header(scene, left, max(right, left + 800), top, title, guide, layers[-1].paint.legend(deep))
    return scene


def draw_layers(
    scene: Scene, layers: Sequence[Layer], hidden: Sequence[Run], base: float = 0.0, prefix: str = ""
) -> list[Band]:
    """Draw chains from the lowest layer up, the first of them at this height; a prefix keeps two runs' ids apart."""
    last = layers[-1].paint.unrolled
    steps = [1] if last.rolled else range(1, last.last + 1)
    columns = Columns(steps, hidden, max(layer.paint.unrolled.template.pitch for layer in layers))
    bands: list[Band] = []
    for k, layer in enumerate(layers):
        name = prefix if k == len(layers) - 1 else f"{prefix}chain{k}_"
        bands.append(Band(scene, layer.paint, columns, base, name, layer.number, layer.caption))
        base = bands[-1].top + BETWEEN - layer.paint.unrolled.template.bottom - BAR_Y + BAR_HEIGHT / 2
    for band in bands:
        draw_band(band)
    for band in bands:
        following = min((other.layer for other in bands if other.layer > band.layer), default=None)
        for end, above in enumerate(other for other in bands if other.layer == following):
            for line in band.unrolled.lines:  # of two directions both read what this layer puts out
                if line.reader[0] == ABOVE:
                    draw_link(band, above, line, end)
    return bands


def how_to_read(bands: Sequence[Band], note: str = "") -> str:
    """How to read the picture of these bands."""
    mirrored = "In the reverse layer all runs the other way." if any(band.mirrored for band in bands) else ""
    return " ".join(filter(None, [bands[-1].paint.guide, mirrored, list_undrawn(bands), note]))


def list_undrawn(bands: Sequence[Band]) -> str:
    """What is read from outside and has no line, in a sentence."""
    parts = [band.sign(*part) for band in bands for part in band.unrolled.elsewhere]
    return f"Read from outside as well, which is not drawn: {', '.join(parts)}." if parts else ""


def draw_band(band: Band) -> None:
    """One chain: its panels, states, boxes, lines, weights and the loss."""
    template, unrolled = band.template, band.unrolled
    always = {*template.letters, "x", "cell"}  # a step that starts from constants computes less than the others
    for t in band.columns.shown:
        _panel(band, t)
    for name in template.made_in:
        _pill(band, name, unrolled.start if not unrolled.rolled else 0)
    for t in band.columns.shown:
        for role, box in template.boxes.items():
            if role in always or (role, t) in unrolled.parts or unrolled.rolled:
                _box(band, role, box, t)
        _derivative(band, t)
        _split(band, t)
    for run in band.columns.hidden:
        fold_column(band, run)
    draw_weights(band)
    for line in unrolled.lines:
        draw_line(band, line)
    for role, t in unrolled.cuts:
        if t in band.columns.lefts and t not in band.runs:
            draw_scissors(band, role, t)
    if unrolled.rolled:
        draw_loops(band)
    if band.caption:
        words = Span(band.caption, 13, band.theme.quiet, bold=True)
        x = band.across(-62) if not band.mirrored else band.columns.right + 46
        y = band.top + (34 if unrolled.rolled else -16)  # of a rolled cell the states come back below it
        band.scene.add(Node(f"{band.prefix}layer", (x, y), (120, 18), ((words,),), shape="text"))


# Parts of a step


def _panel(band: Band, t: int) -> None:
    """The step's background, with what the step adds to the gradient of the weights."""
    theme, left = band.theme, band.columns.lefts[t]
    box = (left + 8, band.base + band.template.bottom, left + band.template.pitch - 16, band.top)
    caption = [Span(f"t = {t}" if not band.unrolled.rolled else "every t", 14, theme.quiet, bold=True)]
    adds, masked = band.paint.adds(t), t in band.unrolled.masked and not band.unrolled.rolled
    if masked:
        caption.append(Span("\u00a0\u00a0masked", 12, theme.quiet, italic=True))
    if adds and band.template.pitch > 250:
        caption.append(Span(f"\u00a0\u00a0\u00a0{adds}", 12, theme.quiet))
    tooltip = (f"t = {t}", *filter(None, [adds, "some row keeps its old state here" if masked else ""]))
    name = f"{band.prefix}step_{t}"
    band.scene.add(Frame(name, box, theme.panel, theme.frame, tuple(caption), tooltip, hatched=masked))


def _pill(band: Band, name: str, t: int) -> None:
    """A state, with what the paint notes of it."""
    theme, template = band.theme, band.template
    hue = theme.carry if name == template.belt_state == "c" else theme.crossing
    rows = (
        (Span(band.sign(name, t), 15, bold=True),),
        (Span(band.paint.note(name, t), 11, theme.quiet),),
    )
    band.node(name, t, template.boxes[name].size, rows, "round", hue, theme.fill_of(hue), 2.2, band.paint.data(name, t))


def _box(band: Band, role: str, box: Box, t: int) -> None:
    """Any box of the template."""
    theme, template = band.theme, band.template
    if box.look == "state":
        _pill(band, role, t)
        return
    text = band.words(role, t)
    if box.look == "op":
        hue = theme.carry if role in template.belt or role == f"hold_{template.belt_state}" else theme.ink
        size = 15.0 if len(text) == 1 else 8.5
        shape: Shape = "disc" if len(text) < 6 else "round"
        band.node(role, t, box.size, ((Span(text, size),),), shape, hue, theme.paper, 1.8)
    elif box.look in ("product", "cell"):
        rows = tuple((Span(line, 11.5 if box.look == "product" else 11),) for line in text.split("\n"))
        band.node(role, t, box.size, rows, "round", theme.weight, theme.paper, 1.3)
    elif box.look == "input":
        band.node(role, t, box.size, ((Span(text),),), "round", theme.weight, theme.fill_of(theme.weight), 1.3)
    else:
        hue = theme.gate if box.look == "gate" else theme.candidate
        name = letter(role, template.is_lstm)  # C̃ upright: slanted, the tilde slips
        note = Span(f"\u00a0{box.note}", 11, theme.text_of(hue))
        words = Span(name, 12, bold=True, italic=name == role), Span(band.index(t)), note
        band.node(role, t, box.size, (words,), "box", hue, theme.fill_of(hue), 1.6)


def _derivative(band: Band, t: int) -> None:
    """What the belt is multiplied by at this step, in letters and in numbers."""
    template, colour = band.template, band.theme.text_of(band.theme.carry)
    if not template.derivative:
        return
    means = []
    for run in band.paint.runs:
        means.append(number(float(np.mean([run.mean_gate(u) for _, u in run.every(("", t))]))))
    before = band.index(band.unrolled.previous(t))
    law = template.derivative.replace("{t}", band.index(t)).replace("{p}", before)
    words = {"law": (law, 0), "mean": (f"mean × {' → '.join(means)}", -32)}
    for name, (text, below) in words.items():
        x, y = band.at((template.caption[0], template.caption[1] + below), t)
        node = Node(f"{band.prefix}{name}_{t}", (x, y), (130, 16), ((Span(text, 12, colour),),), shape="text")
        band.scene.add(node)


def _split(band: Band, t: int) -> None:
    """How a state's gradient came: a bar of two parts above its pill, at the first step in words as well."""
    split = band.paint.split(t)
    if split is None:
        return
    theme, first = band.theme, t == band.unrolled.order[0]
    x, y = band.place(split.state, t)
    wide, high = 64.0, y + 28
    if split.finite:
        left = x - wide / 2
        for name, hue, part in (("carry", theme.carry, split.carry), ("crossing", theme.crossing, split.crossing)):
            width = round(wide * min(max(part, 0), 1), 1)  # to what is written, so that the two just meet
            if width:
                shares = (f"{percent(part)} of ∂L/∂{band.sign(split.state, t)}", SHARES)
                bar = Node(f"{band.prefix}share_{name}_{t}", (left + width / 2, high), (width, 5), fill=hue,
                           tooltip=shares, data={"share": f"{part:.9g}"})  # fmt: skip
                band.scene.add(bar)
                left += width
    if not first or band.template.pitch < 300:
        return
    state = band.sign(split.state, t)
    routes = "along the belt", "by crossings"
    if split.finite:
        row = [Span(f"∂L/∂{state}:\u00a0", 12, theme.quiet)]
        for k, (hue, part) in enumerate(((theme.carry, split.carry), (theme.crossing, split.crossing))):
            row += [Span(percent(part), 12, theme.text_of(hue), bold=True), Span(f"\u00a0{routes[k]}", 12, theme.quiet)]
            row += [Span(",\u00a0", 12, theme.quiet)] if not k else []
        row += [Span(", against it", 12, theme.quiet)] if split.opposed else []
    else:
        row = [Span(f"∂L/∂{state}:\u00a0not finite, so no shares", 12, theme.quiet)]
    width = 6 * sum(len(span.text) for span in row)
    right = band.columns.lefts[t] + band.template.pitch - 30
    middle = right - width / 2 if not band.mirrored else band.columns.lefts[t] + 22 + width / 2
    where = (middle, band.top - 32), (width, 15)
    band.scene.add(Node(f"{band.prefix}split_text", *where, (tuple(row),), shape="text", tooltip=(SHARES,)))
