"""Where things are in a band of the cell view: one chain, its steps side by side, some of them folded."""

from __future__ import annotations

from collections.abc import Sequence

from viz.diagram.cellgraph import OUTSIDE, WEIGHTS, Line
from viz.diagram.folding import Run
from viz.encode.encoding import Paint
from viz.geometry import Box, Place
from viz.scene.marks import Node, Row, Scene, Shape
from viz.style.theme import Colour
from viz.views.tooltips import describe_part, index, sign, words_of

START = 62  # points before the first panel is the middle of the first state
FOLD = 250  # points that a run of folded steps is wide
BAR_Y, BAR_HEIGHT = -47, 30  # of the weights, below a template's bottom
FAN = 6  # points between the feet of the lines from a product to its gates


class Columns:
    """Where each step, or run of folded steps, begins; the same for all bands."""

    def __init__(self, steps: Sequence[int], hidden: Sequence[Run], pitch: float) -> None:
        self.hidden, self.lefts = list(hidden), dict[int, float]()
        inside = {t for first, last in hidden for t in range(first, last + 1)}
        self.shown = [t for t in steps if t not in inside]
        starts, x = {first for first, _ in hidden}, 0.0
        for t in steps:
            if t in starts or t not in inside:
                self.lefts[t] = x
                x += FOLD if t in starts else pitch
        self.right = x


class Band:
    """One chain's places in the picture: from a template's coordinates to the scene's."""

    def __init__(
        self, scene: Scene, paint: Paint, columns: Columns, base: float, prefix: str, layer: int, caption: str
    ) -> None:
        self.scene, self.paint, self.columns, self.base, self.prefix = scene, paint, columns, base, prefix
        self.unrolled, self.template, self.theme = paint.unrolled, paint.unrolled.template, scene.theme
        self.mirrored = paint.unrolled.chain.reverse and not paint.unrolled.rolled
        self.layer, self.caption = layer, caption
        self.top = base + self.template.top
        self.runs = {t: run for run in columns.hidden for t in range(run[0], run[1] + 1)}

    def across(self, x: float) -> float:
        """A place before the first panel, or, mirrored, behind the last."""
        return x if not self.mirrored else self.columns.right - 8 - x

    def at(self, place: Place, t: int) -> Place:
        """A place of the template's, in the panel of step t."""
        x, y = place
        left = self.columns.lefts[t]
        return (left + x if not self.mirrored else left + self.template.pitch - 8 - x), self.base + y

    def fold_box(self, t: int) -> Box:
        """The panel of the run of folded steps that t is in."""
        left = self.columns.lefts[self.runs[t][0]]
        return left + 8, self.base + self.template.bottom, left + FOLD - 16, self.top

    def place(self, role: str, t: int) -> Place:
        """The middle of a box; that of a state before the first step is at the band's beginning."""
        box = self.template.boxes[role]
        if t == (0 if self.unrolled.rolled else self.unrolled.start):
            return self.across(-START), self.base + box.y
        return self.at((box.x, box.y), t)

    def height(self, role: str) -> float:
        """How high a box is, at every step."""
        return self.base + self.template.boxes[role].y

    def index(self, t: int) -> str:
        """A time step as an index."""
        return index(self.unrolled, t)

    def sign(self, name: str, t: int) -> str:
        """A value as the equations write it."""
        return sign(self.unrolled, name, t)

    def words(self, role: str, t: int) -> str:
        """What a box says."""
        return words_of(self.unrolled, role, t) or self.sign(role, t)

    def node(
        self, role: str, t: int, size: tuple[float, float], rows: tuple[Row, ...], shape: Shape, line: Colour,
        fill: Colour, width: float, data: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        """Put a box of the step into the picture."""
        tooltip = tuple(dict.fromkeys(line for run in self.paint.runs for line in describe_part(run, role, t)))
        name = f"{self.prefix}{role}_{t}"
        self.scene.add(
            Node(name, self.place(role, t), size, rows, shape, line, fill, width, tooltip=tooltip, data=data or {})
        )

    def point(self, name: str, place: Place) -> None:
        """A place where a line may begin, which is not seen."""
        self.scene.add(Node(name, place, (0.5, 0.5), shape="text"))

    def anchor(self, role: str, t: int, other: str) -> str:
        """The node at an end of a line; where it is inside a fold, a place on its border."""
        if role == WEIGHTS:
            return f"{self.prefix}weights_{other}_{t}"
        if role == OUTSIDE:
            return f"{self.prefix}loss_{t}" if self.ends(other, t) else f"{self.prefix}loss_{other}_{t}"
        name = f"{self.prefix}{role}_{t}"
        if t in self.runs and name not in self.scene.nodes:
            left, bottom, right, _ = self.fold_box(t)
            entry, exit_ = (left, right) if not self.mirrored else (right, left)
            state = role.removeprefix("fold_")
            if state == "weights":
                self.point(name, ((left + right) / 2, bottom))
            else:
                y = self.base + self.template.boxes[state].y
                self.point(name, (entry if role != state else exit_, y))
        return name

    def ends(self, name: str, t: int) -> bool:
        """Whether a state is the last that the cell puts out."""
        last = 1 if self.unrolled.rolled else self.unrolled.order[-1]
        return t == last and name == self.unrolled.chain.cell.states[0]

    def corners(self, line: Line) -> tuple[Place, ...]:
        """The corners of a line that is not straight."""
        (source, t), (reader, u) = line.source, line.reader
        if reader == OUTSIDE or reader.startswith("fold"):
            return ()
        routed = self.template.routing.get((source if t == u else f"{source}-", reader), ())
        corners = [self.at(corner, u) for corner in routed]
        if t != u and t in self.runs:  # it comes out of a fold, not from the middle of it
            left = self.columns.lefts[u]
            corners = [
                (max(x, left - 4) if not self.mirrored else min(x, left + self.template.pitch), y) for x, y in corners
            ]
        return tuple(corners)

    def is_fan(self, line: Line) -> bool:
        """Whether a line is one of those from a product to its gates."""
        boxes, (source, reader) = self.template.boxes, (line.source[0], line.reader[0])
        if source not in boxes or reader not in boxes or boxes[source].look != "product":
            return False
        return boxes[reader].look in ("gate", "candidate")

    def fan_out(self, line: Line, start: str, stop: str) -> tuple[Place, Place]:
        """The ends of a line from a product to a gate: side to side, each with its own foot, so that no two meet."""
        boxes, source = self.template.boxes, line.source[0]
        gates = sorted((box.y, name) for name, box in boxes.items() if box.look in ("gate", "candidate"))
        level = boxes[source].y
        rank = [name for _, name in gates].index(line.reader[0]) - sum(y < level for y, _ in gates)
        if not any(y == level for y, _ in gates) and rank >= 0:
            rank += 1
        (x, y), (u, v) = (self.scene.nodes[name].middle or (0.0, 0.0) for name in (start, stop))
        half, wide = self.scene.nodes[start].size[0] / 2, self.scene.nodes[stop].size[0] / 2
        side = 1 if u > x else -1
        return (x + side * half, y + FAN * rank), (u - side * wide, v)
