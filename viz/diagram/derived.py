"""A template for a cell that has none: every operation of its step a box, in a layered drawing.

What carries a state on lies on a level line above the others, as in the cells that have a template of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from tinygrad_lstm.graph import Vertex
from viz.diagram.names import SYMBOLS, brief
from viz.diagram.templates import SIZES, Box, Look, Template
from viz.layout import blocks, ports
from viz.layout.geometry import Path, Point
from viz.layout.layered import Spacing
from viz.style import fonts

HIGH, LEFT, BELOW, ABOVE = 34.0, 14.0, 40.0, 64.0  # points: a box's height; room at the panel's left, below, above
NEXT = 62.0  # from a state to where the next step begins
CARRIED, LEVEL = 8.0, 100.0  # how much a carried state pulls at its line, and at its port
WIDE = 4.0  # points: of a line
SPACING = Spacing(rank=22.0, box=16.0, line=7.0)
Reads = Mapping[str, Sequence[str]]


def derived_template(
    vertices: Mapping[str, Vertex], reads: Reads, weighted: Collection[str], made_in: Mapping[str, str],
    carrying: Sequence[str], belt_state: str,
) -> Template:  # fmt: skip
    """A template of a step's operations.

    ``vertices`` by role in the order of computation; ``reads`` of each: roles, x, and previous states as ``"c-"``;
    ``weighted`` the roles that read weights; ``made_in`` the role that makes each state; ``carrying`` the roles that
    carry ``belt_state`` on, if any do.
    """
    on_belt = _between(carrying[0], made_in[belt_state], reads) if carrying else []
    labels = {role: _label(vertex) for role, vertex in vertices.items()}
    looks: dict[str, Look] = {role: "op" if role in on_belt else "cell" for role in vertices}
    looks |= dict.fromkeys(made_in, "state")
    looks["x"] = "input"
    sizes = {name: (_wide(labels[name]), HIGH) if look == "cell" else SIZES[look] for name, look in looks.items()}
    others = [name for name in made_in if not on_belt or name != belt_state]
    rows = dict.fromkeys([*on_belt, belt_state], 1.0) if on_belt else {}
    rows |= {name: -1.0 - k for k, name in enumerate(others)}
    drawn, paths = _drawn(sizes, rows, _lines(reads, weighted, made_in), {belt_state} if on_belt else set())
    at = {name: rect.middle for name, rect in zip(sizes, drawn.boxes, strict=True)}
    pitch = max(at[name].x for name in made_in) + LEFT + NEXT
    paths |= _out_of_states(paths, at, rows, pitch)
    dx, dy = LEFT, BELOW
    boxes = {}
    for name, (x, y) in at.items():
        look = looks[name]
        text = labels.get(name, "").split("\n")[-1] if look == "op" else labels.get(name, "")
        wide, high = sizes[name] if look == "cell" else (0.0, 0.0)
        note = vertices[name].op if name in vertices else ""
        boxes[name] = Box(x + dx, y + dy, look, text, note, wide=wide, high=high)
    return Template(
        pitch=pitch, top=drawn.height + BELOW + ABOVE, bottom=0.0, boxes=boxes,
        made_in=dict(made_in), belt=(*on_belt, belt_state) if on_belt else (), belt_state=belt_state,
        carry="only scaled", crossing_path="through all else of a step",
        routing={ends: tuple((x + dx, y + dy) for x, y in path) for ends, path in paths.items()},
        asides={name: (boxes[name].x, boxes[name].y - 42) for name in made_in},
    )  # fmt: skip


def _lines(reads: Reads, weighted: Collection[str], made_in: Mapping[str, str]) -> list[tuple[str, str]]:
    """Every line that there may be: from what is read, from the weights, and to each state from what makes it."""
    maker = {role: name for name, role in made_in.items()}
    inside = [(maker.get(name, name), role) for role, names in reads.items() for name in dict.fromkeys(names) if name]
    return [*inside, *(("weights", role) for role in weighted), *((role, name) for name, role in made_in.items())]


def _drawn(
    sizes: Mapping[str, tuple[float, float]], rows: Mapping[str, float], lines: Sequence[tuple[str, str]],
    carried: Collection[str],
) -> tuple[blocks.Block, dict[tuple[str, str], Path]]:  # fmt: skip
    """The drawing of a step, and the paths of its lines; what comes from the step before comes in at the left."""
    place = {name: k for k, name in enumerate(sizes)}
    parts = []
    for source, reader in lines:
        begin: blocks.End = place.get(source, "below" if source == "weights" else "left")
        state = source.removesuffix("-")
        pull = CARRIED if state in carried and rows.get(reader) == rows[state] else 1.0
        parts.append(blocks.Part(begin, place[reader], WIDE, pull, rows.get(state, 0.0)))
    given = tuple(blocks.Box(*size, rows.get(name, 0.0)) for name, size in sizes.items())
    drawn = blocks.block(given, tuple(parts), SPACING)
    return drawn, dict(zip(lines, drawn.paths, strict=True))


def _out_of_states(
    paths: Mapping[tuple[str, str], Path], at: Mapping[str, Point], rows: Mapping[str, float], pitch: float
) -> dict[tuple[str, str], Path]:
    """The paths from the states of the step before, each from a port of its own at the state's right side."""
    found = {}
    for state in {source: None for source, _ in paths if source.endswith("-")}:
        (x, y), (width, height) = at[state.removesuffix("-")], SIZES["state"]
        there = sorted((ends for ends in paths if ends[0] == state), key=lambda ends: paths[ends][0].y)
        pulls = [LEVEL if rows.get(reader) == rows[state.removesuffix("-")] else 1.0 for _, reader in there]
        wishes = [paths[ends][0].y for ends in there]
        heights = ports.slots(wishes, [WIDE] * len(there), y - height / 2, y + height / 2, pulls)
        for ends, begin in zip(there, heights, strict=True):
            out = x - pitch + width / 2
            found[ends] = (Point(out, begin), Point(out + 18, begin), *paths[ends])
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
