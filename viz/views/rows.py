"""Where everything is in a row of the cell view: one chain, its steps side by side, some of them folded.

A row turns the coordinates of a template into places of the scene. It makes no mark: nodes that are drawn, places where
a line begins, and the points of every line are computed here before anything is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence

from viz.diagram.cellgraph import LOSS, NEXT_LAYER, PARAMETERS, Link
from viz.encode.encoding import Encoding
from viz.layout.geometry import Box, Place
from viz.scene.marks import Node, Shape
from viz.style import fonts
from viz.views.ends import Wire
from viz.views.time_axis import FOLD, LANES, TimeAxis

BORDER = -12  # points: what is further from a panel, on its left, is behind the border of a fold there
START = 46  # points before the first panel is the middle of the first state
AGAIN = 14  # points more, where a row begins with the states of the one above: lines go to them
BAR_Y, BAR_HEIGHT = -47, 30  # of the weights, below a template's bottom
ASIDE, END = (26.0, 20.0), (62.0, 36.0)  # sizes of the pills of a loss
LOSS_X = 49  # the middle of the loss, from the panel's edge
APART, LANE = 7, 7  # points between two lines of a rolled cell, and between two lanes below a row
TEXT = 11  # the size of all that is no name
OP = 24.0  # points: a longer name than that is no disc


class Row:
    """One chain's places in the picture, at all steps, or those that are in one row of several."""

    def __init__(
        self, encoding: Encoding, axis: TimeAxis, base: float, prefix: str = "", layer: int = 0, caption: str = "",
        passed: bool = False, number: int = 0,
    ) -> None:  # fmt: skip
        self.encoding, self.axis, self.base, self.prefix = encoding, axis, base, prefix
        self.cells, self.theme = encoding.cells, encoding.theme
        self.template = self.cells.template
        self.mirrored = self.cells.chain.reverse and not self.cells.rolled
        self.layer, self.caption = layer, caption
        self.number = number  # of several rows of the same chain
        self.suffix = f"_row{number + 1}" if number else ""  # of the ids of what every row has
        reverse, rolled = self.cells.chain.reverse, self.cells.rolled
        self.before = 0 if rolled else axis.last + 1 if reverse else axis.first - 1  # the step that it starts after
        self.continues = not rolled and self.before != self.cells.start
        self.passed = passed  # by lines between the layers, for which the bar of weights has gaps
        self.top, self.bottom = base + self.template.top, base + self.template.bottom
        self.runs = {t: run for run in axis.hidden for t in range(run[0], run[1] + 1)}

    @property
    def links(self) -> Sequence[Link]:
        """The lines that end in this row."""
        if self.axis.last - self.axis.first + 1 == self.cells.last or self.cells.rolled:
            return self.cells.links
        return [link for t in self.axis.lefts for link in self.cells.links_to.get(t, ())]

    # Places of the template

    def across(self, x: float) -> float:
        """A place before the first panel, or, mirrored, behind the last."""
        return x - self.axis.gaps.spare if not self.mirrored else self.axis.right - 8 - x

    def at(self, place: Place, t: int) -> Place:
        """A place of the template's, in the panel of step t."""
        x, y = place
        left = self.axis.lefts[t]
        return (left + x if not self.mirrored else left + self.template.pitch - 8 - x), self.base + y

    def panel(self, t: int) -> Box:
        """The background of a step."""
        left = self.axis.lefts[t]
        return left + 8, self.bottom, left + self.template.pitch - 16, self.top

    def fold_box(self, t: int) -> Box:
        """The panel of the run of folded steps that t is in."""
        left = self.axis.lefts[self.runs[t][0]]
        return left + 8, self.bottom, left + FOLD - 16, self.top

    @property
    def bars(self) -> list[tuple[float, float]]:
        """The left and the right ends of the bar of weights; of its pieces where lines between layers pass it."""
        if not self.passed:
            return [(8.0, self.axis.right - self.axis.gaps.spare - 16)]
        boxes = [self.fold_box(t) if t in self.runs else self.panel(t) for t in self.axis.lefts]
        return [(left, right) for left, _, right, _ in boxes]

    def place(self, role: str, t: int) -> Place:
        """The middle of a box; that of a state before the first step is at the row's beginning."""
        box = self.template.boxes[role]
        if t == self.before:
            return self.across(-START - (AGAIN if self.continues or self.is_strip else 0)), self.base + box.y
        return self.at((box.x, box.y), t)

    def height(self, role: str) -> float:
        """How high a box is, at every step."""
        return self.base + self.template.boxes[role].y

    def shape(self, role: str, t: int) -> Shape:
        """The shape of a box."""
        box = self.template.boxes[role]
        if box.look == "op":
            wide, high = fonts.width(self.cells.words(role, t), TEXT), box.size[1]
            return "disc" if wide <= OP and high <= box.size[0] else "round"
        return "box" if box.look in ("gate", "candidate") else "round"

    @property
    def is_strip(self) -> bool:
        """Whether each step has its states, and one box for all that makes them."""
        return "x" not in self.template.boxes

    def ends(self, name: str, t: int) -> bool:
        """Whether a state is the last that the cell puts out."""
        last = 1 if self.cells.rolled else self.cells.order[-1]
        return t == last and name == self.cells.chain.cell.states[0]

    # Nodes at which lines end

    def node(self, role: str, t: int) -> Node:
        """A box of a step, as far as lines have to know it."""
        shape, (wide, high) = self.shape(role, t), self.template.boxes[role].size
        if self.template.boxes[role].look == "op" and shape == "round":
            wide = max(wide, fonts.width(self.cells.words(role, t), TEXT) + 10)
        again = "again_" if self.continues and t == self.before else ""  # for it is in the row above as well
        return Node(f"{self.prefix}{again}{role}_{t}", self.place(role, t), (wide, high), shape=shape)

    def point(self, name: str, place: Place) -> Node:
        """A place where a line begins, which is not seen."""
        return Node(f"{self.prefix}{name}", place, (0.5, 0.5), shape="text")

    def fold_end(self, role: str, t: int) -> Node:
        """The place on a fold's border where a line comes in or goes out."""
        left, bottom, right, _ = self.fold_box(t)
        entry, exit_ = (left, right) if not self.mirrored else (right, left)
        name = f"{role}_{t}"
        if role == "fold_weights":
            return self.point(name, ((left + right) / 2, bottom))
        if role == "fold_out":
            state = next(iter(self.cells.chain.cell.states))
            return self.point(name, (right - 22 if not self.mirrored else left + 22, self.height(state)))
        state = role.removeprefix("fold_")
        return self.point(name, (entry if role != state else exit_, self.height(state)))

    def loss(self, name: str, t: int) -> Node | None:
        """The loss that a line leads to: a pill at the end, a small one at an inner state; None if none is drawn."""
        if name == "fold_out":
            state = next(iter(self.cells.chain.cell.states))
            x, y = self.fold_end(name, t).middle
            above = state == self.template.belt_state  # where there is room: over the belt, or below the other line
            return Node(f"{self.prefix}loss_{name}_{t}", (x, y + (38 if above else -38)), ASIDE, shape="round")
        if not self.ends(name, t):
            box = self.template.boxes[name]
            middle = self.at(self.template.asides.get(name, (box.x, box.y - 50)), t)
            return Node(f"{self.prefix}loss_{name}_{t}", middle, ASIDE, shape="round")
        if not (words := self.encoding.loss()):
            return None
        wide = max(END[0], fonts.width(words, 12) + 14)
        far = LOSS_X + (wide - END[0]) / 2 + (2 * APART if self.cells.rolled and self.passed else 0)
        x = self.axis.right - 16 + far if not self.mirrored else 8 - self.axis.gaps.spare - far
        return Node(f"{self.prefix}loss_{t}", (x, self.height(name)), (wide, END[1]), shape="round")

    def end(self, role: str, t: int) -> Node:
        """What a line begins or ends at; where it is inside a fold, a place on its border."""
        return self.fold_end(role, t) if t in self.runs else self.node(role, t)

    # Lines

    def wire(self, link: Link, width: float) -> Wire | None:
        """A line with its ends and bends; None for one that is not drawn in this row."""
        (source, t), (reader, u) = link.source, link.reader
        if reader == NEXT_LAYER:
            return None
        stop = self.loss(source, t) if reader == LOSS else self.end(reader, u)
        if stop is None:
            return None
        bends = self.bends(link)
        if source == PARAMETERS:
            x, _ = bends[0] if bends else stop.middle
            start = self.point(f"weights_{reader}_{t}", (x, self.bottom + BAR_Y + BAR_HEIGHT / 2))
        else:
            start = self.end(source, t)
            if bends and t in self.runs:  # on the fold's border level with its first bend, apart from the belt
                start, bends = self._leaving(start, bends)
        again = self.continues and t == self.before
        return Wire(start, stop, bends, width, start.id.replace("again_", "", 1) if again else start.id)

    def _leaving(self, start: Node, bends: tuple[Place, ...]) -> tuple[Node, tuple[Place, ...]]:
        """The place on a fold's border where a line with these bends comes out, and the bends that are left."""
        (_, level), *rest = bends
        straight = not rest or rest[0][1] == level
        return self.point(start.id.removeprefix(self.prefix), (start.middle[0], level)), bends[1 if straight else 0 :]

    def bends(self, link: Link) -> tuple[Place, ...]:
        """The corners of a line that is not straight."""
        (source, t), (reader, u) = link.source, link.reader
        if reader == LOSS or reader.startswith("fold"):
            return ()
        key = source if t == u else f"{source}-", reader
        routed = self.template.routing.get(key, ())
        first = t != u and t == self.before
        if first and key in self.template.starts:
            return tuple(self.at(place, u) for place in self.template.starts[key])
        if t != u and t in self.runs:  # it comes out of a fold, not from the middle of it
            inside = [place for place in routed if place[0] <= BORDER]
            routed = (*inside[-1:], *routed[len(inside) :])
            routed = tuple((max(x, -4), y) for x, y in routed)
        if t != u and self.is_strip:
            gaps = self.axis.gaps  # the lane is beyond the other direction's lines, the panel before beyond them all
            moves = ((x, y, gaps.spare if x <= BORDER else gaps.taken if x < 0 else 0.0) for x, y in routed)
            routed = tuple((x - by, y) for x, y, by in moves)
        places = [self.at(place, u) for place in routed]
        if first:  # nearer to the panel than the state of a step is
            places = self._beside(self.node(source, t), places)
        return tuple(places)

    def _beside(self, first: Node, places: list[Place]) -> list[Place]:
        """The bends, none of them behind the first state: at its height they are at its side, where the line leaves."""
        (x, y), (wide, high) = first.middle, first.size
        side = x + wide / 2 if not self.mirrored else x - wide / 2
        nearest = max if not self.mirrored else min
        moved = [(nearest(a, side), b) if abs(b - y) <= high / 2 else (a, b) for a, b in places]
        return list(dict.fromkeys(moved))

    def wire_up(self, link: Link, width: float, above: Row, end: int = 0, both: bool = False) -> Wire:
        """A line from a state into the layer above: up between the panels, and from below to that step's input.

        Where both directions read the state, the line has two ends, 0 and 1, each with a lane of its own. Layers take
        turns with their lanes, for where one's lines end those of the next begin.
        """
        (name, t), step = link.source, link.reader[1]
        back, lane = self.cells.chain.reverse, self.axis.gaps.lane(self.layer, end)
        floor = above.bottom - LANE * (1 + end + 2 * back)
        if name == "fold_out":
            box, aside = self.fold_box(t), float(APART * end)
            gap = box[2] + lane if not self.mirrored else box[0] - lane
            ceiling, into = self.top + 10 + aside, (box[0] + box[2]) / 2 + (-1 if back else 1) * (40 + 2 * aside)
            start, stop = (
                self.point(f"fold_out_{t}", (into, self.top)),
                above.point(f"fold_in_{t}", (into, above.bottom)),
            )
            return Wire(start, stop, ((into, ceiling), (gap, ceiling), (gap, floor), (into, floor)), width)
        start, y, aside = self.node(name, t), self.height(name) + (14 if not end else -14), 0.0
        leaving = [self.at(place, t) for place in self.template.routing.get((name, f"above {end}"), ())]
        y = leaving[-1][1] if leaving else y
        if self.cells.rolled:
            aside = -APART * (end + 0.5) if both else aside  # from the middle of the gap
            gap, _ = self.at((self.template.pitch - 4 + (-aside if back and not self.mirrored else aside), 0), t)
        else:
            gap, _ = self.at((self.template.pitch - 16 + lane, 0), t)  # mirrored, on the panel's other side
        if self.is_strip:
            stop = above.node("cell", step)
            return Wire(start, stop, ((gap, y), (gap, stop.middle[1])), width)
        stop, lanes = above.node("x", step), above.template.routing.get(("below", "x"))
        x, ending = stop.middle[0], []
        if lanes:  # at the left of all that the step's own lines need
            x = above.at(lanes[0], step)[0] + (LANES * (back - 0.5) if both else 0)
            ending = [(x, stop.middle[1])]
        return Wire(start, stop, (*leaving, (gap, y), (gap, floor), (x, floor), *ending), width)
