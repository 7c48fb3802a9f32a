"""A template for a cell that has none: every operation of its step a box, in a layered drawing.

What carries a state on lies on a level line above the others, as in the cells that have a template of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import product
from typing import Literal, NamedTuple

from tinygrad_lstm.graph import Vertex
from viz.diagram.names import SYMBOLS, brief
from viz.diagram.templates import SIZES, Box, Look, Template
from viz.layout import bends, blocks, ports
from viz.layout.geometry import Path, Place, Point, Rect, meets, moved
from viz.layout.layered import Spacing
from viz.style import fonts

HIGH, BELOW, ABOVE = 34.0, 40.0, 64.0  # points: a box's height; room below and above
NEXT = 12.0  # between two steps at least, for lines that change their height there
EDGE, START = -6.0, -12.0  # where that gap begins, from a step's left; the right side of a state before the first step
OUT, CARRIED, LEVEL = 3.0, 8.0, 100.0  # how much a state's line to the next step pulls, a carried one, and at its port
WIDE = 4.0  # points: of a line
ASIDE = 26.0, 20.0  # of a small pill of the loss
SPACING = Spacing(rank=22.0, box=16.0, line=9.0)
Reads = Mapping[str, Sequence[str]]


def derived_template(
    vertices: Mapping[str, Vertex], reads: Reads, weighted: Collection[str], made_in: Mapping[str, str],
    belts: Mapping[str, str], held: Collection[str], output: str, above: int = 0,
) -> Template:  # fmt: skip
    """A template of a step's operations.

    ``vertices`` by role in the order of computation; ``reads`` of each: roles, x, and previous states as ``"c-"``;
    ``weighted`` the roles that read weights; ``made_in`` the role that makes each state; ``belts`` the role that
    carries a state on, for each state that is carried; ``held`` the states that a mask chooses; ``output`` the one that
    the cell puts out, and ``above`` how many chains of the next layer read it.
    """
    along = {name: _between(first, made_in[name], reads) for name, first in belts.items()}
    on_belt = {role for roles in along.values() for role in roles}
    labels = {role: _label(vertex) for role, vertex in vertices.items()}
    looks: dict[str, Look] = {role: "op" if role in on_belt else "cell" for role in vertices}
    looks.update(dict.fromkeys([f"hold_{name}" for name in held], "op"))
    looks.update({**dict.fromkeys(made_in, "state"), "x": "input"})
    sizes = {name: (_wide(labels[name]), HIGH) if look == "cell" else SIZES[look] for name, look in looks.items()}
    rows = _rows(along, [name for name in made_in if name not in along], held)
    lines = _lines(reads, weighted, made_in, held, output, above)
    drawn, _ = _drawn(sizes, rows, lines)  # to see how high the states get, before the first step as well
    for name, rect in zip(sizes, drawn.boxes, strict=True):
        sizes[name] = (sizes[name][0], rect.height) if name in made_in else sizes[name]
    drawn, paths = _drawn(sizes, rows, lines)
    rects = dict(zip(sizes, drawn.boxes, strict=True))
    at = {name: rect.middle for name, rect in rects.items()}
    across, starts, gap = _across_steps(paths, rects, rows)
    pitch, dx, dy = drawn.width + gap, EDGE + gap, BELOW
    placed = {line: moved(path, dx, dy) for line, path in paths.items()}
    routing: dict[tuple[str, str], Path] = {}
    for line, path in placed.items():
        if line.kind == "inside":
            routing[line.source, line.reader] = path
        elif line.kind == "up":
            routing[line.source, f"above {line.reader}"] = path
    first = {}
    for line, knees in across.items():
        before = moved(placed[line._replace(kind="out")], -pitch, 0)
        routing[f"{line.source}-", line.reader] = (*before, *moved(knees, EDGE, dy), *placed[line])
        first[f"{line.source}-", line.reader] = (*moved(starts[line], EDGE, dy), *placed[line])
    routing["below", "x"] = (Point(dx + SPACING.rank / 2, at["x"].y + dy),)  # where no line from the weights comes up
    for name in held:  # where no mask is, the line goes on
        maker, hold = made_in[name], f"hold_{name}"
        routing[maker, name] = (*routing[maker, hold], *routing[hold, name])
    boxes: dict[str, Box] = {}
    for name, (x, y) in at.items():
        look = looks[name]
        text = "mask" if name.startswith("hold_") and name not in vertices else labels.get(name, "")
        text = text.split("\n")[-1] if look == "op" else text
        wide, high = sizes[name][0] if look == "cell" else 0.0, drawn.boxes[len(boxes)].height
        note = vertices[name].op if name in vertices else ""
        boxes[name] = Box(x + dx, y + dy, look, text, note, wide=wide, high=high)
    return Template(
        pitch=pitch, top=drawn.height + BELOW + ABOVE, bottom=0.0, boxes=boxes,
        made_in=dict(made_in), belts={name: (*roles, name) for name, roles in along.items()},
        belt_state=next(iter([*belts, *made_in])),
        carry="only scaled", crossing_path="through all else of a step",
        routing=routing, starts=first,
        asides=_asides(made_in, boxes, [*routing.values(), *placed.values()], pitch),
    )  # fmt: skip


def _rows(along: Mapping[str, Sequence[str]], others: Sequence[str], held: Collection[str]) -> dict[str, float]:
    """The rows of the states, each with the boxes of its belt and its mask: the belts above all, the others below."""
    rows = {name: float(k) for k, name in enumerate(reversed([*along]), start=1)}
    rows |= {name: -1.0 - k for k, name in enumerate(others)}
    rows |= {role: rows[name] for name, roles in reversed([*along.items()]) for role in roles}
    return rows | {f"hold_{name}": rows[name] for name in held}


class _Line(NamedTuple):
    """A line of a step: inside it; into it from a state of the step before; out of it to the next step, or up."""

    source: str
    reader: str
    kind: Literal["inside", "into", "out", "up"] = "inside"


def _lines(
    reads: Reads, weighted: Collection[str], made_in: Mapping[str, str], held: Collection[str], output: str, above: int
) -> list[_Line]:
    """Every line that there may be: from what is read, from the weights, and to each state from what makes it.

    A line from a state of the step before is in two parts, one out of a step and one into it.
    """
    maker = {role: name for name, role in made_in.items() if name not in held}
    reading = {role: [maker.get(name, name) for name in dict.fromkeys(names) if name] for role, names in reads.items()}
    for name, role in made_in.items():
        reading |= {f"hold_{name}": [role, f"{name}-"], name: [f"hold_{name}"]} if name in held else {name: [role]}
    found = [
        _Line(source[:-1], reader, "into") if source[:-1] in made_in and source.endswith("-") else _Line(source, reader)
        for reader, sources in reading.items()
        for source in sources
    ]
    out = [line._replace(kind="out") for line in found if line.kind == "into"]
    if output not in [line.source for line in out]:
        out.append(_Line(output, "", "out"))  # to the loss
    out += [_Line(output, f"{k}", "up") for k in range(above)]
    return [*found, *(_Line("weights", role) for role in weighted), _Line("below", "x"), *out]


def _drawn(
    sizes: Mapping[str, tuple[float, float]], rows: Mapping[str, float], lines: Sequence[_Line]
) -> tuple[blocks.Block, dict[_Line, Path]]:
    """The drawing of a step, and the paths of its lines; what comes from the step before comes in at the left."""
    place: dict[str, blocks.End] = {name: k for k, name in enumerate(sizes)}
    parts = []
    for line in lines:
        source, reader, kind = line
        row = rows.get(source, 0.0)
        if kind == "inside":
            begin = place.get(source, "below" if source == "weights" else "left")  # left: from the layer below
            width = WIDE if source != "below" else 2 * WIDE + SPACING.line  # from two directions
            pull = CARRIED if source == "below" or (row == rows.get(reader) and row > 0) else 1.0
            parts.append(blocks.Part(begin, place[reader], width, pull))
        elif kind == "into":
            pull, high = CARRIED if row == rows.get(reader) and row > 0 else 1.0, sizes[source][1]
            parts.append(blocks.Part("left", place[reader], WIDE, pull, row, high))
        else:
            pull = CARRIED if row == rows.get(reader) and row > 0 else OUT
            parts.append(blocks.Part(place[source], "right", WIDE, pull, row))
    given = tuple(blocks.Box(*size, rows.get(name, 0.0)) for name, size in sizes.items())
    drawn = blocks.block(given, tuple(parts), SPACING)
    return drawn, dict(zip(lines, drawn.paths, strict=True))


def _across_steps(
    paths: Mapping[_Line, Path], boxes: Mapping[str, Rect], rows: Mapping[str, float]
) -> tuple[dict[_Line, Path], dict[_Line, Path], float]:
    """The bends of each line from the step before between the two steps; those where it comes from the state before
    the first step; and how wide the gap between two steps is.
    """
    into = [line for line in paths if line.kind == "into"]
    levels = {line: paths[line._replace(kind="out")][-1].y for line in into}
    begins: dict[_Line, float] = {}
    for state in dict.fromkeys(line.source for line in into):
        there = sorted((line for line in into if line.source == state), key=lambda line: paths[line][0].y)
        pulls = [LEVEL if rows.get(line.reader) == rows[state] else 1.0 for line in there]
        wishes = [paths[line][0].y for line in there]
        slots = ports.slots(wishes, [WIDE] * len(there), boxes[state].bottom, boxes[state].top, pulls)
        begins |= dict(zip(there, slots, strict=True))
    pieces, first = ([bends.Piece(height[line], paths[line][0].y, WIDE, False, False) for line in into]
                     for height in (levels, begins))  # fmt: skip
    wide = max(bends.gap(each, NEXT, SPACING.line / 2).width for each in (pieces, first))
    across, starts = {}, {}
    for line, knees in zip(into, bends.gap(pieces, wide, SPACING.line / 2).knees, strict=True):
        across[line] = _knees(knees, levels[line], paths[line][0].y)
    for line, knees in zip(into, bends.gap(first, wide, SPACING.line / 2).knees, strict=True):
        starts[line] = (Point(START - EDGE, begins[line]), *_knees(knees, begins[line], paths[line][0].y))
    return across, starts, wide


def _knees(places: tuple[float, float], start: float, stop: float) -> Path:
    return Point(places[0], start), Point(places[1], stop)


def _asides(
    made_in: Collection[str], boxes: Mapping[str, Box], paths: Sequence[Path], pitch: float
) -> dict[str, Place]:
    """Where a loss that reads an inner state is drawn: below the state or above it, where the panel has room."""
    taken = [Rect.around((box.x, box.y), *box.size).grown(3) for box in boxes.values()]
    found = {}
    for name in made_in:
        x, y = boxes[name].x, boxes[name].y
        least = boxes[name].size[1] / 2 + ASIDE[1] / 2 + 11
        for up, across in product((-least, least, -least - 16, least + 16), (0, -20, 20, -40, 40)):
            there = Rect.around((x + across, y + up), *ASIDE).grown(3)
            free = not any(there.overlap(rect) for rect in taken) and not any(meets(path, there) for path in paths)
            if free and there.left > 12 and there.right < pitch - 12:
                found[name] = x + across, y + up
                taken.append(there)
                break
        else:
            found[name] = x, y - least
    return found


def _between(first: str, last: str, reads: Reads) -> list[str]:
    """The roles on the shortest path from one to another; of two that have none, both."""
    paths, seen = [[last]], {last}
    for path in paths:  # which grows
        if path[0] == first:
            return path
        before = [name for name in reads.get(path[0], ()) if name in reads and name not in seen]
        paths += [[name, *path] for name in dict.fromkeys(before)]
        seen.update(before)
    return [first, last]


def _wide(label: str) -> float:
    """How wide a box with this label is."""
    return max(30.0, max(fonts.width(line, 11) for line in label.split("\n")) + 12)


def _label(vertex: Vertex) -> str:
    """The name of a value, if it has one, and what computes it."""
    symbol = SYMBOLS.get(vertex.op, vertex.op)
    return f"{brief(vertex.label, 16)}\n{symbol}" if vertex.label else symbol
