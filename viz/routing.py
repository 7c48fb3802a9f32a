"""Routing of lines between boxes that stand in columns: straight where nothing is in between, else through the gaps.

Between two columns there is a gap, below all boxes and above them there are lanes. A line that cannot be straight
leaves its box for the gap on its right, takes a lane of its own, and comes to its reader from the gap on the left.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from viz.geometry import Box, Place

LANE, SIDE = 9, 6  # points between two lanes, and between two lines in a gap
EXIT = -6.0  # where lines from the step before come in: between its panel and this one's


def crosses(path: tuple[Place, ...], box: Box, room: float = 3.0) -> bool:
    """Whether a path of straight lines comes closer to a box than this.

    >>> crosses(((0.0, 0.0), (100.0, 0.0)), (40, -10, 60, 10)), crosses(((0.0, 20.0), (100.0, 20.0)), (40, -10, 60, 10))
    (True, False)
    """
    low, high = (box[0] - room, box[1] - room), (box[2] + room, box[3] + room)
    for start, stop in pairwise(path):
        enter, leave = 0.0, 1.0
        for k in (0, 1):
            step = stop[k] - start[k]
            if step:
                one, other = sorted(((low[k] - start[k]) / step, (high[k] - start[k]) / step))
                enter, leave = max(enter, one), min(leave, other)
            elif not low[k] < start[k] < high[k]:
                enter, leave = 1.0, 0.0
        if enter < leave:
            return True
    return False


class Routing:
    """The corners of the lines so far, and how many lines are already in each gap and above and below the boxes."""

    def __init__(self, boxes: Mapping[str, Box], roof: float) -> None:
        self.boxes, self.corners = boxes, dict[tuple[str, str], tuple[Place, ...]]()
        self.lowest = min(bottom for _, bottom, _, _ in boxes.values()) - 14
        self._lane_above = roof
        self._columns: dict[float, tuple[float, float]] = {}  # middle -> sides
        for left, _, right, _ in boxes.values():
            one, other = self._columns.get((left + right) / 2, (left, right))
            self._columns[(left + right) / 2] = min(left, one), max(right, other)
        self._users: dict[tuple[float, str], int] = {}

    def connect(self, source: str, reader: str) -> None:
        """Route a line inside a step."""
        (x, y), (u, v) = self._middle(source), self._middle(reader)
        if self._clear(((x, y), (u, v)), source, reader):
            return
        out, into = self._gap(source, "right"), self._gap(reader, "left")
        corners: tuple[Place, ...] = (out, y), (into, v)
        if not out < into or not self._clear(((x, y), *corners, (u, v)), source, reader):
            corners = (out, y), (out, self.lowest), (into, self.lowest), (into, v)
            self.lowest -= LANE
        self.corners[source, reader] = corners

    def connect_to_belt(self, source: str, reader: str) -> None:
        """Route a line from a box to the belt above all of them."""
        (x, y), (u, v) = self._middle(source), self._middle(reader)
        if not self._clear(((x, y), (u, v)), source, reader):
            out, lane = self._gap(source, "right"), self._above()
            self.corners[source, reader] = (out, y), (out, lane), (u, lane)

    def connect_to_previous(self, state: str, reader: str, on_belt: bool) -> None:
        """Route a line from a state of the step before, most often at the right end of that step."""
        (_, y), (_, v) = self._middle(state), self._middle(reader)
        into, lane = self._gap(reader, "left"), self._above()
        corners: tuple[Place, ...] = (into, lane), (into, v)
        if on_belt:
            self.corners[f"{state}-", reader] = (EXIT, lane), *corners
        else:
            number = self._count(EXIT, "left")
            x = EXIT + SIDE * (number % 3 - 1)
            self.corners[f"{state}-", reader] = (x, y + 5 * number), (x, lane), *corners

    def connect_to_weights(self, reader: str) -> None:
        """Route a line from the weights: straight up, or beside what is in between."""
        x, y = self._middle(reader)
        if not self._clear(((x, self.lowest - 1000), (x, y)), reader):
            self.corners["weights", reader] = ((self._gap(reader, "left"), y),)

    def _middle(self, name: str) -> Place:
        left, bottom, right, top = self.boxes[name]
        return (left + right) / 2, (bottom + top) / 2

    def _clear(self, path: tuple[Place, ...], *ends: str) -> bool:
        """Whether the path meets no box but those at its ends."""
        return not any(crosses(path, box) for name, box in self.boxes.items() if name not in ends)

    def _gap(self, name: str, side: str) -> float:
        """A place for one more line in the gap beside a box's column."""
        x, _ = self._middle(name)
        left, right = self._columns[x]
        away = 8 + SIDE * self._count(x, side)
        return left - away if side == "left" else right + away

    def _above(self) -> float:
        """One more lane above all boxes."""
        self._lane_above += LANE
        return self._lane_above - LANE

    def _count(self, x: float, side: str) -> int:
        number = self._users.get((x, side), 0)
        self._users[x, side] = number + 1
        return number
