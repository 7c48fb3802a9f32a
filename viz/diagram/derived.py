"""A template for a cell that has none: every operation of its step a box, in a layered drawing.

What carries a state on lies on a level line above the others, as in the cells that have a template of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import product

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
Ends = tuple[str, str]


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
    looks |= {f"hold_{name}": "op" for name in held} | dict.fromkeys(made_in, "state")
    looks["x"] = "input"
    sizes = {name: (_wide(labels[name]), HIGH) if look == "cell" else SIZES[look] for name, look in looks.items()}
    rows = _rows(along, [name for name in made_in if name not in along], held)
    drawn, paths = _drawn(sizes, rows, _lines(reads, weighted, made_in, held, output, above))
    rects = dict(zip(sizes, drawn.boxes, strict=True))
    at = {name: rect.middle for name, rect in rects.items()}
    across, starts, gap = _across_steps(paths, rects, rows)
    pitch, dx, dy = drawn.width + gap, EDGE + gap, BELOW
    out = [moved(path, dx, dy) for ends, path in paths.items() if _is_between(ends)]
    routing = {ends: moved(path, dx, dy) for ends, path in paths.items() if not _is_between(ends)}
    routing["below", "x"] = (Point(dx + SPACING.rank / 2, at["x"].y + dy),)  # where no line from the weights comes up
    for k in range(above):
        if (output, f"above- {k}") in paths:
            routing[output, f"above {k}"] = moved(paths[output, f"above- {k}"], dx, dy)
    for ends, (end, knees) in across.items():
        before = moved(paths[end], dx - pitch, dy)
        routing[ends] = (*before, *moved(knees, EDGE, dy), *moved(paths[ends], dx, dy))
    for name in held:  # where no mask is, the line goes on
        maker, hold = made_in[name], f"hold_{name}"
        routing[maker, name] = (*routing[maker, hold], *routing[hold, name])
    boxes = {}
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
        routing=routing,
        starts={ends: (*moved(knees, EDGE, dy), *moved(paths[ends], dx, dy)) for ends, knees in starts.items()},
        asides=_asides(made_in, boxes, [*routing.values(), *out], pitch),
    )  # fmt: skip


def _rows(along: Mapping[str, Sequence[str]], others: Sequence[str], held: Collection[str]) -> dict[str, float]:
    """The rows of the states, each with the boxes of its belt and its mask: the belts above all, the others below."""
    rows = {name: float(k) for k, name in enumerate(reversed(along), start=1)}
    rows |= {name: -1.0 - k for k, name in enumerate(others)}
    rows |= {role: rows[name] for name, roles in reversed(along.items()) for role in roles}
    return rows | {f"hold_{name}": rows[name] for name in held}


def _lines(
    reads: Reads, weighted: Collection[str], made_in: Mapping[str, str], held: Collection[str], output: str, above: int
) -> list[Ends]:
    """Every line that there may be: from what is read, from the weights, and to each state from what makes it.

    A line from a state of the step before is in two parts, out of this step, ``("c", "c- reader")``, and into it.
    """
    maker = {role: name for name, role in made_in.items() if name not in held}
    reading = {role: [maker.get(name, name) for name in dict.fromkeys(names) if name] for role, names in reads.items()}
    for name, role in made_in.items():
        reading |= {f"hold_{name}": [role, f"{name}-"], name: [f"hold_{name}"]} if name in held else {name: [role]}
    found = [(source, reader) for reader, sources in reading.items() for source in sources]
    found += [("weights", role) for role in weighted] + [("below", "x")]  # from the layer below
    out = [(source[:-1], f"{source} {reader}") for source, reader in found if _is_between((source, reader))]
    if output not in [name for name, _ in out]:
        out.append((output, f"{output}- "))  # to the loss
    if any(output in sources for sources in reading.values()):  # boxes that read it are on its way to the layer above
        out += [(output, f"above- {k}") for k in range(above)]
    return [*found, *out]


def _is_between(ends: Ends) -> bool:
    """Whether a line comes from the step before, or goes to the next."""
    return ends[0].endswith("-") or "- " in ends[1]


def _drawn(
    sizes: Mapping[str, tuple[float, float]], rows: Mapping[str, float], lines: Sequence[Ends]
) -> tuple[blocks.Block, dict[Ends, Path]]:
    """The drawing of a step, and the paths of its lines; what comes from the step before comes in at the left."""
    place = {name: k for k, name in enumerate(sizes)}
    parts = []
    for source, reader in lines:
        goes = "- " in reader
        state = source.removesuffix("-")
        last = reader.rpartition(" ")[2] if goes else reader
        begin: blocks.End = place.get(source, "below" if source == "weights" else "left")
        width = WIDE if source != "below" else 2 * WIDE + SPACING.line  # from two directions
        row = rows.get(state, 0.0) if _is_between((source, reader)) else 0.0
        carried = row > 0 and rows.get(last) == row or row == 0 and rows.get(source, 0) == rows.get(reader, -1) > 0
        pull = CARRIED if carried or source == "below" else OUT if goes else 1.0
        high = sizes[state][1] if source.endswith("-") else 0.0  # of the state before the first step
        parts.append(blocks.Part(begin, "right" if goes else place[reader], width, pull, row, high))
    given = tuple(blocks.Box(*size, rows.get(name, 0.0)) for name, size in sizes.items())
    drawn = blocks.block(given, tuple(parts), SPACING)
    return drawn, dict(zip(lines, drawn.paths, strict=True))


def _across_steps(
    paths: Mapping[Ends, Path], boxes: Mapping[str, Rect], rows: Mapping[str, float]
) -> tuple[dict[Ends, tuple[Ends, Path]], dict[Ends, Path], float]:
    """Of each line from the step before the part that leaves it, and its bends between the two steps; these bends where
    it comes from the state before the first step; and how wide the gap between two steps is.
    """
    into = [ends for ends in paths if ends[0].endswith("-")]
    out = {ends: (ends[0][:-1], f"{ends[0]} {ends[1]}") for ends in into}
    levels = {ends: paths[out[ends]][-1].y for ends in into}
    begins: dict[Ends, float] = {}
    for state in dict.fromkeys(source for source, _ in into):
        name = state[:-1]
        there = sorted((ends for ends in into if ends[0] == state), key=lambda ends: paths[ends][0].y)
        pulls = [LEVEL if rows.get(reader) == rows[name] else 1.0 for _, reader in there]
        wishes = [paths[ends][0].y for ends in there]
        slots = ports.slots(wishes, [WIDE] * len(there), boxes[name].bottom, boxes[name].top, pulls)
        begins |= dict(zip(there, slots, strict=True))
    pieces, first = ([bends.Piece(height[ends], paths[ends][0].y, WIDE, False, False) for ends in into]
                     for height in (levels, begins))  # fmt: skip
    wide = max(bends.gap(each, NEXT, SPACING.line / 2).width for each in (pieces, first))
    across, starts = {}, {}
    for ends, knees in zip(into, bends.gap(pieces, wide, SPACING.line / 2).knees, strict=True):
        across[ends] = out[ends], _knees(knees, levels[ends], paths[ends][0].y)
    for ends, knees in zip(into, bends.gap(first, wide, SPACING.line / 2).knees, strict=True):
        starts[ends] = (Point(START - EDGE, begins[ends]), *_knees(knees, begins[ends], paths[ends][0].y))
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
            if free and 12 < there.left and there.right < pitch - 12:
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
