"""The lines of a row as marks, and what they lead to: the shared weights, the loss, the layer above, the next step."""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_lstm.escaping import element_id
from viz.diagram.cellgraph import LOSS, NEXT_LAYER, PARAMETERS, Link
from viz.diagram.names import brief
from viz.layout.arrowheads import triangle
from viz.layout.geometry import Place
from viz.scene.marks import Edge, Key, Node, Path, Scene, Span, width_of
from viz.scene.marks import Row as Words
from viz.style.stroke import Stroke
from viz.style.theme import Colour
from viz.views.ends import Wire, settle_ends
from viz.views.rows import ASIDE, BAR_HEIGHT, BAR_Y, TEXT, Row
from viz.views.tooltips import describe_link

LOOP = 12  # points between two lines around a rolled cell
GAP = "\u00a0\u00a0\u00a0"  # between a name and what is said of it


def draw_weights(scene: Scene, row: Row) -> None:
    """One bar for the weights that all steps share, with as many words as it has room for; or a chain of pieces."""
    theme, cells = row.theme, row.cells
    if not cells.parameters:
        return
    named = ", ".join(brief(name) for name in cells.parameters.values())
    said = ["the same weights"]
    if not row.number:
        used = ", used at every step" if cells.last > 1 else ""
        said = [f"one set of weights{used}", *row.encoding.weights_notes()]
    tooltip, y = (named, "; ".join(said)), row.bottom + BAR_Y
    for k, (left, right) in enumerate(row.bars):
        words: Words = ()
        if k == 0:
            whole = Span(named, 12, bold=True).width
            names = Span(brief(named, max(int(len(named) * (right - left - 16) / whole), 9)), 12, bold=True)
            words, said = _fitting((names, Span(GAP, 12)), said, right - left, theme.quiet)
        elif said:
            words, said = _fitting((), said, right - left, theme.quiet)
        if k:
            scene.add(Path(((row.bars[k - 1][1], y), (left, y)), Stroke(theme.weight, 1.3)))
        name = f"{row.prefix}weights{row.suffix}{f'_{k + 1}' if k else ''}"
        bar = Node(
            name, ((left + right) / 2, y), (right - left, BAR_HEIGHT),
            (words,) if words else (), "round", theme.weight, theme.fill_of(theme.weight), left=right - left > 2000,
            tooltip=tooltip, keys=cells.vertices((PARAMETERS, 0)),
        )  # fmt: skip
        scene.add(bar)


def _fitting(words: Words, said: Sequence[str], room: float, colour: Colour) -> tuple[Words, list[str]]:
    """The words with as many of these phrases as there is room for, and the phrases that are left."""
    fitting = list(said)
    while fitting:
        phrase = Span(": ".join(fitting), 12, colour)
        if width_of((*words, phrase)) < room - 16:
            return (*words, phrase), [*said[len(fitting) :]]
        fitting.pop()
    return words[:1], [*said]


def draw_scissors(scene: Scene, row: Row, role: str, t: int) -> None:
    """Where something detached is read: the history ends here."""
    x, y = row.place(role, t)
    width, height = row.template.boxes[role].size
    name, theme = f"{row.prefix}cut_{role}_{t}", row.theme
    words: Words = (Span("✂", 14, theme.carry), Span(" cut", TEXT, theme.quiet))
    tooltip, side = ("cut by detach(): no gradient goes on from here",), -1 if row.mirrored else 1
    place, wide = (x + side * (width / 2 + 20), y + height / 2 + 6), 32.0  # beside a corner, where no line ends
    if role == "cell":  # of a strip, where there is little room beside the line from above
        words, place, wide = words[:1], (x - width / 2 + 8, y + height / 2 + 9), 16.0
    scene.add(Node(name, place, (wide, 14), (words,), shape="text", tooltip=tooltip))


def draw_loops(scene: Scene, row: Row) -> None:
    """What makes a rolled cell roll: its states are those of the step before the next."""
    names = sorted(row.template.made_in, key=row.height)  # the outer ones directly, the others around all
    beside = {name: LOOP * k for k, name in enumerate(names[1:-1], start=1)}
    for name in row.template.made_in:
        (x, y), (u, v) = row.place(name, 1), row.place(name, 0)
        above = name == row.template.belt_state or name in beside
        lane = (row.top + 18 if above else row.bottom - 14) + beside.get(name, 0)
        half = row.template.boxes[name].size[1] / 2
        edge = half if above else -half
        loop: tuple[Place, ...] = ((x, y + edge), (x, lane), (u, lane), (u, v + edge))
        if name in beside:
            right, left, half = (
                row.axis.right + beside[name] / 2,
                u - 34 - beside[name],
                row.template.boxes[name].size[0] / 2,
            )
            loop = ((x + half, y), (right, y), (right, lane), (left, lane), (left, v), (u - half, v))
        on_belt = row.encoding.is_on_belt(name)
        stroke = Stroke(row.theme.carry if on_belt else row.theme.crossing, 1.6, "loop", dashed=not on_belt)
        scene.add(Path(loop, stroke, tooltip=("the next step begins with it",)))
        scene.add(Path(triangle(loop, 9, 4), Stroke(stroke.colour, 1), closed=True))


def draw_links(scene: Scene, rows: Sequence[Row]) -> None:
    """Every line of these rows, those to the layer above among them."""
    drawn: list[tuple[Row, Link, Stroke, Wire]] = []
    strokes = {id(link): row.encoding.stroke(link) for row in rows for link in row.links}
    for row in rows:
        for link in row.links:
            stroke = strokes[id(link)]
            if (wire := row.wire(link, stroke.width)) is not None:
                drawn.append((row, link, stroke, wire))
    for row in rows:
        beside = [other for other in rows if other.axis is row.axis and other.layer > row.layer]
        following = min((other.layer for other in beside), default=None)
        above = [other for other in beside if other.layer == following]
        for end, other in enumerate(above):  # of two directions both read what this layer puts out
            for link in [one for one in row.links if one.reader[0] == NEXT_LAYER]:
                stroke = strokes[id(link)]
                drawn.append((row, link, stroke, row.wire_up(link, stroke.width, other, end, both=len(above) > 1)))
    settle_ends([wire for _, _, _, wire in drawn])
    for row, link, stroke, wire in drawn:
        if link.reader[0] == LOSS:
            _draw_loss(scene, row, wire.stop, tuple(edge.reader for edge in link.edges))
        draw_link(scene, row, link, stroke, wire)


def draw_link(scene: Scene, row: Row, link: Link, stroke: Stroke, wire: Wire) -> None:
    """One line, as its encoding has it; scissors where what is delivered is not let through."""
    start, stop = wire.start, wire.stop
    source = wire.source or start.id
    for end in (start, stop):
        if end.id not in scene.nodes:
            scene.add(end)
    if stroke.kind == "cut":
        (x, y), (u, v) = wire.points[:2]
        name = f"{start.id}-{stop.id}-cut"
        scene.add(Node(name, ((x + u) / 2, (y + v) / 2), (16, 16), ((Span("✂", 14),),), shape="text"))
    data = {"class": " ".join(link.classes)} if link.classes else {}
    keys: tuple[Key, ...] = link.keys or row.cells.vertices(link.reader)
    scene.add(
        Edge(f"{source}-{stop.id}", start.id, stop.id, wire.points, stroke,
             tooltip=describe_link(row.encoding.cells_of(link), link, row.encoding.amount(link)),
             data={**data, "source": element_id(source), "reader": element_id(stop.id)}, keys=keys)
    )  # fmt: skip


def _draw_loss(scene: Scene, row: Row, place: Node, keys: tuple[Key, ...]) -> None:
    """A loss; its letter is bold where its value stands beside it."""
    theme, at_end = row.theme, place.size != ASIDE
    first, *rest = (row.encoding.loss() if at_end else "L").split(" ", 1)
    size = 12.0 if at_end else TEXT
    words = [
        Span(first, size, theme.on_loss, bold=bool(rest)),
        *(Span(f"\u00a0{more}", size, theme.on_loss) for more in rest),
    ]
    scene.add(Node(place.id, place.middle, place.size, (tuple(words),), "round", theme.loss, theme.loss, keys=keys))
