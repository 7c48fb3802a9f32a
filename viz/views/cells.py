"""The cell view: every part of every step as marks in its place, a row for each layer and direction.

Time runs to the right in every row; in that of a layer which runs from T to 1 the step is mirrored, so that its
states still move away from where they start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from viz.diagram.cellgraph import NodeKey
from viz.diagram.folding import Run
from viz.diagram.templates import Box
from viz.encode.encoding import Encoding
from viz.scene.marks import Cluster, Node, Scene, Span, width_of
from viz.scene.marks import Row as Words
from viz.style.steps import EVERY_STEP, MASKED, at_step, masked_rows
from viz.style.text import number, percent
from viz.style.theme import Colour
from viz.views.folds import draw_fold
from viz.views.links import draw_links, draw_loops, draw_scissors, draw_weights
from viz.views.rows import BAR_HEIGHT, BAR_Y, TEXT, Row
from viz.views.time_axis import Gaps, TimeAxis, cut_into_rows
from viz.views.tooltips import describe_node

BETWEEN = 44  # points between two rows
NARROW = 250  # points; a step of this pitch has no room for words beside its caption
CLEAR = 18  # from the middle of the belt to the words above and below it
SHARES = "what never crossed from h into a gate, projected on the whole, and the rest: together 100%"


@dataclass(frozen=True)
class Layer:
    """A chain to draw: its encoding, the number of its layer, and what the row is called where there are several."""

    encoding: Encoding
    number: int = 0
    caption: str = ""


def draw_layers(
    scene: Scene, layers: Sequence[Layer], hidden: Sequence[Run], base: float = 0.0, prefix: str = "",
    room: float = inf,
) -> list[Row]:  # fmt: skip
    """Draw chains from the lowest layer up, the first of them at this height; a prefix keeps two runs' ids apart.

    Steps that would be wider than the room are in several rows, of which each begins with the states of the one above.
    """
    rows = place_rows(layers, hidden, base, prefix, room)
    for row in rows:
        draw_row(scene, row)
    draw_links(scene, rows)
    return rows


def place_rows(
    layers: Sequence[Layer], hidden: Sequence[Run], base: float = 0.0, prefix: str = "", room: float = inf
) -> list[Row]:
    """The rows of these chains, one above the other, on one axis of time; the last has ids without a number."""
    last = layers[-1].encoding.cells
    steps = [1] if last.rolled else range(1, last.last + 1)
    pitch = max(layer.encoding.cells.template.pitch for layer in layers)
    rows: list[Row] = []
    gaps = _gaps(layers)
    for place, part in [*enumerate(cut_into_rows(steps, hidden, pitch, room, gaps.spare))][::-1]:
        axis = TimeAxis(part, hidden, pitch, gaps)
        for k, layer in enumerate(layers):
            name = prefix if k == len(layers) - 1 else f"{prefix}chain{k}_"
            passed = k > 0 and layers[0].number < layers[-1].number
            rows.append(Row(layer.encoding, axis, base, name, layer.number, layer.caption, passed, place))
            base = rows[-1].top + BETWEEN - rows[-1].template.bottom - BAR_Y + BAR_HEIGHT / 2
    return sorted(rows, key=lambda row: row.number)  # drawn in the order in which they are read


def _gaps(layers: Sequence[Layer]) -> Gaps:
    """The gaps that the lines between these chains need; a rolled cell has one step, and none."""
    cells, numbers = layers[-1].encoding.cells, {layer.number for layer in layers}
    if cells.rolled or len(numbers) == 1:
        return Gaps()
    reverse = {layer.encoding.cells.chain.reverse for layer in layers}
    return Gaps(len(numbers), len(reverse), strip="x" not in cells.template.boxes)


def draw_row(scene: Scene, row: Row) -> None:
    """One chain: its panels, states, boxes, lines, weights and the loss."""
    template, cells = row.template, row.cells
    always = {*template.letters, "x", "cell"}  # a step that starts from constants computes less than the others
    for t in row.axis.shown:
        _panel(scene, row, t)
    for name in template.made_in:
        _pill(scene, row, name, row.before)
    for t in row.axis.shown:
        for role, box in template.boxes.items():
            if role in always or (role, t) in cells.parts or cells.rolled:
                _box(scene, row, role, box, t)
        _derivative(scene, row, t)
        _share(scene, row, t)
    for run in row.axis.hidden:
        draw_fold(scene, row, run)
    draw_weights(scene, row)
    for role, t in cells.cuts:
        if t in row.axis.lefts and t not in row.runs:
            draw_scissors(scene, row, role, t)
    if cells.rolled:
        draw_loops(scene, row)
    if row.caption:
        words = Span(row.caption, 13, row.theme.quiet, bold=True)
        x = row.across(-62) if not row.mirrored else row.axis.right + 46
        y = row.top + (34 if cells.rolled else -16)  # of a rolled cell the states come back below it
        scene.add(Node(f"{row.prefix}layer{row.suffix}", (x, y), (120, 18), ((words,),), shape="text"))
    if (row.axis.first, row.axis.last) != (1, cells.last) and not cells.rolled and not row.prefix:
        words = Span(at_step(row.axis.first, row.axis.last), 13, row.theme.quiet, bold=True)
        x, y = -62.0, row.top + (2 if row.caption else -16)
        scene.add(Node(f"steps_{row.axis.first}", (x, y), (words.width, 18), ((words,),), shape="text"))


# Parts of a step


def _panel(scene: Scene, row: Row, t: int) -> None:
    """The step's background, with what the step adds to the gradient of the weights."""
    theme, box, rolled = row.theme, row.panel(t), row.cells.rolled
    caption = [Span(at_step(t) if not rolled else EVERY_STEP, 14, theme.quiet, bold=True)]
    notes, masked = row.encoding.step_notes(t), t in row.cells.masked and not rolled
    if masked:
        words = masked_rows(*row.cells.masked_rows(t)) if row.template.pitch > NARROW else MASKED
        caption.append(Span(f"\u00a0\u00a0{words}", 12, theme.quiet, italic=True))
    room = box[2] - box[0] - 28 - width_of(caption)
    if notes and row.template.pitch > NARROW:
        fitting = [span for note in notes if (span := Span(f"\u00a0\u00a0\u00a0{note}", 12, theme.quiet)).width < room]
        caption += fitting[:1]
    tooltip = (
        at_step(t),
        *notes[:1],
        *([f"{masked_rows(*row.cells.masked_rows(t))}: a masked row keeps its old state"] if masked else []),
    )
    scene.add(
        Cluster(f"{row.prefix}step_{t}", box, theme.panel, theme.frame, tuple(caption), tooltip, hatched=masked,
                keys=row.cells.last_adding.get(t, ()))
    )  # fmt: skip


def _draw(
    scene: Scene, row: Row, node: NodeKey, words: tuple[Words, ...], line: Colour, fill: Colour, width: float,
    data: dict[str, str] | None = None,
) -> None:  # fmt: skip
    """A box of a step in its place."""
    tooltip = tuple(dict.fromkeys(line for run in row.encoding.runs for line in describe_node(run, *node)))
    place = row.node(*node)
    scene.add(
        Node(place.id, place.middle, place.size, words, place.shape, line, fill, width, tooltip=tooltip,
             data=data or {}, keys=row.cells.vertices(node))
    )  # fmt: skip


def _pill(scene: Scene, row: Row, name: str, t: int) -> None:
    """A state, with what the encoding notes of it."""
    theme, note = row.theme, row.encoding.note(name, t)
    memory = name in row.template.belts and name != row.cells.chain.cell.states[0]
    hue = theme.carry if memory else theme.crossing
    words = ((Span(row.cells.sign(name, t), 15, bold=True),), (Span(note, TEXT, theme.quiet),))
    _draw(scene, row, (name, t), words, hue, theme.fill_of(hue), 2.2, row.encoding.data(name, t))


def _box(scene: Scene, row: Row, role: str, box: Box, t: int) -> None:
    """Any box of the template."""
    theme, template = row.theme, row.template
    text = row.cells.words(role, t)
    if box.look == "state":
        _pill(scene, row, role, t)
    elif box.look == "op":
        hue = theme.carry if role in template.on_belts else theme.ink
        size = 15.0 if len(text) == 1 else TEXT
        _draw(scene, row, (role, t), ((Span(text, size),),), hue, theme.paper, 1.8)
    elif box.look in ("product", "cell"):
        lines = (text or row.cells.sign(role, t)).split("\n")
        words = tuple((Span(line, TEXT, theme.quiet if box.look == "product" else ""),) for line in lines)
        _draw(scene, row, (role, t), words, theme.weight, theme.paper, 1.0 if box.look == "product" else 1.3)
    elif box.look == "input":
        words = ((Span(text or row.cells.sign(role, t)),),)
        _draw(scene, row, (role, t), words, theme.weight, theme.fill_of(theme.weight), 1.3)
    else:
        hue = theme.gate if box.look == "gate" else theme.candidate
        _draw(scene, row, (role, t), (_equation(row, role, box, t, hue),), hue, theme.fill_of(hue), 1.6)


def _equation(row: Row, role: str, box: Box, t: int, hue: Colour) -> Words:
    """What a gate is, f = σ(…), and what it is for as far as there is room."""
    name, colour = row.cells.letter(role), row.theme.text_of(hue)
    law = row.cells.law(role, t)
    equation = (
        Span(name, 12, bold=True, italic=name == role),  # C̃ upright: slanted, the tilde slips
        Span(row.cells.index(t)),
        Span(f"\u00a0=\u00a0{law}" if law else "", TEXT),
    )
    note = Span(f"\u00a0{box.note}", TEXT, colour)
    return (*equation, note) if width_of((*equation, note)) < box.size[0] - 3 else equation


def _derivative(scene: Scene, row: Row, t: int) -> None:
    """What the belt is multiplied by at this step, in letters and in numbers."""
    template, colour = row.template, row.theme.text_of(row.theme.carry)
    if not template.derivative:
        return
    means = []
    for run in row.encoding.runs:
        means.append(number(float(np.mean([run.mean_gate(u) for _, u in run.every(("", t))]))))
    before = row.cells.index(row.cells.previous(t))
    law = template.derivative.replace("{t}", row.cells.index(t)).replace("{p}", before)
    words = {"law": (law, CLEAR), "mean": (f"mean × {' → '.join(means)}", -CLEAR)}
    for name, (text, above) in words.items():
        place = row.at((template.caption[0], template.caption[1] + above), t)
        span = Span(text, 12, colour)
        node = Node(f"{row.prefix}{name}_{t}", place, (span.width, 15), ((span,),), shape="text",
                    keys=row.cells.vertices((template.belt_state, t)))  # fmt: skip
        scene.add(node)


def _share(scene: Scene, row: Row, t: int) -> None:
    """How a state's gradient came: a bar of two parts above its pill, at the first step in words as well."""
    found = row.encoding.share(t)
    if found is None:
        return
    theme, first = row.theme, t == row.cells.order[0]
    keys = row.cells.vertices((found.state, t))
    x, y = row.place(found.state, t)
    wide, high = 64.0, y + row.template.boxes[found.state].size[1] / 2 + 7
    if found.finite:
        left = x - wide / 2
        for name, hue, part in (("carry", theme.carry, found.carry), ("crossing", theme.crossing, found.crossing)):
            width = round(wide * min(max(part, 0), 1), 1)  # to what is written, so that the two just meet
            if width:
                shares = (f"{percent(part)} of ∂L/∂{row.cells.sign(found.state, t)}", SHARES)
                bar = Node(f"{row.prefix}share_{name}_{t}", (left + width / 2, high), (width, 5), fill=hue,
                           tooltip=shares, data={"share": f"{part:.9g}"}, keys=keys)  # fmt: skip
                scene.add(bar)
                left += width
    if not first or row.template.pitch < 280:
        return
    state = row.cells.sign(found.state, t)
    routes = "along the belt", "by crossings"
    left, _, right, _ = row.panel(t)
    words = [Span(f"∂L/∂{state}:\u00a0not finite, so no shares", 12, theme.quiet)]
    if found.finite:
        parts: list[Span] = []
        for k, (hue, part) in enumerate(((theme.carry, found.carry), (theme.crossing, found.crossing))):
            parts += [Span(percent(part), 12, theme.text_of(hue), bold=True)]
            parts += [Span(f"\u00a0{routes[k]}", 12, theme.quiet)]
            parts += [Span(",\u00a0", 12, theme.quiet)] if not k else []
        parts += [Span(", against it", 12, theme.quiet)] if found.opposed else []
        words = [Span(f"∂L/∂{state}, whole way:\u00a0", 12, theme.quiet), *parts]
        if width_of(words) > right - left - 24:
            words = [Span(f"∂L/∂{state}:\u00a0", 12, theme.quiet), *parts]
    width = width_of(words)
    middle = right - 14 - width / 2 if not row.mirrored else left + 14 + width / 2
    where = (middle, row.top - 32), (width, 15)
    scene.add(Node(f"{row.prefix}split_text", *where, (tuple(words),), shape="text", tooltip=(SHARES,), keys=keys))
