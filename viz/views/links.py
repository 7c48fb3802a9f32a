"""The lines of a band and what they lead to: the shared weights, the loss, the layer above, the next step."""

from __future__ import annotations

from tinygrad_lstm.escaping import element_id
from viz.diagram.cellgraph import ABOVE, OUTSIDE, WEIGHTS, Line
from viz.diagram.names import brief
from viz.geometry import Place, head
from viz.scene.marks import Curve, Edge, Node, Row, Span
from viz.style.text import width_of_text
from viz.views.rows import BAR_HEIGHT, BAR_Y, Band

ASIDE, LOSS = (26, 20), (84, 36)  # sizes of the pills of a loss
APART = 6  # points between the two ends of a line into both directions of a layer
LOSS_X = 60  # the middle of the loss, from the panel's edge


def draw_weights(band: Band) -> None:
    """One bar for the weights that all steps share."""
    theme = band.theme
    left, right = 8.0, band.columns.right - 16
    said = "one set of weights" + (", used at every step" if band.unrolled.last > 1 else "")
    if summed := band.paint.summed():
        said += f": {summed}"
    named = ", ".join(brief(name) for name in band.unrolled.parameters.values())
    names = Span(brief(named, max(int((right - left) / 8), 9)), 12, bold=True)
    row = names, Span(f"\u00a0\u00a0\u00a0{said}", 12, theme.quiet)
    fits = right - left > 7 * sum(len(span.text) for span in row)
    middle = ((left + right) / 2, band.base + band.template.bottom + BAR_Y)
    bar = Node(
        f"{band.prefix}weights", middle, (right - left, BAR_HEIGHT), (row if fits else (names,),), "round",
        theme.weight, theme.fill_of(theme.weight), left=right - left > 2000, tooltip=(named, said),
    )  # fmt: skip
    band.scene.add(bar)


def draw_scissors(band: Band, role: str, t: int) -> None:
    """Where something detached is read: the history ends here."""
    x, y = band.place(role, t)
    width, height = band.template.boxes[role].size
    name, theme = f"{band.prefix}cut_{role}_{t}", band.theme
    words: Row = (Span("✂", 14, theme.carry), Span(" detached", 10, theme.quiet))
    tooltip, wide = ("cut by detach(): no gradient goes on from here",), 64.0
    if role == "cell":  # of a strip, where there is little room beside the line from above
        words, x, wide = words[:1], x - width / 2 + 8, 16.0
    band.scene.add(Node(name, (x, y + height / 2 + 9), (wide, 14), (words,), shape="text", tooltip=tooltip))


def draw_loops(band: Band) -> None:
    """What makes a rolled cell roll: its states are those of the step before the next."""
    for name in band.template.made_in:
        (x, y), (u, v) = band.place(name, 1), band.place(name, 0)
        above = name == band.template.belt_state
        lane = band.top + 18 if above else band.base + band.template.bottom - 14
        edge = 21 if above else -21
        loop = ((x, y + edge), (x, lane), (u, lane), (u, v + edge))
        hue = band.theme.carry if name == "c" else band.theme.crossing
        tooltip = ("the next step begins with it",)
        band.scene.add(Curve(loop, hue, 1.6, dashed=name != "c", tooltip=tooltip))
        band.scene.add(Curve(head(loop, 9, 4), hue, 1, closed=True))


def draw_line(band: Band, line: Line) -> None:
    """One line, as its paint has it."""
    (source, t), (reader, u) = line.source, line.reader
    if reader == ABOVE or (reader == OUTSIDE and not _loss(band, line)):
        return
    start, stop = band.anchor(source, t, reader), band.anchor(reader, u, source)
    corners = band.corners(line)
    if source == WEIGHTS:
        x, _ = corners[0] if corners else band.scene.nodes[stop].middle or (0.0, 0.0)
        band.point(start, (x, band.base + band.template.bottom + BAR_Y + BAR_HEIGHT / 2))
    draw(band, line, start, stop, corners)


def draw(band: Band, line: Line, start: str, stop: str, corners: tuple[tuple[float, float], ...]) -> None:
    """Draw a line between two nodes."""
    stroke = band.paint.stroke(line)
    data = stroke.data | ({"class": " ".join(line.classes)} if line.classes else {})
    ends = band.scene.between(start, stop, *corners)
    if band.is_fan(line):
        ends = band.fan_out(line, start, stop)
    if stroke.data.get("route") == "cut":
        (x, y), (u, v) = ends[:2]
        mark = Node(f"{start}-{stop}-cut", ((x + u) / 2, (y + v) / 2), (16, 16), ((Span("✂", 14),),), shape="text")
        band.scene.add(mark)
    band.scene.add(
        Edge(f"{start}-{stop}", start, stop, ends, stroke.colour, stroke.width, stroke.dashed, stroke.head, stroke.open,
             stroke.halo, "", stroke.tooltip, {**data, "source": element_id(start), "reader": element_id(stop)})
    )  # fmt: skip


def _loss(band: Band, line: Line) -> bool:
    """The loss that a line leads to: a pill at the end, a small one at an inner state; False if none is drawn."""
    name, t = line.source
    end = band.anchor(OUTSIDE, t, name)
    if name == "fold_out":
        left, _, right, _ = band.fold_box(t)
        state = next(iter(band.unrolled.chain.cell.states))
        out = right - 22 if not band.mirrored else left + 22
        above = state == band.template.belt_state  # where there is room: over the belt, or below the other state's line
        band.point(f"{band.prefix}fold_out_{t}", (out, band.height(state)))
        _pill(band, end, (out, band.height(state) + (38 if above else -38)), "L", ASIDE, 10)
    elif not band.ends(name, t):
        box = band.template.boxes[name]
        _pill(band, end, band.at(band.template.asides.get(name, (box.x, box.y - 50)), t), "L", ASIDE, 10)
    elif words := band.paint.loss():
        wide = max(LOSS[0], width_of_text(words, 12) + 10)
        far = LOSS_X + (wide - LOSS[0]) / 2
        x = band.columns.right - 16 + far if not band.mirrored else 8 - far
        _pill(band, end, (x, band.height(name)), words, (wide, LOSS[1]), 12)
    else:
        return False
    return True


def _pill(band: Band, name: str, middle: Place, words: str, size: tuple[float, float], text: float) -> None:
    """A loss; its letter is bold where its value stands beside it."""
    theme = band.theme
    first, *rest = words.split(" ", 1)
    row = [
        Span(first, text, theme.on_loss, bold=bool(rest)),
        *(Span(f"\u00a0{more}", text, theme.on_loss) for more in rest),
    ]
    band.scene.add(Node(name, middle, size, (tuple(row),), "round", theme.loss, theme.loss))


def draw_link(band: Band, above: Band, line: Line, end: int = 0) -> None:
    """A line from a state into the layer above: up between the panels, and to that step's input.

    Where two directions read the state, the line has two ends, 0 and 1, each routed beside the other.
    """
    (name, t), step, aside = line.source, line.reader[1], APART * end
    gutter = above.base + above.template.bottom - (8 if not band.mirrored else 15)
    if name == "fold_out":
        box = band.fold_box(t)
        start, stop = f"{band.prefix}fold_out_{t}", f"{above.prefix}fold_in_{t}"
        foot, into = (box[0] + box[2]) / 2 + 40 + 2 * aside, (box[0] + box[2]) / 2 + 40
        gap, out = (box[2] + 8 + aside, band.top + 10) if not band.mirrored else (box[0] - 7 - aside, band.top + 17)
        band.point(start, (into, band.top))
        above.point(stop, (into, above.base + above.template.bottom))
        out += 2 * aside
        draw(band, line, start, stop, ((foot, out), (gap, out), (gap, gutter), (into, gutter)))
        return
    x, y = band.place(name, t)
    left = band.columns.lefts[t]
    corners: tuple[Place, ...]
    gap = left + band.template.pitch - 8 - aside if not band.mirrored else left + 1 + aside  # side by side
    if "x" in above.template.boxes:
        into, _ = above.place("x", step)
        lane = y + (40 + aside if name != band.template.belt_state else -34 - aside)
        foot = x + (0 if name in band.template.made_in else 24) * (-1 if band.mirrored else 1) + 2 * aside
        reader, corners = "x", ((foot, lane), (gap, lane), (gap, gutter), (into, gutter))
    else:  # of a strip
        _, level = above.place("cell", step)
        reader, corners = "cell", ((gap, y - 12 + 2 * aside), (gap, level))
    draw(band, line, f"{band.prefix}{name}_{t}", f"{above.prefix}{reader}_{step}", corners)
